import io
import json
import os
import runpy
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml
from huggingface_hub import ModelCard, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results

from engine import cli
from engine.data.exports import safe_csv
from engine.errors import DataError, RunStateError, WorkspaceError
from engine.evaluation import predictions
from engine.evaluation.calibration import temper
from engine.models import tfidf
from engine.models.loading import load_model, load_tokenizer
from engine.results import importing
from engine.results.export import export
from engine.runs import queue
from engine.serving import alone, alone_onnx, alone_words, exporting, rules
from engine.serving.opened import Opened, Source
from engine.serving.predictor import Predictor
from engine.serving.rules import Rules
from tests.engine.runs.helpers import submit, wait
from tests.engine.serving import empty, made_up
from tests.engine.serving.empty import ask


@pytest.fixture
def run(workspace, easy, tiny_model):
    return wait(workspace, submit(workspace, easy, tiny_model, epochs=3, name="pipe | <b>star*</b>").id)


def unpacked(archive, to):
    zipfile.ZipFile(archive).extractall(to)
    return to / archive.stem


def test_the_zip_answers_where_there_is_only_torch_as_the_run_did(workspace, run, tmp_path, with_torch):
    assert not any(empty.has(with_torch, module) for module in ("engine", "streamlit", "pandas", "sklearn"))
    folder = unpacked(export(workspace, run.id, tmp_path / "mine.zip", "zip"), tmp_path)
    assert not list(folder.glob("*.bin")) and not list(folder.glob("*.pt"))
    test = predictions.read(workspace.run(run.id).predictions, "test")
    (tmp_path / "texts.txt").write_text("\n".join([*test["text"], "🧡"]), encoding="utf-8-sig")
    *answers, last = ask(with_torch, folder / "predict.py", "--file", str(tmp_path / "texts.txt"))
    assert [one["text"] for one in answers] == list(test["text"]) and last["text"] == "🧡"
    assert [one["label"] for one in answers] == list(test["predicted"])
    sure = predictions.probabilities_of(test).max(axis=1)
    assert np.allclose([float(one["confidence"]) for one in answers], sure, atol=0.02)  # the run's were in bf16


def test_the_zip_of_a_model_that_counts_words_answers_where_there_is_only_python(workspace, word_counting, tmp_path, bare):
    assert not any(empty.has(bare, module) for module in ("engine", "numpy", "safetensors", "sklearn"))
    folder = unpacked(export(workspace, word_counting.id, tmp_path / "words.zip", "zip"), tmp_path)
    test = predictions.read(workspace.run(word_counting.id).predictions, "test")
    (tmp_path / "texts.txt").write_text("\n".join([*test["text"], "🧡"]), encoding="utf-8-sig")
    *answers, last = ask(bare, folder / "predict.py", "--file", str(tmp_path / "texts.txt"))
    assert [one["text"] for one in answers] == list(test["text"]) and last["text"] == "🧡"
    assert [one["label"] for one in answers] == list(test["predicted"])
    sure = predictions.probabilities_of(test).max(axis=1)
    assert np.allclose([float(one["confidence"]) for one in answers], sure, atol=1e-4)


def test_words_are_counted_alike_with_and_without_a_library(workspace, word_counting, tmp_path):
    """On texts that are hard to take apart, and with a class that no text had."""
    counter = tfidf.load(workspace.run(word_counting.id).model)
    offsets = np.array([*counter.offsets, -np.inf])
    weights = np.vstack([counter.weights, np.zeros(len(counter.terms))])
    tfidf.save(tfidf.WordCounter(("bad", "good", "never"), counter.terms, counter.idf, weights, offsets), tmp_path)
    shutil.copyfile(alone_words.__file__, tmp_path / "predict.py")
    program = runpy.run_path(str(tmp_path / "predict.py"))
    texts = [
        "the lamp is bright the lamp",
        "",
        "ＬＡＭＰ İstanbul ǅ straße",
        "the\x00lamp",
        "tidy, tidy_tidy 12 tidy",
    ]
    exact = tfidf.load(tmp_path).probabilities(texts)
    for temperature, wanted, near in ((1.0, exact, 1e-7), (2.5, temper(exact, 2.5), 2e-5)):
        found = [list(shares.values()) for _, _, shares in program["answers"](texts, temperature)]
        np.testing.assert_allclose(found, wanted, atol=near)


@pytest.mark.parametrize("program", [alone, alone_onnx, alone_words], ids=lambda program: program.__name__)
def test_the_programs_write_labels_that_are_numbers_as_every_other_table_does(program):
    cells = ["-1", "+1", "-0.5", "-1+1", "+.5", "-1\n=2", "-\u0661", "=1", "@x", "\tx", "plain"]
    written = pd.read_csv(io.StringIO(safe_csv(pd.DataFrame({"cell": cells}))), dtype=str)["cell"].tolist()
    assert written[:4] == ["-1", "+1", "-0.5", "'-1+1"]
    assert [program._plain(cell) for cell in cells] == written


def test_the_threshold_and_the_correction_in_use_go_along(workspace, run, tmp_path, with_torch, capsys):
    rules.change(workspace, run.id, threshold=0.9, temperature=2.5)
    folder = export(workspace, run.id, tmp_path / "folder", "folder")
    texts = ["the lamp is bright, calm and tidy", "the lamp", "hm", "=1+1"]
    answers = ask(with_torch, folder / "predict.py", *texts)
    assert answers[3]["text"] == "'=1+1"
    expected = Predictor(workspace.run(run.id).model).predict(texts, 2.5)
    assert [one["label"] for one in answers] == [one.label for one in expected]
    assert np.allclose([float(one["confidence"]) for one in answers], [one.confidence for one in expected], atol=1e-4)
    assert [one["to_a_person"] for one in answers] == ["yes" if one.confidence < 0.9 else "no" for one in expected]
    card = (folder / "README.md").read_text()
    assert "answers below 90% sure are marked for a person" in card and "temperature 2.5" in card
    assert cli.main(["predict", str(folder), "--text", texts[1], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"][0]
    assert told["confidence"] == pytest.approx(expected[1].confidence, abs=1e-4)
    assert told["to_a_person"] == (expected[1].confidence < 0.9)


def judged_as(card, run):
    """The card has the scores of the run as the hub reads them, and is the same once the hub has read and written it."""
    told = card.data.to_dict()
    assert told["pipeline_tag"] == "text-classification" and "tuneboard" in told["tags"]
    measured = {one.metric_name: one.metric_value for one in card.data.eval_results}
    assert measured == pytest.approx({"accuracy": run.accuracy, "macro-F1": run.macro_f1}, abs=1e-4)
    named, results = model_index_to_eval_results(told["model-index"])
    assert (named, results) == (run.name, card.data.eval_results)
    assert {(one.task_type, one.dataset_name, one.dataset_split) for one in results} == {
        ("text-classification", run.dataset_name, "test")
    }
    again = ModelCard(str(card))
    assert (again.data.to_dict(), again.text) == (told, card.text)
    assert told == yaml.safe_load(card.content.split("---")[1])  # nothing was lost on the way


def test_the_card_is_one_of_the_hub_and_tells_the_scores(workspace, run, tiny_model, tmp_path):
    folder = export(workspace, run.id, tmp_path / "folder", "folder")
    card = ModelCard.load(folder / "README.md")
    assert card.data.library_name == "transformers"
    judged_as(card, run)
    assert "pipe \\| \\<b\\>star\\*\\</b\\>" in card.text
    assert "epochs: 3" in card.text and "model: tiny" in card.text
    assert str(tiny_model) not in card.content  # a folder tells who works here
    assert json.loads((folder / "config.json").read_text())["id2label"] == {"0": "bad", "1": "good"}


def test_the_card_of_a_model_from_elsewhere_tells_its_labels_and_rules(workspace, tiny_model, tmp_path):
    load_model(tiny_model, ["no", "*yes*"]).save_pretrained(tmp_path / "found")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "found")
    brought = importing.bring(workspace, tmp_path / "found", "found")
    rules.change(workspace, brought.id, threshold=0.8, temperature=1.5)
    folder = export(workspace, brought.id, tmp_path / "taken", "folder")
    card = ModelCard.load(folder / "README.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("transformers", "text-classification")
    assert ModelCardData(**card.data.to_dict()).to_yaml() == card.data.to_yaml()
    assert card.data.eval_results is None  # it was not scored
    assert "- no\n- \\*yes\\*\n" in card.text
    assert "answers below 80% sure are marked for a person" in card.text and "temperature 1.5" in card.text


def test_other_users_may_read_what_was_exported_as_that_of_a_container_must(tiny_model, tmp_path):
    mine = shutil.copytree(tiny_model, tmp_path / "mine")
    (mine / "model.safetensors").chmod(0o600)
    before = os.umask(0o022)
    try:
        folder = exporting.write_folder(mine, made_up.run(["a", "b"], 12)[0], tmp_path / "taken")
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}


def test_nothing_is_written_over(workspace, run, tmp_path):
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(DataError, match="already exists"):
        export(workspace, run.id, tmp_path / "there.zip", "zip")
    with pytest.raises(DataError, match="already exists"):
        export(workspace, run.id, tmp_path, "folder")
    assert (tmp_path / "there.zip").read_text() == "mine"


def test_an_export_that_broke_off_leaves_nothing_and_can_be_made_again(workspace, word_counting, tmp_path):
    gone = workspace.run(word_counting.id).model / "zzz.txt"
    gone.symlink_to(tmp_path / "not there")  # comes last, and cannot be copied
    to = tmp_path / "exports"
    to.mkdir()
    with pytest.raises(WorkspaceError, match="Nothing can be written"):
        export(workspace, word_counting.id, to / "mine", "folder")
    assert not list(to.iterdir())
    gone.unlink()
    assert (export(workspace, word_counting.id, to / "mine", "folder") / "predict.py").exists()


def test_a_run_without_a_model_is_a_sentence(workspace, easy, tiny_model, tmp_path):
    queue.pause_queue(workspace, True)
    waiting = submit(workspace, easy, tiny_model)
    with pytest.raises(RunStateError, match="no model yet"):
        export(workspace, waiting.id, tmp_path / "x.zip", "zip")


def test_the_card_of_a_model_that_counts_words_says_how_it_is_asked(workspace, word_counting, tmp_path):
    rules.change(workspace, word_counting.id, threshold=0.9)
    folder = export(workspace, word_counting.id, tmp_path / "words", "folder")
    card = ModelCard.load(folder / "README.md")
    assert "counts words" in card.text and "It needs Python and nothing else." in card.text
    assert "answers below 90% sure are marked for a person" in card.text
    judged_as(card, word_counting)
    rules.change(workspace, word_counting.id, threshold=1.0)
    folder = export(workspace, word_counting.id, tmp_path / "never", "folder")
    assert "every answer is marked for a person" in (folder / "README.md").read_text(encoding="utf-8")
    assert json.loads((folder / "rules.json").read_text())["threshold"] == 1.01
    assert (
        Opened(Source("never", workspace.run(word_counting.id).model, workspace.run(word_counting.id))).about()["threshold"]
        == 1.01
    )


@pytest.mark.parametrize("thresholds, told", [
    ({"a|b": 0.905}, ["| a\\|b | below 90.5% sure |", "| every other answer | below 60% sure |"]),
    ({"a|b": 0.9, "c": 1.0, "d": 0.0}, ["| a\\|b | below 90% sure |", "| c | always |", "| d | never |"]),
])  # fmt: skip
def test_the_card_lists_the_thresholds_of_single_answers_and_of_the_others(thresholds, told):
    facts, _ = made_up.run(["a|b", "c", "d"], 30, rules=Rules(threshold=0.6, thresholds=thresholds, outlived=True))
    for card in (exporting.card(facts), exporting.card_of_words(facts, ["a|b", "c", "d"])):
        rows = card.split("| answer | marked for a person |\n| --- | --- |\n")[1].split("\n\n")[0]
        assert rows.splitlines() == told
        assert "chosen before the model was trained further" in card


def test_the_card_of_a_model_that_counts_words_tells_its_scores_and_shows_labels_as_they_are():
    hostile = ["<img src=x onerror=alert(1)>", "[click](javascript:alert(1))"]
    labels = [*hostile, *(f"class {number:02d}" for number in range(40))]
    facts, _ = made_up.run(labels, 84)
    card = exporting.card_of_words(facts, labels).split("---\n", 2)[2]
    low, high = (round(100 * edge) for edge in facts.metrics["intervals"]["accuracy"])
    right = round(100 * facts.metrics["test"]["accuracy"])
    assert f"**Right {right} of 100 times** (95% sure: between {low} and {high}) on\n84 test texts" in card
    assert "It knows these labels: \\<img src=x onerror=alert\\(1\\)\\>, \\[click\\]" in card
    assert ", class 17, and 22 more." in card and card.count("<") == card.count("\\<")
    assert "12 more classes are not listed." in card


def test_a_folder_that_is_served_keeps_the_rules_that_it_was_exported_with(workspace, word_counting, tmp_path):
    rules.change(workspace, word_counting.id, threshold=0.9, temperature=2.0)
    folder = export(workspace, word_counting.id, tmp_path / "mine", "folder")
    assert Opened(Source("mine", folder)).rules == rules.read(workspace.run(word_counting.id))
