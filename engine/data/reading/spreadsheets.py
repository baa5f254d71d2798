"""Spreadsheets: XLSX, XLSM, XLSB, XLS and ODS; and what else has sheets."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO

import pyarrow as pa

from engine.data.reading.archives import NONSENSE
from engine.data.reading.cells import as_text
from engine.data.reading.columnar import Columns
from engine.data.reading.headers import PROMISING_ROWS, as_set, find_header, places, promise
from engine.data.reading.sniffing import records_of, sniff
from engine.data.reading.table import Options, Rejections
from engine.errors import DataError
from engine.figures import rounded, whole

LARGEST = 2 * 2**30  # bytes of the sheets inside the file
MOST_CELLS = 50_000_000  # of all sheets, with the empty ones up to the last one filled: each takes memory
PIECE, LONGEST_TAG = 2**22, 2**16  # bytes of XML looked at in one, and of a tag
# The column and row of a cell of XLSX that has more than a format.
FILLED = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]+)(\d+)["'](?!(?:\s+\w+="\w*")*+\s*(?:/>|></))""")
# The sheets, rows and cells of ODS with their attributes, and those that a cell with more than a format has.
ODS = re.compile(rb"""<table:(table|table-row|(?:covered-)?table-cell)(?=[\s/>])((?:[^<>"']|"[^"]*"|'[^']*')*+)""")
REPEATED = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["'](\d+)""")
SAYS = re.compile(rb"office:|table:formula")
HEAD_ROWS = 2000
FEW_ROWS = 5  # fewer are a note rather than a part of a table
HIGHEST_NAMES = 10  # rows above which names in two rows are looked for
LONE_COLUMN = 0.1  # what a row counts in a sheet of one column, which rather is a note
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
OTHER_OFFICE = {
    "word/": "a Word document",
    "ppt/": "a PowerPoint presentation",
}
SHEET = "sheet"  # the column that says which sheet a row is from
Rows = list[tuple[int, list[str]]]  # (row number in the sheet, cells) of each row that is not blank


@dataclass
class Sheet:
    """A sheet as a table. rows: (row number in the sheet, cells), all of one width, without the names."""

    name: str
    names: list[str]
    rows: Rows
    names_row: int
    first_row: int

    @property
    def weight(self) -> float:
        some = [cells for _, cells in self.rows[:PROMISING_ROWS]]
        return len(self.rows) * (promise(self.names, some) if len(self.names) > 1 else LONE_COLUMN)

    def is_like(self, other: "Sheet") -> bool:
        """Whether this is a part of the other's table: the same columns and perhaps more, or a single one without a name."""
        if self.names_row and other.names_row:
            same = as_set(self.names) == as_set(other.names)
            return same or (len(other.names) > 1 and as_set(self.names) > as_set(other.names))
        several = min(len(self.rows), len(other.rows)) >= FEW_ROWS
        return not (self.names_row or other.names_row) and len(self.names) == len(other.names) == 1 and several

    def rows_as(self, names: list[str]) -> Rows:
        """The rows with the columns of the other sheet, in its order."""
        if names == self.names:
            return self.rows
        order = places(self.names, names)
        return [(number, [cells[place] for place in order]) for number, cells in self.rows]


@dataclass
class Workbook:
    """columns without names. sheet: the one that was read; None where sheets with the same columns were put together.

    left_out: filled sheets that are no part of the table.
    """

    columns: pa.Table
    names: list[str]
    sheet: str | None
    sheets: list[str]
    names_row: int
    first_row: int
    rejected: Rejections
    left_out: list[str]


def parse_spreadsheet(path: Path, options: Options) -> Workbook:
    """Raises DataError when the file cannot be opened or no sheet is filled."""
    visible, found = _opened(path, options)
    if not any(rows for _, rows in found):
        raise DataError("The spreadsheet has no filled sheet.", "Choose a file with one row per text.", "empty_file")
    return workbook(visible, found, options)


def workbook(names: list[str], found: list[tuple[str, Rows]], options: Options) -> Workbook:
    """The sheet with most rows, together with those that have the same columns; or the sheet that was chosen.

    names: of all sheets. found: the rows of those that may be read, at least one of them filled.
    """
    wanted = [(name, rows) for name, rows in found if options.sheet in (None, name)] or found
    filled = [sheet for name, rows in wanted if (sheet := _sheet(name, rows, options))]
    main = max(filled, key=lambda sheet: sheet.weight)
    alike = [sheet for sheet in filled if sheet is main or sheet.is_like(main)]
    several = len(alike) > 1
    columns_named = [*main.names, SHEET] if several else main.names
    columns, rejected = Columns(len(columns_named)), Rejections()
    for sheet in alike:
        for number, row in sheet.rows_as(main.names):
            if sheet.names_row and row == main.names:
                rejected.add(number, "repeats the names of the columns", before=len(columns))
            else:
                columns.add([*row, sheet.name] if several else row)
    return Workbook(
        columns.table(), columns_named, None if several else main.name, names, main.names_row, main.first_row, rejected,
        [] if options.sheet else [sheet.name for sheet in filled if sheet not in alike],
    )  # fmt: skip


def _opened(path: Path, options: Options) -> tuple[list[str], list[tuple[str, Rows]]]:
    """(names of the sheets that are not hidden, the rows of each; only of the chosen one if one was chosen)."""
    from python_calamine import (
        CalamineError,
        CalamineWorkbook,
        PasswordError,
        SheetTypeEnum,
        SheetVisibleEnum,
    )

    protected = DataError(
        "This spreadsheet is protected by a password.",
        "Open it in your spreadsheet program, remove the password and save it again.",
        "encrypted",
    )
    damaged = DataError(
        "This is not a spreadsheet that can be read; it may be damaged.",
        "Open it in your spreadsheet program and save it as XLSX or CSV.",
        "damaged",
    )
    try:
        _check_size(path)
        opened = CalamineWorkbook.from_path(str(path))
        names = [
            sheet.name
            for sheet in opened.sheets_metadata
            if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet
        ] or list(opened.sheet_names)
        wanted = [options.sheet] if options.sheet in names else names
        return names, [(name, _filled_rows(opened.get_sheet_by_name(name))) for name in wanted]
    except PasswordError as error:
        raise protected from error
    except (CalamineError, *NONSENSE) as error:
        if ENCRYPTED in path.read_bytes()[: 2**20]:
            raise protected from error
        raise damaged from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of the library, which does not name it
            raise
        raise damaged from error


def _filled_rows(sheet) -> Rows:
    """(number from 1, cells as text) of each row that is not blank. Cells merged downwards all say what the first says."""
    top, left = sheet.start or (0, 0)
    rows = sheet.to_python(skip_empty_area=True)
    blank = [""] * len(rows[0]) if rows else []  # there may be a million below the table
    rows = [row if row == blank else [as_text(value) for value in row] for row in rows]
    spans: dict[int, list[range]] = {}  # by row, the columns of cells merged sideways
    for (first, column), (last, right) in sheet.merged_cell_ranges or ():
        if column == right and first - top in range(len(rows)) and column - left in range(len(rows[0])):
            for row in rows[first - top + 1 : last - top + 1]:
                row[column - left] = rows[first - top][column - left]
        elif first == last:
            spans.setdefault(first - top, []).append(range(column - left, right - left + 1))
    filled = [(at, row) for at, row in enumerate(rows) if any(map(str.strip, row))]
    return [(top + at + 1, row) for at, row in _with_joined_names(filled, spans)]


def _with_joined_names(rows: Rows, spans: dict[int, list[range]]) -> Rows:
    """One row of names where the sheet has them in two."""
    for place, ((at, row), (_, below)) in enumerate(pairwise(rows[:HIGHEST_NAMES])):
        if names := _names_of_two_rows(row, below, spans.get(at, [])):
            return [*rows[:place], (at + 1, names), *rows[place + 2 :]]
        if sum(bool(cell.strip()) for cell in row) > 1:  # more than a title: here the table has begun
            break
    return rows


def _names_of_two_rows(row: list[str], below: list[str], spans: list[range]) -> list[str] | None:
    """Where cells merged sideways have names below them: both together, 'Scores' and 'Topic' as 'Scores Topic'."""
    spans = [span for span in spans if span.stop <= len(row)][: len(row)]
    over = {at: row[span.start] for span in spans for at in span}
    alone = [at for at in range(len(row)) if at not in over]
    if not over or not any(row[at].strip() for at in alone) or not all(below[at].strip() for at in over):
        return None
    if any(below[at].strip() not in ("", row[at].strip()) for at in alone):
        return None
    return [f"{over[at]} {below[at]}" if at in over else row[at] for at in range(len(row))]


def _sheet(name: str, rows: Rows, options: Options) -> Sheet | None:
    if not rows:
        return None
    width = max(len(row) for _, row in rows)
    if width == 1:
        rows, width = _split_in_one_column(rows)
    rows = [(number, row + [""] * (width - len(row))) for number, row in rows]
    names_row, first_row = find_header([row for _, row in rows[:HEAD_ROWS]])
    names_row, first_row = options.placed(names_row, first_row)
    named = 0 < names_row <= len(rows)
    names = rows[names_row - 1][1] if named else [str(number) for number in range(width)]
    return Sheet(name, names, rows[first_row - 1 :], names_row, first_row)


def _split_in_one_column(rows: Rows) -> tuple[Rows, int]:
    """Where a CSV file was opened with the wrong separator, each row stands in one cell as a line of it."""
    lines = [row[0] for _, row in rows]
    if not any(mark in lines[0] for mark in ",;\t|") or any("\n" in line for line in lines):
        return rows, 1
    text = "\n".join(lines)
    records = [cells for _, cells in records_of(text, sniff(text))]
    width = max(map(len, records))
    regular = sum(len(cells) == width for cells in records)
    if width < 2 or len(records) != len(rows) or regular < 0.9 * len(rows):
        return rows, 1
    return list(zip((number for number, _ in rows), records, strict=True)), width


def _check_size(path: Path) -> None:
    """A spreadsheet is a ZIP: see what it would grow to before anything is unpacked, and whether it is one at all."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        kind = next((archive.read(one) for one in members if one.filename == "mimetype" and one.file_size < 200), b"")
    grown = sum(member.file_size for member in members)
    if grown > LARGEST:
        raise DataError(
            f"Unpacked, this spreadsheet would take {rounded(grown / 2**30)} GiB; at most "
            f"{rounded(LARGEST / 2**30)} GiB can be read.",
            "Save the sheet with the texts as CSV.",
            "zip_bomb",
        )
    names = [member.filename for member in members]
    other = next((what for mark, what in OTHER_OFFICE.items() if any(one.startswith(mark) for one in names)), None)
    other = "a text document" if kind.startswith(b"application/vnd.oasis.opendocument.text") else other
    if other:
        raise DataError(
            f"This is {other}, and no table.",
            "Copy its table into a spreadsheet and save that as XLSX or CSV.",
            "not_a_table",
        )
    _check_cells(path)


def _check_cells(path: Path) -> None:
    """Memory is taken for every cell of the rectangle that a sheet fills, so one cell far away could take all there is."""
    cells = 0
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with suppress(*NONSENSE), archive.open(member) as file:
                cells += _cells_of_ods(file) if member.filename == "content.xml" else _cells_of_xlsx(file)
    if cells > MOST_CELLS:
        raise DataError(
            f"With the empty ones, this spreadsheet has {whole(cells)} cells; at most {whole(MOST_CELLS)} can be read. "
            "Perhaps something stands far below or beside the table.",
            "Delete the rows and columns beyond the table (Ctrl+End shows where the last cell is) and save it again, or "
            "save the sheet with the texts as CSV.",
            "too_large",
        )


def _cells_of_xlsx(file: IO[bytes]) -> int:
    """From the first one of its sheet to the row and the column of the last ones with something in them."""
    rows, columns = 0, 0
    for piece in _pieces(file, b"<c"):
        if found := FILLED.findall(piece):
            rows = max(rows, *map(int, {row for _, row in found}))
            columns = max(columns, *map(_column, {column for column, _ in found}))
    return rows * columns


def _column(letters: bytes) -> int:
    """1 for A, 27 for AA, and so on; no sheet has one of more than three letters."""
    return sum((letter & 31) * 26**place for place, letter in enumerate(reversed(letters[:9])))


def _cells_of_ods(file: IO[bytes]) -> int:
    """The same of all its sheets, and the empty cells that stand between others in the rows as they are written."""
    cells = between = last = row = column = rows = columns = 0
    for piece in _pieces(file, b"<table:"):
        for kind, attributes in ODS.findall(piece):
            repeated = REPEATED.search(attributes)
            times = int(repeated[1]) if repeated else 1
            if kind == b"table":
                cells, row, rows, columns = cells + rows * columns, 0, 0, 0
            elif kind == b"table-row":
                row, column, last = row + times, 0, 0
            else:
                between, last = between + last, times
                column += times
                if SAYS.search(attributes):
                    rows, columns = row, max(columns, column)
    return cells + rows * columns + between


def _pieces(file: IO[bytes], tag: bytes) -> Iterator[bytes]:
    """All of the file, cut only where such a tag begins."""
    rest = b""
    while piece := file.read(PIECE):
        rest += piece
        cut = max(0, rest.rfind(tag), len(rest) - LONGEST_TAG)
        yield rest[:cut]
        rest = rest[cut:]
    yield rest
