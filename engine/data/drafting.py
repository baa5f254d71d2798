"""A table and a recipe become a data set before it is saved: rows with a split, a health report, what was done."""

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from engine import figures
from engine.data import others, repairs, scan, similarity
from engine.data.columns import label_columns, labels_of
from engine.data.health import Problem, advice, examine, examine_file
from engine.data.names import SPLIT_WORDS
from engine.data.reading import Table
from engine.data.recipe import Recipe
from engine.data.splitting import SPLITS, stratified
from engine.errors import DataError
from engine.figures import percent, whole

SHARES_BESIDE_A_TEST = {"train": 0.9, "validation": 0.1}
TRAIN, TEST = SPLITS.index("train"), SPLITS.index("test")
FEW_TESTED = 8  # test texts: by fewer, even a score in the middle is known to within 35 points at best
HALF_AN_INTERVAL = 0.98  # 1.96 times 0.5, the deviation of a share of one half of a single text
MOST_LABELS = 1000  # that the draft knows by name
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
JOINT = "\n"  # between texts that come from several columns


@dataclass(frozen=True)
class Draft:
    """A data set before it is saved.

    rows: columns text, label, split, source_row (position in its file, from 1). problems: what the health check found.
    applied: remedies with the rows each changed. notes: what was left out or decided, in plain words.
    file_labels: {label: rows} with the label as the file has it, before names were given.
    others: of the same rows, the other columns that tell groups of texts from each other (engine/data/others.py).
    disputed: as in DatasetInfo.
    """

    rows: pd.DataFrame
    name: str
    source: str
    read_as: str
    recipe: Recipe
    split_by: str
    problems: list[Problem] = field(default_factory=list)
    applied: list[tuple[str, int]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    file_labels: dict[str, int] = field(default_factory=dict)
    others: pd.DataFrame = field(default_factory=pd.DataFrame)
    disputed: dict[str, str] = field(default_factory=dict)

    @property
    def blocking(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "blocking"]

    @property
    def labels(self) -> list[str]:
        return ordered_labels(self.rows["label"])

    def counts(self) -> dict[str, int]:
        sizes = self.rows["split"].value_counts()
        return {split: int(sizes.get(split, 0)) for split in SPLITS}


def draft(
    table: Table,
    recipe: Recipe,
    *,
    name: str = "",
    test: Table | None = None,
) -> Draft:
    """Apply the recipe, look for problems, and decide the split.

    test: the second table, where the recipe asks for one.
    Problems are in the result, also those that stand in the way of training.
    Raises DataError for columns that there are not.
    """
    if recipe.group_column:
        column_of(table, recipe.group_column)
    rows = _rows(table, recipe)
    notes: list[str] = []
    if recipe.split_by == "column" and recipe.split_column:
        rows = rows.assign(given=_given(table, recipe.split_column))
    if recipe.split_by == "file" and test is not None:
        rows = pd.concat([rows, _rows(test, recipe).assign(given="test")], ignore_index=True)
    rows, applied = repairs.make_classes(rows, recipe.remedies)
    mine = rows[rows["given"] != "test"] if recipe.split_by == "file" and test is not None else rows
    file_labels = mine["label"].value_counts().to_dict() if mine["label"].nunique() <= MOST_LABELS else {}
    rows = _by_hand(rows, recipe, notes)
    complete = ((rows["text"] != "") & (rows["label"] != "")).to_numpy(dtype=bool)
    usable, incomplete = (rows, rows[:0]) if complete.all() else (rows[complete], rows[~complete])
    usable, mended = repairs.apply(usable, recipe.remedies)
    applied += mended
    usable, unknown = _only_known(usable, recipe, notes)
    texts = similarity.codes(usable["text"])
    leaked = _leaked(usable, texts)
    if leaked is not None and "drop_leaked" in recipe.remedies:
        applied.append(("drop_leaked", int(leaked.sum())))
        usable, texts, leaked = usable[~leaked], pd.factorize(texts[~leaked])[0], None
    with ThreadPoolExecutor(1) as beside:
        splitting = beside.submit(_split, usable, texts, recipe, test, notes)
        as_they_stand = "whole_labels" in recipe.remedies
        problems = examine_file(table) + unknown + examine(usable, texts, incomplete, leaked, as_they_stand)
        split, split_by = splitting.result()
    problems = sorted([*problems, *_split_problems(split, usable, problems)], key=lambda one: one.severity != "blocking")
    return Draft(
        rows=usable.reset_index(drop=True).assign(split=_names_of(split))[["text", "label", "split", "source_row"]],
        name=name or Path(table.name).stem,
        source=table.name,
        read_as=table.described(),
        recipe=recipe,
        split_by=split_by,
        problems=problems,
        applied=applied,
        notes=notes,
        file_labels=file_labels,
        others=others.of(table, recipe, usable, test),
    )


def labelled(table: Table, recipe: Recipe) -> pd.DataFrame:
    """Texts and labels of a further table, made as those of the data set were; no row is left out, missing cells are "".

    Raises DataError for columns that there are not.
    """
    kept = tuple(name for name in recipe.remedies if not name.startswith("drop_"))
    rows, _ = repairs.make_classes(_rows(table, recipe), kept)
    rows = _by_hand(rows, recipe.model_copy(update={"edits": {}}), [])
    return repairs.apply(rows, kept)[0][["text", "label"]]


def ordered_labels(labels: pd.Series) -> list[str]:
    """The distinct labels: those that begin with a number by its size, the others by alphabet."""

    def key(label: str) -> tuple[int, float, str]:
        number = NUMBER.match(label)
        return (0, float(number[0]), label) if number else (1, 0.0, label)

    return sorted(labels.unique(), key=key)


def column_of(table: Table, name: str, flag: str = "") -> pd.Series:
    """Raises DataError when the table has no such column. flag: how to name it on the command line."""
    if name in table.columns:
        return table.frame[name]
    raise DataError(
        f"{table.name} has no column {name!r}.",
        f"It has: {', '.join(table.columns[:20])}." + (f" Name one with {flag}." if flag else ""),
        "no_such_column",
    )


def _rows(table: Table, recipe: Recipe) -> pd.DataFrame:
    """Columns text, label, source_row; trimmed."""
    if {*label_columns(recipe.label, table.columns)} & {*recipe.text}:
        raise DataError(
            f"The text and the label cannot both come from the column {recipe.label!r}.",
            "Choose two different columns.",
            "same_column",
        )
    first, *more = (scan.trimmed(column_of(table, name)) for name in recipe.text)
    for other in more:
        first = (first + JOINT + other).str.strip()
    for name in label_columns(recipe.label, table.columns):
        column_of(table, name)
    labels = scan.trimmed(labels_of(table.frame, recipe.label))
    return pd.DataFrame(
        {
            "text": first,
            "label": labels,
            "source_row": np.arange(1, len(labels) + 1),
            **({"group": _groups(table, recipe.group_column)} if recipe.group_column else {}),
        }
    )


def _groups(table: Table, column: str) -> pd.Series:
    """A second table may lack the column: its rows are in the test anyway."""
    if column in table.columns:
        return table.frame[column]
    return pd.Series([f"{table.name} {row}" for row in range(len(table.frame))], dtype="str")


def _given(table: Table, column: str) -> pd.Series:
    given = column_of(table, column).str.strip().str.lower().map(SPLIT_WORDS).fillna("").astype("str")
    if not (given == "train").any():
        raise DataError(
            f"The column {column!r} marks no row as training.",
            "Expected words such as train, validation and test.",
            "split_column",
        )
    return given


def _by_hand(rows: pd.DataFrame, recipe: Recipe, notes: list[str]) -> pd.DataFrame:
    """Labels that were renamed, merged, corrected or left out by hand."""
    left_out = np.zeros(len(rows), dtype=bool)
    if recipe.label_names:
        named = rows["label"].map(recipe.label_names)
        left_out |= (named == "").to_numpy(dtype=bool, na_value=False)
        rows = rows.assign(label=named.where(named.notna(), rows["label"]).str.strip().astype("str"))
    if recipe.edits:
        places = rows["source_row"].isin(list(recipe.edits)).to_numpy()
        if "given" in rows and recipe.split_by == "file":
            places = places & (rows["given"] != "test").to_numpy()  # a row's number is that of the first file
        labels = rows["label"].copy()
        labels[places] = [recipe.edits[row] for row in rows.loc[places, "source_row"]]
        left_out |= places & (labels == "").to_numpy(dtype=bool)
        rows = rows.assign(label=labels)
        if corrected := int((places & ~left_out).sum()):
            notes.append(f"{figures.count(corrected, 'row was', 'rows were')} corrected by hand.")
    if left_out.any():
        notes.append(f"{figures.count(int(left_out.sum()), 'row was', 'rows were')} left out on request.")
    return rows[~left_out] if left_out.any() else rows


def _only_known(rows: pd.DataFrame, recipe: Recipe, notes: list[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """Without rows whose split is not said, and rows to judge by of classes that training never sees."""
    if "given" not in rows:
        return rows, []
    if recipe.split_by == "column":
        unsaid = (rows["given"] == "").to_numpy()
        if unsaid.any():
            left_out = figures.count(int(unsaid.sum()), "row was", "rows were")
            notes.append(f"{left_out} left out, where {recipe.split_column!r} names no split.")
            rows = rows[~unsaid]
    judged = rows["given"].isin(["validation", "test"]).to_numpy()
    unknown = judged & ~rows["label"].isin(rows.loc[~judged, "label"].unique()).to_numpy()
    splits = [split for split in ("validation", "test") if (rows["given"][unknown] == split).any()]
    names = ", ".join(sorted(rows.loc[unknown, "label"].unique())[:5])
    found = advice(
        "unknown_test_labels",
        rows,
        unknown,
        f"{{rows}} of the {' and the '.join(splits)} with a label that never occurs in training ({names}).",
        "They are left out: a model cannot predict a label that it never saw.",
    )
    return rows[~unknown], [found] if found else []


def _leaked(rows: pd.DataFrame, texts: np.ndarray) -> np.ndarray | None:
    """Training rows whose text is also a test row's; None where no test rows were given."""
    if "given" not in rows:
        return None
    test = (rows["given"] == "test").to_numpy()
    return ~test & np.isin(texts, texts[test]) if test.any() else None


def _split(
    rows: pd.DataFrame, texts: np.ndarray, recipe: Recipe, test: Table | None, notes: list[str]
) -> tuple[np.ndarray, str]:
    """(the split of each row, (rows,) int8 into SPLITS; how it was decided, in words)."""
    groups = pd.factorize(rows["group"])[0] if "group" in rows else None
    together = f", rows with the same {recipe.group_column!r} together" if groups is not None else ""

    def by_chance(where: np.ndarray, shares: dict[str, float]) -> np.ndarray:
        within = groups[where] if groups is not None else None
        return stratified(pd.factorize(texts[where])[0], rows["label"][where], shares, recipe.seed, within)

    if "given" not in rows:
        shares = recipe.shares
        words = "stratified, " + " / ".join(percent(shares[split]) for split in SPLITS) + together
        return stratified(texts, rows["label"], shares, recipe.seed, groups), words
    split = pd.Categorical(rows["given"], SPLITS).codes.copy()
    if recipe.split_by == "file":
        training = split != TEST
        split[training] = by_chance(training, SHARES_BESIDE_A_TEST)
        return split, f"test rows from {test.name if test else 'a second file'}{together}"
    missing = [one for one in ("validation", "test") if not (split == SPLITS.index(one)).any()]
    if missing:
        training = split == TRAIN
        parts = {"train": 1 - sum(recipe.shares[one] for one in missing)} | {one: recipe.shares[one] for one in missing}
        split[training] = by_chance(training, parts)
        notes.append(f"{' and '.join(missing).capitalize()} rows were taken from the training rows.")
    return split, f"column {recipe.split_column!r}{together}"


def _split_problems(split: np.ndarray, rows: pd.DataFrame, problems: list[Problem]) -> list[Problem]:
    if any(problem.severity == "blocking" for problem in problems):
        return []
    sizes = np.bincount(split, minlength=len(SPLITS))
    empty = [one for one, size in zip(SPLITS, sizes, strict=True) if not size]
    if empty:
        return [
            Problem(
                "empty_split",
                "blocking",
                len(empty),
                f"No row is left for {' and '.join(empty)}.",
                "Add rows, or choose another split.",
            )
        ]
    if len(np.unique(pd.factorize(rows["label"])[0][split == TRAIN])) < 2:
        return [
            Problem(
                "single_class",
                "blocking",
                1,
                "The training rows have only one label.",
                "Choose another split or label column.",
            )
        ]
    tested = int(sizes[TEST])
    if tested < FEW_TESTED:
        off = whole(round(100 * HALF_AN_INTERVAL / math.sqrt(tested)))
        said = f"Only {figures.count(tested, 'text')} to test on: by chance alone, a score can be {off} points off."
        return [Problem("few_test_rows", "advice", tested, said, "More labelled texts make scores more reliable.")]
    return []


def _names_of(split: np.ndarray) -> pd.Series:
    names = pa.DictionaryArray.from_arrays(split, pa.array(SPLITS, pa.large_string())).cast(pa.large_string())
    return pd.Series(names, dtype="str")
