import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.errors import NotFoundError, WorkspaceError
from engine.runs.store import Status, Store


def add(store, run_id, slot="cpu"):
    return store.add(id=run_id, name=run_id, dataset_id="d", dataset_name="d", model_name="m", slot=slot)


def test_a_run_is_queued_claimed_and_ended(workspace):
    store = Store(workspace)
    assert add(store, "aaaaaa").status == Status.QUEUED
    assert store.claim("aaaaaa", os.getpid())
    assert store.get("aaaaaa").status == Status.RUNNING
    assert store.end("aaaaaa", Status.FINISHED, os.getpid(), accuracy=0.9)
    run = store.get("aaaaaa")
    assert (run.status, run.accuracy) == (Status.FINISHED, 0.9)
    assert run.seconds >= 0


def test_exactly_one_of_many_claims_it(workspace):
    store = Store(workspace)
    for index in range(5):
        add(store, f"run{index:04}", slot=f"slot{index}")
        with ThreadPoolExecutor(8) as pool:
            claims = list(
                pool.map(
                    lambda _, index=index: Store(workspace).claim(f"run{index:04}", os.getpid()), range(8)
                )
            )
        assert sum(claims) == 1


def test_processes_claim_each_run_once(workspace):
    store = Store(workspace)
    for index in range(30):
        add(store, f"run{index:04}", slot=f"slot{index}")
    program = (
        "import os, sys; from pathlib import Path; from engine.paths import Workspace; from engine.runs.store import Store;"
        "s = Store(Workspace(Path(sys.argv[1]))); print(sum(s.claim(f'run{i:04}', os.getpid()) for i in range(30)))"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(workspace.root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert sum(int(process.communicate()[0]) for process in processes) == 30


def test_one_at_a_time_per_device_and_the_next_after_it(workspace):
    store = Store(workspace)
    for run_id, slot in (("first1", "cpu"), ("second", "cpu"), ("other1", "cuda")):
        add(store, run_id, slot)
    assert sorted(store.next_to_launch()) == ["first1", "other1"]
    assert store.next_to_launch() == []  # launched already: not a second time
    assert store.claim("first1", os.getpid())
    assert not store.claim("second", os.getpid())
    store.end("first1", Status.FAILED, os.getpid())
    assert store.next_to_launch() == ["second"]
    assert store.claim("second", os.getpid())


def test_stopping_a_waiting_run_ends_it_and_a_running_one_is_asked(workspace):
    store = Store(workspace)
    add(store, "waits1"), add(store, "runs12")
    store.request_stop("waits1")
    assert store.get("waits1").status == Status.STOPPED
    assert not store.claim("waits1", os.getpid())
    store.claim("runs12", os.getpid())
    assert store.beat("runs12") is False
    store.request_stop("runs12")
    assert store.beat("runs12") is True


def test_a_worker_that_lost_its_run_cannot_end_it(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    assert not store.end("aaaaaa", Status.FINISHED, pid=1)
    store.end("aaaaaa", Status.INTERRUPTED, os.getpid())
    assert not store.end("aaaaaa", Status.FINISHED, os.getpid())
    assert store.get("aaaaaa").status == Status.INTERRUPTED


def test_no_such_run(workspace):
    with pytest.raises(NotFoundError, match="no run"):
        Store(workspace).get("nothing")


def test_a_damaged_database_is_a_sentence(workspace):
    workspace.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Store(workspace)
