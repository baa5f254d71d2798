"""The records of separated text, one at a time: what the csv module makes of it, and what has to be mended."""

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.data.reading.table import Rejections
from engine.figures import whole

LONGEST_FIELD = 10_000_000  # characters
LONGEST_RECORD = 50  # lines of a record whose quotes are out of order
SEP_LINE = re.compile(r'"?sep=(.)"?\r?\n')  # how Excel declares the separator
LINE = "\ufdd0"  # stands for a line break within a record while that is taken apart; no text has this one
BLANKS = "  "  # as a separator: two blanks or more, as in tables that are set in line
csv.field_size_limit(LONGEST_FIELD)


@dataclass(frozen=True)
class Dialect:
    """How fields are told from each other.

    separator: one to four characters, "" for none. quote: "" for none. escape: a backslash before a quote, or "".
    spaced: blanks stand before quotes. wrapped: whole lines were put into quotes once more. width: fields of a record, where
    what is more belongs to field number `open` (a text whose separators are not quoted); 0 where there is no such field.
    bare: records end with \\r\\n, and a \\n alone is a line break in a text. broken: fields of a record where
    these stand in several lines more often than not, else 0.
    """

    separator: str
    quote: str = '"'
    escape: str = ""
    spaced: bool = False
    wrapped: bool = False
    width: int = 0
    open: int = 0
    bare: bool = False
    broken: int = 0

    @property
    def newline(self) -> str:
        """As open() is to be told, so that a line is what ends a record."""
        return "\r\n" if self.bare else ""


@dataclass(frozen=True)
class Shape:
    """What the rows of a table look like. known: by column its values where there are only a few, else None."""

    known: tuple[frozenset[str] | None, ...]

    @property
    def width(self) -> int:
        return len(self.known)

    @property
    def telling(self) -> bool:
        """Whether something that is no row would hardly look like one."""
        return self.width > 2 or any(self.known)

    def fits(self, cells: list[str | None]) -> bool:
        """Whether these could be a row. None stands for any value."""
        return len(cells) == self.width and all(
            cell is None or values is None or cell.strip() in values for cell, values in zip(cells, self.known, strict=True)
        )

    def fit(self, rows: list[list[str | None]]) -> bool:
        """Whether these are rows: all as wide, and nearly all with known values, since a new one may be among them."""
        enough = 0.8 if self.width > 2 else 1.0
        wide = all(len(cells) == self.width for cells in rows)
        return wide and sum(map(self.fits, rows)) >= enough * len(rows)


def shape_of(rows: list[list[str]], width: int) -> Shape:
    """rows: the first ones of a table."""
    usual = [row for row in rows if len(row) == width]
    most = min(100, max(2, len(usual) // 5))
    columns = ({row[i].strip() for row in usual} for i in range(width))
    return Shape(tuple(frozenset(values) if 0 < len(values) <= most else None for values in columns))


class Records:
    """Iterates over (line, cells) of every record that is not blank; what the parser refuses goes to `rejected`.

    A quote that opens a field and is never closed, or closed in a later row, was only a character: then its line is a
    record by itself. shape: known from a first look, so that swallowed rows are recognised.
    mended: records so far whose quotes were out of order. needed: those whose quotes kept something together.
    """

    def __init__(self, lines: Iterable[str], dialect: Dialect, rejected: Rejections, shape: Shape | None = None):
        self.lines, self.dialect, self.rejected, self.shape = lines, dialect, rejected, shape
        self.mended = self.needed = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        dialect = self.dialect
        lines = self._ended_lines() if dialect.bare else self.lines
        source = _Source(map(unwrapped, lines) if dialect.wrapped else lines)
        reader, line = _reader(source, dialect), 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                cells = []
                if len(source.seen) > 1:  # a quote that nothing closes before the limit
                    cells = self._first_line(source.seen, source)
                else:
                    self.rejected.add(line, _in_words(error))
            seen = source.seen
            if dialect.quote and cells and (len(seen) > 1 or dialect.quote in seen[0]):
                cells = self._checked(cells, seen, source)
            if dialect.width and len(cells) > dialect.width:
                empty = dialect.open < dialect.width - 1 and not any(map(str.strip, cells[dialect.width :]))
                cells = cells[: dialect.width] if empty else joined(cells, dialect)
            if dialect.bare:
                cells = [cell.replace(LINE, "\n") for cell in cells]
            if any(map(str.strip, cells)) and not (line == 1 and SEP_LINE.match(seen[0])):
                yield line, cells
            line += len(seen) + (sum(one.count(LINE) for one in seen) if dialect.bare else 0)
            seen.clear()

    def _ended_lines(self) -> Iterator[str]:
        """Those that end with \\r\\n in one; but each by itself where rows with other ends were put behind them."""
        for line in self.lines:
            parts = line.replace("\r", "").rstrip("\n").split("\n")
            if len(parts) > 1 and self._is_rows(parts):
                yield from (f"{part}\r\n" for part in parts)
            else:
                yield LINE.join(parts) + "\r\n"

    def _checked(self, cells: list[str], seen: list[str], source: "_Source") -> list[str]:
        """The cells, mended if the quotes of this record are out of order."""
        dialect, shape = self.dialect, self.shape
        if _well_formed(seen, dialect):
            if len(seen) > 1 and self._is_rows(seen):
                self.mended += 1
                return self._first_line(seen, source)
            kept = any(dialect.separator in cell or "\n" in cell for cell in cells)
            self.needed += kept or dialect.quote * 2 in "".join(seen)
            return cells
        self.mended += 1
        if len(seen) == 1:
            closer = _split_where_quotes_close(seen[0].rstrip("\r\n"), dialect)
            return closer if shape and len(closer) == shape.width else cells
        if (
            shape
            and len(seen) <= LONGEST_RECORD
            and shape.telling
            and shape.fits(cells)
            and not self._is_rows(seen)
            and not any(map(self._is_row, seen[1:]))
        ):
            return cells
        return self._first_line(seen, source)

    def _is_rows(self, lines: list[str]) -> bool:
        """Whether each of the lines looks like a row by itself."""
        shape = self.shape
        return bool(shape and shape.telling) and shape.fit([plain_cells(line, self.dialect) for line in lines])

    def _is_row(self, line: str) -> bool:
        """Whether a line is a row by itself, with quotes that are in order."""
        if not _well_formed([line], self.dialect):
            return False
        return self.shape.fits(next(_reader([line], self.dialect), []))

    def _first_line(self, seen: list[str], source: "_Source") -> list[str]:
        """Its cells; the other lines are read again."""
        source.returned.extendleft(reversed(seen[1:]))
        del seen[1:]
        return seen[0].rstrip("\r\n").split(self.dialect.separator)


class _Source:
    """The lines of a file for the csv module: remembers those that went into a record, and takes some back."""

    def __init__(self, lines: Iterable[str]):
        self.lines, self.seen, self.returned = iter(lines), [], deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.returned:
            line = self.returned.popleft()
        else:
            line = next(self.lines)
            if "\x00" in line or "\ufeff" in line or "\x1a" in line:  # \x1a: the end of a file, in DOS
                line = line.replace("\x00", "").removeprefix("\ufeff").rstrip("\x1a") or "\n"
        self.seen.append(line)
        return line


def joined(cells: list[str], dialect: Dialect) -> list[str]:
    """Cells with what is too much for `dialect.width` put back together in the field that is open."""
    after = dialect.width - dialect.open - 1
    middle = cells[dialect.open : len(cells) - after]
    return [*cells[: dialect.open], dialect.separator.join(middle), *cells[len(cells) - after :]]


def unwrapped(line: str) -> str:
    """A line as it was before some program took it for a single field, put it into quotes, and went on with empty fields."""
    bare = line.rstrip("\r\n")
    field = bare.rstrip(";")
    if len(field) > 1 and field[0] == field[-1] == '"':
        field = field[1:-1].replace('""', '"')
    return field + line[len(bare) :]


def plain_cells(line: str, dialect: Dialect) -> list[str]:
    """A line split at every separator; quotes around a cell are taken off."""
    return [cell.strip().strip(dialect.quote or None) for cell in line.rstrip("\r\n").split(dialect.separator)]


def _reader(lines: Iterable[str], dialect: Dialect, strict: bool = False) -> Iterator[list[str]]:
    if len(dialect.separator) != 1:
        stripped = (line.rstrip("\r\n") for line in lines)
        if dialect.separator == BLANKS:
            return (re.split(r" {2,}", line.strip()) for line in stripped)
        return (line.split(dialect.separator) if dialect.separator else [line] for line in stripped)
    return csv.reader(
        lines,
        delimiter=dialect.separator,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        escapechar=dialect.escape or None,
        skipinitialspace=dialect.spaced,
        strict=strict,
    )


def _well_formed(lines: list[str], dialect: Dialect) -> bool:
    """Whether the quotes of one record are in order."""
    try:
        return len(list(_reader(lines, dialect, strict=True))) == 1
    except csv.Error:
        return False


def _split_where_quotes_close(line: str, dialect: Dialect) -> list[str]:
    """Fields where a quote closes only before a separator: 'say "so, then" and",x' is two of them."""
    quote, separator = re.escape(dialect.quote), re.escape(dialect.separator)
    opens, closes = re.compile(rf"[^\S{separator}]*{quote}"), re.compile(rf"{quote}[^\S{separator}]*(?:{separator}|$)")
    cells, end, some_close = [], 0, True
    while end < len(line):
        opened = opens.match(line, end) if some_close else None
        if opened and (closed := closes.search(line, opened.end())):
            cells.append(line[opened.end() : closed.start()].replace(dialect.quote * 2, dialect.quote))
            end = closed.end()
        else:
            some_close = some_close and not opened  # what closes no quote closes none of those behind it either
            after = line.find(dialect.separator, end)
            after = len(line) if after < 0 else after
            cells.append(line[end:after])
            end = after + 1
    return [*cells, ""] if line.endswith(dialect.separator) else cells


def _in_words(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a field of more than {whole(LONGEST_FIELD)} characters"
    if "unexpected end" in str(error):
        return "a quotation mark that is never closed"
    return "a quotation mark, separator or line break where none is expected"
