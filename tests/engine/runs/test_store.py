import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from engine.errors import NotFoundError, RunStateError, SettingsError, WorkspaceError
from engine.paths import read_json, write_json
from engine.runs import ending, queue, space
from engine.runs import store as store_module
from engine.runs.store import Request, Run, Status, Store, tables
from engine.settings import TrainingConfig


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
            claims = list(pool.map(lambda _, index=index: Store(workspace).claim(f"run{index:04}", os.getpid()), range(8)))
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
        subprocess.Popen([sys.executable, "-c", program, str(workspace.root)], stdout=subprocess.PIPE, text=True)
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
    store.request("waits1", Request.STOP)
    assert store.get("waits1").status == Status.STOPPED
    assert not store.claim("waits1", os.getpid())
    store.claim("runs12", os.getpid())
    assert store.beat("runs12", os.getpid()) == (True, None)
    store.request("runs12", Request.STOP)
    assert store.beat("runs12", os.getpid()) == (True, Request.STOP)


def test_a_worker_hears_that_its_run_was_taken_from_it(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    store.end("aaaaaa", Status.INTERRUPTED, os.getpid())
    assert store.beat("aaaaaa", os.getpid())[0] is False
    assert store.get("aaaaaa").status == Status.INTERRUPTED


def test_a_second_request_does_not_make_anyone_wait_longer(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    store.request("aaaaaa", Request.STOP)
    asked = store.get("aaaaaa").requested
    store.request("aaaaaa", Request.DISCARD)
    run = store.get("aaaaaa")
    assert (run.request, run.requested) == (Request.DISCARD, asked)


def test_the_order_of_the_queue_is_a_person_s(workspace):
    store = Store(workspace)
    for run_id in ("aaaaaa", "bbbbbb", "cccccc", "dddddd"):
        add(store, run_id)

    def order():
        return [run.id[0] for run in store.waiting()]

    assert order() == ["a", "b", "c", "d"]
    store.move("cccccc", "first")
    assert order() == ["c", "a", "b", "d"]
    store.move("cccccc", "down")
    assert order() == ["a", "c", "b", "d"]
    store.move("bbbbbb", "up")
    store.move("aaaaaa", "last")
    assert order() == ["b", "c", "d", "a"]
    store.move("bbbbbb", "up")  # it is the first already
    store.move("nothing", "up")  # it began meanwhile
    assert order() == ["b", "c", "d", "a"]
    assert store.next_to_launch() == ["bbbbbb"]


def test_nothing_begins_while_the_queue_is_paused(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.pause_queue(True)
    assert store.queue_paused()
    assert store.next_to_launch() == []
    store.pause_queue(False)
    assert store.next_to_launch() == ["aaaaaa"]


def test_a_paused_queue_lets_what_was_stopped_make_its_model(workspace):
    store = Store(workspace)
    run = add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    store.queue_again(store.get(run.id), first=True, request=Request.STOP)
    store.pause_queue(True)
    assert store.next_to_launch() == ["aaaaaa"]


def test_what_was_answered_is_not_waited_for(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    store.request("aaaaaa", Request.PAUSE)
    store.beat("aaaaaa", os.getpid())
    assert store.get("aaaaaa").requested
    store.beat("aaaaaa", os.getpid(), Request.PAUSE)
    assert store.get("aaaaaa").requested is None


def test_only_what_waits_is_cancelled(workspace):
    store = Store(workspace)
    add(store, "aaaaaa"), add(store, "bbbbbb", "cuda")
    store.claim("bbbbbb", os.getpid())
    assert [store.cancel("aaaaaa"), store.cancel("bbbbbb")] == [True, False]
    assert store.get("bbbbbb").status == Status.RUNNING


def test_a_workspace_may_be_called_anything(tmp_path):
    from engine.paths import Workspace

    store = Store(Workspace.open(tmp_path / "what? & 100% #1"))
    assert add(store, "aaaaaa").status == Status.QUEUED
    assert (tmp_path / "what? & 100% #1" / "tuneboard.db").exists()


def test_several_devices_of_a_kind_train_several_runs(workspace, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    store = Store(workspace)
    for run_id in ("aaaaaa", "bbbbbb", "cccccc"):
        add(store, run_id, "cuda")
    assert store.next_to_launch() == ["aaaaaa", "bbbbbb"]
    assert [store.claim(run_id, os.getpid()) for run_id in ("aaaaaa", "bbbbbb", "cccccc")] == [
        True,
        True,
        False,
    ]
    assert {store.get("aaaaaa").place, store.get("bbbbbb").place} == {0, 1}
    store.end("aaaaaa", Status.FINISHED, os.getpid())
    assert store.claim("cccccc", os.getpid())
    assert store.get("cccccc").place == 0


def test_a_run_whose_worker_never_comes_up_fails_in_the_end(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    for _ in range(3):
        assert store.next_to_launch() == ["aaaaaa"]
        with store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE runs SET launched = launched - 60")
    assert store.next_to_launch() == []
    run = store.get("aaaaaa")
    assert (run.status, run.reason) == (Status.FAILED, "could_not_start")
    assert run.action


def test_a_worker_that_is_slow_to_come_up_is_waited_for_and_one_that_is_gone_is_not(workspace, monkeypatch):
    started, store = [], Store(workspace)

    def slow(log, module, *arguments):
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]))
        return started[-1].pid

    monkeypatch.setattr(queue, "start_apart", slow)
    workspace.watcher_log.touch()  # it is just coming up
    add(store, "aaaaaa")
    workspace.run("aaaaaa").folder.mkdir()
    for _ in range(5):
        queue.launch_waiting(workspace)
        store.change("aaaaaa", launched=store.get("aaaaaa").launched - 60)
    assert len(started) == 1 and store.get("aaaaaa").status == Status.QUEUED
    started[0].kill()
    started[0].wait()
    queue.launch_waiting(workspace)
    assert len(started) == 2
    store.change("aaaaaa", launched=store.get("aaaaaa").launched - 3600)
    queue.launch_waiting(workspace)
    for process in started:
        process.kill()
    assert len(started) == 3  # nobody waits for ever


STORM = """
import os, random, sys
from pathlib import Path
from engine.paths import Workspace
from engine.runs.store import Request, Status, Store
me, root = int(sys.argv[1]), sys.argv[2]
store, chance, working, told = Store(Workspace(Path(root))), random.Random(me), [], []
ids = [f"run{i:05}" for i in range(200)]
def begin(run_id):
    if store.claim(run_id, os.getpid()):
        working.append(run_id)
def work(run_id):  # to its end, or until it hears that it shall stop
    ours, request = store.beat(run_id, os.getpid(), step=1)
    assert ours
    status = Status.STOPPED if request else Status.FINISHED
    assert store.end(run_id, status, os.getpid())
    working.remove(run_id)
    told.append(f"{run_id}:{status}")
for run_id in chance.sample(ids, 200):
    store.add(id=run_id, name=str(me), dataset_id="d", dataset_name="d", model_name="m", slot=f"slot{run_id[-1]}")
    live = [run.id for run in store.live()]
    if live and chance.random() < 0.2:
        store.request(chance.choice(live), chance.choice(list(Request)))
    for other in chance.sample(ids, 6):
        begin(other)
    for other in [one for one in working if chance.random() < 0.5]:
        work(other)
while working or store.waiting():
    for other in [*working]:
        work(other)
    for run in store.waiting():
        begin(run.id)
print(*told)
"""


def test_eight_processes_that_submit_claim_and_stop_200_runs_lose_none_and_run_none_twice(workspace):
    Store(workspace)
    processes = [
        subprocess.Popen([sys.executable, "-c", STORM, str(me), str(workspace.root)], stdout=subprocess.PIPE, text=True)
        for me in range(8)
    ]
    told = " ".join(process.communicate()[0] for process in processes).split()
    assert [process.returncode for process in processes] == [0] * 8
    carried_out = dict(one.split(":") for one in told)
    assert len(told) == len(carried_out)  # none twice
    runs = Store(workspace).all()
    assert len(runs) == 200
    assert all(run.attempt == (run.id in carried_out) for run in runs)
    for run in runs:  # as whoever carried it out says, or stopped while it waited
        assert run.status == carried_out.get(run.id, Status.STOPPED), run
    assert all(run.request is None and run.requested is None for run in runs if run.id in carried_out)
    stopped = [run.id for run in runs if run.status == Status.STOPPED]
    assert {run_id in carried_out for run_id in stopped} == {True, False}  # some at work, some waiting


def test_a_worker_that_lost_its_run_cannot_end_it(workspace):
    store = Store(workspace)
    add(store, "aaaaaa")
    store.claim("aaaaaa", os.getpid())
    assert not store.end("aaaaaa", Status.FINISHED, pid=1)
    store.end("aaaaaa", Status.INTERRUPTED, os.getpid())
    assert not store.end("aaaaaa", Status.FINISHED, os.getpid())
    assert store.get("aaaaaa").status == Status.INTERRUPTED


def test_the_columns_of_the_table_are_the_fields_of_a_run_in_their_order():
    assert Run._fields == tuple(tables.tables["runs"].columns.keys())


def test_no_such_run(workspace):
    with pytest.raises(NotFoundError, match="no run"):
        Store(workspace).get("nothing")


def test_a_damaged_database_is_a_sentence(workspace):
    workspace.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Store(workspace)


def ended(workspace, run_id):
    """A run that ended after two rounds, without any work."""
    store = Store(workspace)
    store.pause_queue(True)
    store.add(id=run_id, name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    workspace.run(run_id).folder.mkdir(parents=True)
    config = TrainingConfig(model="tiny", epochs=2).model_dump()
    write_json(workspace.run(run_id).config, {"dataset_id": "d", "config": config})
    store.claim(run_id, os.getpid())
    store.end(run_id, Status.FINISHED, os.getpid())
    return workspace.run(run_id)


def test_more_rounds_are_written_down_before_a_worker_may_read_them(workspace, monkeypatch):
    paths, seen = ended(workspace, "aaaaaa"), []
    again = Store.queue_again

    def looked_at(store, run):
        seen.append(read_json(paths.config)["config"]["epochs"])
        return len(seen) > 1 and again(store, run)

    monkeypatch.setattr(Store, "queue_again", looked_at)
    with pytest.raises(RunStateError, match="resumed a moment ago"):
        queue.resume(workspace, "aaaaaa", epochs=5)
    assert seen == [5] and queue.config_of(workspace, "aaaaaa").epochs == 2  # put back
    queue.resume(workspace, "aaaaaa", epochs=5)
    assert queue.config_of(workspace, "aaaaaa").epochs == 5


def test_of_two_who_ask_for_more_rounds_at_once_the_second_is_told_and_the_first_has_them(workspace, meanwhile):
    paths, told = ended(workspace, "aaaaaa"), []

    def second():
        with pytest.raises(RunStateError, match="is queued") as refusal:
            queue.resume(workspace, "aaaaaa", epochs=9)
        told.append(refusal.value)

    other = meanwhile(queue, second)
    assert queue.resume(workspace, "aaaaaa", epochs=9).status == Status.QUEUED
    other.join()
    assert told and read_json(paths.config)["config"]["epochs"] == 9


def test_a_run_that_is_resumed_as_it_is_deleted_stays(workspace, monkeypatch):
    paths, trash = ended(workspace, "aaaaaa"), Store.trash

    def and_meanwhile(store, *given):
        queue.resume(workspace, "aaaaaa", epochs=5)
        return trash(store, *given)

    monkeypatch.setattr(Store, "trash", and_meanwhile)
    with pytest.raises(RunStateError, match="is queued"):
        queue.remove(workspace, "aaaaaa")
    space.empty_trash(workspace)
    assert [run.status for run in queue.list_runs(workspace)] == [Status.QUEUED] and paths.config.exists()


def test_a_run_that_is_deleted_as_it_is_resumed_is_not_queued_in_the_trash(workspace, meanwhile):
    ended(workspace, "aaaaaa")
    other = meanwhile(queue, lambda: queue.remove(workspace, "aaaaaa"))
    with pytest.raises(RunStateError, match="deleted a moment ago"):
        queue.resume(workspace, "aaaaaa", epochs=5)
    other.join()
    assert [run.status for run in queue.deleted(workspace)] == [Status.FINISHED]
    assert queue.config_of(workspace, "aaaaaa").epochs == 2  # put back


def test_nobody_resumes_a_run_while_its_saved_states_are_removed(workspace, monkeypatch):
    paths, cleanable, seen = ended(workspace, "aaaaaa"), space.cleanable, []
    paths.checkpoints.mkdir()
    (paths.checkpoints / "000000009-0001.safetensors").write_bytes(b"weights")
    paths.metrics.write_text("{}")
    other = Thread(target=lambda: queue.resume(workspace, "aaaaaa", epochs=5))

    def and_meanwhile(*given):
        found = cleanable(*given)
        other.start()
        other.join(0.2)  # it waits for its turn
        seen.append(Store(workspace).get("aaaaaa").status)
        return found

    monkeypatch.setattr(space, "cleanable", and_meanwhile)
    assert space.clean(workspace, queue.list_runs(workspace)) > 0
    other.join()
    assert seen == [Status.FINISHED] and queue.get_run(workspace, "aaaaaa").status == Status.QUEUED


def test_more_rounds_than_there_may_be_are_refused_in_a_sentence(workspace):
    ended(workspace, "aaaaaa")
    with pytest.raises(SettingsError, match="epochs: must be at most 200; it is 300"):
        queue.resume(workspace, "aaaaaa", epochs=300)
    assert queue.config_of(workspace, "aaaaaa").epochs == 2


def test_a_worker_killed_while_it_handed_a_model_over_leaves_the_new_one_and_its_scores(workspace):
    paths = ended(workspace, "aaaaaa")
    queue.resume(workspace, "aaaaaa", epochs=5)
    store = Store(workspace)
    store.pause_queue(False)
    assert store.claim("aaaaaa", os.getpid())
    paths.model.mkdir()
    paths.made.folder.mkdir()
    paths.made.metrics.write_text("{}")
    assert ending.died(workspace, store, store.get("aaaaaa"))
    assert paths.model.is_dir() and paths.metrics.exists() and not paths.made.folder.exists()


def test_a_dead_run_whose_model_cannot_be_brought_into_its_place_holds_nobody_up(workspace):
    store, gone = Store(workspace), subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for run_id, slot in (("aaaaaa", "cpu"), ("bbbbbb", "cuda")):
        add(store, run_id, slot)
        assert store.claim(run_id, gone.pid)
    paths = workspace.run("aaaaaa")
    paths.made.model.mkdir(parents=True)
    paths.model.write_text("a file where a folder belongs")
    workspace.watcher_log.touch()  # it is just coming up
    queue.list_runs(workspace)
    stuck, other = store.get("aaaaaa"), store.get("bbbbbb")
    assert stuck.status == other.status == Status.INTERRUPTED
    assert str(paths.made.model) in stuck.message and "stands in the way" in stuck.action
    assert "memory ran out" in other.message
    space.sweep(workspace)
    paths.model.unlink()
    space.sweep(workspace)
    assert paths.model.is_dir()


def test_what_killed_processes_left_is_swept_where_nothing_runs(workspace):
    paths, running = ended(workspace, "aaaaaa"), workspace.run("bbbbbb")
    Store(workspace).add(id="bbbbbb", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    Store(workspace).pause_queue(False)
    assert Store(workspace).claim("bbbbbb", os.getpid())
    names = (
        "events.jsonl.part",
        "metrics.json.7-8.part",
        "result.part/weights",
        "further/abcdef.part/weights",
    )
    left = [folder / name for folder in (paths.folder, running.folder) for name in names]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("half")
        os.utime(path, (0, 0))
        if path.parent.suffix == ".part":
            os.utime(path.parent, (0, 0))
    paths.made.model.mkdir(parents=True)
    fresh = paths.folder / "rules.json.9-9.part"
    fresh.write_text("just being written")
    space.sweep(workspace)
    there = {path for path in (workspace.root / "runs").rglob("*") if path.is_file()}
    assert there == {paths.config, paths.lock, fresh, *left[4:]}
    assert paths.model.is_dir()


def test_a_run_that_is_taken_out_of_the_trash_as_it_is_emptied_is_kept(workspace, monkeypatch):
    restored, gone, listed = ended(workspace, "aaaaaa"), ended(workspace, "bbbbbb"), Store.all
    for run_id in ("aaaaaa", "bbbbbb"):
        queue.remove(workspace, run_id)

    def and_meanwhile(store, deleted=False):
        found = listed(store, deleted)
        queue.restore(workspace, "aaaaaa")
        return found

    monkeypatch.setattr(Store, "all", and_meanwhile)
    assert space.empty_trash(workspace) > 0
    assert [run.id for run in queue.list_runs(workspace)] == ["aaaaaa"]
    assert restored.config.exists() and not gone.folder.exists()
    assert list(gone.folder.parent.iterdir()) == [restored.folder]


def test_what_vanishes_while_it_is_counted_does_not_count(workspace, monkeypatch):
    folder, lstat = workspace.root / "runs", Path.lstat
    files = [folder / name / "file" for name in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_bytes(bytes(10_000))

    def and_the_other_goes(path):
        if path in files:
            shutil.rmtree(files[1 - files.index(path)].parent)
        return lstat(path)

    monkeypatch.setattr(Path, "lstat", and_the_other_goes)
    assert 10_000 <= space.taken(folder) < 20_000


def test_a_disk_that_fails_is_not_taken_for_a_full_one():
    assert [store_module._said("disk I/O error", name)[2] for name in ("SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_READ")] == [
        "disk_full",
        "disk_error",
    ]
