"""How soon the dashboard answers: python -m benchmarks.dashboard_start [--repeats 7]

Starts, in turn, an empty Streamlit app (one line) and Tuneboard, each as a process of its own, and measures the seconds
until the server says that it is healthy and until the first page is complete. Medians, and Tuneboard's beside the
empty app's. Each time a run of the bundled model is started as well, and stopped as soon as its worker shows that it
lives: the seconds from Start to that first sign of life.
"""

import argparse
import asyncio
import statistics
import tempfile
from pathlib import Path

from benchmarks.dashboard import ROOT, Dashboard, Visitor
from benchmarks.resume_cost import until
from engine.data.datasets import DatasetInfo, save
from engine.data.drafting import draft
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.paths import Workspace
from engine.runs import queue
from engine.runs.events import seconds_at
from engine.runs.store import clock
from engine.settings import TrainingConfig


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        empty = Path(folder) / "empty.py"
        empty.write_text("import streamlit as st\nst.title('Empty')\n")
        workspace, lives = Workspace.open(Path(folder) / "workspace"), []
        info = save(workspace, draft(read_sample("support"), Recipe(text="text", label="label")))
        found: dict[str, list[tuple[float, float]]] = {"empty app": [], "Tuneboard": []}
        for _ in range(asked.repeats):
            for name, app in (("empty app", empty), ("Tuneboard", ROOT / "app.py")):
                with Dashboard(workspace.root, app) as server:
                    found[name].append((server.seconds, asyncio.run(Visitor(server.port, "").open())))
            lives.append(first_sign(workspace, info))
    print("| | healthy after | first page complete after that |\n| --- | --- | --- |")
    medians = {name: [statistics.median(one) for one in zip(*times, strict=True)] for name, times in found.items()}
    for name, (healthy, page) in medians.items():
        print(f"| {name} | {healthy:.2f} s | {page:.2f} s |")
    ratios = [a / b for a, b in zip(medians["Tuneboard"], medians["empty app"], strict=True)]
    print(f"| ratio | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    print(f"\nFrom Start to the first sign of life of a run: {statistics.median(lives):.2f} s, at most {max(lives):.2f} s")


def first_sign(workspace: Workspace, info: DatasetInfo) -> float:
    """Seconds from Start until the worker of a run says that it has it."""
    start = clock()
    run = queue.submit(workspace, TrainingConfig(), dataset_id=info.id, dataset_name=info.name, model_name="bundled")
    run = until(workspace, run.id, lambda run: run.started_at)
    queue.stop(workspace, run.id, keep=False)
    until(workspace, run.id, lambda run: run.status.ended)
    return seconds_at(run.started_at) - start


if __name__ == "__main__":
    main()
