"""Is this table fit to learn from? Findings with a count, some of the rows, and what to do.

problem   the shape of a finding
labels    what kind the labels are, and whether each class can be learnt
texts     copies, contradictions, damage, languages, length
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import pandas as pd

from engine import figures
from engine.data.columns import Roles
from engine.data.health import labels
from engine.data.health import texts as texts_
from engine.data.health.problem import SHOWN_ROWS, Problem, advice
from engine.data.health.texts import MEASURED, too_long
from engine.data.reading import Table

THREADS = 2

__all__ = ["MEASURED", "Problem", "advice", "examine", "examine_file", "missing_roles", "too_long"]


def examine_file(table: Table) -> list[Problem]:
    """What reading left out or had to guess."""
    found = []
    for code, count, lines, sentence, remedy in (
        ("unreadable_rows", table.rejected_count, table.rejected, "{rows} could not be read.",
         "They are left out and listed with line and reason. Fix them in the file, or continue without them."),
        ("short_rows", table.padded_count, table.padded, "{rows} had too few fields.", "The missing cells are empty."),
    ):  # fmt: skip
        if count:
            examples = [one.shown() for one in lines[:SHOWN_ROWS]]
            found.append(
                Problem(
                    code,
                    "advice",
                    count,
                    sentence.format(rows=figures.count(count, "row")),
                    remedy,
                    examples=examples,
                )
            )
    if table.broken:
        found.append(
            Problem(
                "broken_rows",
                "advice",
                table.broken,
                f"{figures.count(table.broken, 'row was', 'rows were')} spread over several lines, because their texts "
                "contain line breaks but have no quotation marks around them.",
                "Each was put back together. Please check them in the table.",
            )
        )
    if table.damaged:
        found.append(
            Problem(
                "damaged_bytes",
                "advice",
                table.damaged,
                f"{figures.count(table.damaged, 'place')} in the file could not be read as letters.",
                "They show as �. If there are many, choose another encoding under 'How it was read'.",
            )
        )
    if table.foreign:
        found.append(
            Problem(
                "two_encodings",
                "advice",
                table.foreign,
                f"{figures.count(table.foreign, 'letter was', 'letters were')} saved in a different encoding than the rest "
                "of the file, so Tuneboard had to guess.",
                "Please check them in the table. If they are wrong, choose an encoding under 'How it was read'.",
            )
        )
    return found


def missing_roles(roles: Roles, columns: int) -> list[Problem]:
    """Where no column fits, what to do about it. columns: how many there are."""
    if columns == 1:
        return [
            Problem(
                "no_label_column",
                "blocking",
                0,
                "There is only one column, so there are no labels for the texts.",
                "If it holds several columns, change the separator under 'How it was read'. If the file name is the label, "
                "put one file per label into a ZIP, and it becomes a column.",
            )
        ]
    found = []
    if not roles.text:
        found.append(
            Problem(
                "no_text_column",
                "blocking",
                0,
                "No column looks like texts.",
                "Choose the column with the texts, or another file with one row per text.",
            )
        )
    if not roles.label:
        found.append(
            Problem(
                "no_label_column",
                "blocking",
                0,
                "No column looks like labels, which a model needs to learn from.",
                "Choose the column with the labels. If the file name is the label, put one file per label into a ZIP, and "
                "it becomes a column.",
            )
        )
    return found


def examine(
    rows: pd.DataFrame,
    texts: np.ndarray,
    incomplete: pd.DataFrame,
    leaked: np.ndarray | None = None,
    as_they_stand: bool = False,
) -> list[Problem]:
    """Problems of a table, blocking ones first.

    rows: those with a text and a label; columns text, label, source_row, all trimmed. texts: similarity.codes of them.
    incomplete: rows without a text or a label. leaked: (rows,) bool, training rows whose text is also a test row's.
    as_they_stand: labels are never several in a cell, whatever they look like.
    """
    sizes = rows["label"].value_counts()
    found = [
        advice("empty_text", incomplete, (incomplete["text"] == "").to_numpy(dtype=bool),
               "{rows} without a text.", "They are left out."),
        advice("missing_label", incomplete, (incomplete["label"] == "").to_numpy(dtype=bool),
               "{rows} without a label.", "They are left out."),
    ]  # fmt: skip
    wrong = labels.unfit(rows, sizes, as_they_stand)
    if wrong:
        found += wrong
    else:
        looks = [
            (texts_.languages, rows),  # first, since a model has to be opened
            (labels.findings, rows, sizes),
            (texts_.repeats, rows, texts),
            (texts_.near_copies, rows, texts),
            (texts_.letters, rows),
        ]
        with ThreadPoolExecutor(THREADS) as pool:  # Arrow and numpy work without Python's lock
            languages, *others = pool.map(lambda look: look[0](*look[1:]), looks)
        found += [*chain(*others), *languages]
        if leaked is not None:
            found.append(texts_.leaked(rows, leaked))
    problems = [problem for problem in found if problem]
    return sorted(problems, key=lambda problem: problem.severity != "blocking")
