"""Tables that somebody looks at before they become data sets: read once, drafted once per recipe, kept on disk.

    uploads/<key>/content          the file as it came, under the hash of its content
    uploads/<key>/info.json        its name, and the data set that it is a further version of
    uploads/<key>/choices.json     what was chosen so far, so that a refresh loses nothing
    uploads/<key>/<step>/          what reading or drafting gave; a step is known by its settings

Small tables are read and drafted at once; a large one gets a process of its own, which writes how far it is and can be
cancelled. Either way the page sees only the files: a table of a million rows costs it as little as one of a thousand.
"""

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
from filelock import FileLock

from engine.data import hub
from engine.data.columns import Roles, Trap, propose, spread
from engine.data.drafting import Draft, draft
from engine.data.health import Problem
from engine.data.reading import Options, Rejected, Table, is_at_most, read_file
from engine.data.reading.table import LISTED_REJECTED, arrow
from engine.data.recipe import Recipe
from engine.errors import DataError, NotFoundError, WorkspaceError
from engine.figures import rounded
from engine.paths import UploadPaths, Workspace, read_json, write_json, writing
from engine.processes import identity, is_there, start_apart

KEPT_SECONDS = 24 * 3600
MAX_BYTES = 1000 * 2**20
AT_ONCE = 8 * 2**20  # bytes, once unpacked, up to which nobody notices that a file is read in the page's own time


@dataclass(frozen=True)
class Step:
    """Something to do with an upload. kind: "read" or "draft". settings: all that its result depends on."""

    key: str
    kind: str
    settings: dict

    def folder(self, workspace: Workspace) -> Path:
        known = hashlib.sha256(json.dumps(self.settings, sort_keys=True).encode()).hexdigest()[:16]
        return workspace.upload(self.key).folder / f"{self.kind}-{known}"


@dataclass(frozen=True)
class State:
    """done: the result lies in the step's folder. Else share (0 to 1) and phase say how far it is."""

    done: bool
    share: float = 0.0
    phase: str = ""


def keep(workspace: Workspace, file: BinaryIO, name: str, parent: str | None = None) -> str:
    """Store an upload; returns its key. name: only remembered, never used as a path. Uploads of yesterday are removed.

    parent: the data set that a further version is made of. What went wrong with the same file before is tried again.
    Raises DataError when it is too large.
    """
    workspace.may_change()
    folder = workspace.uploads
    folder.mkdir(exist_ok=True)
    _tidy(folder)
    digest, size = hashlib.sha256(f"{name}\0{parent or ''}\0".encode()), 0
    growing = folder / f"{os.getpid()}-{time.monotonic_ns()}.part"
    try:
        with growing.open("wb") as out:
            while chunk := file.read(2**20):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise DataError(
                        f"{name} is too large; at most {rounded(MAX_BYTES / 2**20)} MB can be uploaded.",
                        "Leave out columns that are not needed, or use the command line.",
                        "too_large",
                    )
                digest.update(chunk)
                out.write(chunk)
        paths = workspace.upload(digest.hexdigest()[:16])
        paths.folder.mkdir(exist_ok=True)
        growing.replace(paths.content)
    except OSError as error:
        raise DataError(
            f"{name} could not be kept ({error.strerror}).",
            "Make room on the disk and try again.",
            "disk_full",
        ) from error
    finally:
        growing.unlink(missing_ok=True)
    write_json(paths.info, {"name": name, "parent": parent})
    for failed in paths.folder.glob("*/error.json"):
        shutil.rmtree(failed.parent, ignore_errors=True)
    return paths.folder.name


def keep_hub(workspace: Workspace, found: hub.HubDataset, config: str, splits: Sequence[str]) -> str:
    """An upload whose content is still on the hub; reading it downloads these splits. Returns its key."""
    workspace.may_change()
    parts = [asdict(part) for part in found.chosen(config, splits)]
    asked = {"name": found.name, "revision": found.revision, "config": config, "parts": parts}
    key = keep(workspace, io.BytesIO(json.dumps(asked).encode()), f"{found.name}")
    paths = workspace.upload(key)
    write_json(paths.info, {**read_json(paths.info), "hub": asked})
    return key


def upload_info(workspace: Workspace, key: str) -> dict:
    """{name, parent, hub}. Raises NotFoundError when it is gone."""
    return read_json(_kept(workspace, key).info)


def load_choices(workspace: Workspace, key: str) -> dict:
    path = _kept(workspace, key).choices
    return read_json(path) if path.exists() else {}


def save_choices(workspace: Workspace, key: str, choices: dict) -> None:
    workspace.may_change()
    write_json(_kept(workspace, key).choices, choices)


def ensure(workspace: Workspace, step: Step) -> State:
    """Do the step unless it is done. Small files: at once. Large ones: the state of the process that does it.

    Raises DataError with what the step found wrong, NotFoundError when the upload is gone, WorkspaceError where nothing can
    be written, and ReadOnlyError where one may only look and it is not done yet.
    """
    _kept(workspace, step.key)
    folder = step.folder(workspace)
    if not _is_over(folder):
        workspace.may_change()
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # Of two who ask at once, the second one finds what the first one does or did.
            with FileLock(folder / "starting.lock"):
                if not _is_over(folder):
                    _go_on(workspace, step)
    if (folder / "result.json").exists():
        return State(done=True)
    if (folder / "error.json").exists():
        error = read_json(folder / "error.json")
        raise DataError(error["message"], error["action"], error["code"])
    progress = folder / "progress.json"
    found = read_json(progress) if progress.exists() else {"share": 0.0, "phase": "Starting"}
    return State(False, found["share"], found["phase"])


def cancel(workspace: Workspace, step: Step) -> None:
    """Break off a step that a process is doing; what it wrote is removed."""
    workspace.may_change()
    folder = step.folder(workspace)
    record = folder / "process.json"
    if record.exists() and _alive(read_json(record)):
        process = psutil.Process(read_json(record)["pid"])
        process.kill()
        process.wait(10)
    shutil.rmtree(folder, ignore_errors=True)


def read_step(key: str, options: Options) -> Step:
    return Step(key, "read", options.as_dict())


def draft_step(reading: Step, recipe: Recipe, test: Step | None = None) -> Step:
    """reading, test: the steps that gave the table, and the second one with the test rows."""
    settings = {"reading": reading.settings, "recipe": recipe.model_dump(mode="json")}
    return Step(reading.key, "draft", settings | ({"test": [test.key, test.settings]} if test is not None else {}))


def read_table(workspace: Workspace, step: Step, rows: int | None = None) -> Table:
    """The table that a finished reading gave; with `rows`, only its first rows (facts are those of the whole)."""
    folder = step.folder(workspace)
    facts = dict(read_json(folder / "result.json"))
    for name in ("rows", "columns", "roles"):
        facts.pop(name, None)
    for listed in ("rejected", "padded"):
        facts[listed] = [Rejected(**one) for one in facts[listed]]
    facts |= {"sheets": tuple(facts["sheets"]), "left_out": tuple(facts["left_out"])}
    return Table(_frame(folder / "table.parquet", rows), **facts)


def rejected(workspace: Workspace, step: Step) -> pa.Table:
    """The rows that a finished reading could not read, as engine/data/reading/table.py lays them out."""
    path = step.folder(workspace) / "rejected.parquet"
    if path.exists():
        return pyarrow.parquet.read_table(path)
    return arrow([Rejected(**one) for one in facts_of(workspace, step)["rejected"]])


def facts_of(workspace: Workspace, step: Step) -> dict:
    """What a finished step wrote about its result."""
    return read_json(step.folder(workspace) / "result.json")


def roles_of(facts: dict) -> Roles:
    return Roles(**{**facts["roles"], "traps": [Trap(**trap) for trap in facts["roles"]["traps"]]})


def problems_of(facts: dict) -> list[Problem]:
    return [Problem(**one) for one in facts["problems"]]


def drafted(workspace: Workspace, step: Step, name: str) -> Draft:
    """The draft of a finished step, to be saved under `name`."""
    facts, others = facts_of(workspace, step), step.folder(workspace) / "others.parquet"
    return Draft(
        rows=_frame(step.folder(workspace) / "rows.parquet"),
        name=name,
        source=facts["source"],
        read_as=facts["read_as"],
        recipe=Recipe(**step.settings["recipe"]),
        split_by=facts["split_by"],
        problems=problems_of(facts),
        applied=[(code, count) for code, count in facts["applied"]],
        notes=facts["notes"],
        others=_frame(others) if others.exists() else pd.DataFrame(),
    )


def find_rows(
    workspace: Workspace, step: Step, *, contains: str = "", label: str | None = None, count: int = 100
) -> pd.DataFrame:
    """At most `count` drafted rows that contain a string (case does not matter) and have a label.

    Those of a second file are not among them: what is corrected by hand goes by the rows of the first.
    """
    file = pyarrow.parquet.ParquetFile(step.folder(workspace) / "rows.parquet")
    found: list[pa.RecordBatch] = []
    for batch in file.iter_batches(batch_size=20_000):
        if step.settings.get("test"):
            batch = batch.filter(pc.not_equal(batch["split"], "test"))
        if contains:
            batch = batch.filter(pc.match_substring(batch["text"], contains, ignore_case=True))
        if label is not None:
            batch = batch.filter(pc.equal(batch["label"], label))
        found.append(batch)
        if sum(map(len, found)) >= count:
            break
    return pa.Table.from_batches(found, file.schema_arrow).slice(0, count).to_pandas().reset_index(drop=True)


def sample_rows(folder: Path, most: int) -> pd.DataFrame:
    """At most `most` rows from all over a draft; of a large one, from its first 100,000 rows. folder: the step's."""
    file = pyarrow.parquet.ParquetFile(folder / "rows.parquet")
    table = file.read_row_group(0) if file.num_row_groups else file.read()
    return spread(table.to_pandas(), most)


# -- doing it ---------------------------------------------------------------------------------------


def _is_over(folder: Path) -> bool:
    return (folder / "result.json").exists() or (folder / "error.json").exists()


def _go_on(workspace: Workspace, step: Step) -> None:
    """Do a small step; see to it that a process does a large one, or that its end is told."""
    folder = step.folder(workspace)
    if _is_small(workspace, step):
        carry_out(workspace, step)
    elif not (folder / "process.json").exists():
        _launch(workspace, step)
    elif not _alive(read_json(folder / "process.json")) and not _is_over(folder):
        broken = DataError("It was interrupted, perhaps because memory ran out.", "Try a smaller file.", "broken_off")
        _fail(folder, broken)


def carry_out(workspace: Workspace, step: Step) -> None:
    """Do a step, and write its result or what was wrong. Raises WorkspaceError where there is no room for either."""
    folder = step.folder(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with writing(folder), tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
            part = Path(name)
            facts = (_read if step.kind == "read" else _draft)(workspace, step, part)
            write_json(part / "result.json", facts)
            # Whole ones, and last what says that they are there: nobody else ever reads half of a table.
            for made in [*part.glob("*.parquet"), part / "result.json"]:
                made.replace(folder / made.name)
    except DataError as error:
        _fail(folder, error)
    except WorkspaceError as error:  # what was written so far is gone, so that there may be room to say so
        _fail(folder, DataError(error.message, "Make room on the disk, then upload it again.", "disk_full"))
    except Exception as error:  # ours: the log of the step has it, and it is not tried again and again
        traceback.print_exc(file=sys.stderr)
        what = f"This table could not be checked because of an unexpected error ({type(error).__name__})."
        _fail(
            folder,
            DataError(what, "Please report it; meanwhile, try the file in another format.", "unexpected"),
        )


def _read(workspace: Workspace, step: Step, part: Path) -> dict:
    """part: the folder for what it makes."""
    folder, paths = step.folder(workspace), workspace.upload(step.key)
    info, content = read_json(paths.info), paths.content
    if "hub" in info:
        content = part / "fetched"
        _fetch(info["hub"], content, _teller(folder, "Downloading"))
    table = read_file(content, Options(**step.settings), name=info["name"], progress=_teller(folder, "Reading"))
    _tell(folder, 1.0, "Looking at the columns")
    _write(table.frame, part / "table.parquet")
    if len(table.rejected) > LISTED_REJECTED:  # more than the facts hold
        pyarrow.parquet.write_table(arrow(table.rejected), part / "rejected.parquet")
    return {**table.facts(), "roles": asdict(propose(table.frame))}


def _fetch(asked: dict, target: Path, progress: Callable[[int, int], None]) -> None:
    parts = tuple(hub.HubPart(**{**part, "files": tuple(part["files"])}) for part in asked["parts"])
    found = hub.HubDataset(asked["name"], asked["revision"], parts)
    hub.fetch(found, asked["config"], [part.split for part in parts], target, progress)


def _draft(workspace: Workspace, step: Step, part: Path) -> dict:
    """part: the folder for what it makes."""
    folder, recipe = step.folder(workspace), Recipe(**step.settings["recipe"])
    _tell(folder, 0.1, "Checking the texts")
    table, *test = (read_table(workspace, reading) for reading in _readings(step))
    made = draft(table, recipe, test=test[0] if test else None)
    _tell(folder, 0.8, "Writing")
    _write(made.rows, part / "rows.parquet")
    _write(made.others, part / "others.parquet")
    sizes = made.rows["label"].value_counts()
    return {
        "source": made.source,
        "read_as": made.read_as,
        "split_by": made.split_by,
        "rows": len(made.rows),
        "counts": made.counts(),
        "classes": {label: int(count) for label, count in sizes.items()},
        "file_labels": made.file_labels,
        "problems": [asdict(problem) for problem in made.problems],
        "applied": made.applied,
        "notes": made.notes,
        "roles": asdict(propose(table.frame, recipe.text[0], recipe.label)),
    }


def _readings(step: Step) -> list[Step]:
    """What a draft is made of: the step that gave its table, and the one that gave the test rows, if any."""
    read = [[step.key, step.settings["reading"]], *filter(None, [step.settings.get("test")])]
    return [Step(key, "read", settings) for key, settings in read]


def _write(frame: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pyarrow.parquet.write_table(table, path, compression="lz4", row_group_size=100_000)


def _frame(path: Path, rows: int | None = None) -> pd.DataFrame:
    if rows is None:
        return pd.read_parquet(path)
    batch = next(pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=rows), None)
    return pd.read_parquet(path) if batch is None else batch.to_pandas()


def _teller(folder: Path, phase: str) -> Callable[[int, int], None]:
    return lambda done, total: _tell(folder, done / max(1, total), phase)


def _tell(folder: Path, share: float, phase: str) -> None:
    write_json(folder / "progress.json", {"share": share, "phase": phase})


def _fail(folder: Path, error: DataError) -> None:
    write_json(folder / "error.json", {"message": error.message, "action": error.action, "code": error.code})


def _is_small(workspace: Workspace, step: Step) -> bool:
    """Whether a step takes no time. What is still on the hub always does."""
    if step.kind == "draft":
        tables = [reading.folder(workspace) / "table.parquet" for reading in _readings(step)]
        return sum(table.stat().st_size for table in tables) <= AT_ONCE and all(is_at_most(one, AT_ONCE) for one in tables)
    upload = workspace.upload(step.key)
    return "hub" not in read_json(upload.info) and is_at_most(upload.content, AT_ONCE)


def _launch(workspace: Workspace, step: Step) -> None:
    folder = step.folder(workspace)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "step.json", asdict(step))
    pid = start_apart(folder / "log.txt", "engine.data.workbench", workspace.root, folder / "step.json")
    write_json(folder / "process.json", {"pid": pid, "process": identity(pid)})


def _alive(record: dict) -> bool:
    return is_there(record["pid"], record.get("process"))  # an earlier version wrote another mark


def _kept(workspace: Workspace, key: str) -> UploadPaths:
    paths = workspace.upload(key)
    if not paths.info.exists():
        raise NotFoundError("The uploaded file is no longer kept.", "Upload it again.")
    return paths


def _tidy(folder: Path) -> None:
    for old in folder.iterdir():
        with suppress(FileNotFoundError):  # an upload that came to its end meanwhile
            if old.stat().st_mtime < time.time() - KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)


if __name__ == "__main__":
    root, record = sys.argv[1:]
    carry_out(Workspace(Path(root)), Step(**read_json(Path(record))))
