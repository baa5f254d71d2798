"""What reading gives: a table of text cells, how it was read, and what could not be read."""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import pandas as pd
import pyarrow as pa

from engine.errors import DataError
from engine.figures import whole

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
SPELT = {name: sign for sign, name in SEPARATORS.items()} | {"\\t": "\t"}  # as people write what is hard to type
FORMATS = {"csv": "CSV", "tsv": "TSV", "json": "JSON", "jsonl": "JSON lines", "parquet": "Parquet", "arrow": "Arrow",
           "spreadsheet": "Spreadsheet", "fasttext": "fastText", "folders": "Folders of texts", "text": "Text",
           "markup": "Web page or XML"}  # fmt: skip
PARTS = {"spreadsheet": "sheet", "markup": "table"}  # what several tables in one file are called; else files
MAX_COLUMNS = 1000
KEPT_REJECTED, LISTED_REJECTED, SHOWN_CHARACTERS = 1_000_000, 1000, 200


def separator_of(written: str) -> str:
    """What stands between fields, as a person wrote it: '\\t' and 'tab' are a tab; anything else is meant as it stands."""
    return SPELT.get(written.lower(), written)


@dataclass(frozen=True)
class Options:
    """How to read a file; None: decided from its content.

    encoding: a codec of Python. separator: between the fields. quote: '"', "'" or "" for none.
    names_row: the row with the column names, counted from 1 without blank lines; 0: there is none.
    first_row: the first row with data. sheet: of a spreadsheet, or the table in an archive.
    """

    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    names_row: int | None = None
    first_row: int | None = None
    sheet: str | None = None

    def placed(self, names_row: int, first_row: int) -> tuple[int, int]:
        """(names_row, first_row), where these two were found out."""
        if self.names_row not in (None, names_row):
            names_row, first_row = self.names_row, self.names_row + 1
        return names_row, first_row if self.first_row is None else self.first_row

    def as_dict(self) -> dict:
        """Only what was set by hand."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be read, or not in full.

    line: where it starts in the file, counted from 1 (0: not known). content: its first 200 characters, where there are any.
    before: how many rows of the table stand before it; None where that is not known.
    """

    line: int
    reason: str
    content: str = ""
    before: int | None = None

    @property
    def said(self) -> str:
        """'line 34: 5 fields where 2 were expected'"""
        return f"line {self.line}: {self.reason}" if self.line else self.reason

    def shown(self) -> dict:
        return {"line": self.line, "reason": self.reason, "content": self.content}


class Rejections:
    """Counts the rows that could not be read, or not in full, and keeps the first ones: `most` of them.

    left_out: what else is in the file and is no part of the table, by its name there.
    """

    def __init__(self, most: int = KEPT_REJECTED):
        self.kept: list[Rejected] = []
        self.count, self.most = 0, most
        self.left_out: list[str] = []

    def add(self, line: int, reason: str, content: str = "", before: int | None = None) -> None:
        self.count += 1
        if len(self.kept) < self.most:
            self.kept.append(Rejected(line, sys.intern(reason), content[:SHOWN_CHARACTERS], before))

    def take(self, others: "Rejections", before: int) -> None:
        """Those of a part of the file as well. before: how many rows of the table stand before that part."""
        for one in others.kept:
            self.add(one.line, one.reason, one.content, None if one.before is None else before + one.before)
        self.count += others.count - len(others.kept)
        self.left_out += others.left_out


def arrow(rejected: Sequence[Rejected]) -> pa.Table:
    """Many of them in little space: line, reason, content, before."""
    return pa.table(
        {
            "line": pa.array([one.line for one in rejected], pa.int64()),
            "reason": pa.array([one.reason for one in rejected], pa.string()).dictionary_encode(),
            "content": pa.array([one.content for one in rejected], pa.large_string()),
            "before": pa.array([one.before for one in rejected], pa.int64()),
        }
    )


@dataclass(frozen=True)
class Table:
    """A file as it was understood.

    frame: (rows, columns), every cell a str, missing cells "".
    encoding, separator, quote: what was decided; None where the format has no such thing.
    names_row, first_row: as in Options. sheets: the names of all sheets, or of all tables in an archive; sheet: the one that
    was read, None where those with the same columns were put together. left_out: files of an archive, filled sheets, or
    parts of a JSON file, that are no part of it.
    damaged: byte sequences that are no letters. foreign: letters in another encoding than the rest.
    rejected: the first 1,000,000 rows that could not be read; rejected_count: all of them.
    padded: the first 1,000 rows with too few fields, whose missing cells are empty; padded_count: all of them.
    broken: rows that stood in several lines, since nothing quoted the line breaks of their texts.
    """

    frame: pd.DataFrame
    name: str
    format: str
    encoding: str | None = None
    separator: str | None = None
    quote: str | None = None
    names_row: int = 1
    first_row: int = 2
    sheet: str | None = None
    sheets: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    damaged: int = 0
    foreign: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    rejected_count: int = 0
    padded: list[Rejected] = field(default_factory=list)
    padded_count: int = 0
    broken: int = 0

    @property
    def columns(self) -> list[str]:
        return list(self.frame.columns)

    @property
    def header(self) -> bool:
        return self.names_row > 0

    def described(self) -> str:
        """One line for people: 'CSV, utf-8, separated by comma, 800 rows'."""
        parts = [FORMATS.get(self.format, self.format.upper())]
        if len(self.sheets) > 1:
            what = PARTS.get(self.format, "file")
            parts.append(f"{what} {self.sheet!r}" if self.sheet else f"{what}s with the same columns put together")
        if self.encoding:
            parts.append(self.encoding)
        if self.separator:
            parts.append(f"separated by {SEPARATORS.get(self.separator, repr(self.separator))}")
        if not self.header:
            parts.append("no header row")
        elif self.names_row > 1:
            parts.append(f"column names in row {self.names_row}, not counting blank ones")
        parts.append(f"{whole(len(self.frame))} rows")
        return ", ".join(parts)

    def facts(self) -> dict:
        """Everything but the cells, for a JSON file; of rows that could not be read the first 1,000."""
        shortened = {name: getattr(self, name)[:LISTED_REJECTED] for name in ("rejected", "padded")}
        kept = asdict(replace(self, frame=self.frame.iloc[:0], **shortened))
        del kept["frame"]
        return {**kept, "rows": len(self.frame), "columns": self.columns}


def named(names: list[str]) -> list[str]:
    """Trimmed, filled and made different: [' text ', '', 'text'] -> ['text', 'column 2', 'text (3)']."""
    found: dict[str, None] = {}
    for position, name in enumerate(names, start=1):
        name = " ".join(str(name).replace("\ufeff", "").replace("\x00", "").split()) or f"column {position}"
        while name in found:
            name = f"{name} ({position})"
        found[name] = None
    return list(found)


def check_width(columns: int) -> None:
    """Raises DataError where a table has more columns than can be read."""
    if columns > MAX_COLUMNS:
        raise DataError(
            f"It has {whole(columns)} columns; at most {whole(MAX_COLUMNS)} can be read.",
            "Keep the text and the label column, and a few more, and try again.",
            "too_many_columns",
        )
