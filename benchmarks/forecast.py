"""What a run was said to take, and what it took: python -m benchmarks.forecast FOLDER [options]

Runs the real command line for each set, in a workspace of its own: `python -m engine forecast TRAIN --test TEST --json`,
then `python -m engine train` with the same options. Beside each other: the seconds of the run (from the claim by its worker
to the end) and the most memory that its process held (Linux's VmHWM, read twice a second; on an NVIDIA card the forecast
is of the card's memory and there is no figure beside it).

Wanted: seconds within 25% for runs of over a minute, memory within 20%; a miss is marked. Both measurements suffer from
whatever else the machine does, so that it should do nothing else.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from benchmarks import common
from engine.paths import Workspace
from engine.runs import queue

SETS = ("sst2", "emotion", "banking77", "sms_spam", "polarity_v2")
TIME_WITHIN, MEMORY_WITHIN, LONG = 0.25, 0.20, 60
LOOK_SECONDS = 0.5


def main() -> None:
    parser = common.arguments(__doc__, SETS, 1)
    parser.add_argument("--preset", default="balanced", choices=("quick", "balanced", "thorough"))
    parser.add_argument("--set", action="append", default=[], metavar="field=value", help="as of train")
    asked = parser.parse_args()
    files = {name: common.parts(asked.folder, name) for name in asked.sets}
    records = common.Records(asked.json)
    for name, (train, test) in files.items():
        for seed in range(1, asked.seeds + 1):
            with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as folder:
                if asked.rows:
                    some = common.some(common.read(train), asked.rows)
                    train = common.write(Path(folder) / "train.csv", some)
                options = [
                    str(train.resolve()),
                    "--test",
                    str(test.resolve()),
                    "--text",
                    "text",
                    "--label",
                    "label",
                ]
                options += ["--preset", asked.preset, "--workspace", folder, "--json"]
                for setting in [*asked.set, f"seed={seed}"]:
                    options += ["--set", setting]
                said = engine("forecast", *options)
                memory = Watch(Workspace.open(folder))
                took = engine("train", *options)
                records.add(
                    set=name,
                    seed=seed,
                    said=said,
                    seconds=took["seconds"],
                    memory_bytes=memory.most(),
                )
                common.told(f"{name}, seed {seed}: {said['seconds']:.0f} s said, {took['seconds']:.0f} s taken")
    print(table(records), flush=True)


def engine(*arguments: str) -> dict:
    command = [sys.executable, "-m", "engine", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=common.ROOT, env={**os.environ, **common.OFFLINE})
    if done.returncode:
        raise SystemExit(f"{arguments[0]} failed: {done.stderr.strip().splitlines()[-2:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Watch:
    """Looks, from now on, how much memory the process of the workspace's run has held."""

    def __init__(self, workspace: Workspace):
        self.workspace, self.found, self.over = workspace, 0, threading.Event()
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()

    def most(self) -> int:
        """Bytes; 0 where the system does not tell."""
        self.over.set()
        self.thread.join()
        return self.found

    def _look(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            for run in queue.list_runs(self.workspace):
                with suppress(OSError):
                    status = Path(f"/proc/{run.pid}/status").read_text(encoding="ascii", errors="replace")
                    if held := re.search(r"VmHWM:\s*(\d+) kB", status):
                        self.found = max(self.found, int(held[1]) * 1024)


def table(records: common.Records) -> str:
    lines = []
    for one in records:
        said, seconds, memory = one["said"], one["seconds"], one["memory_bytes"]
        time_off = said["seconds"] / seconds - 1
        memory_off = said["memory_bytes"] / memory - 1 if memory else None
        lines.append(
            [
                one["set"],
                one["seed"],
                f"{said['seconds']:.0f}",
                f"{seconds:.0f}",
                f"{time_off:+.0%} {mark(time_off, TIME_WITHIN) if seconds > LONG else '(short)'}",
                f"{said['memory_bytes'] / 1e9:.2f}",
                f"{memory / 1e9:.2f}" if memory else "",
                f"{memory_off:+.0%} {mark(memory_off, MEMORY_WITHIN)}" if memory else "",
            ]
        )
    header = ["set", "seed", "seconds, forecast", "seconds", "off by", "GB, forecast", "GB", "off by"]
    return common.markdown(header, lines)


def mark(off: float, within: float) -> str:
    return "✓" if abs(off) <= within else "✗"


if __name__ == "__main__":
    main()
