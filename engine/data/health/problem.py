"""The shape of a finding."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from engine import figures
from engine.data import scan

SHOWN_ROWS = 50
SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Problem:
    """severity: 'blocking' must be mended before training; 'advice' is worth knowing.

    count: rows concerned (classes for the findings on classes). fix: what repairs.remedy knows, None where no click mends
    it. otherwise: further remedies, of which one may be taken instead. examples: up to 50 of the rows, each {row (in the
    table, from 1), text, label}, of near copies with the row each is like; {line (of the file), reason, content} for those
    that are not in the table.
    """

    code: str
    severity: Literal["blocking", "advice"]
    count: int
    sentence: str
    remedy: str
    fix: str | None = None
    examples: list[dict] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)

    @property
    def fixes(self) -> list[str]:
        return [self.fix, *self.otherwise] if self.fix else []


def advice(
    code: str, rows: pd.DataFrame, which: np.ndarray, sentence: str, remedy: str, fix: str | None = None
) -> Problem | None:
    """A finding on rows; None where there are none. which: (rows,) bool.

    sentence: with {rows} for '3 rows', before any words of the table, which may have braces of their own.
    """
    count = int(which.sum())
    if not count:
        return None
    said = sentence.replace("{rows}", figures.count(count, "row"), 1)
    return Problem(code, "advice", count, said, remedy, fix, examples(rows, which))


def examples(rows: pd.DataFrame, which: np.ndarray) -> list[dict]:
    """The first 50 of the rows. which: (rows,) bool. rows: columns source_row, text, label."""
    some = scan.rows_at(rows[["source_row", "text", "label"]], np.flatnonzero(which)[:SHOWN_ROWS])
    return [
        {"row": int(row), "text": text[:SHOWN_CHARACTERS], "label": label}
        for row, text, label in zip(some["source_row"], some["text"], some["label"], strict=True)
    ]
