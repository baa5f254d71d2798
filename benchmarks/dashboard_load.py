"""The dashboard under load: python -m benchmarks.dashboard_load [--visitors 20] [--seconds 20] [--runs 500] [--rows 1000000]

Watching   A bundled model trains. Its visitors come, and then, in turn, all of them watch it or none does, so many seconds
           each. Printed: the time from a tick to its answer (median, 95th percentile), the training's speed while they watch
           beside that of the seconds before and after, what the server and the visitors themselves took of a core (in life
           those are other machines), and the server's memory for each visitor.
Size       Every page is opened in a workspace with 5 runs and a data set of 1,000 rows, and in one with many runs and a
           large data set, in turn. Printed: the median seconds of each, and the ratio.

--only watching or --only size measures one of them. Visitors speak to a real server over websockets
(benchmarks/dashboard.py).
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.dashboard import Dashboard, Visitor
from benchmarks.resume_cost import until
from engine.data.datasets import DatasetInfo, save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.paths import Workspace
from engine.runs import queue
from engine.runs.events import read_events, seconds_at
from engine.runs.store import Status, Store
from engine.settings import TrainingConfig

PAGES = ("", "train", "runs", "evaluate", "compare", "predict", "settings")
OPENED = 11
ROUNDS = 3  # in which they watch, with one before, between and after in which they do not
SETTLING = 8.0  # seconds until all have come, and their timers fit their number


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("watching", "size"))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        if asked.only != "size":
            watching(Workspace.open(Path(folder) / "live"), asked.visitors, asked.seconds)
        if asked.only != "watching":
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
        visitors = [Visitor(server.port, "runs", f"run={run.id}") for _ in range(count)]
        asyncio.run(_in_turn(workspace, run.id, server, visitors, seconds))
    queue.stop(workspace, run.id, keep=False)
    until(workspace, run.id, lambda run: run.status.ended)


async def _in_turn(workspace: Workspace, run_id: str, server: Dashboard, visitors: list[Visitor], seconds: float) -> None:
    path, processes = workspace.run(run_id).events, (psutil.Process(server.process.pid), psutil.Process())
    await visitors[0].open()
    empty = server.memory()
    for visitor in visitors[1:]:
        await visitor.open()
    await _watch(visitors, SETTLING)
    for visitor in visitors:
        visitor.ticks.clear()
    speeds, took = [await asyncio.to_thread(_speed, path, seconds)], [0.0, 0.0]
    for _ in range(ROUNDS):
        before = [sum(process.cpu_times()[:2]) for process in processes]
        watched = asyncio.create_task(_watch(visitors, seconds))
        speeds.append(await asyncio.to_thread(_speed, path, seconds))
        await watched
        took = [all_ + sum(p.cpu_times()[:2]) - b for all_, p, b in zip(took, processes, before, strict=True)]
        speeds.append(await asyncio.to_thread(_speed, path, seconds))
    full = server.memory()
    for visitor in visitors:
        await visitor.close()
    ticks = np.array([tick for visitor in visitors for tick, _ in visitor.ticks]) * 1000
    ratios = [speeds[at] / ((speeds[at - 1] + speeds[at + 1]) / 2) - 1 for at in range(1, len(speeds), 2)]
    missed, shares = sum(visitor.missed for visitor in visitors), [one / ROUNDS / seconds for one in took]
    print(
        f"{len(visitors)} visitors watch a run, {ROUNDS} times {seconds:.0f} s; {len(ticks):,} ticks, {missed} unanswered\n"
    )
    print(f"tick to answer   median {np.median(ticks):.0f} ms, 95% within {np.quantile(ticks, 0.95):.0f} ms")
    print(f"training         {', '.join(f'{one:.1f}' for one in speeds)} texts/s, unwatched and watched in turn")
    print(f"watched          {', '.join(f'{one:+.1%}' for one in ratios)}; {statistics.mean(ratios):+.1%} in the mean")
    print(f"of one core      the server {shares[0]:.1%}, the visitors themselves {shares[1]:.1%}")
    print(
        f"server memory    {empty / 1e6:.0f} MB, then {(full - empty) / 1e6 / len(visitors):.1f} MB for each visitor",
        flush=True,
    )


async def _watch(visitors: list[Visitor], seconds: float) -> None:
    await asyncio.gather(*(visitor.watch(seconds) for visitor in visitors))


def _speed(path: Path, seconds: float) -> float:
    """Texts that the run learns per second, from now on; the scoring between its rounds is left out."""
    offset = read_events(path)[1]
    time.sleep(seconds)
    steps = [one for one in read_events(path, offset)[0] if one["kind"] == "step"]
    pairs = [(one, two) for one, two in pairwise(steps) if one["epoch"] == two["epoch"]]
    spent = sum(seconds_at(two["at"]) - seconds_at(one["at"]) for one, two in pairs)
    return sum(two["texts"] for _, two in pairs) / spent


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
    columns = "status = 'finished', started_at = created_at, ended_at = created_at, accuracy = 0.8, macro_f1 = 0.8"
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
    run = queue.submit(workspace, config, dataset_id=info.id, dataset_name=info.name, model_name="Word counting")
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
    print(f"\n| page | 5 runs, 1,000 rows | {runs:,} runs, {rows:,} rows | ratio |\n| --- | --- | --- | --- |")
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
