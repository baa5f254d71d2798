"""Separated text: CSV and its relatives.

Two parsers give the same table. The one on the csv module reads anything line by line, mends stray quotes and knows the
line of what it rejects; Arrow's is ten times as fast and is taken for large files in which it finds nothing odd.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from engine.data import scan
from engine.data.reading.broken import are_broken, put_together
from engine.data.reading.columnar import Columns, as_series
from engine.data.reading.encodings import Encoding
from engine.data.reading.headers import find_header
from engine.data.reading.records import Dialect, Records, Shape, joined, shape_of
from engine.data.reading.sniffing import first_records, records_of, sniff
from engine.data.reading.table import LISTED_REJECTED, MAX_COLUMNS, Options, Rejections, check_width
from engine.errors import DataError

SAMPLE_CHARACTERS, SAMPLE_ROWS = 400_000, 2000
FAST_FROM = 4 * 2**20  # bytes; below, the line-by-line parser takes no time either
OPEN_FROM, OPEN_SHARE = 0.1, 0.9  # rows with too many fields, and those of them that one open field explains
DRAWN = re.compile(r"[-+|=:\s]{3,}")  # the lines of a table drawn with characters
ROW_COUNT = re.compile(r"\(\d+ rows?\)|\d+ rows? in set( \(.*\))?")  # what a database prints below a table

Progress = Callable[[int, int], None]


@dataclass
class Parsed:
    """Columns without names, and what was decided and left out on the way. broken: rows that stood in several lines."""

    columns: pa.Table
    names: list[str]
    dialect: Dialect
    names_row: int
    first_row: int
    rejected: Rejections
    padded: Rejections
    broken: int


def parse(path: Path, encoding: Encoding, options: Options, progress: Progress) -> Parsed:
    """Read separated text. Raises DataError when there is nothing in it, or far too many columns."""
    plan = _plan(path, encoding, options)
    return _parsed(plan, *_parse_lines(path, encoding, plan, progress))


def parse_fast(path: Path, options: Options) -> Parsed | None:
    """The same for a file that begins as UTF-8; None where it is not to the end, or where anything is odd."""
    plan = _plan(path, Encoding("utf-8"), options)
    table = _parse_fast(path, plan)
    return None if table is None else _parsed(plan, table, Rejections(), Rejections(), 0)


@dataclass(frozen=True)
class _Plan:
    """What a look at the start of a file decided.

    first_line: of the file, where the first row begins. broken: rows stand in several lines (broken.py).
    """

    dialect: Dialect
    names: list[str]
    names_row: int
    first_row: int
    first_line: int
    shape: Shape
    regular: bool
    broken: bool

    @property
    def header(self) -> list[str] | None:
        return self.names if self.names_row else None


def _plan(path: Path, encoding: Encoding, options: Options) -> _Plan:
    with path.open(encoding=encoding.name, errors=encoding.errors, newline="") as file:
        sample = first_records(file.read, SAMPLE_CHARACTERS)
    dialect = sniff(sample, options)
    records = records_of(sample, dialect)
    sampled = list(records)
    head = sampled[:SAMPLE_ROWS]
    if not head:
        raise DataError("The file is empty.", "Choose a file with one row per text.", "empty_file")
    found = find_header([cells for _, cells in head])
    names_row, first_row = options.placed(*found)
    body = [cells for _, cells in head[first_row - 1 :]] or [cells for _, cells in head]
    width = dialect.broken or (len(head[found[0] - 1][1]) if found[0] else _usual(body))
    broken = dialect.broken > 0 or are_broken(sampled[first_row - 1 :], shape_of(_spread(body), width))
    if broken:
        body = [cells for cells in body if len(cells) == width] or body
    names = _names(head[names_row - 1][1] if 0 < names_row <= len(head) else None, body)
    check_width(len(names))
    shape = shape_of(_spread([cells for _, cells in sampled[first_row - 1 :]] or body), len(names))
    dialect = _open(dialect, shape, body)
    first_line = head[min(first_row, len(head)) - 1][0]
    regular = len(head) >= first_row and not records.mended
    return _Plan(dialect, names, names_row, first_row, first_line, shape, regular, broken)


def _parsed(plan: _Plan, table: pa.Table, rejected: Rejections, padded: Rejections, broken: int) -> Parsed:
    return Parsed(table, plan.names, plan.dialect, plan.names_row, plan.first_row, rejected, padded, broken)


# -- deciding ---------------------------------------------------------------------------------------


def _names(names: list[str] | None, body: list[list[str]]) -> list[str]:
    """A name for each column, "" for none; the rows decide how many there are. Without names: '0', '1', ..."""
    usual = _usual(body)
    if names is None:
        return [str(number) for number in range(usual)]
    if len(names) > MAX_COLUMNS:  # most of them of nothing but separators
        used = max((i + 1 for row in [names, *body] for i, cell in enumerate(row) if cell.strip()), default=1)
        names = names[:used]
    more = usual - len(names)
    if more == 1 and all(map(str.strip, names)) and _are_row_names(body):
        return ["", *names]  # R writes no name above the names of the rows
    filled = sum(any(map(str.strip, row[len(names) :])) for row in body)
    return [*names, *[""] * more] if more > 0 and filled > 0.03 * len(body) else names


def _usual(rows: list[list[str]]) -> int:
    """How many cells most of the rows have."""
    return Counter(map(len, rows)).most_common(1)[0][0]


def _spread(rows: list[list[str]]) -> list[list[str]]:
    """2,000 of the rows, from all over: files are often sorted by label."""
    return rows[:: 1 + len(rows) // SAMPLE_ROWS]


def _are_row_names(body: list[list[str]]) -> bool:
    """Whether the first cells count the rows or name them, each by a short name of its own."""
    first = [row[0].strip() for row in body]
    short = sum(len(cell.split()) <= 2 for cell in first) > 0.95 * len(first)
    return short and all(first) and len(set(first)) == len(first) and any(row[-1].strip() for row in body)


def _open(dialect: Dialect, shape: Shape, body: list[list[str]]) -> Dialect:
    """With the column named whose texts hold separators that nothing quotes, where many rows have too many fields."""
    many = [row for row in body if len(row) > shape.width and any(map(str.strip, row[shape.width :]))]
    if dialect.width or shape.width < 2 or len(many) < max(3, OPEN_FROM * len(body)):
        return dialect
    for column in range(shape.width):
        wide = replace(dialect, width=shape.width, open=column)
        others = shape.known[:column] + shape.known[column + 1 :]
        fitting = sum(shape.fits(joined(row, wide)) for row in many)
        if shape.known[column] is None and any(others) and fitting >= OPEN_SHARE * len(many):
            return wide
    return dialect


# -- line by line -----------------------------------------------------------------------------------


def _parse_lines(
    path: Path, encoding: Encoding, plan: _Plan, progress: Progress
) -> tuple[pa.Table, Rejections, Rejections, int]:
    width, rejected, padded = plan.shape.width, Rejections(), Rejections(LISTED_REJECTED)
    columns, broken = Columns(width), 0
    size = path.stat().st_size
    with path.open(encoding=encoding.name, errors=encoding.errors, newline=plan.dialect.newline) as file:
        records = islice(Records(file, plan.dialect, rejected, plan.shape), plan.first_row - 1, None)
        if plan.broken:
            rows = put_together(records, plan.shape)
        else:
            rows = ((one, plan.dialect.bare and any("\n" in cell for cell in one[1])) for one in records)
        for (line, cells), in_several in rows:
            broken += in_several
            if len(cells) > width and any(map(str.strip, cells[width:])):
                reason = f"{len(cells)} fields where {width} were expected"
                rejected.add(line, reason, plan.dialect.separator.join(cells), len(columns))
            elif reason := _no_row(cells, plan.header):
                rejected.add(line, reason, plan.dialect.separator.join(cells), len(columns))
            else:
                if len(cells) < width:
                    expected = f"{len(cells)} field{'s' * (len(cells) != 1)} where {width} were expected"
                    padded.add(line, expected, plan.dialect.separator.join(cells))
                if columns.add([*cells[:width], *[""] * (width - len(cells))]):
                    progress(min(size, file.buffer.raw.tell()), size)
    return columns.table(), rejected, padded, broken


def _no_row(cells: list[str], names: list[str] | None) -> str | None:
    """Why a line is no row of the table, if so."""
    if cells == names:
        return "repeats the names of the columns"
    if names is None or cells[0][:1] not in "-+|=:(0123456789":
        return None
    if DRAWN.fullmatch("".join(cells)):
        return "a line that is only drawn"
    counts = len(names) > 1 == len(cells) and ROW_COUNT.fullmatch(cells[0].strip())
    return "says how many rows there are" if counts else None


# -- fast -------------------------------------------------------------------------------------------


def _parse_fast(path: Path, plan: _Plan) -> pa.Table | None:
    """The same table by Arrow's parser; None where anything is odd, so that the other parser has to look closely."""
    dialect = plan.dialect
    simple = not (dialect.escape or dialect.spaced or dialect.wrapped or dialect.width or dialect.bare)
    if plan.broken or not (plan.regular and simple and len(dialect.separator.encode()) == 1):
        return None
    columns = [f"c{i}" for i in range(plan.shape.width)]
    try:
        table = pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(column_names=columns, skip_rows=plan.first_line - 1, block_size=8 * 2**20),
            pyarrow.csv.ParseOptions(
                delimiter=dialect.separator,
                quote_char=dialect.quote or False,
                newlines_in_values=bool(dialect.quote),
            ),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.large_string())),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        return None
    return table if len(table) and not _is_odd(table, plan) else None


def _is_odd(table: pa.Table, plan: _Plan) -> bool:
    """Blank rows, NULs, names that come again, or a cell that seems to have swallowed rows."""
    for column, name in zip(table.columns, plan.header or [], strict=False):
        if name:  # all of them may come again, behind a byte order mark
            again = pa.array([name, f"\ufeff{name}"], pa.large_string())
            if pc.any(pc.is_in(column, again)).as_py():
                return True
            break
    if _some_blank(table):
        return True
    places = np.unique(np.linspace(0, len(table) - 1, SAMPLE_ROWS).astype(int))
    some = [scan.take(as_series(column), places) for column in table.columns]
    shape = shape_of(list(zip(*some, strict=True)), plan.shape.width)
    for number, column in enumerate(table.columns):
        rows, marks = scan.controls(column)
        if np.isin(marks, [*b"\x00\x1a"]).any():
            return True
        lines = np.unique(rows[marks == ord("\n")])
        if len(lines) and plan.dialect.quote:
            cells = pa.array(scan.take(as_series(column), lines))
            if _have_swallowed_rows(cells, number, plan.dialect.quote, plan.dialect.separator, shape):
                return True
    return False


def _some_blank(table: pa.Table) -> bool:
    doubtful = table.filter(pc.equal(pc.utf8_trim_whitespace(table.column(0)), ""))
    if not len(doubtful):
        return False
    cells = [pc.utf8_trim_whitespace(column) for column in doubtful.columns]
    joined_cells = pc.binary_join_element_wise(*cells, pa.scalar("", pa.large_string()))
    return bool(pc.any(pc.equal(joined_cells, "")).as_py())


def _have_swallowed_rows(cells: pa.ChunkedArray, number: int, quote: str, separator: str, shape: Shape) -> bool:
    """Whether a cell holds the end of one row, whole rows, and the start of another. cells: with line breaks, of one column.

    number: of that column.
    """
    if not shape.telling:
        return False
    separators, breaks = pc.count_substring(cells, separator), pc.count_substring(cells, "\n")
    suspicious = cells.filter(pc.equal(separators, pc.multiply(breaks, shape.width - 1)))
    for cell in suspicious.to_pylist():
        first, *middle, last = ([part.strip().strip(quote) for part in line.split(separator)] for line in cell.split("\n"))
        if shape.fit([[None] * number + first, *middle, last + [None] * (shape.width - number - 1)]):
            return True
    return False
