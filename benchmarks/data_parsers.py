"""Which parser reads messy files right: python -m benchmarks.data_parsers FOLDER

FOLDER holds the files and a MANIFEST.csv with the columns file and rows_when_parsed_right. Prints a Markdown table: for each
file the rows that each parser gets, marked where they are wrong. pandas is given the right function for the extension and
nothing else; duckdb its sniffer, all text, rejected rows stored; clevercsv the dialect, encoding and header that it detects.
duckdb and clevercsv take part where they are installed (measured: duckdb==2.0.0, clevercsv==0.8.5).
"""

import csv
import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path

from engine.data.columns import propose
from engine.data.reading import read_file
from engine.errors import DataError

Shape = tuple[int, int]  # rows, columns


def main(folder: Path) -> None:
    with (folder / "MANIFEST.csv").open(encoding="utf-8") as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}
    parsers: dict[str, Callable[[Path], Shape]] = {"pandas": by_pandas}
    parsers |= {"duckdb": by_duckdb} if importlib.util.find_spec("duckdb") else {}
    parsers |= {"clevercsv": by_clevercsv} if importlib.util.find_spec("clevercsv") else {}
    parsers["Tuneboard"] = by_tuneboard
    right, seconds = dict.fromkeys(parsers, 0), dict.fromkeys(parsers, 0.0)
    print(f"| file | rows | {' | '.join(parsers)} | text and label column proposed |")
    print("|---|---|" + "---|" * (len(parsers) + 1))
    for name, row in truth.items():
        wanted, cells = int(row["rows_when_parsed_right"]), []
        for parser, read in parsers.items():
            start = time.perf_counter()
            found = tried(read, folder / name)
            seconds[parser] += time.perf_counter() - start
            good = isinstance(found, tuple) and found[0] == wanted
            right[parser] += good
            cells.append(f"{found[0]:,}" + ("" if good else " ✗") if isinstance(found, tuple) else f"{found} ✗")
        roles = propose(read_file(folder / name).frame)
        print(f"| {name} | {wanted:,} | {' | '.join(cells)} | {roles.text}, {roles.label or 'none'} |")
    print(f"| rows right | {len(truth)} | {' | '.join(map(str, right.values()))} | |")
    print(f"| seconds | | {' | '.join(f'{value:.1f}' for value in seconds.values())} | |")


def tried(read: Callable[[Path], Shape], path: Path) -> Shape | str:
    """The shape, or the name of what was raised."""
    try:
        return read(path)
    except Exception as error:  # what a peer may raise is anybody's guess; it goes into the table
        return type(error).__name__


def by_pandas(path: Path) -> Shape:
    import pandas as pd

    if path.suffix in (".xls", ".xlsx"):
        return pd.read_excel(path, engine="calamine").shape
    if path.suffix == ".jsonl":
        return pd.read_json(path, lines=True).shape
    return pd.read_csv(path, sep="\t" if path.suffix in (".tsv", ".tab") else ",", dtype=str).shape


def by_duckdb(path: Path) -> Shape:
    import duckdb

    if path.suffix == ".jsonl":
        return duckdb.read_json(str(path)).shape
    return duckdb.read_csv(str(path), all_varchar=True, store_rejects=True).shape


def by_clevercsv(path: Path) -> Shape:
    import clevercsv

    encoding = clevercsv.encoding.get_encoding(str(path))
    with path.open(encoding=encoding, newline="") as file:
        text = file.read()
    dialect = clevercsv.Sniffer().sniff(text[:50_000])
    header = clevercsv.Sniffer().has_header(text[:50_000])
    rows = [row for row in clevercsv.reader(text.splitlines(keepends=True), dialect) if row]
    return len(rows) - header, max(map(len, rows))


def by_tuneboard(path: Path) -> Shape:
    try:
        return read_file(path).frame.shape
    except DataError as error:
        raise RuntimeError(error.code) from error


if __name__ == "__main__":
    main(Path(sys.argv[1]))
