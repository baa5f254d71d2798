"""What can go wrong around a run, done for real: what it says then, and that nothing earlier is lost."""

import io
import json
import os
import platform
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

from engine import cli, preferences, processes
from engine.data import datasets, revising, workbench
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import Options, read_file
from engine.data.recipe import Recipe
from engine.errors import ReadOnlyError, WorkspaceError
from engine.models.zips import unpack_model
from engine.paths import Workspace
from engine.results import batches, export, importing
from engine.runs import forecast, queue, space
from engine.runs import store as store_module
from engine.runs.events import History
from engine.runs.store import Status, Store
from engine.serving import rules
from engine.settings import TrainingConfig
from engine.studies import records, search
from engine.studies.records import Study
from engine.workers import watcher
from tests import forked, words
from tests.engine.runs.helpers import submit, wait

LONG = {"epochs": 200, "batch_size": 4, "checkpoint_seconds": 0}


@pytest.fixture
def finished(workspace, easy, tiny_model):
    """Earlier work, which every fault must leave alone."""
    return wait(workspace, submit(workspace, easy, tiny_model, name="earlier").id)


def intact(workspace, run) -> bool:
    folder = workspace.run(run.id)
    return queue.get_run(workspace, run.id) == run and (folder.model / "model.safetensors").exists()


def training(workspace, run_id, step=20):
    return wait(workspace, run_id, lambda run: run.phase == "training" and run.step > step)


def sql(workspace, statement):
    connection = sqlite3.connect(workspace.database)
    with connection:
        connection.execute(statement)
    connection.close()


# -- processes that die ---------------------------------------------------------------------------------


def test_worker_killed(workspace, easy, tiny_model, finished):
    run = submit(workspace, easy, tiny_model, **LONG)
    os.kill(training(workspace, run.id).pid, signal.SIGKILL)
    dead = wait(workspace, run.id)
    assert (dead.status, dead.reason) == (Status.INTERRUPTED, "worker_died")
    assert "while training" in dead.message
    assert "Resume" in dead.action
    assert intact(workspace, finished)


def test_worker_killed_and_nobody_looks_the_queue_goes_on(workspace, easy, tiny_model):
    first, second = submit(workspace, easy, tiny_model, **LONG), submit(workspace, easy, tiny_model)
    os.kill(training(workspace, first.id).pid, signal.SIGKILL)
    store, end = Store(workspace), time.monotonic() + 60
    while time.monotonic() < end and not store.get(second.id).status.ended:  # reads only: looks after nothing
        time.sleep(0.2)
    assert store.get(first.id).status == Status.INTERRUPTED
    assert store.get(second.id).status == Status.FINISHED


def test_dashboard_killed(workspace, easy, tiny_model, tmp_path):
    """The process that submitted goes, with all that shares its terminal: the run does not notice."""
    program = (
        "import sys, time; from tests.engine.runs.helpers import submit; from engine.paths import Workspace;"
        "from engine.data.datasets import load_info; from tests.forked import substitute; substitute();"
        "w = Workspace.open(sys.argv[1]); print(submit(w, load_info(w, sys.argv[2]), sys.argv[3]).id, flush=True);"
        "time.sleep(600)"
    )
    forked.addresses()  # here: what they serve has to outlive the process that is killed
    dashboard = subprocess.Popen(
        [sys.executable, "-c", program, str(workspace.root), easy.id, str(tiny_model)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    run_id = dashboard.stdout.readline().strip()
    os.killpg(dashboard.pid, signal.SIGKILL)
    dashboard.wait()
    assert wait(workspace, run_id).status == Status.FINISHED


@pytest.mark.as_users_do
def test_both_killed(workspace, easy, tiny_model, finished):
    """Worker and watcher are gone, nobody is there; whoever comes first finds the truth, and the queue goes on."""
    run, waiting = submit(workspace, easy, tiny_model, **LONG), submit(workspace, easy, tiny_model)
    pid = training(workspace, run.id).pid
    queue.pause_queue(workspace, True)  # so that the watcher starts nothing before it is killed itself
    for process in psutil.process_iter(["cmdline"]):
        if "engine.workers.watcher" in (process.info["cmdline"] or []) and str(workspace.root) in process.info["cmdline"]:
            process.kill()
    os.kill(pid, signal.SIGKILL)
    queue.pause_queue(workspace, False)
    assert wait(workspace, run.id, seconds=10).status == Status.INTERRUPTED
    assert wait(workspace, waiting.id).status == Status.FINISHED
    queue.resume(workspace, run.id)
    training(workspace, run.id)
    queue.stop(workspace, run.id)
    assert wait(workspace, run.id).status == Status.STOPPED
    assert intact(workspace, finished)


def test_machine_restarted(workspace, easy, tiny_model, finished):
    """The number of the worker belongs to another process now, and its last sign of life is from yesterday."""
    run = submit(workspace, easy, tiny_model, epochs=3)
    os.kill(wait(workspace, run.id, lambda run: run.status == Status.RUNNING).pid, signal.SIGKILL)
    sql(
        workspace,
        f"UPDATE runs SET status = 'running', pid = {os.getpid()}, process = '{platform.node()} earlier 123', "
        f"heartbeat = heartbeat - 86400 WHERE id = '{run.id}'",
    )
    dead = queue.get_run(workspace, run.id)
    assert (dead.status, dead.reason) == (Status.INTERRUPTED, "worker_died")
    assert psutil.pid_exists(os.getpid())
    queue.resume(workspace, run.id)
    assert wait(workspace, run.id).status == Status.FINISHED
    assert intact(workspace, finished)


def test_start_py_picks_the_queue_up(workspace, easy, tiny_model):
    """What start.py starts beside the dashboard finds a run that waits since before the restart."""
    store = Store(workspace)
    store.pause_queue(True)
    run = submit(workspace, easy, tiny_model)
    sql(workspace, "DELETE FROM queue")
    subprocess.run(
        [sys.executable, "-m", "engine.workers.watcher"],
        env={**os.environ, "TUNEBOARD_HOME": str(workspace.root)},
        check=True,
        timeout=120,
    )
    assert store.get(run.id).status == Status.FINISHED


# -- workers that do not answer --------------------------------------------------------------------------


def freeze(workspace, pid):
    """Stop a process in its tracks, but not in the millisecond of a second in which it holds the store's lock."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        connection = sqlite3.connect(workspace.database, timeout=0.3, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
        finally:
            connection.close()


def test_a_worker_that_hangs_is_said_so_and_can_be_stopped(workspace, easy, tiny_model, finished, monkeypatch):
    monkeypatch.setattr(queue, "STALE_SECONDS", 2)
    run = submit(workspace, easy, tiny_model, **LONG)
    pid = training(workspace, run.id).pid
    freeze(workspace, pid)
    hung = wait(workspace, run.id, queue.is_silent, seconds=10)
    assert hung.status == Status.RUNNING
    asked = time.monotonic()
    queue.stop(workspace, run.id, keep=False)
    stopped = wait(workspace, run.id, seconds=12)
    assert stopped.status == Status.STOPPED
    assert time.monotonic() - asked < 10.5
    end = time.monotonic() + 3
    while processes.identity(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert processes.identity(pid) is None  # it is gone, and not only said to be
    queue.resume(workspace, run.id)
    training(workspace, run.id)
    queue.stop(workspace, run.id)
    kept = wait(workspace, run.id)
    assert kept.accuracy is not None
    assert intact(workspace, finished)


@pytest.fixture
def long_texts(workspace, tmp_path):
    """1,200 texts of 300 words."""
    path = tmp_path / "long.csv"
    rows = [f"{'good' if i % 2 else 'bad'} {'word ' * 300}{i},{i % 2}" for i in range(1200)]
    path.write_text("text,label\n" + "\n".join(rows))
    return save(workspace, draft(read_file(path), Recipe(text="text", label="label")))


def test_stop_is_answered_in_the_middle_of_a_long_step(workspace, long_texts, finished):
    """One step of 800 long texts takes a minute; nobody waits for it."""
    run = submit(workspace, long_texts, "bundled", batch_size=1024, max_tokens=512)
    wait(workspace, run.id, lambda run: run.phase == "training")
    time.sleep(1)
    asked = time.monotonic()
    queue.pause(workspace, run.id)
    ended = wait(workspace, run.id, seconds=15)
    assert time.monotonic() - asked < 10
    assert ended.paused
    assert "in the middle of a long step" in ended.message or ended.step > 0  # on a fast machine none is long
    assert intact(workspace, finished)


def test_stopped_in_a_hang_the_best_round_is_still_made_a_model(workspace, easy, tiny_model, finished):
    run = submit(workspace, easy, tiny_model, **LONG)
    states = workspace.run(run.id).checkpoints
    wait(workspace, run.id, lambda run: any("best-" in one.read_text() for one in states.glob("[0-9]*.json")))
    freeze(workspace, queue.get_run(workspace, run.id).pid)
    queue.stop(workspace, run.id)
    ended = wait(workspace, run.id, seconds=60)
    assert ended.status == Status.STOPPED
    assert ended.attempt == 2
    assert "best epoch" in ended.message
    assert ended.accuracy is not None
    assert intact(workspace, finished)


# -- the disk ---------------------------------------------------------------------------------------------


def fill(folder, leave=0):
    """Take all space but `leave` bytes."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        while (free := shutil.disk_usage(folder).free - leave) > 0:
            try:
                file.write(b"x" * min(free, 2**20))
                file.flush()
            except OSError:
                break
    return filler


def look_only(disk):
    """Let nothing more be written there."""
    end = time.monotonic() + 10
    while subprocess.run(["mount", "-o", "remount,ro", str(disk)], capture_output=True).returncode:
        assert time.monotonic() < end  # the watcher has its log open for a moment
        time.sleep(0.2)


@pytest.fixture
def on_small_disk(small_disk, easy_csv, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_HOME", str(small_disk / "workspace"))
    workspace = Workspace.open()
    return workspace, save(workspace, draft(read_file(easy_csv), Recipe(text="text", label="label")))


def test_disk_full_during_a_checkpoint(on_small_disk, small_disk, tiny_model):
    workspace, info = on_small_disk
    earlier = wait(workspace, submit(workspace, info, tiny_model, name="earlier").id)
    run = submit(workspace, info, tiny_model, **LONG)
    training(workspace, run.id)
    filler = fill(small_disk, leave=300_000)  # room for events, not for a state
    wait(
        workspace,
        run.id,
        lambda run: any("could not be saved" in n for n in History.read(workspace.run(run.id).events).notes),
    )
    assert queue.get_run(workspace, run.id).status == Status.RUNNING  # it goes on without
    filler.unlink()
    queue.stop(workspace, run.id)
    assert wait(workspace, run.id).accuracy is not None
    assert intact(workspace, earlier)


def test_disk_full_while_everything_is_written(on_small_disk, small_disk, tiny_model):
    workspace, info = on_small_disk
    earlier = wait(workspace, submit(workspace, info, tiny_model, name="earlier").id)
    run = submit(workspace, info, tiny_model, **LONG)
    training(workspace, run.id, step=60)
    filler, size = fill(small_disk), -1
    while size != (size := workspace.run(run.id).events.stat().st_size):  # what is left of its last page takes some more
        time.sleep(4)  # events, states, and the list of runs itself all fail
    filler.unlink()
    ended = wait(workspace, run.id, seconds=60)
    assert (ended.status, ended.reason) == (Status.FAILED, "disk_full")
    queue.resume(workspace, run.id)
    training(workspace, run.id)
    queue.stop(workspace, run.id)
    assert wait(workspace, run.id).accuracy is not None
    steps = [one["step"] for one in History.read(workspace.run(run.id).events).steps]
    assert steps[:-1] == list(range(steps[0], steps[-2] + 1, steps[0]))  # neither gap nor repetition
    assert intact(workspace, earlier)


def test_workspace_read_only(on_small_disk, small_disk, tiny_model):
    workspace, info = on_small_disk
    run = wait(workspace, submit(workspace, info, tiny_model).id)
    look_only(small_disk)
    assert queue.list_runs(workspace)[0].id == run.id  # looking is possible
    with pytest.raises(WorkspaceError, match=r"read-only|written"):
        submit(workspace, info, tiny_model)
    with pytest.raises(WorkspaceError, match="read-only"):
        queue.remove(workspace, run.id)


def test_disk_full_or_read_only_when_a_command_keeps_what_it_found(on_small_disk, small_disk, easy_csv, capsys):
    workspace, info = on_small_disk
    run = wait(workspace, submit(workspace, info, "tfidf").id)
    more = small_disk / "more.csv"
    more.write_text(words.easy_csv(300, seed=3), encoding="utf-8")
    commands = (
        ["train", more, "--model", "tfidf"],
        ["evaluate", run.id, "--data", more],
        ["predict", run.id, "--file", more, "--out", "found.csv"],
    )

    def there():
        own = {workspace.database.with_name(f"{workspace.database.name}-{end}") for end in ("wal", "shm")}
        return {path for path in workspace.root.rglob("*") if path.is_file() or path.suffix == ".part"} - own

    def refused(sentence):
        before = there()
        for command in commands:
            assert cli.main([*map(str, command), "--workspace", str(workspace.root)]) == 2
            assert sentence in capsys.readouterr().err
        assert there() == before

    filler = fill(small_disk)
    refused("The disk is full")
    filler.unlink()
    look_only(small_disk)
    refused("Nothing can be written")


def test_a_workspace_of_somebody_else_shows_how_it_is_now(workspace, tmp_path):
    place = tmp_path / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "--bind", str(workspace.root), str(place)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
        store, theirs = Store(workspace), Workspace(place)
        with store.engine.connect():  # as whoever writes has it open
            store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
            assert not theirs.writable and [run.id for run in queue.list_runs(theirs)] == ["aaaaaa"]
            store.change("aaaaaa", name="renamed")
            assert queue.list_runs(theirs)[0].name == "renamed"
        assert not workspace.database.with_name("tuneboard.db-wal").exists()
        assert queue.list_runs(theirs)[0].name == "renamed"
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_too_little_space_is_said_before_the_training(on_small_disk):
    workspace, info = on_small_disk
    ended = wait(workspace, submit(workspace, info, "bundled").id)
    assert (ended.status, ended.reason) == (Status.FAILED, "disk_full")
    assert "MB free, and the model alone takes 182 MB" in ended.message
    assert not History.read(workspace.run(ended.id).events).steps


def test_what_has_to_be_downloaded_counts_before_it_is_fetched(workspace):
    there = space.free(workspace)
    assert space.make_room(workspace, 1000, 0, download=there // 2) is None
    with pytest.raises(WorkspaceError, match="MB to be downloaded, and then 8 MB while it is saved") as refusal:
        space.make_room(workspace, 1_000_000, 0, download=there * 2)
    assert refusal.value.code == "disk_full"


# -- files and the store ----------------------------------------------------------------------------------


def test_the_store_is_locked_by_another_program(workspace, easy, tiny_model, finished, monkeypatch):
    monkeypatch.setattr(store_module, "LOCK_SECONDS", 1)
    run = submit(workspace, easy, tiny_model, **LONG)
    training(workspace, run.id)
    holder = sqlite3.connect(workspace.database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    store_module._engine.cache_clear()
    started = time.monotonic()
    assert {one.id for one in queue.list_runs(workspace)} == {run.id, finished.id}  # looking needs no lock
    assert time.monotonic() - started < 1
    with pytest.raises(WorkspaceError, match="held by another program"):
        queue.stop(workspace, run.id)
    time.sleep(3)
    holder.execute("ROLLBACK")
    holder.close()
    store_module._engine.cache_clear()
    steps = queue.get_run(workspace, run.id).step
    assert wait(workspace, run.id, lambda run: run.step > steps).status == Status.RUNNING
    queue.stop(workspace, run.id)
    assert wait(workspace, run.id).status == Status.STOPPED
    assert intact(workspace, finished)


def test_a_torn_line_of_events_is_left_out(workspace, finished):
    path = workspace.run(finished.id).events
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], lines[1][:20] + "\n", *lines[2:], '{"at": "2026']))
    history = History.read(path)
    assert [one["step"] for one in history.steps]
    assert "A line of the record of events is damaged and was left out." in history.notes


def test_torn_settings_are_a_sentence(workspace, easy, tiny_model, finished):
    path = workspace.run(finished.id).config
    path.write_text(path.read_text()[:40])
    with pytest.raises(WorkspaceError, match="damaged"):
        queue.config_of(workspace, finished.id)
    queue.pause_queue(workspace, True)
    run = submit(workspace, easy, tiny_model)
    workspace.run(run.id).config.write_text('{"dataset_id": "')
    queue.pause_queue(workspace, False)
    ended = wait(workspace, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "damaged")
    assert "config.json" in ended.message


def test_the_data_set_of_a_waiting_run_is_deleted(workspace, easy, tiny_model, finished):
    queue.pause_queue(workspace, True)
    run, following = submit(workspace, easy, tiny_model), submit(workspace, easy, tiny_model)
    kept = shutil.move(workspace.dataset(easy.id).folder, workspace.root / "elsewhere")
    queue.pause_queue(workspace, False)
    ended = wait(workspace, run.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "not_found")
    assert ended.action
    wait(workspace, following.id)
    shutil.move(kept, workspace.dataset(easy.id).folder)
    queue.resume(workspace, run.id)
    assert wait(workspace, run.id).status == Status.FINISHED
    assert intact(workspace, finished)


def test_the_model_s_folder_is_missing(workspace, easy, tiny_model, finished, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    queue.pause_queue(workspace, True)
    run = submit(workspace, easy, folder)
    away = folder.rename(tmp_path / "away")
    queue.pause_queue(workspace, False)
    ended = wait(workspace, run.id)
    assert ended.status == Status.FAILED
    assert "neither a folder" in ended.message
    away.rename(folder)
    queue.resume(workspace, run.id)
    assert wait(workspace, run.id).status == Status.FINISHED
    assert intact(workspace, finished)


# -- the computation ---------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(psutil.Process, "rlimit"), reason="limits of another process are Linux's")
def test_out_of_memory(workspace, long_texts, finished):
    """The system gives the process hardly more than it has: it says so, and can go on when there is more."""
    run = submit(workspace, long_texts, "bundled", batch_size=32, max_tokens=512, epochs=1)
    process = psutil.Process(wait(workspace, run.id, lambda run: run.phase == "tokenizing").pid)
    most = process.memory_info().vms + 30_000_000
    process.rlimit(psutil.RLIMIT_AS, (most, most))
    ended = wait(workspace, run.id, seconds=60)
    assert (ended.status, ended.reason) == (Status.FAILED, "out_of_memory")
    assert "memory" in ended.message
    assert ended.action
    queue.resume(workspace, run.id)
    training(workspace, run.id, step=0)
    queue.stop(workspace, run.id, keep=False)
    assert wait(workspace, run.id).status == Status.STOPPED
    assert intact(workspace, finished)


def test_the_clock_is_set_back(workspace, easy, tiny_model, finished):
    """All that was written so far lies in the future."""
    run, waiting = submit(workspace, easy, tiny_model, **LONG), submit(workspace, easy, tiny_model)
    training(workspace, run.id)
    sql(
        workspace,
        "UPDATE runs SET heartbeat = heartbeat + 7200, launched = launched + 7200, started_at = '2999-01-01T00:00:00+00:00' "
        "WHERE status IN ('running', 'queued')",
    )
    seen = queue.get_run(workspace, run.id)
    assert seen.status == Status.RUNNING
    assert seen.seconds == 0
    queue.stop(workspace, run.id)
    assert wait(workspace, run.id).status == Status.STOPPED
    assert wait(workspace, waiting.id).status == Status.FINISHED
    assert intact(workspace, finished)


# -- other versions, and looking only ------------------------------------------------------------------------

FIRST_FORMAT = """
CREATE TABLE runs (
    id VARCHAR NOT NULL, name VARCHAR NOT NULL, dataset_id VARCHAR NOT NULL, dataset_name VARCHAR NOT NULL,
    model_name VARCHAR NOT NULL, slot VARCHAR NOT NULL, status VARCHAR NOT NULL, phase VARCHAR NOT NULL,
    step INTEGER NOT NULL, steps INTEGER NOT NULL, seconds_left FLOAT, memory_bytes INTEGER, created_at VARCHAR NOT NULL,
    started_at VARCHAR, ended_at VARCHAR, heartbeat FLOAT, pid INTEGER, pid_started FLOAT, launched FLOAT,
    stop_requested BOOLEAN NOT NULL, reason VARCHAR, message VARCHAR, action VARCHAR, accuracy FLOAT, macro_f1 FLOAT,
    PRIMARY KEY (id)
);
"""


def older(workspace, status, pid="NULL", started="NULL"):
    connection = sqlite3.connect(workspace.database)
    connection.executescript(
        FIRST_FORMAT + "INSERT INTO runs VALUES ('abcdef0123', 'mine', 'd', 'data', 'm', 'cpu', "
        f"'{status}', '', 3, 9, NULL, NULL, '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:01+00:00', "
        f"'2026-01-01T00:01:01+00:00', 1.0, {pid}, {started}, 1.0, 0, NULL, NULL, NULL, 0.9, 0.8);"
    )
    connection.close()


def test_an_older_workspace_is_brought_up_to_date_and_a_copy_is_kept(workspace):
    older(workspace, "finished")
    run = queue.list_runs(workspace)[0]
    assert (run.name, run.status, run.accuracy, run.attempt, run.seconds) == (
        "mine",
        Status.FINISHED,
        0.9,
        1,
        60,
    )
    copy = sqlite3.connect(workspace.root / "tuneboard-format-0.db")
    assert copy.execute("SELECT name, stop_requested FROM runs").fetchall() == [("mine", 0)]
    copy.close()
    store_module._engine.cache_clear()
    assert queue.list_runs(workspace)[0] == run  # once is enough


def test_an_older_workspace_is_left_as_it_is_by_whoever_may_only_look(workspace, monkeypatch):
    older(workspace, "finished")
    before = workspace.database.read_bytes()
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    with pytest.raises(WorkspaceError, match=r"older Tuneboard.*view-only"):
        queue.list_runs(workspace)
    assert [path.name for path in workspace.root.glob("tuneboard*")] == [workspace.database.name]
    assert workspace.database.read_bytes() == before
    monkeypatch.delenv("TUNEBOARD_READ_ONLY")
    assert queue.list_runs(workspace)[0].name == "mine"


def test_an_older_version_that_still_trains_is_not_disturbed(workspace):
    older(workspace, "running", os.getpid(), psutil.Process().create_time())
    with pytest.raises(WorkspaceError, match="still training"):
        queue.list_runs(workspace)
    connection = sqlite3.connect(workspace.database)
    assert connection.execute("SELECT stop_requested FROM runs").fetchall() == [(0,)]
    connection.close()


def test_a_run_that_died_under_an_older_version_is_noticed(workspace):
    older(workspace, "running", 2**22 - 7, 1.0)
    run = queue.list_runs(workspace)[0]
    assert (run.status, run.reason) == (Status.INTERRUPTED, "worker_died")


def test_a_run_of_another_machine_is_left_to_it(workspace):
    store = Store(workspace)
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    store.claim("aaaaaa", os.getpid())
    sql(workspace, "UPDATE runs SET process = 'elsewhere boot 1'")
    assert queue.get_run(workspace, "aaaaaa").status == Status.RUNNING
    sql(workspace, "UPDATE runs SET heartbeat = heartbeat - 600")
    assert queue.get_run(workspace, "aaaaaa").status == Status.INTERRUPTED


def test_the_folder_of_a_waiting_run_is_gone(workspace, easy, tiny_model):
    queue.pause_queue(workspace, True)
    lost, following = submit(workspace, easy, tiny_model), submit(workspace, easy, tiny_model)
    queue.move(workspace, following.id, "last")
    shutil.rmtree(workspace.run(lost.id).folder)
    with pytest.raises(WorkspaceError):
        queue.pause_queue(workspace, False)
    queue.cancel(workspace, lost.id)
    assert wait(workspace, following.id).status == Status.FINISHED


def test_a_waiting_run_whose_folder_is_gone_fails_with_the_reason_and_stops_nobody(workspace, easy, tiny_model):
    queue.pause_queue(workspace, True)
    lost, following = submit(workspace, easy, tiny_model), submit(workspace, easy, tiny_model, epochs=1)
    queue.move(workspace, lost.id, "first")
    shutil.rmtree(workspace.run(lost.id).folder)
    Store(workspace).pause_queue(False)
    assert wait(workspace, following.id).status == Status.FINISHED
    ended = queue.get_run(workspace, lost.id)
    assert (ended.status, ended.reason) == (Status.FAILED, "read_only")
    assert str(workspace.run(lost.id).folder) in ended.message and ended.action


def test_a_run_that_comes_as_the_watcher_goes_is_looked_after(workspace, easy, tiny_model, monkeypatch):
    utime, came = os.utime, []

    def meanwhile(path, times=None, **rest):  # what the watcher does last of all
        utime(path, times, **rest)
        if times == (0, 0) and not came:
            came.append(None)
            came.append(submit(workspace, easy, tiny_model, **LONG).id)

    workspace.watcher_log.touch()
    monkeypatch.setattr(os, "utime", meanwhile)
    assert watcher.main(str(workspace.root)) == 0
    store, end = Store(workspace), time.monotonic() + 60
    while store.get(came[1]).status == Status.QUEUED and time.monotonic() < end:  # reads only: looks after nothing
        time.sleep(0.1)
    os.kill(store.get(came[1]).pid, signal.SIGKILL)
    while not store.get(came[1]).status.ended and time.monotonic() < end:
        time.sleep(0.1)
    assert store.get(came[1]).status == Status.INTERRUPTED


def test_a_newer_workspace_is_refused_and_left_as_it_is(workspace, finished):
    sql(workspace, "PRAGMA user_version = 99")
    store_module._engine.cache_clear()
    with pytest.raises(WorkspaceError, match="newer Tuneboard"):
        queue.list_runs(workspace)
    sql(workspace, "PRAGMA user_version = 1")
    assert intact(workspace, finished)


STUDY = Study(
    id="aaaaaa", name="n", kind="comparison", created_at="", dataset_id="dddddd", dataset_name="d", members=[]
)  # fmt: skip
CHANGES = {
    "submit": lambda w, run: queue.clone(w, run, queue.config_of(w, run.id)),
    "stop": lambda w, run: queue.stop(w, run.id),
    "pause": lambda w, run: queue.pause(w, run.id),
    "cancel": lambda w, run: queue.cancel(w, run.id),
    "resume": lambda w, run: queue.resume(w, run.id, 9),
    "remove": lambda w, run: queue.remove(w, run.id),
    "restore": lambda w, run: queue.restore(w, run.id),
    "rename": lambda w, run: queue.rename(w, run.id, "x"),
    "move": lambda w, run: queue.move(w, run.id, "first"),
    "pause the queue": lambda w, run: queue.pause_queue(w, True),
    "clean": lambda w, run: space.clean(w, [run]),
    "empty the trash": lambda w, run: space.empty_trash(w),
    "sweep": lambda w, run: space.sweep(w),
    "save a data set": lambda w, run: save(w, None),
    "upload": lambda w, run: workbench.keep(w, io.BytesIO(b"text"), "x.csv"),
    "choose": lambda w, run: workbench.save_choices(w, "aaaaaa", {}),
    "read": lambda w, run: workbench.ensure(w, workbench.read_step("aaaaaa", Options())),
    "break off": lambda w, run: workbench.cancel(w, workbench.read_step("aaaaaa", Options())),
    "measure": lambda w, run: forecast.measure(w, run.dataset_id, queue.config_of(w, run.id)),
    "launch": lambda w, run: forecast.launch(w, run.dataset_id, queue.config_of(w, run.id)),
    "unpack": lambda w, run: unpack_model(w.run(run.id).metrics, "x.zip", w.uploaded_models),
    "bring": lambda w, run: importing.bring(w, w.run(run.id).model, "x"),
    "set rules": lambda w, run: rules.change(w, run.id, threshold=0.5),
    "prefer": lambda w, run: preferences.choose(w, {}),
    "describe a data set": lambda w, run: datasets.describe(w, run.dataset_id, name="x", description=""),
    "remove a data set": lambda w, run: datasets.remove(w, run.dataset_id),
    "restore a data set": lambda w, run: datasets.restore(w, run.dataset_id),
    "decide on a row": lambda w, run: revising.take_back(w, run.dataset_id, "train:1"),
    "write decisions": lambda w, run: revising.write(w, run.dataset_id, revising.Decisions()),
    "revise": lambda w, run: revising.revise(w, run.dataset_id),
    "begin a study": lambda w, run: records.keep(w, STUDY),
    "stop a study": lambda w, run: records.stop(w, STUDY),
    "remove a study": lambda w, run: records.remove(w, "aaaaaa"),
    "resume a search": lambda w, run: search.resume(w, STUDY),
    "begin a whole file": lambda w, run: batches.begin(w, run.id, workbench.read_step("aaaaaa", Options()), "text"),
    "go on with a whole file": lambda w, run: batches.go_on(w, run.id, "aaaaaa"),
    "remove a whole file": lambda w, run: batches.remove(w, run.id, "aaaaaa"),
    "push": lambda w, run: export.push(w, run.id, "me/my-model"),
    "score what was brought": lambda w, run: importing.score(w, run, None),
    "take from the hub": lambda w, run: workbench.keep_hub(w, None, "default", ["train"]),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A workspace with a run that has ended and an upload, for what may not change it."""
    workspace = Workspace.open(tmp_path_factory.mktemp("kept"))
    workspace.upload("aaaaaa").folder.mkdir(parents=True)
    workspace.upload("aaaaaa").info.write_text("{}")
    store, paths = Store(workspace), workspace.run("bbbbbb")
    store.add(id="bbbbbb", name="n", dataset_id="dddddd", dataset_name="d", model_name="m", slot="cpu")
    paths.model.mkdir(parents=True)
    config = TrainingConfig(model="tiny").model_dump()
    paths.config.write_text(json.dumps({"dataset_id": "dddddd", "config": config}))
    paths.metrics.write_text("{}")
    store.claim("bbbbbb", os.getpid())
    store.end("bbbbbb", Status.FINISHED, os.getpid())
    return workspace


@pytest.mark.parametrize("change", CHANGES)
def test_looking_only_is_enforced_by_the_engine(kept, change, monkeypatch):
    run, files = queue.get_run(kept, "bbbbbb"), {path for path in kept.root.rglob("*") if path.is_file()}
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    with pytest.raises(ReadOnlyError, match="view-only"):
        CHANGES[change](kept, run)
    assert queue.list_runs(kept) == [run]
    assert {path for path in kept.root.rglob("*") if path.is_file()} == files


def test_whoever_may_only_look_starts_nothing_that_waits(workspace, monkeypatch):
    store = Store(workspace)
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    assert [run.status for run in queue.list_runs(workspace)] == [Status.QUEUED]
    assert store.get("aaaaaa").launched is None and not workspace.watcher_log.exists()
