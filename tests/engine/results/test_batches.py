import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from engine import cli
from engine.cli import commands
from engine.data import workbench
from engine.data.reading import Options
from engine.errors import ReadOnlyError
from engine.results import batches
from engine.results.batches import State
from engine.serving import batch
from tests.engine.runs.helpers import submit, wait
from tests.words import easy_texts

ROWS = 5 * batch.ROWS - 8


@pytest.fixture
def run(workspace, easy, tiny_model):
    return wait(workspace, submit(workspace, easy, tiny_model, epochs=1).id)


@pytest.fixture
def reading(workspace, tmp_path):
    """Five parts of texts, read."""
    path, texts = tmp_path / "many.csv", easy_texts(700, seed=3)
    rows = [f'{number},"{texts[number % 700][0]}"' for number in range(ROWS - 1)]
    path.write_text("\n".join(["id,text", *rows, "last,"]))
    with path.open("rb") as file:
        step = workbench.read_step(workbench.keep(workspace, file, path.name), Options())
    assert workbench.ensure(workspace, step).done
    return step


def until(found, seconds: float = 60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_job_goes_on_to_the_result_of_an_uninterrupted_one(workspace, run, reading, tmp_path):
    paths = workspace.run(run.id)
    job = paths.batch(batches.begin(workspace, run.id, reading, "text"))
    until(lambda: job.part(1).exists())
    os.kill(batches.read_json(job.process)["pid"], signal.SIGKILL)
    until(lambda: batches.standing(job).state != State.RUNNING)
    broken = batches.standing(job)
    assert broken.state == State.BROKEN_OFF and broken.job.rows == ROWS
    before = {part.name: part.stat().st_mtime_ns for part in job.parts.glob("*.npy")}
    assert 2 <= len(before) < 5
    assert [one.key for one in batches.jobs(paths)] == [job.folder.name]
    batches.go_on(workspace, run.id, broken.key)
    until(lambda: batches.standing(job).state == State.DONE)
    after = {part.name: part.stat().st_mtime_ns for part in job.parts.glob("*.npy")}
    assert before.items() <= after.items() and len(after) == 5
    resumed = [(job.parts / name).read_bytes() for name in sorted(after)]
    batches.remove(workspace, run.id, broken.key)
    assert not job.folder.exists() and batches.jobs(paths) == []
    # The same on the command line, without a break: the same answers.
    out = tmp_path / "out.jsonl"
    asked = ["predict", run.id, "--file", str(tmp_path / "many.csv"), "--out", str(out), "--probabilities"]
    kept = []
    rmtree, commands.shutil.rmtree = commands.shutil.rmtree, lambda folder: kept.append(folder)
    try:
        assert cli.main(asked) == 0
    finally:
        commands.shutil.rmtree = rmtree
    assert [part.read_bytes() for part in sorted((kept[0] / "parts").glob("*.npy"))] == resumed
    lines = out.read_text().splitlines()
    assert len(lines) == ROWS
    assert lines[0].startswith('{"id":"0"') and '"problem":"The text is empty."' in lines[-1]


def test_a_job_can_be_cancelled_and_says_what_went_wrong(workspace, run, reading, monkeypatch):
    job = workspace.run(run.id).batch(batches.begin(workspace, run.id, reading, "text"))
    pid = batches.read_json(job.process)["pid"]
    batches.remove(workspace, run.id, job.folder.name)
    until(lambda: batches.identity(pid) is None)
    assert not job.folder.exists()
    (workspace.run(run.id).model / "model.safetensors").write_bytes(b"damaged")
    job = workspace.run(run.id).batch(batches.begin(workspace, run.id, reading, "text"))
    until(lambda: batches.standing(job).state != State.RUNNING)
    failed = batches.standing(job)
    assert failed.state == State.FAILED and all(failed.error)
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    with pytest.raises(ReadOnlyError):
        batches.go_on(workspace, run.id, failed.key)


def test_a_second_process_of_a_job_neither_starts_nor_makes_it_look_failed(workspace, run, reading, monkeypatch):
    job = workspace.run(run.id).batch(batches.begin(workspace, run.id, reading, "text"))
    until(lambda: job.part(0).exists())
    os.kill(batches.read_json(job.process)["pid"], signal.SIGKILL)
    until(lambda: batches.standing(job).state != State.RUNNING)
    with FileLock(job.lock):  # as if another process worked on it
        batches.go_on(workspace, run.id, job.folder.name)
        until(lambda: batches.standing(job).state != State.RUNNING)
        assert batches.standing(job).state == State.BROKEN_OFF and not job.error.exists()
    started, start = [], batches.start_apart
    monkeypatch.setattr(batches, "start_apart", lambda *asked: started.append(asked) or start(*asked))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: batches.go_on(workspace, run.id, job.folder.name), range(4)))
    assert len(started) == 1
    until(lambda: batches.standing(job).state == State.DONE)
