"""Write tables that people open in a spreadsheet."""

import re
from pathlib import Path

import pandas as pd

FORMULA_STARTS = (*"=+-@\t\r\n", *"＝＋－＠")  # in East Asian settings, the wide signs may be read as the others
NUMBER = re.compile(r"[+-][0-9]++(\.[0-9]++)?")


def safe_csv(frame: pd.DataFrame, header: bool = True) -> str:
    """CSV in which no text can act as a formula; a missing cell is empty.

    Cells that could begin one get an apostrophe in front, as OWASP advises against CSV injection. Plain numbers, such as
    the labels -1 and +1, stay as they are.
    """
    safe = frame.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            there = safe[name].notna()
            cells = zip(safe[name], there, strict=True)
            safe[name] = [_harmless(str(cell)) if known else "" for cell, known in cells]
    return safe.rename(columns=lambda name: _harmless(str(name))).to_csv(index=False, header=header)


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Marked as UTF-8, so that spreadsheet programs show every letter."""
    Path(path).write_text(safe_csv(frame), encoding="utf-8-sig")


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell) else cell
