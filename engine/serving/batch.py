"""A whole file answered, some rows at a time; what was answered is kept, so that a job that was broken off goes on.

    table.parquet     the file as it was read
    unread.parquet    the lines that could not be read as rows, where they are many
    job.json          its name, its text column, its rows, and the first lines that could not be read
    way.json          the labels, and how the model answers: decided once, for the same answers after a break
    parts/<n>.npy     the probabilities of some rows, NaN where there was no text

What was measured is kept, not what follows from it: the rules of the run apply when a result is written.
Nothing heavy is imported until there is something to answer, so that a page may import this module.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from filelock import FileLock, Timeout

from engine.data import scan
from engine.data.reading.columnar import as_frame
from engine.data.reading.table import LISTED_REJECTED, Rejected, arrow
from engine.errors import NotFoundError, RunStateError
from engine.paths import BatchPaths, read_json, write_json, writing
from engine.serving.rules import Rules

if TYPE_CHECKING:
    from engine.serving.predictor import Predictor

ROWS = 2048  # of a part: enough to put texts of one length together, and a few seconds of work
DIGITS = 4  # of a confidence in a table
COMPARED = 256  # texts on which it is tested whether fewer digits give the same labels
PAYS = 4 * COMPARED  # rows from which on the test is repaid
EMPTY = "The text is empty."
SHARE = "probability of "  # and the label: the name of a column

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """name: of the file. column: of the texts. rows: of the table. created_at: UTC, ISO 8601.

    unread: the first 1,000 lines that are no row of the table, in their order. unread_kept: how many of them come back,
    the first 1,000,000. unread_count: all of them.
    """

    name: str
    column: str
    columns: list[str]
    rows: int
    created_at: str
    unread: list[Rejected] = field(default_factory=list)
    unread_kept: int = 0
    unread_count: int = 0


@dataclass(frozen=True)
class Result:
    """rows: that come back. empty: without a text. people: that go to a person, those without an answer among them.

    counts: {answer: rows}, the most frequent first. unread, unread_count: as in Job; they come back without an answer, but
    for `lost` of them.
    """

    rows: int
    empty: int
    people: int
    counts: dict[str, int]
    unread: list[Rejected] = field(default_factory=list)
    unread_count: int = 0
    lost: int = 0


def key_of(content: str, model: Path, options: dict, column: str) -> str:
    """What tells a job from any other: the digest of the file, the model's folder, how the file is read, its text column."""
    asked = [content, str(model.resolve()), _mark(model), options, column]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]


def write_table(frame: pd.DataFrame, paths: BatchPaths) -> None:
    """For a job that is not begun yet. Raises WorkspaceError, and leaves nothing, when there is no place for it."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    with writing(paths.folder):
        try:
            paths.folder.mkdir(parents=True, exist_ok=True)
            pyarrow.parquet.write_table(table, paths.table, row_group_size=16 * ROWS, compression="lz4")
        except OSError:
            shutil.rmtree(paths.folder, ignore_errors=True)
            raise


def begin(paths: BatchPaths, name: str, column: str, unread: pa.Table | None = None, unread_count: int = 0) -> Job:
    """A job on a table that lies there already; one that was begun before goes on as it was.

    unread: the lines that could not be read, as in engine/data/reading/table.py; unread_count: see Job.
    Raises WorkspaceError when there is no place for it.
    """
    with writing(paths.folder):
        paths.parts.mkdir(parents=True, exist_ok=True)
    if not paths.job.exists():
        file = pyarrow.parquet.ParquetFile(paths.table)
        columns, rows, now = file.schema_arrow.names, file.metadata.num_rows, datetime.now(UTC).isoformat()
        placed = _placed(arrow([]) if unread is None else unread, rows)
        if len(placed) > LISTED_REJECTED:
            with writing(paths.folder):
                pyarrow.parquet.write_table(placed, paths.unread)
        first = [Rejected(**one) for one in placed.slice(0, LISTED_REJECTED).to_pylist()]
        write_json(paths.job, asdict(Job(name, column, columns, rows, now, first, len(placed), unread_count)))
    return read(paths)


def read(paths: BatchPaths) -> Job:
    """Raises NotFoundError for a job that was removed."""
    try:
        kept = read_json(paths.job)
    except FileNotFoundError:
        raise NotFoundError("This file and its answers were removed.", "Give the file again.") from None
    unread = [Rejected(**one) for one in kept.get("unread", ())]
    return Job(**{"unread_kept": len(unread), **kept, "unread": unread})


def _placed(unread: pa.Table, rows: int) -> pa.Table:
    """In the order of the file; those of which the place is not known come after all rows."""
    place = unread.column_names.index("before")
    known = unread.set_column(place, "before", pc.fill_null(unread["before"], rows))
    return known.take(pc.sort_indices(known["before"]))


def _unread(paths: BatchPaths) -> pa.Table:
    return pyarrow.parquet.read_table(paths.unread) if paths.unread.exists() else arrow(read(paths).unread)


def is_done(paths: BatchPaths) -> bool:
    return all(paths.part(number).exists() for number in range(len(_Pieces(paths))))


def answer(
    paths: BatchPaths,
    predictor: "Predictor",
    progress: Progress = lambda done, total: None,
    *,
    hasten: bool = True,
) -> None:
    """Answer all rows that are not answered yet. progress: rows done, and in all.

    hasten: whether fewer digits may be tried, in which the predictor then goes on, whoever asks it next.

    Raises RunStateError when another process is at it, and WorkspaceError when there is no place for the answers.
    """
    job = read(paths)
    try:
        with FileLock(paths.lock).acquire(timeout=0):
            pieces, done = _Pieces(paths, [job.column]), 0
            _prepare(paths, predictor, pieces, hasten)
            for number, count in enumerate(pieces.sizes):
                if not paths.part(number).exists():
                    texts = scan.trimmed(pieces[number][job.column]).tolist()
                    found = _ask(predictor, texts, lambda more, _, done=done: progress(done + more, job.rows))
                    _keep(found, paths.part(number))
                done += count
                progress(done, job.rows)
    except Timeout:
        raise RunStateError(
            f"{job.name} is being answered already.", "Wait for it, or cancel it on the Predict page.", "busy"
        ) from None


def labels(paths: BatchPaths) -> list[str]:
    return read_json(paths.way)["labels"]


def summary(paths: BatchPaths, rules: Rules) -> Result:
    """What a job that is done has found."""
    job, names, counts, empty, people = read(paths), labels(paths), Counter(), 0, 0
    for number in range(len(_Pieces(paths))):
        found = _judged(_measured(paths.part(number)), names, rules)
        counts.update(found["label"].dropna())
        empty += int(found["label"].isna().sum())
        people += int((found["to_a_person"] == "yes").sum())
    ranked = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
    people = people + job.unread_kept if rules.sends_any else 0
    rows, lost = counts.total() + empty + job.unread_kept, job.unread_count - job.unread_kept
    return Result(rows, empty, people, ranked, job.unread, job.unread_count, lost)


def answered(paths: BatchPaths, rules: Rules, probabilities: bool = False) -> Iterator[pd.DataFrame]:
    """The table of a job that is done, in its order and some rows at a time, with what the model says beside it. Of a line
    that could not be read, the first 200 characters stand in its place, as they are, in the column of the texts.

    label, confidence; to_a_person (yes or no) where the rules send any; problem where any row could not be answered; and
    with `probabilities` that of each label. Such a column is called otherwise where the table has one of its name already.
    """
    names, result = labels(paths), summary(paths, rules)
    unneeded = [] if rules.sends_any else ["to_a_person"]
    unneeded += [] if result.empty or result.unread else ["problem"]
    for rows, shares, problems in _in_the_file(paths):
        found = _judged(shares, names, rules, probabilities).assign(problem=problems)
        found = found.drop(columns=unneeded).round(DIGITS)
        found.columns = [_free(name, rows.columns) for name in found.columns]
        yield pd.concat([rows, found], axis=1)


def predictions(paths: BatchPaths, rules: Rules, most: int) -> list[dict]:
    """text, label, confidence, probabilities, to_a_person and, where there is no answer, problem of the first rows of a job
    that is done."""
    names, found, job = labels(paths), [], read(paths)
    for rows, shares, problems in _in_the_file(paths, [job.column]):
        judged = _judged(shares, names, rules, probabilities=True).assign(problem=problems)
        for text, row in zip(scan.trimmed(rows[job.column]), judged.to_dict("records"), strict=True):
            if len(found) == most:
                return found
            sent = row["to_a_person"] == "yes"
            if pd.notna(row["problem"]):
                found.append({"text": text, "label": None, "confidence": None, "probabilities": {}, "to_a_person": sent,
                              "problem": row["problem"]})  # fmt: skip
                continue
            shares = {name: row[f"{SHARE}{name}"] for name in names}
            ranked = dict(sorted(shares.items(), key=lambda pair: -pair[1]))
            found.append({"text": text, "label": row["label"], "confidence": row["confidence"],
                          "probabilities": ranked, "to_a_person": sent})  # fmt: skip
    return found


class _Pieces:
    """The table of a job in the pieces that its parts belong to, with these columns or all. sizes: rows of each."""

    def __init__(self, paths: BatchPaths, columns: list[str] | None = None):
        self.file, self.columns = pyarrow.parquet.ParquetFile(paths.table), columns
        self.places = [
            (group, start) for group in range(self.file.num_row_groups) for start in range(0, self._rows(group), ROWS)
        ]
        self.sizes = [min(ROWS, self._rows(group) - start) for group, start in self.places]
        self.loaded: tuple[int, pa.Table] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> pd.DataFrame:
        group, start = self.places[number]
        if self.loaded is None or self.loaded[0] != group:
            self.loaded = None  # before the next one comes into memory
            self.loaded = group, self.file.read_row_group(group, columns=self.columns)
        piece = self.loaded[1].slice(start, self.sizes[number])
        return as_frame(piece, piece.column_names)

    def _rows(self, group: int) -> int:
        return self.file.metadata.row_group(group).num_rows


def _in_the_file(
    paths: BatchPaths, columns: list[str] | None = None
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """What came in, in its order and some rows at a time: the rows, with lines that could not be read among them, the
    (rows, classes) probabilities, and why there are none, or None. columns: of the table, or all."""
    pieces, job, unread, start = _Pieces(paths, columns), read(paths), _unread(paths), 0
    places = unread["before"].to_numpy()
    for number, size in enumerate(pieces.sizes):
        end = start + size if number + 1 < len(pieces) else job.rows + 1
        rows, shares = pieces[number], _measured(paths.part(number))
        problems = np.where(np.isnan(shares[:, 0]), EMPTY, None)
        first, last = np.searchsorted(places, [start, end])
        order = np.insert(np.arange(size), places[first:last] - start, -1 - np.arange(last - first))
        for some in np.split(order, range(ROWS, len(order), ROWS)):  # of a broken file, most are lines
            lines = unread.take(first - 1 - some[some < 0])
            piece, there = rows.reindex(some, fill_value=""), np.maximum(some, 0)
            piece.loc[some < 0, job.column] = lines["content"].to_pylist()
            said = shares[there], problems[there]
            said[0][some < 0], said[1][some < 0] = np.nan, [Rejected(**one).said for one in lines.to_pylist()]
            yield piece.reset_index(drop=True), *said
        start += size


def _prepare(paths: BatchPaths, predictor: "Predictor", pieces: _Pieces, hasten: bool) -> None:
    """Let the model answer in the way of this job, which is found out where nothing is answered yet."""
    if paths.way.exists():
        known = read_json(paths.way)
        if known["model"] != _mark(predictor.folder):
            raise RunStateError(
                "The model has been trained further since this file was started.", "Start it again.", "another_model"
            )
        predictor.compute_in(known["precision"])
        return
    compared = scan.trimmed(pieces[0].iloc[:, 0]) if hasten and read(paths).rows >= PAYS else []
    precision = predictor.hasten([text for text in compared if text][:COMPARED])
    way = {"labels": predictor.labels, "precision": precision, "model": _mark(predictor.folder)}
    write_json(paths.way, way)


def _mark(model: Path) -> str:
    """What tells a model's folder from what it was before."""
    files = [
        (path.relative_to(model).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(model.rglob("*"))
        if path.is_file()
    ]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]


def _ask(predictor: "Predictor", texts: list[str], progress: Progress) -> np.ndarray:
    """(texts, classes) float32; NaN where there is no text."""
    result = np.full((len(texts), len(predictor.labels)), np.nan, dtype=np.float32)
    there = [place for place, text in enumerate(texts) if text]
    if there:
        result[there] = predictor.probabilities([texts[place] for place in there], progress)
    return result


def _keep(found: np.ndarray, path: Path) -> None:
    growing = path.with_suffix(".part")
    with writing(path.parent):
        with growing.open("wb") as file:
            np.save(file, found, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        growing.replace(path)


def _measured(part: Path) -> np.ndarray:
    """(rows, classes)"""
    return np.load(part, allow_pickle=False)


def _judged(found: np.ndarray, names: list[str], rules: Rules, probabilities: bool = False) -> pd.DataFrame:
    """label, confidence, to_a_person, the probabilities. found: (rows, classes)."""
    there = ~np.isnan(found[:, 0])
    if rules.temperature != 1.0:
        from engine.evaluation.calibration import temper

        found[there] = temper(found[there], rules.temperature)
    best = np.where(there, found.argmax(axis=1), 0)
    said = np.array(names, dtype=object)[best]
    sure = found[np.arange(len(found)), best].astype(float)
    sent = ["yes" if not known or rules.to_a_person(label, confidence) else "no"
            for known, label, confidence in zip(there, said, sure, strict=True)]  # fmt: skip
    columns = {"label": np.where(there, said, None), "confidence": sure, "to_a_person": sent}
    if probabilities:
        columns |= {f"{SHARE}{name}": found[:, place].astype(float) for place, name in enumerate(names)}
    return pd.DataFrame(columns)


def _free(name: str, taken: Collection[str]) -> str:
    """'label', or 'label (model)' where the table has a label already."""
    while name in taken:
        name = f"{name} (model)"
    return name
