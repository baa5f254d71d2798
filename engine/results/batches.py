"""Whole files that the model of a run answers: begun in a process of their own, watched, broken off, taken away.

The process and whoever watches it meet only in files (engine/serving/batch.py), so that neither a refresh nor a closed tab
costs anything, and what died goes on after the last part that is whole.
"""

import os
import shutil
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock

from engine import libraries
from engine.data import workbench
from engine.data.workbench import Step
from engine.errors import TuneboardError
from engine.paths import BatchPaths, RunPaths, Workspace, read_json, write_json, writing
from engine.processes import complain, identity, is_there, kill, start_apart
from engine.runs import queue
from engine.serving import batch
from engine.serving.batch import Job

TOLD_SECONDS = 0.5  # between two reports of the progress


class State(StrEnum):
    RUNNING = "running"
    DONE = "done"
    BROKEN_OFF = "broken off"  # goes on when somebody says so
    FAILED = "failed"


@dataclass(frozen=True)
class Standing:
    """How far a job is. done: rows. error: why it failed, a sentence and what to do."""

    key: str
    job: Job
    state: State
    done: int
    error: tuple[str, str] = ("", "")


def begin(workspace: Workspace, run_id: str, reading: Step, column: str) -> str:
    """Let the run's model answer a table that was read; returns the key of the job. One that was begun before goes on."""
    workspace.may_change()
    paths, table = (
        workspace.run(queue.get_askable(workspace, run_id).id),
        reading.folder(workspace) / "table.parquet",
    )
    key = batch.key_of(reading.key, paths.model, reading.settings, column)
    job = paths.batch(key)
    with writing(job.folder):
        job.folder.mkdir(parents=True, exist_ok=True)
        if not job.table.exists():
            _link(table, job.table)
    facts = workbench.facts_of(workspace, reading)
    unread = workbench.rejected(workspace, reading)
    batch.begin(job, facts["name"], column, unread, facts["rejected_count"])
    go_on(workspace, run_id, key)
    return key


def go_on(workspace: Workspace, run_id: str, key: str) -> None:
    """Start the process of a job, unless it is there or not needed."""
    workspace.may_change()
    paths = workspace.run(run_id).batch(key)
    with FileLock(paths.starting):  # of two who ask at once, the second one finds the process of the first
        if standing(paths).state in (State.RUNNING, State.DONE):
            return
        paths.error.unlink(missing_ok=True)
        pid = start_apart(paths.log, "engine.results.batches", workspace.root, run_id, key)
        write_json(paths.process, {"pid": pid, "process": identity(pid)})


def jobs(paths: RunPaths) -> list[Standing]:
    """The jobs of a run, the newest first."""
    begun = [BatchPaths(job.parent) for job in paths.batches.glob("*/job.json")]
    return sorted(map(standing, begun), key=lambda one: one.job.created_at, reverse=True)


def standing(paths: BatchPaths) -> Standing:
    job = batch.read(paths)
    if batch.is_done(paths):
        return Standing(paths.folder.name, job, State.DONE, job.rows)
    done = read_json(paths.progress)["done"] if paths.progress.exists() else 0
    if paths.process.exists():
        record = read_json(paths.process)
        if is_there(record["pid"], record["process"]):
            return Standing(paths.folder.name, job, State.RUNNING, done)
    if paths.error.exists():
        error = read_json(paths.error)
        return Standing(paths.folder.name, job, State.FAILED, done, (error["message"], error["action"]))
    return Standing(paths.folder.name, job, State.BROKEN_OFF, done)


def remove(workspace: Workspace, run_id: str, key: str) -> None:
    """End the process of a job, if it has one, and remove all that it wrote."""
    workspace.may_change()
    paths = workspace.run(run_id).batch(key)
    if paths.process.exists():
        record = read_json(paths.process)
        kill(record["pid"], record["process"])
    shutil.rmtree(paths.folder, ignore_errors=True)


# -- doing it ---------------------------------------------------------------------------------------


def main(root: str, run_id: str, key: str) -> int:
    """The process of a job."""
    workspace = Workspace(Path(root))
    paths = workspace.run(run_id).batch(key)
    try:
        with libraries.loading():
            from engine.serving.predictor import Predictor

        batch.answer(paths, Predictor(workspace.run(run_id).model), teller(paths))
    except TuneboardError as error:
        complain(error)
        if error.code != "busy":  # then another process works on it, and nothing has failed
            write_json(paths.error, {"message": error.message, "action": error.action})
        return 2
    except Exception as error:  # ours: the log has it, and it is said instead of being tried again and again
        what = f"The file could not be predicted because of an unexpected error ({type(error).__name__})."
        write_json(paths.error, {"message": what, "action": f"Please report it; the details are in {paths.log}."})
        raise
    return 0


def teller(paths: BatchPaths) -> batch.Progress:
    """Writes down how many rows are done, about twice a second."""
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told > TOLD_SECONDS or done == total:
            told = time.monotonic()
            write_json(paths.progress, {"done": done})

    return tell


def _link(table: Path, to: Path) -> None:
    """The same file under another name, or a copy where the disk knows no such thing."""
    growing = to.with_name(f"{to.name}.{os.getpid()}")
    try:
        growing.hardlink_to(table)
    except OSError:
        shutil.copyfile(table, growing)
    growing.replace(to)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
