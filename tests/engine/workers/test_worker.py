"""Real worker processes, really trained, really killed."""

import os
import platform
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from engine.errors import RunStateError
from engine.evaluation import predictions
from engine.paths import read_json
from engine.runs import queue
from engine.runs.events import EventLog, History, read_events
from engine.runs.pulse import Pulse
from engine.runs.store import Status, Store
from engine.workers import worker
from tests.engine.runs.helpers import submit, wait

LONG = {"epochs": 200}


@pytest.mark.as_users_do
def test_a_run_from_the_queue_to_a_model_that_can_be_used(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=4).id)
    assert run.status == Status.FINISHED, run.message
    paths = workspace.run(run.id)
    assert {path.name for path in paths.folder.iterdir()} == {
        "config.json", "events.jsonl", "log.txt", "checkpoints", "model", "predictions.parquet", "metrics.json", "lock",
    }  # fmt: skip
    history = History.read(paths.events)
    assert [one["name"] for one in history.phases][:4] == [
        "loading libraries",
        "reading data",
        "loading model",
        "tokenizing",
    ]
    assert [one["name"] for one in history.phases][-3:] == ["saving", "evaluating", "verifying"]
    assert len(history.epochs) == 4
    assert [one["step"] for one in history.steps] == list(range(1, history.steps[-1]["steps"] + 1))
    assert all(one["at"] for one in read_events(paths.events)[0])

    scored = read_json(paths.metrics)
    table = predictions.read(paths.predictions)
    test = table[table["split"] == "test"]
    assert len(test) == easy.rows["test"] == np.sum(scored["test"]["confusion_matrix"]["counts"])
    assert scored["test"]["accuracy"] == pytest.approx((test["label"] == test["predicted"]).mean()) == run.accuracy
    assert set(table["split"]) == {"validation", "test"}
    assert "loaded in a fresh process" in history.notes[-1]
    assert scored["checked"] == {"texts": 32, "within": 1e-4}


def test_every_phase_says_how_far_it_is(workspace, easy, model_hub):
    store, told = Store(workspace), {}
    store.pause_queue(True)
    run_id = submit(workspace, easy, "me/tiny").id
    assert store.claim(run_id, os.getpid())

    class Listening(Pulse):
        def phase(self, name, done=0, total=0):
            told[name] = total
            super().phase(name, done, total)

    with EventLog(workspace.run(run_id).events) as events, Listening(workspace, run_id, events) as pulse:
        ended = worker._work(workspace, run_id, pulse)
    assert store.end(run_id, pid=os.getpid(), **ended) and ended["status"] == Status.FINISHED
    assert list(told)[:5] == [
        "loading libraries",
        "reading data",
        "downloading model",
        "loading model",
        "tokenizing",
    ]
    assert all(told.values()), told


def test_the_saved_folder_is_a_plain_hugging_face_model(workspace, easy, tiny_model):
    from transformers import pipeline

    run = wait(workspace, submit(workspace, easy, tiny_model).id)
    folder = workspace.run(run.id).model
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors"}
    classify = pipeline("text-classification", str(folder), device="cpu")
    rows = predictions.read(workspace.run(run.id).predictions, "test").head(8)
    for row in rows.to_dict("records"):
        answer = classify(row["text"])[0]
        assert answer["label"] == row["predicted"]
        assert answer["score"] == pytest.approx(row[f"p:{row['predicted']}"], abs=0.02)


def test_the_same_seed_gives_the_same_model_to_the_bit(workspace, easy, tiny_model):
    first, second = (submit(workspace, easy, tiny_model, seed=5) for _ in range(2))
    weights = [
        (workspace.run(wait(workspace, run.id).id).model / "model.safetensors").read_bytes() for run in (first, second)
    ]
    assert weights[0] == weights[1]


def test_a_worker_that_is_killed_is_noticed_and_the_next_one_goes_on(workspace, easy, tiny_model):
    first = submit(workspace, easy, tiny_model, **LONG)
    second = submit(workspace, easy, tiny_model)
    running = wait(workspace, first.id, lambda run: run.phase == "training" and run.step > 0)
    assert queue.get_run(workspace, second.id).status == Status.QUEUED
    os.kill(running.pid, signal.SIGKILL)
    dead = wait(workspace, first.id)
    assert (dead.status, dead.reason) == (Status.INTERRUPTED, "worker_died")
    assert "killed" in dead.message
    assert wait(workspace, second.id).status == Status.FINISHED


@pytest.mark.as_users_do
def test_the_queue_goes_on_while_nobody_looks(workspace, easy, tiny_model):
    first, second = submit(workspace, easy, tiny_model), submit(workspace, easy, tiny_model, epochs=1)
    store = Store(workspace)

    end = time.monotonic() + 180
    while time.monotonic() < end and not store.get(second.id).status.ended:  # reads only: launches nothing
        time.sleep(0.2)
    assert [store.get(run.id).status for run in (first, second)] == [Status.FINISHED, Status.FINISHED]


def test_stopping_before_the_first_round_leaves_no_model_and_says_so(workspace, tiny_model, easy):
    store = Store(workspace)
    store.pause_queue(True)
    run_id = submit(workspace, easy, tiny_model).id
    assert store.claim(run_id, os.getpid())

    class Stopped(Pulse):
        def phase(self, name, done=0, total=0):
            if name == "tokenizing":
                queue.stop(workspace, run_id)
            super().phase(name, done, total)

    with EventLog(workspace.run(run_id).events) as events, Stopped(workspace, run_id, events) as pulse:
        ended = worker._work(workspace, run_id, pulse)
    assert store.end(run_id, pid=os.getpid(), **ended)
    assert ended["status"] == Status.STOPPED and "without a model" in ended["message"]
    assert not workspace.run(run_id).model.exists() and not workspace.run(run_id).metrics.exists()


def test_stopping_keeps_the_best_round(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, **LONG)
    wait(workspace, run.id, lambda run: len(History.read(workspace.run(run.id).events).epochs) > 2)
    queue.stop(workspace, run.id)
    ended = wait(workspace, run.id)
    assert ended.status == Status.STOPPED
    assert "was kept" in ended.message
    assert ended.accuracy is not None
    assert (workspace.run(run.id).model / "model.safetensors").exists()


def test_a_double_click_starts_one_run(workspace, easy, tiny_model):
    ticket = queue.new_ticket()
    queue.pause_queue(workspace, True)  # so that it does not begin in between
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda _: submit(workspace, easy, tiny_model, ticket=ticket), range(2))
    assert first == second
    assert len(queue.list_runs(workspace)) == 1
    queue.pause_queue(workspace, False)
    wait(workspace, ticket)


def test_a_model_that_is_gone_fails_with_a_sentence(workspace, easy, tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "gone")
    run = submit(workspace, easy, folder)
    shutil.rmtree(folder)
    ended = wait(workspace, run.id)
    assert ended.status == Status.FAILED
    assert "neither a folder" in ended.message
    assert ended.action


def test_a_data_set_that_is_gone_fails_with_a_sentence(workspace, easy, tiny_model):
    queue.pause_queue(workspace, True)  # until it is gone altogether
    run = submit(workspace, easy, tiny_model)
    shutil.rmtree(workspace.dataset(easy.id).folder)
    queue.pause_queue(workspace, False)
    ended = wait(workspace, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "not_found")


@pytest.mark.as_users_do
def test_the_command_line_of_the_worker_names_its_run(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, **LONG).id, lambda run: run.status == Status.RUNNING)
    process = psutil.Process(run.pid)
    assert run.id in process.cmdline()
    assert os.getsid(run.pid) != os.getsid(0)
    process.kill()
    wait(workspace, run.id)


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_the_worker(workspace):
    store = Store(workspace)
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    store.claim("aaaaaa", os.getpid())
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE runs SET process = ?", (f"{platform.node()} boot 12345",))
    assert queue.get_run(workspace, "aaaaaa").status == Status.INTERRUPTED


def test_what_cannot_be_done_with_a_run_is_said_so(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model)
    with pytest.raises(RunStateError, match="Stop it first"):
        queue.remove(workspace, run.id)
    wait(workspace, run.id)
    with pytest.raises(RunStateError, match="not running"):
        queue.stop(workspace, run.id)
    queue.remove(workspace, run.id)
    assert queue.list_runs(workspace) == []
    with pytest.raises(RunStateError, match="in the trash"):
        queue.resume(workspace, run.id, epochs=9)
