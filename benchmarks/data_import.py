"""How long a table takes from file to checked and split data set, beside merely reading it: python -m benchmarks.data_import

Prints, for 10 thousand, 100 thousand and a million rows: the time of each plain reader and of Tuneboard (each in a process
of its own, in turn, the median of three), the ratio to the fastest reader, the peak memory as a multiple of the file's size,
and rows per second. duckdb and polars take part where they are installed.
"""

import argparse
import csv
import importlib.util
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engine.data.samples import read_sample

ROWS = (10_000, 100_000, 1_000_000)
REPETITIONS = 3
READERS = ("pyarrow", "pandas", "duckdb", "polars")
STEPS = ("read", "check and split", "save")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measured(*asked.measure)))
        return
    installed = [name for name in READERS if importlib.util.find_spec(name)]
    with tempfile.TemporaryDirectory() as folder:
        for rows in asked.rows:
            path = Path(folder) / f"{rows}.csv"
            write_table(path, rows)
            compare(path, rows, installed)
            path.unlink()


def write_table(path: Path, rows: int) -> None:
    """Texts of 3 to 60 words, drawn as often as the samples use them; one in a hundred repeats the one before.

    One in fifty has a line break and quotes in it, one in ten letters beyond ASCII.
    """
    chance = random.Random(0)  # noqa: S311 (no secret)
    words = " ".join([*read_sample("support").frame["text"], *read_sample("reviews").frame["text"]]).split()
    labels = ["positive", "positive", "negative", "negative", "neutral", "other"]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label", "source"])
        text = "the first one"
        for number in range(rows):
            if number % 100:
                text = " ".join(chance.choices(words, k=chance.randint(3, 60)))
            if number % 50 == 1:
                text += '\nand a "second" line'
            if number % 10 == 2:
                text += " – naïve, no?"
            writer.writerow([number, text, chance.choice(labels), "web"])


def compare(path: Path, rows: int, readers: list[str]) -> None:
    size = path.stat().st_size
    found: dict[str, list[dict]] = {name: [] for name in [*readers, "tuneboard"]}
    for _ in range(REPETITIONS):
        for name, results in found.items():
            command = [sys.executable, "-m", "benchmarks.data_import", "--measure", name, str(path)]
            results.append(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    seconds = {name: statistics.median(one["seconds"] for one in results) for name, results in found.items()}
    memory = {name: max(one["peak"] for one in results) for name, results in found.items()}
    fastest = min(readers, key=seconds.get)
    print(f"\n{rows:,} rows, {size / 2**20:.1f} MB")
    for name in found:
        print(f"  {name:10} {seconds[name]:7.2f} s   peak {memory[name] / 2**20:7.0f} MB")
    parts = {step: statistics.median(one["parts"][step] for one in found["tuneboard"]) for step in STEPS}
    print("  tuneboard in parts: " + ", ".join(f"{step} {value:.2f} s" for step, value in parts.items()))
    without = seconds["tuneboard"] - parts["save"]
    print(
        f"  imported, checked and split: {without / seconds[fastest]:.1f} times as long as {fastest} reads; "
        f"with saving {seconds['tuneboard'] / seconds[fastest]:.1f} times"
    )
    print(f"  peak memory {memory['tuneboard'] / size:.1f} times the file; {rows / seconds['tuneboard']:,.0f} rows/s")


def measured(what: str, path: str) -> dict:
    """Seconds of one way to read `path` (without starting Python), and the peak memory of the process in bytes."""
    read = {
        "pyarrow": _pyarrow,
        "pandas": _pandas,
        "duckdb": _duckdb,
        "polars": _polars,
        "tuneboard": _tuneboard,
    }[what]
    work = read()
    start = time.perf_counter()
    parts = work(path)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "parts": parts or {},
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


# Each imports what it needs and returns the work to be timed.


def _pyarrow():
    import pyarrow as pa
    import pyarrow.csv

    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    converting = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(("id", "text", "label", "source"), pa.string()))

    def read(path: str) -> None:
        pyarrow.csv.read_csv(path, parse_options=parsing, convert_options=converting)

    return read


def _pandas():
    import pandas as pd

    def read(path: str) -> None:
        pd.read_csv(path, dtype=str)

    return read


def _duckdb():
    import duckdb

    def read(path: str) -> None:
        duckdb.connect().execute("create table t as select * from read_csv(?, all_varchar = true)", [path])

    return read


def _polars():
    import polars

    def read(path: str) -> None:
        polars.read_csv(path, infer_schema=False)

    return read


def _tuneboard():
    from engine.data.columns import propose
    from engine.data.datasets import save
    from engine.data.drafting import draft
    from engine.data.reading import read_file
    from engine.data.recipe import Recipe
    from engine.paths import Workspace

    def work(path: str) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            moments = [time.perf_counter()]
            table = read_file(path)
            moments.append(time.perf_counter())
            roles = propose(table.frame)
            made = draft(table, Recipe(text=roles.text, label=roles.label))
            moments.append(time.perf_counter())
            save(Workspace.open(folder), made)
            moments.append(time.perf_counter())
        return {step: after - before for step, before, after in zip(STEPS, moments, moments[1:], strict=False)}

    return work


if __name__ == "__main__":
    main()
