"""Read the table that somebody has.

What a file is, is decided by its content; its extension may lie. All cells become text, a missing cell becomes "".
Rows that cannot be placed are counted and listed with their line and the reason.

    table        what reading gives, and how it can be told to read
    archives     ZIP and GZ, unpacked with care
    encodings    which encoding a text file has
    separated    CSV and its relatives: separator, quotes, records
    headers      which row names the columns
    structured   JSON, JSON lines, Parquet, Arrow
    spreadsheets XLSX, XLS, ODS
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa

from engine.data.reading import archives, encodings, separated, spreadsheets, structured
from engine.data.reading.columnar import as_frame
from engine.data.reading.table import Options, Rejected, Rejections, Table, named
from engine.errors import DataError

__all__ = ["Options", "Rejected", "Table", "read_bytes", "read_file"]

Progress = Callable[[int, int], None]
EXPECTED = "Tuneboard reads CSV, TSV, TXT, JSON, JSONL, XLSX, XLS, ODS, Parquet, and ZIP or GZ of these."
OTHERS = {
    b"%PDF": "a PDF document",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"SQLite format 3": "a database",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a BZ2 archive",
    b"\xfd7zXZ": "an XZ archive",
    b"\x28\xb5\x2f\xfd": "a ZST archive",
    b"\x80\x04\x95": "a pickle, which can run programs when it is opened",
    b"\x80\x03": "a pickle, which can run programs when it is opened",
    b"\x80\x05\x95": "a pickle, which can run programs when it is opened",
}
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<table", b"<head", b"<meta")
BINARY_SHARE, FEW_CONTROLS = 0.02, 5  # control characters in a text file, beyond which it is none
SEPARATING = set("\x01\x1a\x1b\x1c\x1d\x1e\x1f")  # control characters that text files are known to hold
MAX_COLUMNS = 1000


def read_file(
    path: str | Path,
    options: Options = Options(),  # noqa: B008 (frozen)
    *,
    name: str | None = None,
    progress: Progress = lambda done, total: None,
) -> Table:
    """Read the file at `path`. name: what to call it, if not by its file name. progress: bytes read, and in all.

    Raises DataError with a plain sentence when there is no such file or no table in it.
    """
    path = Path(path).expanduser()
    name = name or path.name
    try:
        if not path.stat().st_size:
            raise _empty()
        table = _named(_read(path, name, options, progress))
    except FileNotFoundError as error:
        raise DataError(
            f"There is no file {path}.", "Check the name and the folder.", "no_such_file"
        ) from error
    except OSError as error:
        raise DataError(
            f"The file {path} cannot be opened ({error.strerror}).", code="unreadable_file"
        ) from error
    except MemoryError as error:
        raise DataError(
            f"{name} does not fit into the memory.", "Split it into smaller files.", "too_large"
        ) from error
    except DataError as error:
        message = error.message if name in error.message else f"{name}: {error.message}"
        raise DataError(message, error.action, error.code) from error
    return table


def read_bytes(content: bytes, name: str, options: Options = Options()) -> Table:  # noqa: B008 (frozen)
    """Read a table out of a file's content; otherwise like read_file. name is only shown, never opened."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(content)
        return read_file(path, options, name=name)


def _read(path: Path, name: str, options: Options, progress: Progress) -> Table:
    if archives.is_archive(path):
        return _read_archive(path, name, options, progress)
    with path.open("rb") as file:
        start = file.read(4096)
    if not start.strip() and path.stat().st_size < 2**20 and not path.read_bytes().strip():
        raise _empty()
    if start.startswith(b"PAR1"):
        return _structured(structured.parse_parquet(path), name, "parquet")
    if start.startswith(b"ARROW1"):
        return _structured(structured.parse_arrow(path), name, "arrow")
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return _read_spreadsheet(path, name, options)
    other = next((what for mark, what in OTHERS.items() if start.startswith(mark)), None)
    if other is None and start.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith(MARKUP):
        other = "a web page or XML, whatever its extension says"
    if other:
        raise DataError(
            f"This is {other}, and no table.", f"Save it as CSV or XLSX. {EXPECTED}", "not_a_table"
        )
    return _read_text(path, name, options, progress)


def _read_text(path: Path, name: str, options: Options, progress: Progress) -> Table:
    encoding = encodings.find_encoding(path)
    if options.encoding and options.encoding != encoding.label:
        encoding = encodings.Encoding(options.encoding, 0, sure=True)
    with path.open(encoding=encoding.name, errors="replace", newline="") as file:
        start = file.read(100_000)
    controls = sum(map(start.count, encodings.CONTROLS - SEPARATING))
    if controls > max(FEW_CONTROLS, BINARY_SHARE * len(start)):
        raise DataError("This is not a text table: it contains binary data.", EXPECTED, "binary")
    read_as = {"name": name, "encoding": encoding.label, "damaged": encoding.damaged}
    if start.lstrip("\ufeff \t\r\n").startswith(("{", "[")) and options.separator is None:
        try:
            table, kind, rejected = structured.parse_json(path, encoding, progress)
            return _structured(table, kind=kind, rejected=rejected, **read_as)
        except DataError:
            if start.lstrip("\ufeff \t\r\n").startswith("{") or '"' in start[:20]:
                raise  # else it is a text that begins with a bracket
    if start.startswith("__label__") and options.separator is None:
        return _read_fasttext(path, encoding, read_as)
    parsed = separated.parse(path, encoding, options, progress)
    separator = parsed.dialect.separator if len(parsed.names) > 1 or options.separator else None
    return Table(
        as_frame(parsed.columns, named(parsed.names)),
        format="tsv" if separator == "\t" else "csv" if separator else "text",
        separator=separator,
        quote=parsed.dialect.quote,
        names_row=parsed.names_row,
        first_row=parsed.first_row,
        rejected=parsed.rejected.kept,
        rejected_count=parsed.rejected.count,
        padded=parsed.padded.kept,
        padded_count=parsed.padded.count,
        **read_as,
    )


def _read_fasttext(path: Path, encoding: encodings.Encoding, read_as: dict) -> Table:
    """One text per line behind its labels: '__label__good fine weather'. Several labels are joined with '|'."""
    labels, texts, rejected = [], [], Rejections()
    with path.open(encoding=encoding.name, errors="replace", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            words = line.split()
            marks = [word for word in words if word.startswith("__label__")]
            if marks and len(words) > len(marks):
                labels.append("|".join(mark.removeprefix("__label__") for mark in marks))
                texts.append(" ".join(word for word in words if not word.startswith("__label__")))
            elif words:
                rejected.add(number, "no label or no text")
    columns = pa.table(
        {"text": pa.array(texts, pa.large_string()), "label": pa.array(labels, pa.large_string())}
    )
    return _structured(columns, kind="fasttext", rejected=rejected, **read_as)


def _structured(
    columns: pa.Table, name: str, kind: str, rejected: Rejections | None = None, **read_as
) -> Table:
    rejected = rejected or Rejections()
    return Table(
        as_frame(columns, named(columns.column_names)),
        name,
        kind,
        rejected=rejected.kept,
        rejected_count=rejected.count,
        **read_as,
    )


def _read_spreadsheet(path: Path, name: str, options: Options) -> Table:
    columns, names, sheet, sheets, names_row, first_row = spreadsheets.parse_spreadsheet(path, options)
    return Table(
        as_frame(columns, named(names)),
        name,
        "spreadsheet",
        names_row=names_row,
        first_row=first_row,
        sheet=sheet,
        sheets=tuple(sheets),
    )


def _read_archive(path: Path, name: str, options: Options, progress: Progress) -> Table:
    """The one table in an archive, its texts in folders named after the classes, or all its tables with a column `file`."""
    with tempfile.TemporaryDirectory() as folder:
        members = archives.unpack(path, name, Path(folder), progress=progress)
        documents = archives.folders_as_classes(members)
        if documents:
            return _read_documents(documents, name)
        tables = [(one.name, _read(one.path, one.name, options, progress)) for one in members]
    if len(tables) == 1:
        return replace(tables[0][1], name=name)
    return _together(tables, name)


def _read_documents(documents: list[tuple[str, str, str, Path]], name: str) -> Table:
    columns: dict[str, list[str]] = {"text": [], "label": [], "split": [], "file": []}
    for label, split, file, path in documents:
        encoding = encodings.find_encoding(path)
        for column, value in zip(
            columns,
            (path.read_text(encoding.name, errors="replace").replace("\x00", ""), label, split, file),
            strict=True,
        ):
            columns[column].append(value)
    if not any(columns["split"]):
        del columns["split"]
    return Table(pd.DataFrame(columns, dtype="str"), name, "folders")


def _together(tables: list[tuple[str, Table]], name: str) -> Table:
    """Tables with the same columns below one another; `file` says where each row is from, which may be its label."""
    alike = {tuple(table.columns) for _, table in tables}
    if len(alike) > 1:
        raise DataError(
            f"There are {len(tables)} tables in it, with different columns: "
            + "; ".join(f"{file} ({', '.join(table.columns[:5])})" for file, table in islice(tables, 4))
            + ".",
            "Choose one of them and upload it by itself.",
            "several_tables",
        )
    frames = [table.frame.assign(file=Path(file).stem) for file, table in tables]
    first = tables[0][1]
    return replace(
        first,
        frame=pd.concat(frames, ignore_index=True),
        name=name,
        rejected=[one for _, table in tables for one in table.rejected],
        rejected_count=sum(table.rejected_count for _, table in tables),
        padded=[one for _, table in tables for one in table.padded],
        padded_count=sum(table.padded_count for _, table in tables),
        damaged=sum(table.damaged for _, table in tables),
    )


def _named(table: Table) -> Table:
    if table.frame.empty or not len(table.frame.columns):
        raise DataError(
            "There are no rows below its header.", "Choose a file with one row per text.", "no_rows"
        )
    if len(table.frame.columns) > MAX_COLUMNS:
        raise DataError(
            f"It has {len(table.frame.columns):,} columns; at most {MAX_COLUMNS:,} can be read.",
            "Keep the text and the label column, and a few more, and try again.",
            "too_many_columns",
        )
    return table


def _empty() -> DataError:
    return DataError(
        "The file is empty.", "Choose a file with a header row and one row per text.", "empty_file"
    )
