"""Read the table that somebody has: CSV, TSV, other separated text, JSON, JSONL, XLSX, XLS, ODS or Parquet.

What a file is, is decided by its content; the extension may lie. All cells become text, a missing
cell becomes "". Rows that cannot be placed are kept in a list with their line and the reason.
"""

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from engine.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_LINES = 2000  # how much of a text file the decisions are made on
MAX_COLUMNS = 1000
csv.field_size_limit(10_000_000)


@dataclass(frozen=True)
class Rejected:
    """A row that could not be read. line: where it starts in the file, counted from 1."""

    line: int
    reason: str


@dataclass(frozen=True)
class Table:
    """A file as it was understood.

    frame: (rows, columns), every cell a str, missing cells "".
    encoding, separator, header: what was decided; None where the format has no such thing.
    """

    frame: pd.DataFrame
    name: str
    format: str
    encoding: str | None = None
    separator: str | None = None
    header: bool = True
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        return list(self.frame.columns)

    def described(self) -> str:
        """One line for people: 'CSV, utf-8, separated by comma, 800 rows'."""
        parts = [self.format.upper()]
        if self.encoding:
            parts.append(self.encoding)
        if self.separator:
            parts.append(f"separated by {SEPARATORS.get(self.separator, repr(self.separator))}")
        if not self.header:
            parts.append("no header row")
        parts.append(f"{len(self.frame):,} rows")
        return ", ".join(parts)


def read_file(path: str | Path) -> Table:
    """Read the file at `path`. Raises DataError when there is no such file or no table in it."""
    path = Path(path).expanduser()
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            f"There is no file {path}.", "Check the name and the folder.", "no_such_file"
        ) from error
    except OSError as error:
        raise DataError(
            f"The file {path} cannot be opened ({error.strerror}).", code="unreadable_file"
        ) from error
    return read_bytes(content, path.name)


def read_bytes(content: bytes, name: str) -> Table:
    """Read a table out of a file's content.

    name: what to call it; it is only shown, never opened.
    Raises DataError with a plain sentence when there is no table in it.
    """
    if not content.strip():
        raise DataError(
            f"{name} is empty.", "Choose a file with a header row and one row per text.", "empty_file"
        )
    table = _reader_for(content)(content, name)
    frame = _named(table.frame)
    if frame.empty or not len(frame.columns):
        raise DataError(
            f"{name} has no rows below its header.", "Choose a file with one row per text.", "no_rows"
        )
    if len(frame.columns) > MAX_COLUMNS:
        raise DataError(
            f"{name} has {len(frame.columns):,} columns; at most {MAX_COLUMNS:,} can be shown.",
            "Keep the text and the label column and try again.",
            "too_many_columns",
        )
    return replace(table, frame=frame)


def _reader_for(content: bytes):
    if content.startswith(b"PAR1"):
        return _read_parquet
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _read_spreadsheet
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        return _read_json
    return _read_separated


# -- tables with types ------------------------------------------------------------------------------


def _read_parquet(content: bytes, name: str) -> Table:
    try:
        frame = pd.read_parquet(io.BytesIO(content))
    except Exception as error:  # pyarrow raises many kinds for a damaged file; all mean the same here
        raise DataError(
            f"{name} looks like a Parquet file, but it is damaged.", "Export it again.", "damaged"
        ) from error
    return Table(_as_text(frame), name, "parquet")


def _read_spreadsheet(content: bytes, name: str) -> Table:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = [workbook.get_sheet_by_name(sheet).to_python() for sheet in workbook.sheet_names]
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{name} is not a spreadsheet that can be read; it may be damaged, or protected by a password.",
            "Open it in your spreadsheet program and save it as XLSX or CSV.",
            "damaged",
        ) from error
    rows = max(sheets, key=len, default=[])
    cells = [[_cell(value) for value in row] for row in rows if any(value not in ("", None) for value in row)]
    if not cells:
        raise DataError(f"{name} has no filled sheet.", "Choose a file with one row per text.", "empty_file")
    header = _has_header(cells)
    return Table(_frame(cells, header), name, "spreadsheet", header=header)


def _read_json(content: bytes, name: str) -> Table:
    """One JSON array of objects, or one object per line."""
    text, encoding = decode(content)
    try:
        whole = json.loads(text)
        records = whole if isinstance(whole, list) else [whole]
        return Table(_records_frame(records, name), name, "json", encoding)
    except json.JSONDecodeError:
        pass  # not one document: then one per line
    records, rejected = [], []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            rejected.append(Rejected(number, f"not a JSON object ({error.msg})"))
            continue
        if isinstance(record, dict):
            records.append(record)
        else:
            rejected.append(Rejected(number, "not a JSON object"))
    if not records:  # a CSV may well begin with a bracket
        return _read_separated(content, name)
    return Table(_records_frame(records, name), name, "jsonl", encoding, rejected=rejected)


def _records_frame(records: list, name: str) -> pd.DataFrame:
    if not all(isinstance(record, dict) for record in records):
        raise DataError(
            f"{name} is JSON, but not a list of objects.",
            'Expected [{"text": "...", "label": "..."}, ...] or one such object per line.',
            "json_shape",
        )
    return _as_text(pd.DataFrame(records))


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: [_cell(value) for value in frame[name]] for name in frame.columns}, dtype=str)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


# -- separated text ---------------------------------------------------------------------------------


def _read_separated(content: bytes, name: str) -> Table:
    text, encoding = decode(content)
    if "\x00" in text:
        raise DataError(
            f"{name} is not a text table: it contains binary data.",
            "Tuneboard reads CSV, TSV, JSON, JSONL, XLSX and Parquet.",
            "binary",
        )
    separator, quoting = _sniff(text)
    records, rejected = _records(text, separator, quoting)
    if not records:
        raise DataError(
            f"{name} is empty.", "Choose a file with a header row and one row per text.", "empty_file"
        )
    header = _has_header([cells for _, cells in records[:SAMPLE_LINES]])
    width = len(records[0][1]) if header else Counter(len(cells) for _, cells in records).most_common(1)[0][0]
    kept = []
    for line, cells in records:
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) > width:
            rejected.append(Rejected(line, f"{len(cells)} fields where {width} were expected"))
        else:
            kept.append(cells + [""] * (width - len(cells)))
    kind = "tsv" if separator == "\t" else "csv"
    return Table(
        _frame(kept, header), name, kind, encoding, separator, header, sorted(rejected, key=lambda r: r.line)
    )


def decode(content: bytes) -> tuple[str, str]:
    """(text, name of the encoding). Tries what the content says itself, then UTF-8, then a statistical guess."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace"), encoding.removesuffix("-sig")
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        damaged = content.decode("utf-8", errors="replace")
    wrong, beyond_ascii = damaged.count("\ufffd"), sum(character > "\x7f" for character in damaged)
    if wrong * 20 < beyond_ascii:  # UTF-8 with a few bytes broken, rather than another encoding
        return damaged, "utf-8"
    return _guess_encoding(content)


def _guess_encoding(content: bytes) -> tuple[str, str]:
    from charset_normalizer import from_bytes

    try:  # by far the most frequent export of Western spreadsheets, and the guess below confuses it with its relatives
        text = content.decode("cp1252")
        western = sum(character in "äöüÄÖÜßéèêëàâáíóúñçîïôûùåøæœ£€’‘“”–—…°´" for character in text)
        if western >= 0.7 * sum(character > "\x7f" for character in text):
            return text, "cp1252"
    except UnicodeDecodeError:
        pass  # has bytes that Windows-1252 leaves undefined
    guess = from_bytes(content[:200_000]).best()
    encoding = guess.encoding if guess else "cp1252"
    return content.decode(encoding, errors="replace"), encoding


def _sniff(text: str) -> tuple[str, int]:
    """(separator, csv quoting) under which most records of a sample have the same number of fields, more than one."""
    sample = "\n".join(text[: SAMPLE_LINES * 500].split("\n", SAMPLE_LINES)[:SAMPLE_LINES])
    best, best_share = (",", csv.QUOTE_MINIMAL), 0.0
    for separator in SEPARATORS:
        quoting = csv.QUOTE_MINIMAL
        share, rows = _consistency(sample, separator, quoting)
        plain_share, plain_rows = _consistency(sample, separator, csv.QUOTE_NONE)
        if (
            plain_rows > rows and plain_share >= share
        ):  # stray quotes swallow rows: here they are only characters
            quoting, share = csv.QUOTE_NONE, plain_share
        if share > best_share:
            best, best_share = (separator, quoting), share
    return best


def _consistency(sample: str, separator: str, quoting: int) -> tuple[float, int]:
    """(share of the records that have the most frequent width, number of records); 0.0 where that width is 1."""
    widths = Counter(len(cells) for _, cells in _records(sample, separator, quoting)[0])
    if not widths:
        return 0.0, 0
    width, frequency = widths.most_common(1)[0]
    return (frequency / widths.total() if width > 1 else 0.0), widths.total()


def _records(text: str, separator: str, quoting: int) -> tuple[list[tuple[int, list[str]]], list[Rejected]]:
    """[(line, cells)] without blank lines, and what the parser refused."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting)
    records, rejected, line = [], [], 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return records, rejected
        except csv.Error as error:
            rejected.append(Rejected(line, str(error)))
            cells = []
        if any(cell.strip() for cell in cells):
            records.append((line, cells))
        line = reader.line_num + 1


# -- headers and names ------------------------------------------------------------------------------


def _has_header(records: list[list[str]]) -> bool:
    """Whether the first row names the columns: short, not numbers, and not a value that comes again."""
    first, rest = [cell.strip() for cell in records[0]], records[1:]
    filled = [cell for cell in first if cell]
    if not rest or not filled:
        return bool(filled)
    if any(len(cell) > 60 or len(cell.split()) > 6 for cell in filled):
        return False
    if len(first) > 1 and filled == [str(number) for number in range(len(first))]:
        return True  # a data frame's own column numbers
    if any(_is_number(cell) for cell in filled):
        return False
    values = [{row[i].strip() for row in rest if i < len(row)} for i in range(len(first))]
    return not any(cell and cell in values[i] for i, cell in enumerate(first))


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _frame(records: list[list[str]], header: bool) -> pd.DataFrame:
    width = max(len(cells) for cells in records)
    rows = [cells + [""] * (width - len(cells)) for cells in records]
    names = rows[0] if header else [""] * width
    return pd.DataFrame(rows[1:] if header else rows, columns=names, dtype=str)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table with trimmed, filled, distinct column names."""
    names: list[str] = []
    for position, name in enumerate(frame.columns, start=1):
        name = " ".join(str(name).split()) or f"column {position}"
        while name in names:
            name = f"{name} ({position})"
        names.append(name)
    return frame.set_axis(names, axis="columns")
