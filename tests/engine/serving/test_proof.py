"""The saved model is asked where nothing of ours is."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from engine import processes
from engine.errors import TrainingError
from engine.models.loading import load_model, load_tokenizer
from engine.runs import queue
from engine.runs.store import Status
from engine.serving import fresh, proof
from engine.serving.proof import verify
from engine.serving.transformer import OpenTransformer
from engine.workers import worker
from tests.engine.runs.helpers import submit
from tests.test_architecture import imports
from tests.words import easy_texts

TEXTS = [text for text, _ in easy_texts(32)]


@pytest.fixture
def folder(tiny_model, tmp_path):
    load_model(tiny_model, ["no", "yes"]).save_pretrained(tmp_path / "model")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def process():
    with proof.FreshProcess() as one:
        yield one


def test_the_program_knows_nothing_of_ours():
    found = {module.split(".")[0] for module in imports(Path(fresh.__file__))}
    assert found - set(sys.stdlib_module_names) == {"torch", "transformers"}


def test_it_says_what_we_say(folder, process):
    told, ours = process.ask(folder, TEXTS), OpenTransformer(folder)
    assert told.labels == ["no", "yes"]
    assert verify(ours.probabilities(TEXTS), told.probabilities) < 1e-5


def test_another_weight_is_noticed(folder, process, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    weights["classifier.bias"][0] += 0.001
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    here = OpenTransformer(folder).probabilities(TEXTS)
    with pytest.raises(TrainingError, match="does not predict what the trained one does"):
        verify(here, process.ask(copy, TEXTS).probabilities)


def test_answers_that_are_no_numbers_prove_nothing():
    with pytest.raises(TrainingError):
        verify(np.zeros((2, 2)), np.full((2, 2), np.nan))


def test_a_folder_that_cannot_be_loaded_is_a_sentence(process, tmp_path):
    with pytest.raises(TrainingError, match="cannot be used in a fresh process"):
        process.ask(tmp_path, TEXTS)


def test_a_process_that_dies_is_a_sentence(process, tmp_path):
    process.process.kill()
    with pytest.raises(TrainingError, match="it ended with -9"):
        process.ask(tmp_path, TEXTS)


def test_it_ends_when_whoever_wanted_to_ask_is_gone(process):
    told, _ = process.process.communicate(timeout=60)  # closes its input
    assert (told, process.process.returncode) == ("", 0)


def test_a_run_whose_model_says_something_else_there_fails(workspace, easy, tiny_model, monkeypatch):
    told = json.dumps({"labels": easy.labels, "probabilities": [[0.5, 0.5]] * 32})
    monkeypatch.setattr(proof, "command", lambda: [sys.executable, "-c", f"input(); print({told!r})"])
    for module in (queue, processes):
        monkeypatch.setattr(module, "start_apart", lambda *_: None)
    run = submit(workspace, easy, tiny_model, epochs=1)
    worker.main(str(workspace.root), run.id)
    ended = queue.get_run(workspace, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "not_verified")
    assert "does not predict what the trained one does" in ended.message and ended.action
    assert not workspace.run(run.id).model.exists() and not workspace.run(run.id).metrics.exists()
