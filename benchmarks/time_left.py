"""How true the time left is: python -m benchmarks.time_left FOLDER [--sets sst2 ...] [--rows N]

Trains by the real queue and notes several times a second what the store says is left, and afterwards what was left indeed.
Prints, for each set, the error at each tenth of the run (what was said, beside what it was), and how true it was from one
tenth of the run on: as a share of what was left then, and of the whole run; and in which phases it was not. A figure is true
within a quarter; "a few seconds", which people read instead of the last figures, where up to twice as many were left.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from benchmarks import common
from benchmarks.resume_cost import until
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.figures import A_FEW_SECONDS
from engine.paths import Workspace
from engine.runs import queue
from engine.training.plan import plan

WITHIN = 0.25


class Said(NamedTuple):
    """at: seconds since Start. left: seconds left as the store has them, None where nothing is said."""

    at: float
    left: float | None
    phase: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--sets", nargs="+", default=["sst2"])
    parser.add_argument("--rows", type=int, default=1920)
    parser.add_argument("--preset", default="balanced", choices=("quick", "balanced", "thorough"))
    asked = parser.parse_args()
    for name in asked.sets:
        with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
            rows = common.some(common.read(asked.folder / name / "train.csv"), asked.rows)
            table = read_file(common.write(Path(folder) / "train.csv", rows))
            said, whole = watch(Workspace.open(Path(folder) / "workspace"), table, asked.preset)
        report(name, said, whole)


def watch(workspace: Workspace, table, preset: str) -> tuple[list[Said], float]:
    """(what was said, twice a second; seconds of the whole)."""
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    planned = plan(workspace, info, "bundled", preset)
    start, said = time.monotonic(), []
    run = queue.submit(workspace, planned.config(), dataset_id=info.id, dataset_name=info.name, model_name="bundled")

    def look(run) -> bool:
        said.append(Said(time.monotonic() - start, run.seconds_left, run.phase))
        time.sleep(0.3)
        return run.status.ended

    until(workspace, run.id, look)
    return said[:-1], said[-1].at


def report(name: str, said: list[Said], whole: float) -> None:
    print(f"\n{name}: {whole:.1f} s in all\n\n| done | said to be left | was left | error, of what was left |")
    print("| --- | --- | --- | --- |")
    for tenth in range(1, 10):
        at, left, _ = min(said, key=lambda one: abs(one.at - whole * tenth / 10))
        told = "nothing" if left is None else f"{left:.1f} s | {whole - at:.1f} s | {left / (whole - at) - 1:+.0%}"
        print(f"| {tenth * 10}% | {told} |")
    later = [one for one in said if one.at >= whole / 10]
    known = [one for one in later if one.left is not None]
    near = [one for one in known if _is_true(one, whole - one.at)]
    few = sum(one.left <= A_FEW_SECONDS for one in known)
    largest = max(abs(one.left - (whole - one.at)) for one in known)
    print(
        f"\nFrom one tenth on: said at {len(known) / len(later):.0%} of the moments ({few} times 'a few seconds'), true at "
        f"{len(near) / len(later):.0%} of them; the largest error was {largest:.1f} s, {largest / whole:.0%} of the run."
    )
    for phase, count in Counter(one.phase for one in later).items():
        missed = [one for one in known if one.phase == phase and one not in near]
        if missed:
            errors = ", ".join(f"{one.left:.1f} for {whole - one.at:.1f}" for one in missed[:: len(missed) // 6 + 1])
            print(f"  {phase}: not at {len(missed)} of {count} moments ({errors} s)")


def _is_true(said: Said, was: float) -> bool:
    if said.left <= A_FEW_SECONDS:
        return was <= 2 * A_FEW_SECONDS
    return abs(said.left - was) <= WITHIN * was


if __name__ == "__main__":
    main()
