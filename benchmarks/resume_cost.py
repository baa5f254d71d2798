"""What saved states cost, and what an interruption costs: python -m benchmarks.resume_cost FOLDER [options]

Trains the bundled model by the real queue, twice with the same settings and seed: once undisturbed, and once killed
(SIGKILL) in the middle and resumed. Prints

  saving        seconds and share of the training time that went into states (each written, flushed, read again, checked)
  state         bytes of one state, and how many were written
  interruption  steps that were done twice, and by how much longer the interrupted run worked
  same model    whether both ended with the same weights to the bit

--every S lets a state come every S seconds at most; 0 lets them come as often as the limit on saving allows.
"""

import argparse
import os
import signal
import tempfile
import time
from pathlib import Path

from benchmarks import common
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.paths import RunPaths, Workspace
from engine.runs import queue
from engine.runs.events import read_events, seconds_at
from engine.runs.store import Run
from engine.training.plan import plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="holds sst2/train.csv")
    parser.add_argument("--rows", type=int, default=1920)
    parser.add_argument("--every", type=int, default=60, metavar="S")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
        rows = common.some(common.read(asked.folder / "sst2" / "train.csv"), asked.rows)
        table = read_file(common.write(Path(folder) / "train.csv", rows))
        workspace = Workspace.open(Path(folder) / "workspace")
        info = save(workspace, draft(table, Recipe(text="text", label="label")))
        planned = plan(workspace, info, "bundled", "balanced")
        config = planned.config(checkpoint_seconds=asked.every, freeze_embeddings=False)

        def start() -> Run:
            return queue.submit(workspace, config, dataset_id=info.id, dataset_name=info.name, model_name="bundled")

        whole = until(workspace, start().id, lambda run: run.status.ended)
        saving(workspace.run(whole.id))
        run_id = start().id
        half = until(workspace, run_id, lambda run: run.phase == "training" and run.step > run.steps * 0.55)
        os.kill(half.pid, signal.SIGKILL)
        until(workspace, run_id, lambda run: run.status.ended)
        queue.resume(workspace, run_id)
        resumed = until(workspace, run_id, lambda run: run.status.ended)
        interruption(workspace.run(whole.id), workspace.run(resumed.id), whole, resumed, half)


def until(workspace: Workspace, run_id: str, reached) -> Run:
    while not reached(run := queue.get_run(workspace, run_id)):
        time.sleep(0.2)
    return run


def saving(paths: RunPaths) -> None:
    events = read_events(paths.events)[0]
    steps = [one for one in events if one["kind"] == "step"]
    saved = [one for one in events if one["kind"] == "saved"]
    began = next(one for one in events if one["kind"] == "phase" and one["name"] == "training")
    training = seconds_at(saved[-1]["at"]) - seconds_at(began["at"])
    cost = sum(one["seconds"] for one in saved)
    size = max(path.stat().st_size for path in paths.checkpoints.glob("[0-9]*.safetensors"))
    print(f"training       {training:.1f} s, {steps[-1]['step']} steps")
    print(f"saving         {cost:.2f} s, {cost / training:.1%} of the training")
    print(f"state          {size / 1e6:,.0f} MB, written {len(saved)} times", flush=True)


def interruption(first: RunPaths, second: RunPaths, whole: Run, resumed: Run, half: Run) -> None:
    notes = " ".join(one["text"] for one in read_events(second.events)[0] if one["kind"] == "note")
    went_on = int(notes.split("Resumed after step ")[1].split(".")[0]) if "Resumed after" in notes else 0
    same = (first.model / "model.safetensors").read_bytes() == (second.model / "model.safetensors").read_bytes()
    print(f"interruption   killed after step {half.step}, resumed after step {went_on}")
    print(f"               worked {resumed.seconds:.1f} s in all, undisturbed {whole.seconds:.1f} s")
    print(f"same model     {'to the bit' if same else 'NO'}")


if __name__ == "__main__":
    main()
