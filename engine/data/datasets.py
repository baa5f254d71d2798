"""Saved data sets: rows with a split decided once, stored under the hash of their content."""

import hashlib
import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from engine.data.drafting import Draft
from engine.data.recipe import Recipe
from engine.data.repairs import outcome
from engine.errors import DataError, WorkspaceError
from engine.names import tidy
from engine.paths import ID, DatasetPaths, Workspace, aside, folder_aside, no_such, read_json, write_json

ROW_GROUP = 100_000


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set without reading its rows.

    rows: {split: count}. classes: {label: rows}. notes: what was left out or decided, in plain words.
    parent: the data set that this one is a further version of. version: 1 for the first, then counted over all that come
    from it. origin: the first of them, None for itself.
    recipe: how it was made of its file. file_bytes: of rows.parquet.
    disputed: {row of the parent: run}, of what was corrected or left out on the list of a run's doubts, or of its mistakes.
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
    description: str = ""
    parent: str | None = None
    version: int = 1
    recipe: dict = field(default_factory=dict)
    file_bytes: int = 0
    origin: str | None = None
    disputed: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.rows.values())

    @property
    def title(self) -> str:
        """The name, with the version from the second on."""
        return self.name if self.version == 1 else f"{self.name} (version {self.version})"

    @property
    def made_by(self) -> Recipe:
        """How its rows are made of a file; further files are read in the same way."""
        return Recipe(**self.recipe or {"text": self.text_column, "label": self.label_column})


def save(workspace: Workspace, drafted: Draft, *, description: str = "", parent: str | None = None) -> DatasetInfo:
    """Store a draft. Saving the same rows twice gives the same data set and changes nothing.

    parent: the data set whose rows were cleaned or corrected.

    Raises DataError when something stands in the way of training, and WorkspaceError when there is no place for it.
    """
    workspace.may_change()
    for problem in drafted.blocking:
        raise DataError(problem.sentence, problem.remedy, problem.code)
    identity = rows_digest(drafted.rows)
    paths = workspace.dataset(identity)
    if paths.info.exists():
        return load_info(workspace, identity)
    before = load_info(workspace, parent) if parent else None
    # A reader never sees half a data set, and of two who save the same rows at once none gets into the other's way.
    growing = paths.folder.with_name(f"{identity}.{os.getpid()}-{threading.get_ident()}.part")
    with folder_aside(growing):
        with aside(growing / paths.rows.name) as part:
            pyarrow.parquet.write_table(
                pa.Table.from_pandas(drafted.rows, preserve_index=False),
                part,
                row_group_size=ROW_GROUP,
                use_dictionary=["label", "split"],  # texts hardly repeat
            )
        if len(drafted.others.columns):
            drafted.others.to_parquet(growing / paths.others.name, index=False)
        sizes = drafted.rows["label"].value_counts()
        labels = drafted.labels
        info = DatasetInfo(
            id=identity,
            name=tidy(drafted.name) or "Data",
            created_at=datetime.now(UTC).isoformat(),
            source=drafted.source,
            read_as=drafted.read_as,
            text_column=", ".join(drafted.recipe.text),
            label_column=drafted.recipe.label,
            split_by=drafted.split_by,
            labels=labels,
            rows=drafted.counts(),
            classes={label: int(sizes[label]) for label in labels},
            notes=[
                *(before.notes if before else []),
                *drafted.notes,
                *(outcome(name, count) for name, count in drafted.applied),
                *(f"{one.sentence} {LEFT_OUT[one.code]}" for one in drafted.problems if one.code in LEFT_OUT),
            ],
            description=description,
            parent=parent,
            version=1 + max(one.version for one in family(workspace, before.id)) if before else 1,
            recipe=drafted.recipe.model_dump(mode="json"),
            file_bytes=(growing / paths.rows.name).stat().st_size,
            origin=(before.origin or before.id) if before else None,
            disputed=drafted.disputed,
        )
        write_json(growing / paths.info.name, asdict(info))
        try:
            growing.rename(paths.folder)
        except OSError:
            if not paths.info.exists():  # by another process, which saved the same rows at the same moment
                raise
    return info


LEFT_OUT = dict.fromkeys(
    ("unreadable_rows", "empty_text", "missing_label", "unknown_test_labels"), "They were left out."
) | {"short_rows": "The missing cells are empty."}


def load_info(workspace: Workspace, dataset_id: str) -> DatasetInfo:
    """Raises NotFoundError when there is no such data set, WorkspaceError where its record is damaged."""
    path = workspace.dataset(dataset_id).info
    if not path.exists():
        raise no_such("data set", dataset_id)
    return _record(path)


def _record(path: Path) -> DatasetInfo:
    try:
        return DatasetInfo(**read_json(path))
    except TypeError as error:
        raise WorkspaceError(
            f"The data set {path.parent.name} cannot be read; another version may have written it.",
            "Open it with that version; its rows are not harmed.",
            "damaged",
        ) from error


def _records(paths: Iterable[Path]) -> list[DatasetInfo]:
    """Without those that are damaged: such a one is told when it is asked for by its id."""
    found = []
    for path in paths:
        with suppress(WorkspaceError, FileNotFoundError):
            found.append(_record(path))
    return found


def is_dataset(workspace: Workspace, name: str) -> bool:
    """Whether this is the id of a data set that is there."""
    return workspace.dataset(name).info.exists()


def load_rows(workspace: Workspace, dataset_id: str, split: str | None = None) -> pd.DataFrame:
    """Rows of one split, or all: columns text, label, split, source_row.

    Raises, as all that reads rows, NotFoundError when there is no such data set, and DataError when its file is damaged.
    """
    chosen = [("split", "==", split)] if split else None
    with _reading(workspace, dataset_id) as paths:
        return pd.read_parquet(paths.rows, filters=chosen).reset_index(drop=True)


def load_others(workspace: Workspace, dataset_id: str) -> pd.DataFrame:
    """The other columns that the file had (engine/data/others.py), by split and source_row. Older data sets kept none."""
    with _reading(workspace, dataset_id) as paths:
        rows = pd.read_parquet(paths.rows, columns=["split", "source_row"])
        others = pd.read_parquet(paths.others) if paths.others.exists() else pd.DataFrame(index=rows.index)
    return others.set_index(pd.MultiIndex.from_frame(rows))


@contextmanager
def _reading(workspace: Workspace, dataset_id: str) -> Iterator[DatasetPaths]:
    """Where its files are. It can be deleted at any moment, also by hand, and a disk can lose what it held."""
    name = load_info(workspace, dataset_id).title
    try:
        yield workspace.dataset(dataset_id)
    except FileNotFoundError:
        raise no_such("data set", dataset_id) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"The saved rows of {name!r} cannot be read: their file is damaged, or Tuneboard may not open it.",
            "If their file is damaged, delete the data set and save it again.",
            "damaged_dataset",
        ) from error


def first_rows(workspace: Workspace, dataset_id: str, count: int, split: str | None = None) -> pd.DataFrame:
    """At most `count` rows, without reading the others: as quick for a million rows as for a thousand."""
    found: list[pa.RecordBatch] = []
    with _reading(workspace, dataset_id) as paths, pyarrow.parquet.ParquetFile(paths.rows) as file:
        for batch in file.iter_batches(batch_size=max(count, 1000)):
            found.append(batch.filter(pc.equal(batch["split"], split)) if split else batch)
            if sum(map(len, found)) >= count:
                break
        table = pa.Table.from_batches(found, file.schema_arrow).slice(0, count)
    return table.to_pandas().reset_index(drop=True)


def list_datasets(workspace: Workspace) -> list[DatasetInfo]:
    """All data sets, the newest first; a damaged one is left out."""
    paths = (workspace.root / "datasets").glob("*/info.json")
    found = _records(path for path in paths if ID.fullmatch(path.parent.name))  # half a one has another name
    return sorted(found, key=lambda info: info.created_at, reverse=True)


def family(workspace: Workspace, dataset_id: str) -> list[DatasetInfo]:
    """All versions of a data set that are still there, the first one first; none where it was deleted itself."""
    if not is_dataset(workspace, dataset_id):
        return []
    info = load_info(workspace, dataset_id)
    first = info.origin or info.id
    found = [one for one in list_datasets(workspace) if (one.origin or one.id) == first]
    return sorted(found, key=lambda one: (one.version, one.created_at))


def describe(workspace: Workspace, dataset_id: str, *, name: str, description: str) -> DatasetInfo:
    """Give a data set another name and description; its rows stay what they are. Raises DataError for an empty name."""
    workspace.may_change()
    if not tidy(name):
        raise DataError("A data set needs a name.", "Type one.", "no_name")
    info = load_info(workspace, dataset_id)
    changed = {**asdict(info), "name": tidy(name), "description": description.strip()}
    write_json(workspace.dataset(dataset_id).info, changed)
    return DatasetInfo(**changed)


def remove(workspace: Workspace, dataset_id: str) -> None:
    """Put a data set with its rows into the trash. Runs that used it keep their models and scores. Raises NotFoundError."""
    workspace.may_change()
    load_info(workspace, dataset_id)
    going = workspace.deleted_dataset(dataset_id).folder
    with suppress(FileNotFoundError):
        shutil.rmtree(going)  # the same rows, saved and deleted before
    going.parent.mkdir(exist_ok=True)
    folder = workspace.dataset(dataset_id).folder
    os.utime(folder)  # since when it is there
    folder.rename(going)


def deleted(workspace: Workspace) -> list[DatasetInfo]:
    """What is in the trash, the last deleted first; a damaged one is left out."""
    since = {}
    for path in workspace.trash.glob("*/info.json"):
        with suppress(FileNotFoundError):  # it is just being taken out, or emptied with the trash
            since[path] = path.parent.stat().st_mtime
    return _records(sorted(since, key=since.get, reverse=True))


def restore(workspace: Workspace, dataset_id: str) -> DatasetInfo:
    """Take a data set out of the trash. Raises NotFoundError when it is gone for good."""
    workspace.may_change()
    kept, folder = workspace.deleted_dataset(dataset_id), workspace.dataset(dataset_id).folder
    if not kept.info.exists():
        raise no_such("data set", dataset_id)
    if is_dataset(workspace, dataset_id):
        shutil.rmtree(kept.folder)  # the same rows were saved again meanwhile
    else:
        kept.folder.rename(folder)
    return load_info(workspace, dataset_id)


def rows_digest(rows: pd.DataFrame) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of all cells; row order counts, how they lie in memory does not."""
    found = hashlib.sha256()
    for name in rows.columns:
        column = pa.array(rows[name])
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        if pa.types.is_integer(column.type):
            found.update(rows[name].to_numpy().astype("int64").tobytes())
            continue
        lengths, cells = hashlib.sha256(), hashlib.sha256()
        for chunk in (chunk.cast(pa.large_string()) for chunk in chunks):
            lengths.update(pc.binary_length(chunk).to_numpy(zero_copy_only=False).tobytes())
            _, offsets, data = chunk.buffers()
            edges = memoryview(offsets).cast("q")[chunk.offset : chunk.offset + len(chunk) + 1]
            if data is not None and len(chunk):
                cells.update(memoryview(data)[edges[0] : edges[-1]])
        found.update(lengths.digest() + cells.digest())
    return found.hexdigest()[:12]
