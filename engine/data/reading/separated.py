"""Separated text: which separator and quotes a file uses, and its records.

Two parsers give the same table. The one on the csv module reads anything line by line, mends stray quotes and knows the
line of what it rejects; Arrow's is ten times as fast and is taken for large files in which it finds nothing odd.
"""

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from engine.data.reading.columnar import Columns
from engine.data.reading.encodings import Encoding
from engine.data.reading.headers import find_header
from engine.data.reading.table import Options, Rejections
from engine.errors import DataError

USUAL, ODD = (",", ";", "\t", "|"), ("^", "~", "¦", "§", "\x01", "\x1f", "::", "||", "@@", ":", "#")
SAMPLE_CHARACTERS, SAMPLE_ROWS = 1_000_000, 2000
FAST_FROM = 4 * 2**20  # bytes; below, the line-by-line parser takes no time either
LONGEST_FIELD = 10_000_000
MAX_COLUMNS = 1000
SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n')  # how Excel declares the separator
csv.field_size_limit(LONGEST_FIELD)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Dialect:
    """separator: of one or two characters, "" for none. quote: "" for none. escape: a backslash before a quote, or ""."""

    separator: str
    quote: str = '"'
    escape: str = ""


@dataclass
class Parsed:
    """Columns without names, and what was decided and left out on the way."""

    columns: pa.Table
    names: list[str]
    dialect: Dialect
    names_row: int
    first_row: int
    rejected: Rejections
    padded: Rejections


def parse(path: Path, encoding: Encoding, options: Options, progress: Progress, fast: bool = True) -> Parsed:
    """Read separated text. Raises DataError when there is nothing in it, or far too many columns."""
    with path.open(encoding=encoding.name, errors="replace", newline="") as file:
        sample = _whole_lines(file.read(SAMPLE_CHARACTERS))
    dialect = sniff(sample, options)
    head = _head(sample, dialect)
    if not head:
        raise DataError("The file is empty.", "Choose a file with one row per text.", "empty_file")
    names_row, first_row = find_header([cells for _, cells in head])
    names_row = options.names_row if options.names_row is not None else names_row
    first_row = options.first_row if options.first_row is not None else max(first_row, names_row + 1)
    names = head[names_row - 1][1] if 0 < names_row <= len(head) else None
    usual = Counter(len(cells) for _, cells in head[first_row - 1 :] or head).most_common(1)[0][0]
    if names is not None and len(names) + 1 == usual and _all_filled(names):
        names = ["", *names]  # R writes no name above the names of the rows
    width = len(names) if names else usual
    if width > MAX_COLUMNS:
        raise DataError(
            f"The file has {width:,} columns; at most {MAX_COLUMNS:,} can be read.",
            "Keep the text and the label column, and a few more, and try again.",
            "too_many_columns",
        )
    found = None
    if fast and path.stat().st_size >= FAST_FROM and len(head) >= first_row:
        found = _parse_fast(path, encoding, dialect, head[first_row - 1][0], width, names)
    table, rejected, padded = found or _parse_lines(
        path, encoding, dialect, first_row, width, names, progress
    )
    names = names or [str(number) for number in range(width)]
    return Parsed(table, names, dialect, names_row, first_row, rejected, padded)


# -- deciding ---------------------------------------------------------------------------------------


def sniff(sample: str, options: Options = Options()) -> Dialect:  # noqa: B008 (frozen)
    """The dialect under which most records of the sample have the same number of fields, more than one."""
    declared = SEP_LINE.match(sample)
    if options.separator is None and declared:
        options = Options(separator=declared[1], quote=options.quote)
    quotes = [options.quote] if options.quote is not None else ['"', ""]
    if options.quote is None and len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", sample)) > 2:
        quotes.append("'")
    escapes = ["", "\\"] if '\\"' in sample or "\\'" in sample else [""]
    best, best_score = Dialect(options.separator or ",", quotes[0]), (0.0, False)
    for separators in [[options.separator]] if options.separator is not None else [USUAL, ODD]:
        for separator in separators:
            if separator not in sample:
                continue
            dialect, score = _best_quotes(sample, separator, quotes, escapes)
            if score > best_score:
                best, best_score = dialect, score
        if best_score[0] > 0.6:
            break  # odd separators are only tried where no usual one fits
    return best


def _best_quotes(
    sample: str, separator: str, quotes: list[str], escapes: list[str]
) -> tuple[Dialect, tuple[float, bool]]:
    """Stray quotes swallow rows: quotes are heeded only where that costs neither rows nor regularity."""
    best, best_share, best_rows, labelled = Dialect(separator, quotes[0]), -1.0, 0, False
    for quote in quotes:
        for escape in escapes if quote else [""]:
            if len(separator) > 1 and quote:
                continue
            dialect = Dialect(separator, quote, escape)
            share, rows, has_label = _regularity(sample, dialect)
            if share > best_share + 1e-9 or (quote == "" and rows > best_rows and share >= best_share):
                best, best_share, best_rows, labelled = dialect, share, rows, has_label
    least = 0.6 if separator in USUAL else 0.97
    return best, (best_share if best_share >= least else best_share / 10, labelled)


def _regularity(sample: str, dialect: Dialect) -> tuple[float, int, bool]:
    """(share of records of the usual width, 0 where that is 1; number of records; whether a column looks like labels)."""
    rows = [cells for _, cells in _head(sample, dialect)]
    widths = Counter(map(len, rows))
    if not widths:
        return 0.0, 0, False
    width, frequency = widths.most_common(1)[0]
    if width < 2:
        return 0.0, len(rows), False
    usual = [row for row in rows if len(row) == width]
    labelled = any(1 < len({row[i] for row in usual}) <= max(2, len(usual) // 5) for i in range(width))
    return round(frequency / len(rows), 3), len(rows), labelled


def _head(sample: str, dialect: Dialect) -> list[tuple[int, list[str]]]:
    lines = io.StringIO(
        sample, newline=""
    )  # splits where the csv module does, and not at U+0085 and its like
    return list(islice(records(lines, dialect, Rejections()), SAMPLE_ROWS))


def _whole_lines(text: str) -> str:
    """Without the last line where the sample cut it off, unless there is no other."""
    if len(text) < SAMPLE_CHARACTERS:
        return text
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text


def _all_filled(cells: list[str]) -> bool:
    return all(cell.strip() for cell in cells)


# -- line by line -----------------------------------------------------------------------------------


class _Source:
    """The lines of a file for the csv module: remembers those that went into a record, and takes some back."""

    def __init__(self, lines: Iterable[str]):
        self.lines, self.seen, self.returned = iter(lines), [], deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.returned.popleft() if self.returned else next(self.lines)
        self.seen.append(line)
        return line.replace("\x00", "") if "\x00" in line else line


def records(lines: Iterable[str], dialect: Dialect, rejected: Rejections) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every record that is not blank; what the parser refuses goes to `rejected`.

    A quote that opens a field and is closed in the middle of a later line was only a character: then the first line is a
    record by itself, and the others are read again.
    """
    source = _Source(lines)
    reader, line = _reader(source, dialect), 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            rejected.add(line, _in_words(error))
            cells = []
        seen = source.seen
        if len(seen) > 1 and dialect.separator in seen[0] and not _closes(seen, dialect):
            cells = seen[0].rstrip("\r\n").split(dialect.separator)
            source.returned.extendleft(reversed(seen[1:]))
            del seen[1:]
        if any(map(str.strip, cells)) and not (line == 1 and SEP_LINE.match(seen[0])):
            yield line, cells
        line += len(seen)
        seen.clear()


def _reader(lines: Iterable[str], dialect: Dialect, strict: bool = False) -> Iterator[list[str]]:
    if len(dialect.separator) != 1:
        stripped = (line.rstrip("\r\n") for line in lines)
        return (line.split(dialect.separator) if dialect.separator else [line] for line in stripped)
    return csv.reader(
        lines,
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        doublequote=not dialect.escape,
        strict=strict,
    )


def _closes(lines: list[str], dialect: Dialect) -> bool:
    """Whether the quotes of one record are well formed."""
    try:
        return len(list(_reader(lines, dialect, strict=True))) == 1
    except csv.Error:
        return False


def _in_words(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a field of more than {LONGEST_FIELD:,} characters"
    return "a quotation mark that is never closed" if "unexpected end" in str(error) else str(error)


def _parse_lines(
    path: Path, encoding: Encoding, dialect: Dialect, first_row: int, width: int, names: list[str] | None, progress: Progress
) -> tuple[pa.Table, Rejections, Rejections]:  # fmt: skip
    columns, rejected, padded = Columns(width), Rejections(), Rejections()
    size = path.stat().st_size
    with path.open(encoding=encoding.name, errors="replace", newline="") as file:
        for number, (line, cells) in enumerate(records(file, dialect, rejected), start=1):
            if number < first_row:
                continue
            if len(cells) > width and any(map(str.strip, cells[width:])):
                rejected.add(line, f"{len(cells)} fields where {width} were expected")
            elif cells == names:
                rejected.add(line, "repeats the names of the columns")
            else:
                if len(cells) < width:
                    padded.add(line, f"{len(cells)} field{'s' * (len(cells) != 1)} where {width} were expected")
                if columns.add([*cells[:width], *[""] * (width - len(cells))]):
                    progress(min(size, file.buffer.raw.tell()), size)
    return columns.table(), rejected, padded


# -- fast -------------------------------------------------------------------------------------------


def _parse_fast(
    path: Path, encoding: Encoding, dialect: Dialect, first_line: int, width: int, names: list[str] | None
) -> tuple[pa.Table, Rejections, Rejections] | None:
    """The same table by Arrow's parser; None where anything is odd, so that the other parser has to look closely."""
    if (
        encoding.label != "utf-8"
        or encoding.damaged
        or dialect.escape
        or len(dialect.separator.encode()) != 1
    ):
        return None
    columns = [f"c{i}" for i in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(column_names=columns, skip_rows=first_line - 1, block_size=8 * 2**20),
            pyarrow.csv.ParseOptions(
                delimiter=dialect.separator,
                quote_char=dialect.quote or False,
                newlines_in_values=bool(dialect.quote),
            ),
            pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(columns, pa.large_string())),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError):
        return None
    return (table, Rejections(), Rejections()) if len(table) and not _odd(table, dialect, names) else None


def _odd(table: pa.Table, dialect: Dialect, names: list[str] | None) -> bool:
    """Blank rows, NULs, names that come again, or a cell that seems to have swallowed rows."""
    first = table.column(0)
    if names is not None and pc.any(pc.equal(first, names[0])).as_py():
        return True
    if _some_blank(table):
        return True
    swallowed = _swallowed_rows(table, dialect.separator) if dialect.quote else ""
    for column in table.columns:
        if pc.any(pc.match_substring(column, "\x00")).as_py():
            return True
        multiline = column.filter(pc.match_substring(column, "\n")) if swallowed else column[:0]
        if len(multiline) and pc.any(pc.match_substring_regex(multiline, swallowed)).as_py():
            return True
    return False


def _some_blank(table: pa.Table) -> bool:
    doubtful = table.filter(pc.equal(pc.utf8_trim_whitespace(table.column(0)), ""))
    if not len(doubtful):
        return False
    joined = pc.binary_join_element_wise(*map(pc.utf8_trim_whitespace, doubtful.columns), "")
    return bool(pc.any(pc.equal(joined, "")).as_py())


def _swallowed_rows(table: pa.Table, separator: str) -> str:
    """A pattern of what the end or the start of a row looks like inside a cell: 'separator, one of few values, new line'."""
    patterns = []
    for column, pattern in (
        (table.column(table.num_columns - 1), "{s}({v})\r?\n"),
        (table.column(0), "\n({v}){s}"),
    ):
        values = pc.unique(column[:SAMPLE_ROWS]).to_pylist()
        if len(values) <= 100:
            known = "|".join(re.escape(value) for value in values if value and len(value) < 60)
            patterns += [pattern.format(s=re.escape(separator), v=known)] if known else []
    return "|".join(patterns)
