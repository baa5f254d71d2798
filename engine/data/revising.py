"""What a person decided about the rows of a saved data set, kept beside it, and the new version that is made of it.

    decisions.json    edits: {row: its right label}; "" leaves the row out, null: it was looked at, and its label is right
                      added: {text: label} of texts that join the training rows
                      disputed: {row: run} of edits that were made on the list of a run's doubts, or of its mistakes

A row is named by its split and its number, such as "test:12"; in all versions made here it keeps both.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd
from filelock import FileLock

from engine import figures
from engine.data import similarity
from engine.data.datasets import DatasetInfo, load_info, load_others, load_rows, save
from engine.data.drafting import Draft
from engine.data.splitting import SPLITS
from engine.errors import DataError
from engine.paths import Workspace, read_json, write_json, writing

LEFT_OUT = ""
MOST_NAMED = 20  # classes in a sentence


@dataclass
class Decisions:
    """As the file has them."""

    edits: dict[str, str | None] = field(default_factory=dict)
    added: dict[str, str] = field(default_factory=dict)
    disputed: dict[str, str] = field(default_factory=dict)

    def decide(self, edits: Mapping[str, str | None], run: str = "") -> None:
        """Take these for what there was of the same rows. run: on whose list they were found."""
        self.edits |= edits
        self.disputed = {row: by for row, by in self.disputed.items() if row not in edits}
        if run:
            self.disputed |= dict.fromkeys(edits, run)

    @property
    def corrected(self) -> int:
        return sum(bool(label) for label in self.edits.values())

    @property
    def left_out(self) -> int:
        return sum(label == LEFT_OUT for label in self.edits.values())

    @property
    def summary(self) -> str:
        """'3 labels corrected, 2 texts added'; empty where they change nothing."""
        return _in_words(self.corrected, self.left_out, len(self.added))


def row_name(split: str, source_row: int) -> str:
    """How a row is called: 'test:12'."""
    return f"{split}:{source_row}"


def read(workspace: Workspace, dataset_id: str) -> Decisions:
    """The decisions so far. Raises NotFoundError when there is no such data set."""
    load_info(workspace, dataset_id)
    path = workspace.dataset(dataset_id).decisions
    return Decisions(**read_json(path)) if path.exists() else Decisions()


def write(workspace: Workspace, dataset_id: str, decisions: Decisions) -> None:
    """Take these decisions for all that there were."""
    with _changing(workspace, dataset_id) as kept:
        kept.edits, kept.added, kept.disputed = decisions.edits, decisions.added, decisions.disputed


def decide(workspace: Workspace, dataset_id: str, row: str, label: str | None, run: str = "") -> None:
    """label: the right one, "" to leave the row out, None where the given one is right. run: on whose list it was found.

    Raises DataError for no class.
    """
    if label:
        _check(load_info(workspace, dataset_id), [label])
    with _changing(workspace, dataset_id) as kept:
        kept.decide({row: label}, run)


def take_back(workspace: Workspace, dataset_id: str, row: str) -> None:
    """As if nothing had been decided about the row."""
    with _changing(workspace, dataset_id) as kept:
        kept.edits.pop(row, None)
        kept.disputed.pop(row, None)


def add(workspace: Workspace, dataset_id: str, text: str, label: str) -> None:
    """A text for training. The same text again takes the new label. Raises DataError for no text and for no class."""
    _check(load_info(workspace, dataset_id), [label], [text])
    with _changing(workspace, dataset_id) as kept:
        kept.added[text.strip()] = label


def forget(workspace: Workspace, dataset_id: str, text: str) -> None:
    """Take back a text that was added."""
    with _changing(workspace, dataset_id) as kept:
        kept.added.pop(text, None)


@contextmanager
def _changing(workspace: Workspace, dataset_id: str) -> Iterator[Decisions]:
    """The decisions, to be changed by one at a time: two tabs lose nothing of each other."""
    workspace.may_change()
    load_info(workspace, dataset_id)
    paths = workspace.dataset(dataset_id)
    with writing(paths.folder), FileLock(paths.decisions_lock):
        kept = read(workspace, dataset_id)
        yield kept
        write_json(paths.decisions, asdict(kept))


def revise(workspace: Workspace, dataset_id: str, decisions: Decisions | None = None, name: str = "") -> DatasetInfo:
    """Store a new version with what was decided; every other row, and the split of each, stays as it was.

    The same decisions twice give the same data set. An added text that the data has already, but for case and white space,
    is not added: the label of the row is corrected where it stands, so that no test text is ever learnt. It is added where
    each row that has it is left out. What was looked at counts as looked at in the new version too.

    decisions: those that are kept, unless others are given. name: of the new version, by default that of the old one.
    Raises DataError for rows and classes that there are not, where nothing changes, and where a class would lose its last
    training row.
    """
    workspace.may_change()
    before, rows = load_info(workspace, dataset_id), load_rows(workspace, dataset_id)
    decisions = read(workspace, dataset_id) if decisions is None else decisions
    named = filter(None, [*decisions.edits.values(), *decisions.added.values()])
    _check(before, named, decisions.added)
    places = _places(rows, decisions.edits)
    labels = rows["label"].to_numpy(dtype=object, copy=True)
    left_out = np.zeros(len(rows), dtype=bool)
    left_out[places] = [label == LEFT_OUT for label in decisions.edits.values()]
    new = _place_added(rows, labels, left_out, decisions.added)
    for place, label in zip(places, decisions.edits.values(), strict=True):
        labels[place] = label or rows["label"].iat[place]
    corrected = (labels != rows["label"].to_numpy(dtype=object)) & ~left_out
    after = rows.assign(label=pd.Series(labels, dtype=rows["label"].dtype))[~left_out]
    after = pd.concat([after, new.astype(rows.dtypes.to_dict())], ignore_index=True)
    done = _in_words(int(corrected.sum()), int(left_out.sum()), len(new))
    if not done:
        raise DataError(
            f"Nothing would be different from {before.title}.",
            "Correct a label, leave a text out, or add one first.",
            "no_change",
        )
    others = load_others(workspace, dataset_id).reset_index(drop=True)[~left_out]
    drafted = Draft(
        after,
        name or before.name,
        before.source,
        before.read_as,
        before.made_by,
        before.split_by,
        notes=[f"{done}, by hand.", *_check_splits(rows, after)],
        others=others.reset_index(drop=True).reindex(range(len(after))),
        disputed={row: run for row, run in decisions.disputed.items() if decisions.edits.get(row) is not None},
    )
    made = save(workspace, drafted, description=before.description, parent=dataset_id)
    if not workspace.dataset(made.id).decisions.exists():
        kept = [row for row, label in decisions.edits.items() if label != LEFT_OUT]
        write(workspace, made.id, Decisions(edits=dict.fromkeys(kept)))
    return made


def _places(rows: pd.DataFrame, edits: Mapping[str, str | None]) -> np.ndarray:
    """Where the rows stand, (edits,) int. Raises DataError for a row that there is not."""
    asked = [row.partition(":")[::2] for row in edits]
    keys = [(split, int(number) if number.isdecimal() else -1) for split, number in asked]
    if not keys:
        return np.zeros(0, dtype=np.int64)
    places = pd.MultiIndex.from_frame(rows[["split", "source_row"]]).get_indexer(keys)
    for row, place in zip(edits, places, strict=True):
        if place < 0:
            raise DataError(f"The data set has no row {row!r}.", "Rows are named like test:12; see review.", "no_such_row")
    return places


def _place_added(rows: pd.DataFrame, labels: np.ndarray, left_out: np.ndarray, added: Mapping[str, str]) -> pd.DataFrame:
    """The rows to append for texts that are new; of texts that are there already, `labels` is changed in place.

    labels: (rows,) object. left_out: (rows,) bool, those whose texts are not there any more.
    """
    ordered = sorted((text.strip(), label) for text, label in added.items())
    texts = pd.Series([text for text, _ in ordered], dtype=rows["text"].dtype)
    codes = similarity.codes(pd.concat([rows["text"], texts], ignore_index=True))
    there, coming = codes[: len(rows)], codes[len(rows) :]
    known, new = np.isin(coming, there[~left_out]), {}
    for code, is_known, (text, label) in zip(coming, known, ordered, strict=True):
        if is_known:
            labels[there == code] = label
        else:
            new[code] = (text, label)
    first = int(rows["source_row"].max()) + 1
    return pd.DataFrame(
        [(text, label, "train", first + place) for place, (text, label) in enumerate(new.values())],
        columns=rows.columns,
    )


def _check(info: DatasetInfo, labels: Iterable[str], added: Iterable[str] = ()) -> None:
    """Raises DataError for labels that are no classes of the data set, and for a text without a letter."""
    if not all(text.strip() for text in added):
        raise DataError("There is no text to add.", "Type one.", "empty_text")
    unknown = sorted(set(labels) - set(info.labels))
    if unknown:
        more = ", …" if len(info.labels) > MOST_NAMED else ""
        raise DataError(
            f"{info.title} has no class {unknown[0]!r}.",
            f"It has: {', '.join(info.labels[:MOST_NAMED])}{more}. A new class needs texts of its own: add them as a table.",
            "no_such_class",
        )


def _check_splits(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """Sentences about classes that are no longer judged. Raises DataError where one could no longer be learnt."""
    notes = []
    for split in SPLITS:
        had, has = (set(rows.loc[rows["split"] == split, "label"]) for rows in (before, after))
        lost = sorted(had - has)
        if not has:
            raise DataError(f"No {split} row would be left.", "Leave fewer texts out.", "empty_split")
        if lost and split == "train":
            raise DataError(
                f"No training row with the label {lost[0]!r} would be left, so no model could learn it.",
                "Keep one of them, or add a text with this label.",
                "empty_class",
            )
        notes += [f"No {split} text with the label {label!r} is left." for label in lost]
    return notes


def _in_words(corrected: int, left_out: int, added: int) -> str:
    said = ((corrected, "label", "corrected"), (left_out, "text", "left out"), (added, "text", "added"))
    return ", ".join(f"{figures.count(count, what)} {done}" for count, what, done in said if count)
