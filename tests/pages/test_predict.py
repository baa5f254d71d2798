import gc
import io
import json
import os
import re
import shutil
import time
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st

from engine.data.datasets import load_info
from engine.data.exports import FORMULA_STARTS
from engine.errors import NotFoundError
from engine.results import batches
from engine.serving import rules, ways
from pages.parts import cached, messages, passing, words
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, unfold, words_on

ELSEWHERE = "Use it elsewhere"


def test_without_a_model_there_is_one_next_step(workspace):
    assert "No model to try yet" in words_on(open_page("predict"))


def ask(test, text):
    test.text_area(key="text").set_value(text).run()
    assert not test.exception, test.exception
    return {one.label: one.value for one in test.metric}.get("The model says")


def test_a_text_gets_an_answer_with_all_probabilities(workspace, finished):
    test = open_page("predict", run=finished.id)
    assert ask(test, "the lamp is bright, calm and tidy, like my mug") == "good"
    assert ask(test, "the lamp is rude, cold and noisy, like my mug") == "bad"
    assert len(test.get("plotly_chart")) == 1


def test_examples_are_one_click_away(workspace, finished):
    test = press(open_page("predict", run=finished.id), "example_0")
    assert test.text_area(key="text").value
    assert "The model says" in {one.label for one in test.metric}


def test_a_visitor_sees_the_own_tries_and_those_of_nobody_else(workspace, finished, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")  # who may only look has tries, too
    one, other = open_page("predict", run=finished.id), open_page("predict", run=finished.id)
    for number in range(12):
        ask(one, f"text number {number}")
    ask(other, "a secret")
    assert one.run().dataframe[0].value["text"].tolist() == [f"text number {n}" for n in range(11, 1, -1)]
    assert other.run().dataframe[0].value["text"].tolist() == ["a secret"]
    assert not [path for path in workspace.root.rglob("*.json") if "secret" in path.read_text()]


def test_what_was_proven_of_the_model_stands_beside_the_download(workspace, finished):
    said = words_on(unfold(open_page("predict", run=finished.id), ELSEWHERE))
    assert "Checked in a fresh process: same answers on 32 texts within 0.0001." in said


def test_markup_in_a_label_is_only_text(workspace, finished):
    marked = {"bad": "*bad* ![](http://example.org/a.png)", "good": "$5 to $10 <b>"}
    config = workspace.run(finished.id).model / "config.json"
    kept = json.loads(config.read_text())
    kept["id2label"] = {number: marked[label] for number, label in kept["id2label"].items()}
    kept["label2id"] = {label: int(number) for number, label in kept["id2label"].items()}
    config.write_text(json.dumps(kept))
    test = open_page("predict", run=finished.id)
    shown = {ask(test, f"the lamp is {words}") for words in ("bright, calm and tidy", "rude, cold and noisy")}
    assert shown == {messages.plain(label) for label in marked.values()}
    unfold(test, "Why?")
    struck = next(one for one in test.multiselect if one.label == "Strike out words")
    struck.set_value(struck.options[:1]).run()
    beside = {one.label: one.value for one in test.metric}
    assert {beside["With these words"], beside["Without these words"]} <= shown


def test_a_model_that_was_removed_meanwhile_is_said_so(workspace, finished):
    test = open_page("predict", run=finished.id)
    shutil.rmtree(workspace.run(finished.id).model)
    test.text_area(key="text").set_value("the lamp is bright").run()
    assert not test.exception and "it was removed" in test.error[0].value


def test_a_file_whose_answers_were_removed_meanwhile_is_no_failure(workspace, finished):
    with pytest.raises(NotFoundError, match="were removed"):
        batches.standing(workspace.run(finished.id).batch("0" * 10))


@pytest.mark.parametrize("form, name, inside", [
    ("report", "mine.html", b"<!doctype html>"), ("settings", "mine.yaml", b"# The settings of the run"),
    ("notebook", "mine.ipynb", b"PK"), ("zip", "mine.zip", b"PK"),
])  # fmt: skip
def test_what_a_run_leaves_can_be_downloaded(workspace, finished, form, name, inside):
    assert cached.exported(str(workspace.root), finished.id, form, name).startswith(inside)


def test_each_thing_that_a_run_leaves_has_its_button_and_three_lines_on_how_to_use_it(workspace, finished):
    test = open_page("predict", run=finished.id)
    assert not test.code  # one click away
    unfold(test, ELSEWHERE)
    name, seen = words.file_name(finished.name), []
    for title, form, what, button in (
        ("Model", "zip", f"{name}.zip", "Download the model"),
        ("Service (HTTP)", "serve", finished.id, None),
        ("Without torch (ONNX)", "onnx", f"{name}-onnx.zip", None),
        ("Report", "report", f"{name}.html", "Report (HTML)"),
        ("Notebook", "notebook", f"{name}-notebook.zip", "Notebook (with its data)"),
        ("Settings", "settings", f"{name}.yaml", "Settings (YAML)"),
        ("Hugging Face hub", "hub", "my-name/my-model", None),
    ):
        take(test, finished, title)
        lines = ways.use(form, what, inside="onnx" if form == "onnx" else "")
        told = words_on(test) if form in ways.SENTENCES else test.code[0].value
        assert all(line in told for line in lines), title
        labels = [one.proto.label for one in test.get("download_button")]
        assert not button or any(label.startswith(button) for label in labels), title
        seen.append(title)
    assert test.radio(key=f"elsewhere_{finished.id}").options == seen
    evaluate = open_page("evaluate", run=finished.id).get("download_button")
    assert "Report (HTML)" in {one.proto.label for one in evaluate}


def take(test, run, title):
    test.radio(key=f"elsewhere_{run.id}").set_value(title).run()
    assert not test.exception, test.exception
    return test


@pytest.fixture
def downloads(monkeypatch) -> dict:
    """{key of a download button: what makes its content}, of the pages that are opened."""
    found, button = {}, st.download_button

    def noted(label, data, *others, **options):
        found[options.get("key", label)] = data
        return button(label, data, *others, **options)

    monkeypatch.setattr(st, "download_button", noted)
    return found


def test_several_models_answer_the_same_text_side_by_side(workspace, finished):
    info = load_info(workspace, finished.dataset_id)
    other = wait(workspace, submit(workspace, info, "tfidf", name="*counting*").id)
    test = unfold(open_page("predict", run=other.id), ELSEWHERE)
    assert "Without torch (ONNX)" not in test.radio(key=f"elsewhere_{other.id}").options
    said = words_on(test)
    assert "Checked by loading it again: exactly the same answers on 32 texts." in said
    test = open_page("predict", run=finished.id)
    unfold(test, "Ask other models too")
    test.multiselect(key="also").set_value([other.id])
    assert ask(test, "the lamp is rude, cold and noisy, like my mug") == "bad"
    assert {one.label: one.value for one in test.metric}[r"\*counting\*"] == "bad"
    assert re.search(r"^bad \d+\\%\\, good \d+\\%$", words_on(test), re.MULTILINE)
    assert "would go to a person" not in words_on(test)
    rules.change(workspace, other.id, threshold=1.0)
    assert "This answer would always go to a person" in words_on(test.run())


def test_the_tries_can_be_taken_away_and_none_acts_as_a_formula(workspace, finished, downloads):
    test = open_page("predict", run=finished.id)
    ask(test, "=HYPERLINK(1)")
    taken = pd.read_csv(io.BytesIO(downloads["download_tries"]()))
    assert list(taken) == ["text", "label", "confidence"]
    assert not str(taken["text"][0]).startswith(FORMULA_STARTS)


def test_a_whole_file_is_answered_in_a_process_of_its_own(workspace, finished, downloads):
    test = open_page("predict", run=finished.id)
    test.session_state["batch_open"] = True
    test.run()
    rows = "number,words\n1,the lamp is bright and calm\n2,\n3,=the lamp is rude and noisy\n"
    test.file_uploader(key="upload_batch_0").upload("new.csv", rows.encode(), "text/csv").run()
    assert not test.exception, test.exception
    assert test.button(key="answer_file").label == "Predict 3 rows"
    [names] = [one for one in test.number_input if one.label.startswith("Header row")]
    names.set_value(0).run()  # as on the Data page
    assert test.button(key="answer_file").label == "Predict 4 rows"
    press(test, "automatic")
    press(test, "answer_file")
    paths, end = workspace.run(finished.id), time.monotonic() + 60
    while batches.jobs(paths)[0].state != batches.State.DONE and time.monotonic() < end:
        time.sleep(0.05)
    (one,) = batches.jobs(paths)
    again = open_page("predict", run=finished.id)  # a refresh, or another visitor
    again.session_state["batch_open"] = True
    again.run()
    assert "3 rows, 1 bad, 1 good; 1 without a text" in words_on(again)
    taken = pd.read_csv(io.BytesIO(downloads[f"download_csv_{one.key}"]()))
    assert taken["words"].fillna("").tolist() == [
        "the lamp is bright and calm",
        "",
        "'=the lamp is rude and noisy",
    ]
    assert taken["label"].fillna("").tolist() == ["good", "", "bad"]
    press(again, f"remove_{one.key}")
    assert batches.jobs(paths) == []


def test_whoever_may_only_look_gets_a_small_file_answered_and_nothing_of_it_stays(
    workspace, finished, downloads, monkeypatch
):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    before = {path for path in workspace.root.rglob("*") if path.is_file()}
    test = unfold(open_page("predict", run=finished.id), "A whole file")
    rows = "number,words\n1,the lamp is bright and calm\n2,\n3,the lamp is rude and noisy\n"
    test.file_uploader(key="passing").upload("new.csv", rows.encode(), "text/csv").run()
    press(test, "answer_passing")
    assert "3 rows, 1 bad, 1 good; 1 without a text" in words_on(test)
    taken = pd.read_csv(io.BytesIO(downloads["download_csv_job"]()))
    assert taken["label"].fillna("").tolist() == ["good", "", "bad"]
    folder = Path(test.session_state[passing.ANSWERED][1].name)
    assert folder.exists() and not folder.is_relative_to(workspace.root)
    many = "text\n" + "the lamp is bright\n" * (passing.MOST_ROWS + 1)
    test.file_uploader(key="passing").upload("many.csv", many.encode(), "text/csv").run()
    assert "many\\.csv has 1\\,001 rows\\; at most 1\\,000 can be predicted here\\." in words_on(test)
    test.file_uploader(key="passing").clear().run()
    gc.collect()
    assert not folder.exists()
    assert {path for path in workspace.root.rglob("*") if path.is_file()} == before


def test_the_onnx_that_was_made_is_offered_only_as_long_as_model_and_rules_stay(workspace, finished):
    paths = workspace.run(finished.id)
    paths.onnx.write_bytes(b"made before")

    def offered() -> bool:
        test = take(unfold(open_page("predict", run=finished.id), ELSEWHERE), finished, "Without torch (ONNX)")
        buttons = test.get("download_button")
        return any(one.proto.label.startswith("Download as ONNX") for one in buttons)

    assert offered()
    rules.change(workspace, finished.id, threshold=0.5)
    os.utime(paths.rules, (time.time() + 1, time.time() + 1))
    assert not offered()
