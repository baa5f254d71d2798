"""A run that is interrupted, at whatever moment, ends as if nothing had happened."""

import os
import shutil
import signal
import time
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from engine.data.reading import read_bytes
from engine.errors import RunStateError
from engine.evaluation.calibration import temperature_of
from engine.paths import read_json
from engine.results import answering, evaluations
from engine.runs import queue, space
from engine.runs.events import History, read_events
from engine.runs.store import Status, Store
from engine.serving import rules
from tests import words
from tests.engine.runs.helpers import submit, wait

# 140 texts in batches of 2: 70 steps a round. A state is saved as often as it may be.
SETTINGS = {"epochs": 4, "batch_size": 2, "checkpoint_seconds": 0, "precision": "bf16"}
STEPS = 280


def at_phase(name):
    return lambda paths: any(one["name"] == name for one in History.read(paths.events).phases)


def at_step(number):
    return lambda paths: any(one["step"] >= number for one in History.read(paths.events).steps)


def while_saving(after):
    """In the middle of writing a state, once the training is past step `after`."""
    return lambda paths: any(paths.checkpoints.glob("*.part")) and at_step(after)(paths)


MOMENTS = {
    "reading": at_phase("reading data"),
    "loading the model": at_phase("loading model"),
    "tokenizing": at_phase("tokenizing"),
    "training begins": at_phase("training"),
    "the first step": at_step(1),
    "early in round 1": at_step(20),
    "saving a state in round 1": while_saving(25),
    "late in round 1": at_step(60),
    "checking round 1": lambda paths: phases(paths, "validating") >= 1,
    "early in round 2": at_step(75),
    "in the middle of round 2": at_step(100),
    "saving a state in round 2": while_saving(105),
    "checking round 2": lambda paths: phases(paths, "validating") >= 2,
    "early in round 3": at_step(150),
    "late in round 3": at_step(190),
    "saving a state in round 3": while_saving(195),
    "in round 4": at_step(230),
    "late in round 4": at_step(260),
    "the last step": at_step(STEPS),
    "checking round 4": lambda paths: phases(paths, "validating") >= 4,
    "saving the model": at_phase("saving"),
    "evaluating": at_phase("evaluating"),
    "verifying": at_phase("verifying"),
}


def phases(paths, name):
    return sum(one["name"] == name for one in History.read(paths.events).phases)


def kill_at(workspace, run_id, reached) -> str:
    """Kill the worker at the first sign of the moment. Returns the status after that."""
    paths, end = workspace.run(run_id), time.monotonic() + 120
    run = wait(workspace, run_id, lambda run: run.pid and run.status != Status.QUEUED)
    while time.monotonic() < end and not reached(paths):
        if run.status.ended:
            break
        time.sleep(0.002)
        run = queue.get_run(workspace, run_id) if int(time.monotonic() * 50) % 50 == 0 else run
    if not run.status.ended:
        os.kill(run.pid, signal.SIGKILL)
    return wait(workspace, run_id).status


def steps_of(paths):
    return [{k: v for k, v in one.items() if k != "at"} for one in History.read(paths.events).steps]


def epochs_of(paths):
    return [{k: v for k, v in one.items() if k != "at"} for one in History.read(paths.events).epochs]


def test_killed_at_twenty_moments_it_ends_with_the_same_model_to_the_bit(workspace, easy, tiny_model):
    whole = workspace.run(wait(workspace, submit(workspace, easy, tiny_model, **SETTINGS).id).id)
    run_id = submit(workspace, easy, tiny_model, **SETTINGS).id
    killed = []
    for moment, reached in MOMENTS.items():
        status = kill_at(workspace, run_id, reached)
        if status == Status.INTERRUPTED:
            killed.append(moment)
            queue.resume(workspace, run_id)
    run = wait(workspace, run_id)
    assert run.status == Status.FINISHED, run.message
    assert len(killed) >= 20, killed
    assert run.attempt == len(killed) + 1
    paths = workspace.run(run_id)
    weights = [(one.model / "model.safetensors").read_bytes() for one in (whole, paths)]
    assert weights[0] == weights[1]
    assert steps_of(paths) == steps_of(whole)
    assert epochs_of(paths) == epochs_of(whole)
    assert [one["step"] for one in steps_of(paths)] == list(range(1, STEPS + 1))
    scores = [read_json(one.metrics) for one in (whole, paths)]
    for one in scores:
        one.pop("milliseconds_per_text")  # a time
    assert scores[0] == scores[1]
    assert not list(paths.folder.glob("**/*.part"))


WAYS = {
    "head": {"method": "head", "learning_rate": 0.01, "epochs": 8},
    "lora": {"method": "lora", "lora_rank": 4},
    "little memory": {"gradient_checkpointing": True, "accumulation": 2},
    "few texts": {"head_first": True, "read_mean": True, "frozen_layers": 1},
    "stopping early": {"patience": 1, "epochs": 20},
    "average": {"average_weights": True, "schedule": "constant"},
}


@pytest.mark.parametrize("way", WAYS)
def test_in_every_way_of_learning_a_kill_in_the_middle_changes_no_bit(workspace, easy, tiny_model, way):
    settings = {**SETTINGS, "batch_size": 4, "epochs": 2, **WAYS[way]}
    whole = workspace.run(wait(workspace, submit(workspace, easy, tiny_model, **settings).id).id)
    run_id = submit(workspace, easy, tiny_model, **settings).id
    assert kill_at(workspace, run_id, at_step(40)) == Status.INTERRUPTED
    queue.resume(workspace, run_id)
    run = wait(workspace, run_id)
    assert run.status == Status.FINISHED, run.message
    paths = workspace.run(run_id)
    assert any("Resumed after step" in note for note in History.read(paths.events).notes)
    weights = [(one.model / "model.safetensors").read_bytes() for one in (whole, paths)]
    assert weights[0] == weights[1]
    assert (steps_of(paths), epochs_of(paths)) == (steps_of(whole), epochs_of(whole))
    assert len(epochs_of(paths)) < settings["epochs"] or not settings.get("patience")


@pytest.fixture
def stopped_midway(workspace, easy, tiny_model):
    """A run that was killed in its second and its third round, with two states: each process writes one, however slowly."""
    run_id = submit(workspace, easy, tiny_model, **SETTINGS).id
    kill_at(workspace, run_id, at_step(80))
    queue.resume(workspace, run_id)
    kill_at(workspace, run_id, at_step(160))
    return queue.get_run(workspace, run_id)


def test_a_damaged_state_is_left_out_and_said_so(workspace, stopped_midway):
    paths = workspace.run(stopped_midway.id)
    states = sorted(paths.checkpoints.glob("[0-9]*.safetensors"))
    assert len(states) == 2
    content = states[1].read_bytes()
    states[1].write_bytes(content[: len(content) // 2])
    queue.resume(workspace, stopped_midway.id)
    run = wait(workspace, stopped_midway.id)
    assert run.status == Status.FINISHED
    notes = " ".join(History.read(paths.events).notes)
    assert "is damaged" in notes
    assert f"Resumed after step {int(states[0].stem.split('-')[0])}." in notes
    assert [one["step"] for one in steps_of(paths)] == list(range(1, STEPS + 1))


def test_when_all_states_are_damaged_it_begins_anew_and_says_so(workspace, stopped_midway):
    paths = workspace.run(stopped_midway.id)
    for state in paths.checkpoints.glob("[0-9]*.safetensors"):
        state.write_bytes(state.read_bytes()[:-1] + b"!")
    queue.resume(workspace, stopped_midway.id)
    run = wait(workspace, stopped_midway.id)
    assert run.status == Status.FINISHED
    history = History.read(paths.events)
    assert sum("is damaged" in note for note in history.notes) == 2
    assert [one["step"] for one in history.steps] == list(range(1, STEPS + 1))


def test_paused_and_resumed_it_ends_as_if_nothing_had_happened(workspace, easy, tiny_model):
    whole = workspace.run(wait(workspace, submit(workspace, easy, tiny_model, **SETTINGS).id).id)
    run = submit(workspace, easy, tiny_model, **SETTINGS)
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 20)
    queue.pause(workspace, run.id)
    paused = wait(workspace, run.id, seconds=10)
    assert paused.paused
    assert "saved" in paused.message
    queue.resume(workspace, run.id)
    finished = wait(workspace, run.id)
    assert finished.status == Status.FINISHED
    assert finished.seconds > paused.seconds
    paths = workspace.run(run.id)
    assert load_same(whole, paths)
    assert any("Resumed after step" in note for note in History.read(paths.events).notes)


def load_same(a, b):
    first, second = (load_file(one.model / "model.safetensors") for one in (a, b))
    return all(first[name].equal(second[name]) for name in first)


def test_a_finished_run_is_trained_further(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=2).id)
    with pytest.raises(RunStateError, match="finished"):
        queue.resume(workspace, run.id)
    with pytest.raises(RunStateError, match="already"):
        queue.resume(workspace, run.id, epochs=2)
    rules.change(workspace, run.id, threshold=0.7, temperature=20.0)
    table = read_bytes(words.easy_csv(30).encode(), "later.csv")
    before, scored = evaluations.judge_further(workspace, run, table)
    whole = workspace.run(run.id).further(before.key).folder
    shutil.copytree(whole, whole.with_suffix(".part"))  # as if a process was killed while it judged once more
    assert evaluations.further(workspace, run.id) == [before]
    queue.resume(workspace, run.id, epochs=4)
    longer = wait(workspace, run.id)
    assert longer.status == Status.FINISHED
    paths = workspace.run(run.id)
    kept = rules.read(paths)
    assert (kept.threshold, kept.outlived) == (0.7, True)
    assert kept.temperature == temperature_of(answering.validation(paths)) != 20.0
    assert "later.csv" in History.read(paths.events).notes[-1]
    (further,) = evaluations.further(workspace, run.id)
    assert further == replace(before, outlived=True)
    again, rescored = evaluations.judge_again(workspace, longer, further.key)
    assert evaluations.further(workspace, run.id) == [again] and not again.outlived
    assert (again.name, again.rows, again.learnt) == (before.name, before.rows, before.learnt)
    assert rescored["test"]["log_loss"] != scored["test"]["log_loss"]
    history = History.read(workspace.run(run.id).events)
    assert [one["epoch"] for one in history.epochs] == [1, 2, 3, 4]
    assert queue.config_of(workspace, run.id).epochs == 4
    steps = [one["step"] for one in history.steps]
    assert steps == sorted(set(steps))


def test_what_stopped_early_is_trained_further_all_the_same(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=20, patience=1).id)
    rounds = len(History.read(workspace.run(run.id).events).epochs)
    assert rounds < 20
    queue.resume(workspace, run.id, epochs=21)
    wait(workspace, run.id)
    assert len(History.read(workspace.run(run.id).events).epochs) > rounds


def test_whoever_follows_the_record_notices_that_it_was_cut(workspace, stopped_midway):
    follower = History.read(workspace.run(stopped_midway.id).events)
    queue.resume(workspace, stopped_midway.id)
    wait(
        workspace,
        stopped_midway.id,
        lambda run: follower.update(workspace.run(run.id).events) and run.status.ended,
    )
    follower.update(workspace.run(stopped_midway.id).events)
    assert follower == History.read(workspace.run(stopped_midway.id).events)
    assert not any("damaged" in note for note in follower.notes)


def test_word_counting_resumed_leaves_a_whole_record(workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    once = [one["name"] for one in History.read(workspace.run(run.id).events).phases]
    os.truncate(workspace.run(run.id).events, 150)
    Store(workspace).queue_again(run)
    wait(workspace, run.id)
    again = History.read(workspace.run(run.id).events)
    assert [one["name"] for one in again.phases] == once[1:]  # the libraries were loaded before it looked
    assert not any("damaged" in note for note in again.notes)


def test_cleaning_keeps_what_is_still_needed(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, **SETTINGS).id)
    assert space.cleanable(workspace, run) > 0
    queue.resume(workspace, run.id, epochs=60)
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 300)
    queue.pause(workspace, run.id)
    paused = wait(workspace, run.id)
    assert workspace.run(run.id).metrics.exists()  # of the model from before
    assert space.clean(workspace, [run]) == 0
    assert space.cleanable(workspace, paused) == 0
    queue.resume(workspace, run.id)
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 300)
    queue.stop(workspace, run.id)
    stopped = wait(workspace, run.id)
    freed = space.cleanable(workspace, stopped)
    assert space.clean(workspace, [stopped]) == freed > 0
    assert (workspace.run(run.id).model / "model.safetensors").exists()
    queue.resume(workspace, run.id)
    wait(workspace, run.id, lambda run: run.phase == "training")
    queue.stop(workspace, run.id, keep=False)
    wait(workspace, run.id)
    assert "There was no saved state, so it started from the beginning." in History.read(workspace.run(run.id).events).notes


def test_the_record_shows_when_each_thing_happened(workspace, stopped_midway):
    queue.resume(workspace, stopped_midway.id)
    wait(workspace, stopped_midway.id)
    events = read_events(workspace.run(stopped_midway.id).events)[0]
    assert [one["at"] for one in events] == sorted(one["at"] for one in events)
