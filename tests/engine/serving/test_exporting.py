import csv
import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from huggingface_hub import ModelCard, ModelCardData

from engine import cli
from engine.errors import DataError, RunStateError
from engine.evaluation import predictions
from engine.models.loading import load_model, load_tokenizer
from engine.runs import importing, queue
from engine.runs.export import export
from engine.serving import rules
from engine.serving.opened import Opened, Source
from engine.serving.predictor import Predictor
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def run(workspace, easy, tiny_model):
    return wait(workspace, submit(workspace, easy, tiny_model, epochs=3, name="pipe | <b>star*</b>").id)


def ask(folder, *arguments):
    """Run predict.py as somebody does who has only torch and transformers: from elsewhere, without our folder."""
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "predict.py"), *arguments],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return list(csv.DictReader(io.StringIO(done.stdout)))


def test_the_zip_answers_elsewhere_as_the_run_did(workspace, run, tmp_path):
    archive = export(workspace, run.id, tmp_path / "mine.zip", "zip")
    zipfile.ZipFile(archive).extractall(tmp_path)
    folder = tmp_path / "mine"
    assert not list(folder.glob("*.bin")) and not list(folder.glob("*.pt"))
    test = predictions.read(workspace.run(run.id).predictions, "test").head(8)
    (tmp_path / "texts.txt").write_text("\n".join(test["text"]))
    answers = ask(folder, "--file", str(tmp_path / "texts.txt"))
    assert [one["label"] for one in answers] == list(test["predicted"])
    sure = predictions.probabilities_of(test).max(axis=1)
    assert np.allclose(
        [float(one["confidence"]) for one in answers], sure, atol=0.02
    )  # the run's were in bf16
    assert ask(folder, "=1+1")[0]["text"] == "'=1+1"
    assert "engine" not in (folder / "predict.py").read_text().split('"""')[2]


def test_the_threshold_and_the_correction_in_use_go_along(workspace, run, tmp_path, capsys):
    rules.change(workspace, run.id, threshold=0.9, temperature=2.5)
    folder = export(workspace, run.id, tmp_path / "folder", "folder")
    texts = ["the lamp is bright, calm and tidy", "the lamp", "hm"]
    answers = ask(folder, *texts)
    expected = Predictor(workspace.run(run.id).model).predict(texts, 2.5)
    assert [one["label"] for one in answers] == [one.label for one in expected]
    assert np.allclose(
        [float(one["confidence"]) for one in answers], [one.confidence for one in expected], atol=1e-4
    )
    assert [one["to_a_person"] for one in answers] == [
        "yes" if one.confidence < 0.9 else "no" for one in expected
    ]
    card = (folder / "README.md").read_text()
    assert "answers below 90% sure are marked for a person" in card and "temperature 2.5" in card
    assert cli.main(["predict", str(folder), "--text", texts[1], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"][0]
    assert told["confidence"] == pytest.approx(expected[1].confidence, abs=1e-4)
    assert told["to_a_person"] == (expected[1].confidence < 0.9)


def test_the_card_is_one_of_the_hub_and_tells_the_scores(workspace, run, tiny_model, tmp_path):
    folder = export(workspace, run.id, tmp_path / "folder", "folder")
    card = ModelCard.load(folder / "README.md")
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.library_name == "transformers"
    measured = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert measured["accuracy"] == pytest.approx(run.accuracy, abs=1e-4)
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


def test_nothing_is_written_over(workspace, run, tmp_path):
    (tmp_path / "there.zip").write_text("mine")
    with pytest.raises(DataError, match="there already"):
        export(workspace, run.id, tmp_path / "there.zip", "zip")
    with pytest.raises(DataError, match="there already"):
        export(workspace, run.id, tmp_path, "folder")
    assert (tmp_path / "there.zip").read_text() == "mine"


def test_a_run_without_a_model_is_a_sentence(workspace, easy, tiny_model, tmp_path):
    queue.pause_queue(workspace, True)
    waiting = submit(workspace, easy, tiny_model)
    with pytest.raises(RunStateError, match="no model yet"):
        export(workspace, waiting.id, tmp_path / "x.zip", "zip")


def test_word_counting_is_taken_away_with_its_own_page(workspace, easy, tmp_path):
    counted = wait(workspace, submit(workspace, easy, "tfidf").id)
    folder = export(workspace, counted.id, tmp_path / "words", "folder")
    card = ModelCard.load(folder / "README.md")
    assert "counts words" in card.text and card.data.pipeline_tag == "text-classification"
    measured = {one.metric_name: one.metric_value for one in card.data.eval_results}
    assert measured == pytest.approx({"accuracy": counted.accuracy, "macro-F1": counted.macro_f1}, abs=1e-4)
    assert not (folder / "predict.py").exists()


def test_a_folder_that_is_served_keeps_the_rules_that_it_was_exported_with(
    workspace, word_counting, tmp_path
):
    rules.change(workspace, word_counting.id, threshold=0.9, temperature=2.0)
    folder = export(workspace, word_counting.id, tmp_path / "mine", "folder")
    assert Opened(Source("mine", folder)).rules == rules.read(workspace.run(word_counting.id))
