"""Every file name of the workspace, in one place.

    tuneboard.db                 which data sets and runs there are (SQLite)
    preferences.json             what was chosen on the Settings page; preferences.lock
    watcher.lock  watcher.log    of the process that looks after the queue
    datasets/<id>/               rows.parquet, others.parquet, info.json, decisions.json
    uploads/<key>/               files that are being looked at, before they become data sets
    models/                      pretrained models fetched from the hub
    models/uploaded/<name>-<key>/ models that came as a ZIP, under the hash of its content
    runs/<id>/                   config.json  events.jsonl  log.txt  checkpoints/  model/
                                 predictions.parquet  metrics.json  further/<key>/
                                 findings/  rules.json  onnx.zip  onnx.json  lock  unlisted
    runs/<id>/batches/<key>/     a whole file that the model answers, and the answers so far
    batches/<key>/               the same for a model that is no run's
    studies/<id>/                study.json, of a search also progress.json and trials.jsonl
    forecasts/                   what runs would cost, one file for each configuration that was measured
    trackers/                    what was reported to trackers that keep it on this machine

Ids are made by us and checked on the way in, so that nothing typed or uploaded ever becomes a path.
"""

import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.errors import NotFoundError, ReadOnlyError, WorkspaceError, is_disk_full

ID = re.compile(r"[a-z0-9]{6,40}")
UPLOADED = "uploaded"  # among the models
LISTED = {
    "run": "List them with the command runs, or on the Runs page.",
    "study": "List them with the command studies, or on the Compare page.",
    "data set": "Choose or add one on the Data page.",
}


@dataclass(frozen=True)
class UploadPaths:
    folder: Path

    @property
    def content(self) -> Path:
        return self.folder / "content"

    @property
    def info(self) -> Path:
        return self.folder / "info.json"

    @property
    def choices(self) -> Path:
        """What a person chose so far."""
        return self.folder / "choices.json"


@dataclass(frozen=True)
class DatasetPaths:
    folder: Path

    @property
    def rows(self) -> Path:
        return self.folder / "rows.parquet"

    @property
    def others(self) -> Path:
        """The file's other columns, of the same rows."""
        return self.folder / "others.parquet"

    @property
    def info(self) -> Path:
        return self.folder / "info.json"

    @property
    def decisions(self) -> Path:
        """What shall become otherwise in a further version: engine/data/revising.py."""
        return self.folder / "decisions.json"

    @property
    def decisions_lock(self) -> Path:
        """Held while the decisions are changed."""
        return self.folder / "decisions.lock"


@dataclass(frozen=True)
class RunPaths:
    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.json"

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """States of the training, to go on from: engine/training/checkpoints.py."""
        return self.folder / "checkpoints"

    @property
    def model(self) -> Path:
        return self.folder / "model"

    @property
    def making(self) -> "RunPaths":
        """Where the model and its scores are until they are whole and verified: engine/runs/outcome.py."""
        return RunPaths(self.folder / "result.part")

    @property
    def made(self) -> "RunPaths":
        """Where they are then, on the way to their places."""
        return RunPaths(self.folder / "result")

    @property
    def onnx(self) -> Path:
        """A ZIP of the model for machines without torch, where somebody asked for it."""
        return self.folder / "onnx.zip"

    @property
    def onnx_check(self) -> Path:
        return self.folder / "onnx.json"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions.parquet"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def others(self) -> Path:
        """The other columns of a further labelled file, a row for each of its predictions."""
        return self.folder / "others.parquet"

    def further(self, key: str) -> "RunPaths":
        """Where its answers to a further labelled file are, under the same names: engine/results/evaluations.py."""
        return RunPaths(self.furthers / _checked(key, "further file"))

    @property
    def furthers(self) -> Path:
        return self.folder / "further"

    def finding(self, name: str) -> Path:
        """What was found out about the answers: engine/results/findings.py."""
        return self.folder / "findings" / f"{name}.json"

    @property
    def batches(self) -> Path:
        """Whole files that its model answers."""
        return self.folder / "batches"

    @property
    def lock(self) -> Path:
        """Held by whoever changes what was asked of it, brings its model into place, or changes its rules."""
        return self.folder / "lock"

    @property
    def unlisted(self) -> Path:
        """There from the moment that a model from elsewhere is whole until the list of runs has it."""
        return self.folder / "unlisted"

    def batch(self, key: str) -> "BatchPaths":
        return BatchPaths(self.batches / _checked(key, "answered file"))

    @property
    def rules(self) -> Path:
        """How its answers are to be taken: engine/serving/rules.py."""
        return self.folder / "rules.json"


@dataclass(frozen=True)
class BatchPaths:
    """A whole file that a model answers: engine/serving/batch.py."""

    folder: Path

    @property
    def table(self) -> Path:
        """The file as it was read."""
        return self.folder / "table.parquet"

    @property
    def unread(self) -> Path:
        """The lines that could not be read, where they are many."""
        return self.folder / "unread.parquet"

    @property
    def job(self) -> Path:
        """What is to be done; written last, so that what has one was begun properly."""
        return self.folder / "job.json"

    @property
    def way(self) -> Path:
        """How the model answers, decided once."""
        return self.folder / "way.json"

    @property
    def parts(self) -> Path:
        return self.folder / "parts"

    def part(self, number: int) -> Path:
        """The answers to some rows: (rows, classes) float32."""
        return self.parts / f"{number:06}.npy"

    @property
    def progress(self) -> Path:
        """How many rows were answered; more often written than parts."""
        return self.folder / "progress.json"

    @property
    def error(self) -> Path:
        return self.folder / "error.json"

    @property
    def process(self) -> Path:
        """Which process works on it."""
        return self.folder / "process.json"

    @property
    def lock(self) -> Path:
        """Held by whoever works on it."""
        return self.folder / "lock"

    @property
    def starting(self) -> Path:
        """Held by whoever sees whether somebody works on it, and starts a process if not."""
        return self.folder / "starting.lock"

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"


@dataclass(frozen=True)
class StudyPaths:
    folder: Path

    @property
    def study(self) -> Path:
        """What was asked: engine/studies/records.py."""
        return self.folder / "study.json"

    @property
    def progress(self) -> Path:
        """How far a search is: engine/studies/progress.py."""
        return self.folder / "progress.json"

    @property
    def trials(self) -> Path:
        """What a search learnt from its trials: engine/studies/trials.py."""
        return self.folder / "trials.jsonl"

    @property
    def lock(self) -> Path:
        """Held by whoever changes the progress."""
        return self.folder / "lock"


@dataclass(frozen=True)
class Workspace:
    """The folder that everything is kept in."""

    root: Path

    @classmethod
    def open(cls, root: str | os.PathLike | None = None) -> "Workspace":
        """The workspace at `root`, else at $TUNEBOARD_HOME, else ~/.tuneboard; its folders are made.

        Where there is none yet, nobody but this user may look into it (on Windows, whoever the folder around it lets).
        Raises WorkspaceError if it cannot be written to.
        """
        folder = Path(root or os.environ.get("TUNEBOARD_HOME") or Path.home() / ".tuneboard").expanduser().resolve()
        workspace = cls(folder)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in (folder / "datasets", folder / "runs", folder / "models", workspace.forecasts):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"Tuneboard keeps its data in {folder}, but cannot write there ({error.strerror}).",
                "Choose another folder with --workspace or the variable TUNEBOARD_HOME.",
            ) from error
        return workspace

    @property
    def writable(self) -> bool:
        """Whether the system lets us write here."""
        return os.access(self.root, os.W_OK)

    @property
    def changeable(self) -> bool:
        """Whether anything may be started, changed or deleted; not where $TUNEBOARD_READ_ONLY says otherwise."""
        return changeable()

    def may_change(self) -> None:
        """Raises ReadOnlyError where Tuneboard was opened for looking only."""
        may_change()

    @property
    def database(self) -> Path:
        return self.root / "tuneboard.db"

    @property
    def preferences(self) -> Path:
        """What was chosen for all runs: engine/preferences.py."""
        return self.root / "preferences.json"

    @property
    def preferences_lock(self) -> Path:
        """Held while they are changed."""
        return self.root / "preferences.lock"

    @property
    def trackers(self) -> Path:
        """For TensorBoard, MLflow and the like: engine/runs/trackers.py."""
        return self.root / "trackers"

    @property
    def watcher_lock(self) -> Path:
        """Held by the process that looks after the queue."""
        return self.root / "watcher.lock"

    @property
    def watcher_log(self) -> Path:
        return self.root / "watcher.log"

    @property
    def downloads(self) -> Path:
        """Pretrained models fetched from the hub."""
        return self.root / "models"

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def uploaded_models(self) -> Path:
        """Pretrained models that came as a ZIP, a folder each."""
        return self.downloads / UPLOADED

    def upload(self, key: str) -> UploadPaths:
        """Where an uploaded file waits until it is saved as a data set."""
        return UploadPaths(self.uploads / _checked(key, "upload"))

    def dataset(self, dataset_id: str) -> DatasetPaths:
        return DatasetPaths(self.root / "datasets" / _checked(dataset_id, "data set"))

    @property
    def trash(self) -> Path:
        """Of data sets; a run in the trash stays where it is."""
        return self.root / "trash"

    def deleted_dataset(self, dataset_id: str) -> DatasetPaths:
        """Where a data set lies while it is in the trash."""
        return DatasetPaths(self.trash / _checked(dataset_id, "data set"))

    @property
    def forecasts(self) -> Path:
        return self.root / "forecasts"

    def forecast(self, key: str) -> Path:
        return self.forecasts / f"{_checked(key, 'forecast')}.json"

    @property
    def studies(self) -> Path:
        return self.root / "studies"

    def study(self, study_id: str) -> StudyPaths:
        return StudyPaths(self.studies / _checked(study_id, "study"))

    def batch(self, key: str) -> BatchPaths:
        """Of a model that is no run's."""
        return BatchPaths(self.root / "batches" / _checked(key, "answered file"))

    def run(self, run_id: str) -> RunPaths:
        return RunPaths(self.root / "runs" / _checked(run_id, "run"))


def changeable() -> bool:
    return os.environ.get("TUNEBOARD_READ_ONLY", "") in ("", "0")


def may_change() -> None:
    """Raises ReadOnlyError where Tuneboard was opened for looking only."""
    if not changeable():
        raise ReadOnlyError(
            "This Tuneboard is view-only: nothing can be started, changed or deleted.",
            "Ask whoever set it up, or start it without TUNEBOARD_READ_ONLY.",
        )


def no_such(what: str, name: str) -> NotFoundError:
    """what: of which kind it would be, such as 'run'."""
    return NotFoundError(f"There is no {what} with the id {name!r}.", LISTED.get(what, "Choose one that is shown."))


def _checked(name: str, what: str) -> str:
    if not ID.fullmatch(name or ""):
        raise no_such(what, name)
    return name


@contextmanager
def writing(folder: Path, named: bool = False) -> Iterator[None]:
    """What goes wrong with writing into `folder`, said to a person. Raises WorkspaceError.

    named: by a person, for what is taken away; else it is one of the workspace.
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise WorkspaceError(
                f"The disk is full: nothing can be written in {folder}.",
                "Make room, then try again.",
                "disk_full",
            ) from error
        missing = named and not folder.exists()
        first = "Make this folder" if missing else "Give this user the right to write there"
        other = "choose another place" if named else "choose another folder with --workspace"
        raise WorkspaceError(
            f"Nothing can be written in {folder} ({error.strerror or error}).", f"{first}, or {other}.", "read_only"
        ) from error


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """Where to write what shall take the place of the file `path` once it is whole. Raises WorkspaceError.

    A name of its own for each writer: a reader sees the old file or a new one, never half of one.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    with writing(path.parent):
        try:
            yield part
            with part.open("r+b") as file:  # Windows flushes only what may be written
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def folder_aside(part: Path) -> Iterator[Path]:
    """Make the folder `part`, to be written in and then renamed; as long as it is not, it goes when the block ends.

    Raises WorkspaceError.
    """
    with writing(part.parent):
        try:
            part.mkdir(parents=True, exist_ok=True)
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: object) -> None:
    """Raises WorkspaceError."""
    with aside(path) as part, part.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)


def read_json(path: Path) -> dict:
    """Raises WorkspaceError where the file is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WorkspaceError(
            f"The file {path.name} in {path.parent} is damaged.",
            "Bring it back from a backup, or delete what it belongs to.",
            "damaged",
        ) from error


def replace_folder(part: Path, final: Path) -> None:
    """Let the folder `part` take the place of `final`, which may exist."""
    old = final.with_name(f"{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    part.rename(final)
    shutil.rmtree(old, ignore_errors=True)
