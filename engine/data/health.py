"""Is this table fit to learn from? Findings with a count, the rows, and what to do."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

FEW_ROWS = 10  # fewer texts of a class than this teach little and test nothing
IMBALANCE = 10  # the largest class has more than this many times the rows of the smallest


@dataclass(frozen=True)
class Problem:
    """severity: 'blocking' must be mended before training; 'advice' is worth knowing.

    count: rows concerned (classes for the findings on classes). rows: up to 200 positions in the table, from 0.
    """

    code: str
    severity: Literal["blocking", "advice"]
    count: int
    sentence: str
    remedy: str
    rows: list[int]


def examine(texts: pd.Series, labels: pd.Series) -> list[Problem]:
    """Problems of a table of texts and labels (both str, "" where missing), blocking ones first."""
    empty_text, empty_label = texts.str.strip() == "", labels.str.strip() == ""
    usable = ~empty_text & ~empty_label
    sizes = labels[usable].str.strip().value_counts()
    found = [
        _rows("empty_text", "advice", empty_text, "{n} rows have no text.", "They are left out."),
        _rows("missing_label", "advice", empty_label, "{n} rows have no label.", "They are left out."),
        _too_few_classes(sizes),
        _rare_classes(sizes),
        *_repeats(texts[usable], labels[usable]),
        _imbalance(sizes),
    ]
    problems = [problem for problem in found if problem]
    return sorted(problems, key=lambda problem: problem.severity != "blocking")


def _rows(code: str, severity: str, mask: pd.Series, sentence: str, remedy: str) -> Problem | None:
    positions = mask.to_numpy().nonzero()[0]
    if not len(positions):
        return None
    return Problem(
        code,
        severity,
        len(positions),
        sentence.format(n=f"{len(positions):,}"),
        remedy,
        positions[:200].tolist(),
    )


def _too_few_classes(sizes: pd.Series) -> Problem | None:
    if len(sizes) >= 2:
        return None
    found = f"only {sizes.index[0]!r}" if len(sizes) else "no label at all"
    return Problem(
        "single_class",
        "blocking",
        len(sizes),
        f"A model needs at least two different labels; this column has {found}.",
        "Choose another label column, or add texts of another class.",
        [],
    )


def _rare_classes(sizes: pd.Series) -> Problem | None:
    rare = sizes[sizes < FEW_ROWS]
    if rare.empty:
        return None
    names = ", ".join(f"{name} ({count})" for name, count in rare.head(5).items())
    if (sizes < 3).all():
        return Problem(
            "rare_classes",
            "blocking",
            len(rare),
            f"Nearly every text has a label of its own ({len(sizes):,} labels for {sizes.sum():,} texts).",
            "Choose another label column: each class needs several texts.",
            [],
        )
    return Problem(
        "rare_classes",
        "advice",
        len(rare),
        f"{len(rare)} classes have fewer than {FEW_ROWS} texts: {names}.",
        "Add texts of these classes, or expect the model to miss them.",
        [],
    )


def _repeats(texts: pd.Series, labels: pd.Series) -> list[Problem | None]:
    key = texts.str.strip().str.lower()
    labels_per_text = labels.str.strip().groupby(key).transform("nunique")
    again = pd.Series(False, index=range(texts.index.max() + 1)) if len(texts) else pd.Series(dtype=bool)
    conflict = again.copy()
    again[texts.index[key.duplicated()]] = True
    conflict[texts.index[labels_per_text > 1]] = True
    return [
        _rows(
            "duplicates",
            "advice",
            again,
            "{n} texts are repeated.",
            "Copies of a text stay together in one split, so that none is both learnt and tested.",
        ),
        _rows(
            "conflicting_labels",
            "advice",
            conflict,
            "{n} rows have the same text under different labels.",
            "Decide which label is right; the model cannot learn both.",
        ),
    ]


def _imbalance(sizes: pd.Series) -> Problem | None:
    if len(sizes) < 2 or sizes.iloc[0] <= IMBALANCE * sizes.iloc[-1]:
        return None
    return Problem(
        "imbalance",
        "advice",
        len(sizes),
        f"{sizes.index[0]!r} has {sizes.iloc[0] / sizes.iloc[-1]:.0f} times as many texts as {sizes.index[-1]!r}.",
        "Look at macro-F1, which counts each class equally, rather than at accuracy.",
        [],
    )
