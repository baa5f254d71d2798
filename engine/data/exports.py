"""Write tables that people open in a spreadsheet."""

from pathlib import Path

import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_csv(frame: pd.DataFrame) -> str:
    """CSV in which no text can act as a formula.

    Cells that could begin one get an apostrophe in front, as OWASP advises against CSV injection.
    """
    safe = frame.copy()
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = [_harmless(str(cell)) for cell in safe[name]]
    return safe.rename(columns=lambda name: _harmless(str(name))).to_csv(index=False)


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Marked as UTF-8, so that spreadsheet programs show every letter."""
    Path(path).write_text(safe_csv(frame), encoding="utf-8-sig")


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(FORMULA_STARTS) else cell
