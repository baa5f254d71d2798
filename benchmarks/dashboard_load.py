"""The dashboard under load: python -m benchmarks.dashboard_load [--visitors 20] [--seconds 40] [--runs 500] [--rows 1000000]

Watching   A bundled model trains; for a while nobody watches, then the visitors all watch that run, then nobody again.
           Printed: the time from a tick to its answer (median, 95th percentile), the training's speed with visitors beside
           that without, and the server's memory for each visitor.
Size       Every page is opened in a workspace with 5 runs and a data set of 1,000 rows, and in one with many runs and a
           large data set, in turn. Printed: the median seconds of each, and the ratio.

Visitors speak to a real server over websockets (benchmarks/dashboard.py).
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.dashboard import Dashboard, Visitor
from benchmarks.resume_cost import until
from engine.data.datasets import DatasetInfo, save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.paths import Workspace
from engine.runs import queue
from engine.runs.events import History, seconds_at
from engine.runs.store import Status, Store
from engine.settings import TrainingConfig

PAGES = ("", "train", "runs", "evaluate", "predict")
OPENED = 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        watching(Workspace.open(Path(folder) / "live"), asked.visitors, asked.seconds)
        small = filled(Workspace.open(Path(folder) / "small"), 5, 1_000)
        large = filled(Workspace.open(Path(folder) / "large"), asked.runs, asked.rows)
        size(small, large, asked.runs, asked.rows)


def watching(workspace: Workspace, count: int, seconds: float) -> None:
    info = save(workspace, draft(read_sample("support"), Recipe(text="text", label="label")))
    run = queue.submit(
        workspace,
        TrainingConfig(epochs=200, max_tokens=64),
        dataset_id=info.id,
        dataset_name=info.name,
        model_name="bundled",
    )
    until(workspace, run.id, lambda run: run.phase == "training" and run.step > 20)
    with Dashboard(workspace.root) as server:
        asyncio.run(_visit(server, 1, run.id, 3))
        speeds, empty = [_speed(workspace, run.id, seconds / 2)], server.memory()
        visitors, learnt, full = asyncio.run(_measured(server, workspace, run.id, count, seconds))
        speeds += [learnt, _speed(workspace, run.id, seconds / 2)]
    queue.stop(workspace, run.id, keep=False)
    until(workspace, run.id, lambda run: run.status.ended)
    ticks = np.array([tick for visitor in visitors for tick, _ in visitor.ticks])
    alone = (speeds[0] + speeds[2]) / 2
    missed = sum(visitor.missed for visitor in visitors)
    print(
        f"{count} visitors watch a run for {seconds:.0f} s; {len(ticks):,} ticks of the progress, {missed} unanswered\n"
    )
    print(
        f"tick to answer   median {np.median(ticks) * 1000:.0f} ms, 95% within {np.quantile(ticks, 0.95) * 1000:.0f} ms"
    )
    print(
        f"training         {speeds[1]:.1f} texts/s watched, {speeds[0]:.1f} and {speeds[2]:.1f} before and after: "
        f"{speeds[1] / alone - 1:+.0%}"
    )
    print(
        f"server memory    {empty / 1e6:.0f} MB, then {(full - empty) / 1e6 / count:.1f} MB for each visitor",
        flush=True,
    )


async def _visit(server: Dashboard, count: int, run_id: str, seconds: float) -> list[Visitor]:
    visitors = [Visitor(server.port, "runs", f"run={run_id}") for _ in range(count)]
    for visitor in visitors:
        await visitor.open()
    await asyncio.gather(*(visitor.watch(seconds) for visitor in visitors))
    for visitor in visitors:
        await visitor.close()
    return visitors


async def _measured(
    server: Dashboard, workspace: Workspace, run_id: str, count: int, seconds: float
) -> tuple[list[Visitor], float, int]:
    """(the visitors, texts learnt per second meanwhile, the server's memory in bytes)."""
    task = asyncio.create_task(_visit(server, count, run_id, seconds))
    await asyncio.sleep(seconds * 0.2)  # all have come
    learnt = await asyncio.to_thread(_speed, workspace, run_id, seconds * 0.7)
    memory = server.memory()
    return await task, learnt, memory


def _speed(workspace: Workspace, run_id: str, seconds: float) -> float:
    """Texts that the run learns per second, from now on."""
    path = workspace.run(run_id).events
    before = History.read(path)
    time.sleep(seconds)
    after = History.read(path)
    texts = sum(one["texts"] for one in after.steps[len(before.steps) :])
    return texts / (seconds_at(after.steps[-1]["at"]) - seconds_at(before.steps[-1]["at"]))


def filled(workspace: Workspace, runs: int, rows: int) -> Workspace:
    """A workspace with a data set of so many rows, and so many finished runs: one trained, the others its copies."""
    small = save(workspace, draft(read_sample("support"), Recipe(text="text", label="label")))
    save(workspace, _large(workspace, rows))
    first = _trained(workspace, small)
    store = Store(workspace)
    store.pause_queue(True)
    for number in range(runs - 1):
        run_id = f"copy{number:06}"
        shutil.copytree(workspace.run(first.id).folder, workspace.run(run_id).folder)
        store.add(
            id=run_id,
            name=f"Copy {number}",
            dataset_id=small.id,
            dataset_name=small.name,
            model_name=first.model_name,
            slot="cpu",
        )
    columns = (
        "status = 'finished', started_at = created_at, ended_at = created_at, accuracy = 0.8, macro_f1 = 0.8"
    )
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE runs SET {columns} WHERE id LIKE 'copy%'")  # noqa: S608 (ours)
    store.pause_queue(False)
    return workspace


def _large(workspace: Workspace, rows: int):
    path = workspace.root / "large.csv"
    chance = np.random.default_rng(0)
    words = np.array(["good", "bad", "late", "fast", "box", "mail", "price", "call", "screen", "order"])
    texts = [" ".join(one) for one in words[chance.integers(0, 10, (rows, 25))]]
    pd.DataFrame({"text": texts, "label": chance.choice(["a", "b", "c"], rows)}).to_csv(path, index=False)
    return draft(read_file(path), Recipe(text="text", label="label"))


def _trained(workspace: Workspace, info: DatasetInfo):
    config = TrainingConfig(model="tfidf")
    run = queue.submit(
        workspace, config, dataset_id=info.id, dataset_name=info.name, model_name="Word counting"
    )
    ended = until(workspace, run.id, lambda run: run.status.ended)
    if ended.status != Status.FINISHED:
        raise SystemExit(f"The run that is to be copied failed: {ended.message}")
    return ended


def size(small: Workspace, large: Workspace, runs: int, rows: int) -> None:
    with Dashboard(small.root) as few, Dashboard(large.root) as many:
        times = {page: ([], []) for page in PAGES}
        for _ in range(OPENED + 1):
            for page in PAGES:
                for server, found in zip((few, many), times[page], strict=True):
                    found.append(asyncio.run(_opened(server, page)))
    print(
        f"\n| page | 5 runs, 1,000 rows | {runs:,} runs, {rows:,} rows | ratio |\n| --- | --- | --- | --- |"
    )
    for page, pair in times.items():
        a, b = (statistics.median(found[1:]) for found in pair)  # the first one fills caches
        print(f"| {page or 'data'} | {a:.3f} s | {b:.3f} s | {b / a:.2f} |")


async def _opened(server: Dashboard, page: str) -> float:
    visitor = Visitor(server.port, page)
    seconds = await visitor.open()
    await visitor.close()
    return seconds


if __name__ == "__main__":
    main()
