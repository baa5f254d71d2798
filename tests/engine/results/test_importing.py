"""Models from elsewhere: honest ones, and such as would do harm."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from safetensors.numpy import load_file as load_numbers
from safetensors.numpy import save_file as save_numbers
from safetensors.torch import load_file, save_file

from engine.data import workbench
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import Options, read_bytes
from engine.data.recipe import Recipe
from engine.errors import DataError, ModelError, ReadOnlyError, RunStateError
from engine.evaluation import predictions
from engine.models import tfidf
from engine.models.loading import load_model, load_tokenizer
from engine.paths import RunPaths, read_json
from engine.results import answering, batches, comparison, evaluations
from engine.results.export import export
from engine.results.importing import bring, score
from engine.runs import queue, space
from engine.runs.events import History
from engine.runs.store import Status
from engine.serving.predictor import Predictor
from tests import words
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def folder(tiny_model, tmp_path):
    """A classifier of somebody else."""
    load_model(tiny_model, ["bad", "good", "other"]).save_pretrained(tmp_path / "theirs")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "theirs")
    return tmp_path / "theirs"


def test_what_export_wrote_comes_back_as_a_run_that_is_judged_and_compared(workspace, easy, tiny_model, tmp_path):
    trained = wait(workspace, submit(workspace, easy, tiny_model, epochs=4, precision="fp32").id)
    archive = export(workspace, trained.id, tmp_path / "mine.zip", "zip")
    run = bring(workspace, archive, "mine.zip", info=easy, name="back again")
    assert (run.status, run.name, run.seconds, run.accuracy) == (
        Status.FINISHED, "back again", None, trained.accuracy,
    )  # fmt: skip
    ours, theirs = workspace.run(run.id), workspace.run(trained.id)
    tables = [predictions.read(paths.predictions) for paths in (ours, theirs)]
    assert tables[0]["predicted"].tolist() == tables[1]["predicted"].tolist()
    assert np.allclose(*map(predictions.probabilities_of, tables), atol=1e-5)
    assert set(read_json(ours.metrics)) == set(read_json(theirs.metrics)) - {"best_epoch"} | {"imported"}
    assert (ours.model / "model.safetensors").read_bytes() == (theirs.model / "model.safetensors").read_bytes()
    assert not (ours.model / "predict.py").exists()

    found = comparison.of(workspace, [run.id, trained.id])
    assert found.rows == easy.rows["test"] and "equally often" in found.verdicts[0]
    assert "model" in comparison.differing_settings(workspace, [run, trained])
    assert evaluations.depth(workspace, run)["calibration"]["error"] >= 0
    assert "imported" in run.message and "fresh process" in History.read(ours.events).notes[-1]
    assert queue.settings_of(workspace, run.id) == {"model": "mine.zip", "max_tokens": 128}
    with pytest.raises(RunStateError, match="trained elsewhere"):
        queue.resume(workspace, run.id, epochs=9)
    page = (export(workspace, run.id, tmp_path / "again", "folder") / "README.md").read_text()
    assert "came from mine.zip" in page and "it is not known whether it was trained on them" in page


def test_a_model_that_counts_words_comes_back_too(workspace, easy, tmp_path):
    trained = wait(workspace, submit(workspace, easy, tfidf.REFERENCE).id)
    archive = export(workspace, trained.id, tmp_path / "counts.zip", "zip")
    run = bring(workspace, archive, "counts.zip", info=easy)
    ours, theirs = workspace.run(run.id), workspace.run(trained.id)
    tables = [predictions.read(paths.predictions) for paths in (ours, theirs)]
    assert (run.accuracy, run.status) == (trained.accuracy, Status.FINISHED)
    pd.testing.assert_frame_equal(*tables)
    assert sorted(path.name for path in ours.model.iterdir()) == sorted(path.name for path in theirs.model.iterdir())
    assert queue.settings_of(workspace, run.id) == {"model": "counts.zip"}
    assert evaluations.find_weakness(workspace, run).least
    assert "saved again" in History.read(ours.events).notes[-1]

    asked = bring(workspace, theirs.model, "model")  # a folder, without data
    assert Predictor(workspace.run(asked.id).model).predict(["a good lamp"])[0].label in easy.labels
    assert score(workspace, asked, easy).accuracy == trained.accuracy
    page = (export(workspace, asked.id, tmp_path / "again", "folder") / "README.md").read_text()
    assert "came from model" in page and "it is not known whether it was trained on them" in page


def _numbers(folder, **changed):
    path = folder / tfidf.NUMBERS
    save_numbers({**load_numbers(path), **changed}, path)


def _words(folder, **changed):
    path = folder / tfidf.WORDS
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


MISCOUNTED = {
    "is damaged": lambda folder: (folder / tfidf.NUMBERS).write_bytes(b"nothing"),
    "no file of numbers": lambda folder: (folder / tfidf.NUMBERS).unlink(),
    "no number": lambda folder: _numbers(folder, idf=load_numbers(folder / tfidf.NUMBERS)["idf"] * np.nan),
    "no class that was seen": lambda folder: _numbers(folder, offsets=np.full(2, -np.inf)),
    "another version": lambda folder: _words(folder, settings={"token_pattern": "(a+)+$"}),
    "terms that are no words": lambda folder: _words(folder, terms=[["a"], ["b"]]),
    "nested without end": lambda folder: (folder / tfidf.WORDS).write_text("[" * 100_000),
    "twice the same label": lambda folder: _words(folder, labels=["good", "good"]),
}


@pytest.mark.parametrize("harm", MISCOUNTED)
def test_what_claims_to_count_words_is_taken_for_hostile(workspace, tmp_path, harm):
    folder = tmp_path / "counts"
    tfidf.save(tfidf.fit(["a lamp", "a mug", "lamp"], ["good", "bad", "good"], ["bad", "good"]), folder)
    MISCOUNTED[harm](folder)
    with pytest.raises(ModelError, match=r"counts words, but it is damaged|two or more different labels") as error:
        bring(workspace, folder, "counts")
    assert str(folder) not in str(error.value) and list((workspace.root / "runs").iterdir()) == []


def test_a_word_counter_without_data_is_given_thresholds_and_judged_on_a_file(workspace, tmp_path):
    tfidf.save(tfidf.fit(["a lamp", "a mug", "lamp"], ["good", "bad", "good"], ["bad", "good"]), tmp_path / "c")
    run = bring(workspace, tmp_path / "c", "counts")
    assert answering.choose(workspace, run, each={"good": 0.8}).thresholds == {"good": 0.8}
    with pytest.raises(DataError, match="It says: bad, good"):
        answering.choose(workspace, run, each={"odd": 0.5})
    table = read_bytes(words.easy_csv(20, seed=4).encode(), "more.csv")
    about, _ = evaluations.judge_further(workspace, run, table, "text", "label")
    assert about.rows == 20


def test_without_data_it_can_be_asked_and_is_scored_later(workspace, easy, folder):
    run = bring(workspace, folder, "theirs")
    assert (run.dataset_id, run.accuracy, run.status) == ("", None, Status.FINISHED)
    assert [one.id for one in queue.askable(workspace)] == [run.id] and queue.usable(workspace) == []
    answer = Predictor(workspace.run(queue.get_askable(workspace, run.id).id).model).predict(["a lamp"])[0]
    assert set(answer.probabilities) == {"bad", "good", "other"}
    with pytest.raises(RunStateError, match="no scores"):
        queue.get_usable(workspace, run.id, "scores")
    table = read_bytes(words.easy_csv(20, seed=4).encode(), "more.csv")
    with pytest.raises(DataError, match="must be named"):
        evaluations.judge_further(workspace, run, table)
    about, _ = evaluations.judge_further(workspace, run, table, "text", "label")
    assert about.rows == 20
    assert evaluations.depth(workspace, run, about.key)["groups"] is not None
    scored = score(workspace, run, easy)
    assert (scored.dataset_id, scored.accuracy) == (
        easy.id,
        read_json(workspace.run(run.id).metrics)["test"]["accuracy"],
    )
    assert [one.id for one in queue.usable(workspace)] == [run.id]


def test_without_data_it_answers_a_whole_file(workspace, folder, easy_csv):
    run = bring(workspace, folder, "theirs")
    with easy_csv.open("rb") as file:
        reading = workbench.read_step(workbench.keep(workspace, file, easy_csv.name), Options())
    assert workbench.ensure(workspace, reading).done
    job = workspace.run(run.id).batch(batches.begin(workspace, run.id, reading, "text"))
    end = time.monotonic() + 60
    while batches.standing(job).state == batches.State.RUNNING and time.monotonic() < end:
        time.sleep(0.05)
    assert batches.standing(job).state == batches.State.DONE


def test_a_tokenizer_without_a_limit_gets_the_model_s(workspace, folder):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": 10**30}))
    run = bring(workspace, folder, "theirs")
    assert load_tokenizer(workspace.run(run.id).model).model_max_length == 128
    assert Predictor(workspace.run(run.id).model).predict(["word " * 500])


def test_a_folder_of_the_hub_s_cache_is_followed(workspace, folder, tmp_path):
    blobs, snapshot = tmp_path / "cache" / "blobs", tmp_path / "cache" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(folder.iterdir()):
        shutil.copyfile(path, blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    assert bring(workspace, snapshot, "abc").status == Status.FINISHED


def change(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _pickled(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _leads_out(folder):
    (folder / "vocab.txt").symlink_to("/etc/hostname")


def _headless(folder):
    weights = load_file(folder / "model.safetensors")
    body = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(body, folder / "model.safetensors", metadata={"format": "pt"})


def _indexed(folder):
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../outside.bin"}}')


HARM = {
    "It lacks: *.safetensors": _pickled,
    "leads out of the folder": _leads_out,
    "own program code": lambda folder: change(folder, auto_map={"AutoModel": "evil.Model"}),
    "weights other than its own": _indexed,
    "an adapter as well as a model": lambda folder: (folder / "adapter_config.json").write_text("{}"),
    "weights of fewer digits": lambda folder: change(folder, quantization_config={"quant_method": "bitsandbytes"}),
    "by zero": lambda folder: change(folder, num_attention_heads=0),
    "is not a finished classifier: its weights lack classifier": _headless,
    "does not give one label per text": lambda folder: change(folder, problem_type="multi_label_classification"),
    "has no id2label": lambda folder: change(folder, id2label=None),
    "two or more different labels": lambda folder: change(folder, id2label={"0": "a", "1": "a", "2": "b"}),
    "speaks of more than its weights hold": lambda folder: change(folder, vocab_size=10**9),
    "cannot be opened": lambda folder: change(folder, id2label={"0": "a", "1": "b"}),
    "tokenizer.json cannot be read": lambda folder: (folder / "tokenizer.json").write_text("{}"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", HARM)
def test_what_is_refused_leaves_nothing_behind(workspace, folder, sentence):
    HARM[sentence](folder)
    with pytest.raises(ModelError) as refusal:
        bring(workspace, folder, "theirs")
    assert sentence in refusal.value.message and refusal.value.action
    assert queue.list_runs(workspace) == [] and list((workspace.root / "runs").iterdir()) == []


@pytest.mark.parametrize("killed_at", ["judge_run", "Store.add"])
def test_what_a_killed_process_was_bringing_is_swept_once_nobody_is_at_work_in_it(workspace, tmp_path, easy, killed_at):
    tfidf.save(tfidf.fit(["a lamp", "a mug", "lamp"], ["good", "bad", "good"], ["bad", "good"]), tmp_path / "c")
    program = (
        "import os, sys; from pathlib import Path; from engine.data.datasets import load_info;"
        "from engine.paths import Workspace; from engine.results import importing; w = Workspace.open(sys.argv[1]);"
        f"importing.{killed_at} = lambda *_, **__: os.kill(os.getpid(), 9);"
        "importing.bring(w, Path(sys.argv[2]), 'theirs', info=load_info(w, sys.argv[3]))"
    )
    asked = [str(workspace.root), str(tmp_path / "c"), easy.id]
    killed = subprocess.run([sys.executable, "-c", program, *asked], cwd=Path(__file__).parents[3], check=False)
    assert killed.returncode != 0
    runs = workspace.root / "runs"
    (left,) = runs.iterdir()
    assert (left / "model").is_dir() and queue.list_runs(workspace) == []
    os.utime(left, (0, 0))
    with FileLock(RunPaths(left).lock):  # as whoever brings a model holds it
        space.sweep(workspace)
        assert left.is_dir()
    os.utime(left, (0, 0))
    space.sweep(workspace)
    assert list(runs.iterdir()) == []


def test_labels_that_the_model_does_not_know_are_named(workspace, folder):
    table = read_bytes(words.easy_csv(60).replace(",good", ",splendid").encode(), "x.csv")
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    with pytest.raises(DataError, match=r"does not know these labels.*splendid"):
        bring(workspace, folder, "theirs", info=info)
    assert list((workspace.root / "runs").iterdir()) == []


def test_nothing_is_brought_where_one_may_only_look(workspace, folder, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    with pytest.raises(ReadOnlyError):
        bring(workspace, folder, "theirs")
