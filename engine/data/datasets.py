"""A table with its roles becomes a Dataset: rows with a split decided once, stored under the hash of its content."""

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from engine.data.columns import split_of
from engine.data.health import examine
from engine.data.reading import Table
from engine.data.splitting import SPLITS, stratified
from engine.errors import DataError, NotFoundError
from engine.paths import Workspace, read_json, write_json

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
SHARES_BESIDE_A_TEST = {"train": 0.9, "validation": 0.1}
MIN_ROWS = 10


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without reading its rows.

    rows: {split: count}. classes: {label: rows}. notes: what was left out or decided, in plain words.
    """

    id: str
    name: str
    created_at: str
    source: str
    read_as: str
    text_column: str
    label_column: str
    split_by: str
    labels: list[str]
    rows: dict[str, int]
    classes: dict[str, int]
    notes: list[str]

    @property
    def total(self) -> int:
        return sum(self.rows.values())


@dataclass(frozen=True)
class Draft:
    """A data set before it is saved. rows: columns text, label, split, source_row (position in its file, from 1)."""

    rows: pd.DataFrame
    name: str
    source: str
    read_as: str
    text_column: str
    label_column: str
    split_by: str
    notes: list[str]

    @property
    def labels(self) -> list[str]:
        return ordered_labels(self.rows["label"])

    def counts(self) -> dict[str, int]:
        sizes = self.rows["split"].value_counts()
        return {split: int(sizes.get(split, 0)) for split in SPLITS}


def draft(
    table: Table,
    text: str,
    label: str,
    *,
    name: str = "",
    split_column: str | None = None,
    test: Table | None = None,
    shares: dict[str, float] | None = None,
    seed: int = 0,
) -> Draft:
    """Choose columns and decide the split.

    The test rows come from `test` (a second table), else from `split_column`, else from a stratified split by `shares`.
    Raises DataError when columns are missing or nothing can be learnt from what is left.
    """
    if text == label:
        raise DataError(
            f"The text and the label cannot both come from the column {text!r}.",
            "Choose two different columns.",
            "same_column",
        )
    rows, notes = _usable(table, text, label)
    for problem in examine(rows["text"], rows["label"]):
        if problem.severity == "blocking":
            raise DataError(problem.sentence, problem.remedy, problem.code)
    shares = shares or SHARES
    if test is not None:
        rows, split_by, extra = _with_test_table(rows, test, text, label, seed)
    elif split_column:
        rows, split_by, extra = _by_column(rows, table.frame[split_column], split_column, shares, seed)
    else:
        rows = rows.assign(split=stratified(rows["text"], rows["label"], shares, seed))
        split_by, extra = "stratified, " + " / ".join(f"{shares[s]:.0%}" for s in SPLITS), []
    result = Draft(
        rows.reset_index(drop=True),
        name or Path(table.name).stem,
        table.name,
        table.described(),
        text,
        label,
        split_by,
        notes + extra,
    )
    _check_splits(result)
    return result


def save(workspace: Workspace, drafted: Draft) -> DatasetInfo:
    """Store a draft. Saving the same rows twice gives the same id and changes nothing."""
    identity = hashlib.sha256(drafted.rows.to_csv(index=False).encode()).hexdigest()[:12]
    paths = workspace.dataset(identity)
    if paths.info.exists():
        return load_info(workspace, identity)
    sizes = drafted.rows["label"].value_counts()
    info = DatasetInfo(
        identity,
        drafted.name,
        datetime.now(UTC).isoformat(),
        drafted.source,
        drafted.read_as,
        drafted.text_column,
        drafted.label_column,
        drafted.split_by,
        drafted.labels,
        drafted.counts(),
        {label: int(sizes[label]) for label in drafted.labels},
        drafted.notes,
    )
    growing = paths.folder.with_name(f"{identity}.{os.getpid()}.part")  # a reader never sees half a data set
    growing.mkdir(parents=True, exist_ok=True)
    drafted.rows.to_parquet(growing / paths.rows.name, index=False)
    write_json(growing / paths.info.name, asdict(info))
    try:
        growing.rename(paths.folder)
    except OSError:
        if not paths.info.exists():
            raise
        shutil.rmtree(growing)  # another process saved the same rows at the same moment
    return info


def load_info(workspace: Workspace, dataset_id: str) -> DatasetInfo:
    """Raises NotFoundError when there is no such data set."""
    path = workspace.dataset(dataset_id).info
    if not path.exists():
        raise NotFoundError(
            f"There is no data set {dataset_id!r} any more.", "Choose or add one on the Data page."
        )
    return DatasetInfo(**read_json(path))


def load_rows(workspace: Workspace, dataset_id: str, split: str | None = None) -> pd.DataFrame:
    """Rows of one split, or all: columns text, label, split, source_row."""
    load_info(workspace, dataset_id)
    chosen = [("split", "==", split)] if split else None
    return pd.read_parquet(workspace.dataset(dataset_id).rows, filters=chosen).reset_index(drop=True)


def list_datasets(workspace: Workspace) -> list[DatasetInfo]:
    """All data sets, the newest first."""
    folders = (path.parent.name for path in (workspace.root / "datasets").glob("*/info.json"))
    found = [load_info(workspace, name) for name in folders if "." not in name]
    return sorted(found, key=lambda info: info.created_at, reverse=True)


def ordered_labels(labels: pd.Series) -> list[str]:
    """The distinct labels: numbers by size, words by alphabet."""

    def key(label: str):
        number = label.removeprefix("-")
        return (0, int(label), label) if number.isdecimal() and number.isascii() else (1, 0, label)

    return sorted(labels.unique(), key=key)


def _usable(table: Table, text: str, label: str) -> tuple[pd.DataFrame, list[str]]:
    """Rows that have both a text and a label, and notes on those left out."""
    for column in (text, label):
        if column not in table.columns:
            raise DataError(
                f"{table.name} has no column {column!r}.",
                f"It has: {', '.join(table.columns)}.",
                "no_such_column",
            )
    rows = pd.DataFrame(
        {
            "text": table.frame[text].str.strip(),
            "label": table.frame[label].str.strip(),
            "source_row": range(1, len(table.frame) + 1),
        }
    )
    notes = []
    if table.rejected:
        notes.append(f"{len(table.rejected):,} lines could not be read and were left out.")
    for column, what in (("text", "a text"), ("label", "a label")):
        missing = int((rows[column] == "").sum())
        if missing:
            notes.append(f"{missing:,} rows without {what} were left out.")
    rows = rows[(rows["text"] != "") & (rows["label"] != "")]
    if len(rows) < MIN_ROWS:
        raise DataError(
            f"Only {len(rows)} rows have both a text and a label; at least {MIN_ROWS} are needed.",
            "Choose other columns or add rows.",
            "too_few_rows",
        )
    return rows.reset_index(drop=True), notes


def _with_test_table(rows: pd.DataFrame, test: Table, text: str, label: str, seed: int):
    test_rows, notes = _usable(test, text, label)
    unknown = ~test_rows["label"].isin(rows["label"].unique())
    if unknown.any():
        names = ", ".join(sorted(test_rows.loc[unknown, "label"].unique())[:5])
        notes.append(
            f"{unknown.sum():,} test rows have labels that never occur in training ({names}) and were left out."
        )
    rows = rows.assign(split=stratified(rows["text"], rows["label"], SHARES_BESIDE_A_TEST, seed))
    test_rows = test_rows[~unknown].assign(split="test")
    return pd.concat([rows, test_rows]), f"test rows from {test.name}", notes


def _by_column(rows: pd.DataFrame, column: pd.Series, name: str, shares: dict[str, float], seed: int):
    """Respect the given splits; what is missing of the three is taken from the training rows."""
    given = column.iloc[rows["source_row"] - 1].map(split_of).reset_index(drop=True)
    if not (given == "train").any():
        raise DataError(
            f"The column {name!r} marks no row as training.",
            "Expected words such as train, validation and test.",
            "split_column",
        )
    notes = []
    if given.isna().any():
        notes.append(f"{given.isna().sum():,} rows whose {name!r} names no split were left out.")
    rows = rows.assign(split=given)[given.notna()].reset_index(drop=True)
    missing = [split for split in ("validation", "test") if not (rows["split"] == split).any()]
    if missing:
        kept = 1 - sum(shares[split] for split in missing)
        training = rows[rows["split"] == "train"]
        parts = {"train": kept, **{split: shares[split] for split in missing}}
        rows.loc[training.index, "split"] = stratified(training["text"], training["label"], parts, seed)
        notes.append(f"{' and '.join(missing).capitalize()} rows were taken from the training rows.")
    return rows, f"column {name!r}", notes


def _check_splits(result: Draft) -> None:
    counts = result.counts()
    empty = [split for split in SPLITS if not counts[split]]
    if empty:
        raise DataError(
            f"No row is left for {' and '.join(empty)}.", "Add rows, or choose another split.", "empty_split"
        )
    if result.rows.loc[result.rows["split"] == "train", "label"].nunique() < 2:
        raise DataError(
            "The training rows have only one label.", "Choose another split or label column.", "single_class"
        )
