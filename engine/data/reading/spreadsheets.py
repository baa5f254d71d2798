"""Spreadsheets: XLSX, XLSM, XLSB, XLS and ODS."""

import zipfile
from pathlib import Path

import pyarrow as pa

from engine.data.reading.columnar import Columns
from engine.data.reading.headers import find_header
from engine.data.reading.structured import as_text
from engine.data.reading.table import Options
from engine.errors import DataError

LARGEST = 2 * 2**30  # bytes of the sheets inside the file
HEAD_ROWS = 2000
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


def parse_spreadsheet(path: Path, options: Options) -> tuple[pa.Table, list[str], str, list[str], int, int]:
    """(table, names of its columns, sheet, all sheets, names_row, first_row); of several sheets the largest, unless chosen.

    Raises DataError when it cannot be opened or no sheet is filled.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    protected = DataError(
        "This spreadsheet is protected by a password.",
        "Open it in your spreadsheet program, remove the password and save it again.",
        "encrypted",
    )
    _check_size(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = list(workbook.sheet_names)
        sizes = {name: workbook.get_sheet_by_name(name).total_height for name in sheets}
        sheet = options.sheet if options.sheet in sizes else max(sizes, key=sizes.get, default="")
        rows = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=True) if sheet else []
    except PasswordError as error:
        raise protected from error
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        if ENCRYPTED in path.read_bytes()[: 2**20]:
            raise protected from error
        raise DataError(
            "This is not a spreadsheet that can be read; it may be damaged.",
            "Open it in your spreadsheet program and save it as XLSX or CSV.",
            "damaged",
        ) from error
    cells = [
        texts for texts in ([as_text(value) for value in row] for row in rows) if any(map(str.strip, texts))
    ]
    if not cells:
        raise DataError(
            "The spreadsheet has no filled sheet.", "Choose a file with one row per text.", "empty_file"
        )
    names_row, first_row = find_header(cells[:HEAD_ROWS])
    names_row = options.names_row if options.names_row is not None else names_row
    first_row = options.first_row if options.first_row is not None else max(first_row, names_row + 1)
    width = max(map(len, cells))
    columns = Columns(width)
    for row in cells[first_row - 1 :]:
        columns.add(row + [""] * (width - len(row)))
    given = cells[names_row - 1] if 0 < names_row <= len(cells) else [str(number) for number in range(width)]
    return columns.table(), given + [""] * (width - len(given)), sheet, sheets, names_row, first_row


def _check_size(path: Path) -> None:
    """A spreadsheet is a ZIP: see what it would grow to before anything is unpacked."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        grown = sum(member.file_size for member in archive.infolist())
    if grown > LARGEST:
        raise DataError(
            f"Unpacked, this spreadsheet would take {grown / 2**30:.0f} GiB; at most {LARGEST / 2**30:.0f} GiB can be read.",
            "Save the sheet with the texts as CSV.",
            "zip_bomb",
        )
