"""A model from elsewhere, on every page."""

import io
import json
import os
import zipfile
from dataclasses import asdict

import pytest

from engine.data.datasets import list_datasets
from engine.errors import TuneboardError
from engine.models import tfidf
from engine.models.loading import load_model, load_tokenizer
from engine.paths import write_json
from engine.results.importing import bring
from engine.runs import queue
from engine.serving import rules
from engine.serving.onnx_export import Checked
from pages.parts import cached
from tests import words
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, unfold, words_on


def transformer(folder, tiny_model):
    load_model(tiny_model, ["bad", "good"]).save_pretrained(folder)
    load_tokenizer(tiny_model).save_pretrained(folder)


def counts_words(folder, tiny_model):
    texts, labels = zip(*words.easy_texts(40), strict=True)
    tfidf.save(tfidf.fit(texts, labels, ["bad", "good"]), folder)


@pytest.fixture(params=[transformer, counts_words])
def archive(tiny_model, tmp_path, request) -> bytes:
    request.param(tmp_path / "theirs", tiny_model)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for path in (tmp_path / "theirs").iterdir():
            made.write(path, f"theirs/{path.name}")
    return content.getvalue()


def opened(page):
    """The expander is lazy; a test opens it by its state."""
    test = open_page(page)
    test.session_state["bring_open"] = True
    return test.run()


def test_a_zip_becomes_a_run_that_every_page_can_show(workspace, easy, archive):
    test = opened("runs")
    assert test.button(key="bring").disabled
    test.file_uploader(key="bring_zip").upload("theirs.zip", archive, "application/zip").run()
    press(test, "bring")
    (run,) = queue.list_runs(workspace)
    assert (run.name, run.accuracy) == ("theirs", None)
    said = words_on(open_page("runs", run=run.id)).replace("\\", "")
    assert "it is not known which texts it was trained on" in said and "not started" not in said
    test = open_page("predict", run=run.id)
    test.text_area(key="text").set_value("the lamp is dull").run()
    assert not test.exception and "The model says" in {one.label for one in test.metric}

    test = open_page("evaluate", run=run.id)
    assert "it has no scores yet" in words_on(test)
    test.selectbox(key=f"score_on_{run.id}").set_value(easy.id).run()
    press(test, "score_brought")
    assert "Accuracy" in words_on(open_page("evaluate", run=run.id))
    assert "not started" not in words_on(open_page("runs", run=run.id))


def test_what_is_no_model_is_said_on_the_page(workspace):
    test = opened("runs")
    test.text_input(key="bring_folder").set_value("/nowhere/at/all").run()
    press(test, "bring")
    assert "There is no folder or ZIP all" in words_on(test).replace("\\", "")
    assert queue.list_runs(workspace) == []


def test_a_brought_run_is_compared_with_a_trained_one(workspace, finished, tmp_path):
    model = workspace.run(finished.id).model
    run = bring(workspace, model, "mine", info=list_datasets(workspace)[0])
    assert "model was imported" in words_on(open_page("evaluate", run=run.id)).replace("\\", "")
    test = open_page("compare", runs=f"{run.id},{finished.id}")
    assert "are right equally often" in words_on(test) and "model was imported" in words_on(test)


def test_it_is_sent_to_the_hub_with_a_token_that_is_kept_nowhere(workspace, finished, model_hub):
    test = elsewhere(finished, "Hugging Face hub")
    assert "None of your texts" in words_on(test)
    test.text_input(key=f"hub_name_{finished.id}").set_value("me/sent")
    test.text_input(key=f"hub_token_{finished.id}_0").set_value("hf_nobody")
    press(test, f"send_{finished.id}")
    assert "does not know this token" in test.error[0].value and "hf_nobody" not in words_on(test)
    test.text_input(key=f"hub_token_{finished.id}_1").set_value("writer")
    press(test, f"send_{finished.id}")
    assert "/me/sent" in test.success[0].value.replace("\\", "")
    assert "model.safetensors" in model_hub.repos["me/sent"]["files"]
    assert test.text_input(key=f"hub_token_{finished.id}_2").value == ""
    assert not any(f"hub_token_{finished.id}_{turn}" in test.session_state for turn in (0, 1))
    assert "writer" not in str(test.query_params)
    kept = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert not any(b"writer" in path.read_bytes() for path in kept)


def elsewhere(run, chosen):
    test = unfold(open_page("predict", run=run.id), "Use it elsewhere")
    return test.radio(key=f"elsewhere_{run.id}").set_value(chosen).run()


def test_what_the_command_says_of_onnx_stands_on_the_page(workspace, easy):
    counted = wait(workspace, submit(workspace, easy, "tfidf").id)
    with pytest.raises(TuneboardError, match="no network that ONNX could hold") as refusal:
        cached.make_onnx(str(workspace.root), counted.id)
    assert "\n" not in refusal.value.message


def test_when_the_writing_of_onnx_is_killed_it_is_said_so(workspace, finished, monkeypatch):
    monkeypatch.setattr(cached, "command", lambda *_: ["sh", "-c", "echo 'UserWarning: 1' >&2; echo 2 >&2; kill -KILL $$"])
    with pytest.raises(TuneboardError, match="ended from outside"):
        cached.make_onnx(str(workspace.root), finished.id)


def test_onnx_is_offered_again_to_be_made_where_the_rules_changed_meanwhile(workspace, finished, monkeypatch):
    checked = asdict(Checked(120, 2e-7, 1.0, 91_000_000, 23_000_000))

    def meanwhile(_, *asked):
        rules.change(workspace, finished.id, threshold=0.5)
        return ["sh", "-c", f"printf PK > {asked[3]}; echo '{json.dumps({'checked': checked})}'"]

    monkeypatch.setattr(cached, "command", meanwhile)
    cached.make_onnx(str(workspace.root), finished.id)
    assert workspace.run(finished.id).onnx.read_bytes() == b"PK"
    assert elsewhere(finished, "Without torch (ONNX)").button(key="make_onnx")


def test_onnx_that_was_made_can_be_downloaded_until_the_model_changes(workspace, finished):
    paths = workspace.run(finished.id)
    assert elsewhere(finished, "Without torch (ONNX)").button(key="make_onnx")
    paths.onnx.write_bytes(b"PK")
    write_json(paths.onnx_check, asdict(Checked(120, 2e-7, 1.0, 91_000_000, 23_000_000)))
    said = words_on(elsewhere(finished, "Without torch (ONNX)")).replace("\\", "")
    assert "answers as torch does, to within 2e-07" in said and "100.0% of them" in said
    os.utime(paths.onnx, (0, 0))
    assert elsewhere(finished, "Without torch (ONNX)").button(key="make_onnx")
