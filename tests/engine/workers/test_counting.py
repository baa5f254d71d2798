"""A run that counts words, in a real worker process."""

import os
import subprocess
import sys

import numpy as np
import pytest

from engine.errors import TrainingError
from engine.evaluation import predictions
from engine.models import tfidf
from engine.paths import read_json
from engine.runs import queue
from engine.runs.events import EventLog, History
from engine.runs.pulse import Pulse
from engine.runs.store import Status, Store
from engine.serving.predictor import Predictor
from engine.training.plan import plan
from engine.workers import counting, worker
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def counted(workspace, easy):
    config = plan(workspace, easy, "tfidf", "balanced").config()
    named = {"dataset_id": easy.id, "dataset_name": easy.name, "model_name": "Word counting"}
    return wait(workspace, queue.submit(workspace, config, **named).id)


def test_it_leaves_what_every_run_leaves(workspace, easy, counted, tiny_model):
    assert counted.status == Status.FINISHED, counted.message
    assert counted.slot == "cpu"
    trained = wait(workspace, submit(workspace, easy, tiny_model).id)
    ours, theirs = workspace.run(counted.id), workspace.run(trained.id)
    tables = [predictions.read(paths.predictions) for paths in (ours, theirs)]
    assert list(tables[0].columns) == list(tables[1].columns)
    assert tables[0].dtypes.equals(tables[1].dtypes)
    assert tables[0]["source_row"].tolist() == tables[1]["source_row"].tolist()
    figures, others = read_json(ours.metrics), read_json(theirs.metrics)
    assert set(figures) == set(others) - {"best_epoch"}
    assert figures["checked"] == {"texts": 32, "within": 0.0}
    assert figures["baseline"] == others["baseline"]
    assert figures["test"]["accuracy"] == figures["baseline"]["accuracy"] == counted.accuracy > 0.9
    assert {path.name for path in ours.folder.iterdir()} >= {"config.json", "events.jsonl", "model"}


def test_it_does_not_wait_for_the_libraries_of_neural_networks():
    program = f"import sys, {', '.join(worker.COUNTING)}; print({{'torch', 'transformers'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_its_phases_are_told_and_no_round_is(workspace, counted):
    history = History.read(workspace.run(counted.id).events)
    assert [one["name"] for one in history.phases] == [
        "loading libraries", "reading data", "counting words", "saving", "evaluating", "verifying",
    ]  # fmt: skip
    assert not history.epochs and not history.steps
    assert "words and pairs of words" in history.notes[0]


def test_it_can_be_asked_and_says_what_it_said_in_the_test(workspace, counted):
    rows = predictions.read(workspace.run(counted.id).predictions, "test")
    answers = Predictor(workspace.run(counted.id).model).predict(rows["text"].tolist())
    assert [answer.label for answer in answers] == rows["predicted"].tolist()
    said = [[answer.probabilities[label] for label in ("bad", "good")] for answer in answers]
    assert np.array_equal(np.array(said, dtype=np.float32), predictions.probabilities_of(rows))


def test_what_cannot_be_verified_leaves_the_earlier_model_and_its_scores(workspace, counted, monkeypatch):
    paths, store = workspace.run(counted.id), Store(workspace)
    store.pause_queue(True)
    assert store.queue_again(counted) and store.claim(counted.id, os.getpid())
    before = {file: file.read_bytes() for file in paths.folder.rglob("*") if file.parent.name == "model"}
    before[paths.metrics] = paths.metrics.read_bytes()
    other = tfidf.fit(["good", "bad"], ["good", "bad"], ["bad", "good"])
    monkeypatch.setattr(tfidf, "load", lambda folder: other)
    with EventLog(paths.events) as events, pytest.raises(TrainingError, match="does not predict"):
        counting.carry_out(workspace, counted.id, Pulse(workspace, counted.id, events))
    assert {file: file.read_bytes() for file in before} == before
    store.end(counted.id, Status.FAILED, os.getpid())
