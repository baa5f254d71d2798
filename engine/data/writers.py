"""Tables written a piece at a time, so that memory never holds the whole: CSV, XLSX, Parquet, JSON lines."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from engine.data.exports import safe_csv
from engine.errors import DataError
from engine.figures import whole
from engine.paths import writing

SHEET_ROWS, SHEET_COLUMNS, CELL_LETTERS = 1_048_576, 16_384, 32_767  # the most that a spreadsheet holds


def check_format(path: Path) -> str:
    """The ending of `path`, which says the format. Raises DataError for one that cannot be written."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise DataError(
            f"{path.name} does not say in which format to write it.",
            f"Let its name end in one of: {', '.join(FORMATS)}.",
            "no_such_format",
        )
    return ending


def check_place(path: Path) -> None:
    """Raises WorkspaceError where no file can be written beside `path`."""
    with writing(path.parent, named=True), tempfile.TemporaryFile(dir=path.parent):
        pass


def write(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    """Write the pieces of a table, all with the same columns, one below the other. The ending of `path` says the format.

    A reader of `path` sees either the old file or the whole new one. Raises DataError for a format that cannot be
    written, or cannot hold so many rows, and WorkspaceError when there is no place to write.
    """
    write_pieces = FORMATS[check_format(path)]
    growing = path.with_name(path.name + ".part")
    with writing(path.parent, named=True):
        try:
            write_pieces(pieces, growing)
            growing.replace(path)
        finally:
            growing.unlink(missing_ok=True)


def _csv(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    with _text(path, "utf-8-sig") as file:  # marked as UTF-8, so that spreadsheet programs show every letter
        for number, piece in enumerate(pieces):
            file.write(safe_csv(piece, header=number == 0))


def _jsonl(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    with _text(path, "utf-8") as file:
        for piece in pieces:
            file.write(piece.to_json(orient="records", lines=True, force_ascii=False))


def _parquet(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    """Numbers as float64, all else as strings, whatever the first piece holds."""
    writer = None
    try:
        for piece in pieces:
            if writer is None:
                kinds = [
                    (str(name), pa.float64() if pd.api.types.is_numeric_dtype(kind) else pa.string())
                    for name, kind in piece.dtypes.items()
                ]
                writer = pyarrow.parquet.ParquetWriter(path, pa.schema(kinds), compression="zstd")
            writer.write_table(pa.Table.from_pandas(piece, writer.schema, preserve_index=False))
    finally:
        if writer is not None:
            writer.close()


def _xlsx(pieces: Iterable[pd.DataFrame], path: Path) -> None:
    """Every text is written as a text: none becomes a formula, a link or a number. Longer ones than a cell holds are cut."""
    import xlsxwriter

    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(str(path), {"constant_memory": True, **plain}) as book:
        sheet, row = book.add_worksheet(), 0
        sheet.freeze_panes(1, 0)
        for piece in pieces:
            if row == 0:
                _fits(1, len(piece.columns))
                sheet.write_row(0, 0, [str(name)[:CELL_LETTERS] for name in piece.columns])
            _fits(row + 1 + len(piece), len(piece.columns))
            columns = [_cells(piece[name]) for name in piece.columns]
            for cells in zip(*columns, strict=True):
                row += 1
                for column, cell in enumerate(cells):
                    if cell is not None:
                        put = sheet.write_string if isinstance(cell, str) else sheet.write_number
                        put(row, column, cell)


def _cells(column: pd.Series) -> list[float | str | None]:
    """None: missing."""
    number = pd.api.types.is_numeric_dtype(column)
    return [
        None if missing else float(cell) if number else str(cell)[:CELL_LETTERS]
        for cell, missing in zip(column, column.isna(), strict=True)
    ]


def _fits(rows: int, columns: int) -> None:
    if rows > SHEET_ROWS or columns > SHEET_COLUMNS:
        raise DataError(
            f"A spreadsheet holds at most {whole(SHEET_ROWS)} rows and {whole(SHEET_COLUMNS)} columns.",
            "Write it as CSV or Parquet.",
            "too_many_rows",
        )


def _text(path: Path, encoding: str) -> TextIO:
    return path.open("w", encoding=encoding, newline="")


FORMATS: dict[str, Callable[[Iterable[pd.DataFrame], Path], None]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
    ".jsonl": _jsonl,
}
