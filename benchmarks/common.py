"""What the benchmarks of training share: public data sets, a process for each contestant, Tuneboard's own command, tables.

Imports nothing heavy: a process that starts others should stay small, and a peer may live in an environment of its own.
"""

import argparse
import contextlib
import csv
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


class Rows(NamedTuple):
    texts: list[str]
    labels: list[str]


# -- data sets --------------------------------------------------------------------------------------


def read(path: Path | str) -> Rows:
    """The columns text and label of a CSV file, exactly as they are written; an empty field is an empty text."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            pairs = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    except OSError as error:
        raise SystemExit(
            f"{path} cannot be read ({error.strerror}). FOLDER holds sst2/train.csv, sst2/test.csv, emotion/train.csv ..."
        ) from None
    except KeyError as error:
        raise SystemExit(f"{path} has no column {error}; it needs the columns text and label.") from None
    if not pairs:
        raise SystemExit(f"{path} has no rows.")
    return Rows(*map(list, zip(*pairs, strict=True)))


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(*rows, strict=True))
    return path


def some(rows: Rows, count: int | None, seed: int = 0) -> Rows:
    """`count` of the rows, drawn by chance; all of them, as they stand, when there are not more or count is None."""
    if count is None or count >= len(rows.texts):
        return rows
    return at(rows, random.Random(seed).sample(range(len(rows.texts)), count))  # noqa: S311 (no secret)


def shots(rows: Rows, per_class: int, seed: int) -> Rows:
    """`per_class` rows of every label (all, where it has fewer), drawn by chance, in mixed order."""
    chance, places = random.Random(seed), {}  # noqa: S311 (no secret)
    for place, label in enumerate(rows.labels):
        places.setdefault(label, []).append(place)
    drawn = [place for _, found in sorted(places.items()) for place in chance.sample(found, min(per_class, len(found)))]
    chance.shuffle(drawn)
    return at(rows, drawn)


def at(rows: Rows, places: Sequence[int]) -> Rows:
    return Rows([rows.texts[place] for place in places], [rows.labels[place] for place in places])


# -- the command line of a benchmark ----------------------------------------------------------------


def arguments(about: str, sets: Sequence[str], repetitions: int) -> argparse.ArgumentParser:
    """FOLDER, --sets, --seeds, --rows and --json; and --measure, with which a benchmark calls itself."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the public data sets, a folder each")
    parser.add_argument("--sets", nargs="+", default=list(sets), help=f"default: {' '.join(sets)}")
    parser.add_argument(
        "--seeds", "--repetitions", type=int, default=repetitions, help="seeds 1 to N (default: %(default)s)"
    )
    parser.add_argument("--rows", type=int, help="at most so many training rows, drawn by chance")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write every single measurement there, as it comes")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "TASK"), help=argparse.SUPPRESS)
    return parser


def parts(folder: Path, name: str) -> tuple[Path, Path]:
    """train.csv and test.csv of a data set. Ends the program, with a sentence, where they are missing."""
    if not folder.is_dir():
        raise SystemExit(f"There is no folder {folder}.")
    found = folder / name / "train.csv", folder / name / "test.csv"
    for path in found:
        if not path.is_file():
            raise SystemExit(f"There is no {path}. Leave the set out with --sets, or give another FOLDER.")
    return found


class Records(list):
    """The measurements so far, each also written to a file, so that an interrupted benchmark loses nothing."""

    def __init__(self, path: Path | None):
        super().__init__()
        self.path = path

    def add(self, **record: object) -> dict:
        self.append(record)
        if self.path:
            self.path.write_text(json.dumps(self, indent=1, ensure_ascii=False), encoding="utf-8")
        return record

    def of(self, **wanted: object) -> list[dict]:
        return [one for one in self if all(one.get(key) == value for key, value in wanted.items())]


def told(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def several(values: Sequence[float], form: str) -> str:
    """'0.891 (0.889, 0.893)': the mean, and each where there are more than one."""
    mean = format(sum(values) / len(values), form)
    return mean if len(values) == 1 else f"{mean} ({', '.join(format(value, form) for value in values)})"


# -- processes --------------------------------------------------------------------------------------


def measure(asked: argparse.Namespace, contestants: dict[str, Callable[[dict], dict]]) -> bool:
    """In a process that `in_process` started: let the contestant work and print what it found."""
    if not asked.measure:
        return False
    what, task = asked.measure
    with contextlib.redirect_stdout(sys.stderr):  # peers print their progress
        found = contestants[what](json.loads(task))
    print(json.dumps(found))
    return True


def in_process(module: str, folder: Path, what: str, task: dict, python: Path = Path(sys.executable)) -> dict:
    """What contestant `what` of benchmark `module` finds, and `wall`: seconds of its process from start to end."""
    command = [str(python.absolute()), "-m", module, str(folder), "--measure", what, json.dumps(task)]
    return _timed(command, f"{what} in {python}")


def train_command(train: Path, test: Path, preset: str, *settings: str) -> dict:
    """`python -m engine train --json` in a workspace of its own, and `wall`: its seconds from start to end."""
    with tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-") as workspace:
        command = [
            sys.executable,
            "-m",
            "engine",
            "train",
            str(train.resolve()),
            "--test",
            str(test.resolve()),
        ]
        command += ["--text", "text", "--label", "label", "--preset", preset, "--workspace", workspace]
        for setting in settings:
            command += ["--set", setting]
        return _timed([*command, "--json"], f"Tuneboard's {preset}")


def _timed(command: list[str], name: str) -> dict:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **OFFLINE})
    wall = time.perf_counter() - start
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["it said nothing"]
        why = said[-1] if "Traceback" in done.stderr else " ".join(said[-2:])
        raise SystemExit(f"{name} failed: {why}")
    return {**json.loads(done.stdout.splitlines()[-1]), "wall": wall}


def peak_memory() -> int:
    """The most memory, in bytes, that this process has held so far.

    Linux's VmHWM and not getrusage's figure, which starts with that of the process that started this one.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
