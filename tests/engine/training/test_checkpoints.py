"""States of a training on the disk: what is damaged is told from what the disk only does not give at the moment."""

import errno
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import WorkspaceError
from engine.models.loading import load_model, load_tokenizer
from engine.paths import file_digest, write_json
from engine.settings import TrainingConfig
from engine.training import checkpoints
from engine.training.checkpoints import Checkpoints, restore
from engine.training.learner import Learner
from engine.training.loop import TrainingState
from engine.training.tokens import tokenize


@pytest.fixture
def learner(tiny_model):
    texts = tokenize(load_tokenizer(tiny_model), ["a lamp", "a kettle"], 16)
    return Learner(load_model(tiny_model, ["a", "b"]), texts, np.array([0, 1]), torch.float32, TrainingConfig())


def saved(folder, learner, said, step=1):
    return Checkpoints(folder, say=said.append).save(TrainingState(step=step), learner, {})


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE, errno.EACCES])
def test_a_state_that_the_disk_does_not_give_at_the_moment_is_kept(tmp_path, learner, monkeypatch, error):
    said = []
    assert saved(tmp_path, learner, said)
    before = sorted(tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "file_digest", lambda path: (_ for _ in ()).throw(OSError(error, "not now")))
        with pytest.raises(WorkspaceError, match="cannot be read"):
            Checkpoints(tmp_path, say=said.append).newest()
    assert sorted(tmp_path.iterdir()) == before and not said
    assert Checkpoints(tmp_path).newest().state.step == 1


def test_a_state_whose_file_is_gone_gives_way_to_the_one_before_it(tmp_path, learner):
    said = []
    assert saved(tmp_path, learner, said) and saved(tmp_path, learner, said, step=2)
    next(tmp_path.glob("*2-*.safetensors")).unlink()
    assert Checkpoints(tmp_path, say=said.append).newest().state.step == 1
    assert "damaged" in said[0]


@pytest.mark.parametrize("record", [[], {"sha256": None}, {"sha256": ["000000002-0000.safetensors"]}, {}, None])
def test_a_state_whose_record_has_another_shape_gives_way_to_the_one_before_it(tmp_path, learner, record):
    said = []
    assert saved(tmp_path, learner, said) and saved(tmp_path, learner, said, step=2)
    write_json(tmp_path / "000000002-0000.json", record)
    points = Checkpoints(tmp_path, say=said.append)
    assert points.newest().state.step == 1 and "step 2 is damaged" in said[0]
    write_json(tmp_path / "000000002-0000.json", record)
    assert points.save(TrainingState(step=3), learner, {})


@pytest.mark.parametrize(
    ("changed", "step"),
    [({"momentum": 0.9}, 2), ({"step": "two"}, 1), ({"best_epoch": None}, 1)],
)
def test_of_a_state_that_another_version_wrote_what_is_known_is_taken(tmp_path, learner, changed, step):
    said = []
    assert saved(tmp_path, learner, said) and saved(tmp_path, learner, said, step=2)
    file = tmp_path / "000000002-0000.safetensors"
    training = json.dumps({"state": {**vars(TrainingState(step=2)), **changed}, "facts": {}, "format": 2})
    save_file(load_file(file), file, {"training": training})
    write_json(file.with_suffix(".json"), {"sha256": {file.name: file_digest(file)}, "format": 2})
    assert Checkpoints(tmp_path, say=said.append).newest().state == TrainingState(step=step)
    assert len(said) == (step == 1)


def test_a_state_that_is_not_read_as_it_was_written_does_not_count(tmp_path, learner, monkeypatch):
    def damaged(tensors, path, metadata=None):
        written = dict(tensors)
        name = next(name for name in written if name.endswith("classifier.weight"))
        written[name] = written[name] + 1
        save_file(written, path, metadata)

    said, save_file = [], checkpoints.save_file
    assert saved(tmp_path, learner, said)
    monkeypatch.setattr(checkpoints, "save_file", damaged)
    assert not saved(tmp_path, learner, said, step=2)
    assert "could not be saved at step 2" in said[0] and not list(tmp_path.glob("*.part"))
    assert Checkpoints(tmp_path).newest().state.step == 1


def test_best_rounds_whose_states_find_no_room_do_not_fill_the_disk(tmp_path, learner, monkeypatch):
    def no_room(tensors, path, metadata=None):
        if metadata:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    points, save_file = Checkpoints(tmp_path, best=learner.state()), checkpoints.save_file
    assert points.save(TrainingState(step=1, best_epoch=1), learner, {})
    before = {path.name for path in tmp_path.iterdir()}
    monkeypatch.setattr(checkpoints, "save_file", no_room)
    for step in range(2, 6):
        assert not points.save(TrainingState(step=step, best_epoch=step), learner, {})
    assert {path.name for path in tmp_path.iterdir()} == before | {"best-0005.safetensors"}
    assert Checkpoints(tmp_path).newest().state.step == 1
    monkeypatch.undo()
    assert points.save(TrainingState(step=6, best_epoch=5), learner, {})
    assert Checkpoints(tmp_path).newest().state.best_epoch == 5


def test_the_first_state_waits_until_it_costs_no_more_than_its_share(tmp_path, learner):
    points = Checkpoints(tmp_path)
    points.expect(10**9)
    assert not points.due(round_over=True)
    points.began -= 3600  # an hour of training
    assert points.due(round_over=True)


def test_damage_to_the_best_round_is_found_though_later_states_were_saved_beside_it(tmp_path, learner):
    said, points = [], Checkpoints(tmp_path)
    points.best = learner.state()
    assert points.save(TrainingState(step=1, best_epoch=1), learner, {})
    best = next(tmp_path.glob("best-*.safetensors"))
    content = bytearray(best.read_bytes())
    content[-1] ^= 1
    best.write_bytes(content)
    assert points.save(TrainingState(step=2, best_epoch=1), learner, {})
    assert Checkpoints(tmp_path, say=said.append).newest() is None and "damaged" in said[0]


def test_weights_that_the_best_round_has_are_written_once_and_read_all_the_same(tmp_path, learner):
    learner.learn(np.array([0, 1]), 0.01)
    points = Checkpoints(tmp_path, best=learner.state())
    assert points.save(TrainingState(step=1, epoch=1, best_epoch=1), learner, {})
    learner.learn(np.array([0]), 0.01)
    now = {name: tensor.clone() for name, tensor in learner.snapshot().items()}
    assert points.save(TrainingState(step=2, epoch=1, best_epoch=1), learner, {})
    at_best, after = (path.stat().st_size for path in sorted(tmp_path.glob("0*.safetensors")))
    assert at_best < 0.8 * after
    point = Checkpoints(tmp_path).newest()
    assert all(torch.equal(point.tensors[name], tensor) for name, tensor in now.items())
    next(tmp_path.glob("*2-*.json")).unlink()
    before = Checkpoints(tmp_path)
    learner.restore(before.newest().tensors)
    assert all(torch.equal(before.best[name], tensor) for name, tensor in learner.state().items())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells which files a process keeps")
def test_a_training_that_went_on_keeps_none_of_the_files_that_it_went_on_from(tmp_path, learner):
    learner.learn(np.array([0, 1]), 0.01)
    points = Checkpoints(tmp_path, best=learner.state())
    learner.learn(np.array([0]), 0.01)
    assert points.save(TrainingState(step=2, epoch=1, best_epoch=1), learner, {})
    expected = {name: tensor.clone() for name, tensor in learner.snapshot().items()}
    later = Checkpoints(tmp_path)
    point = later.newest()  # kept to the end, as a run keeps it
    restore(point, learner)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text(encoding="utf-8")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in learner.snapshot().items())
    assert all(torch.equal(later.best[name], tensor) for name, tensor in points.best.items())
