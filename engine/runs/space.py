"""What runs take on the disk: counted, cleaned, thrown away, and compared with what is free."""

import os
import shutil
import time
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import WorkspaceError
from engine.figures import rounded
from engine.paths import RunPaths, Workspace
from engine.runs import outcome
from engine.runs.store import Run, Status, Store

TRASH_DAYS = 7
LEFT_SECONDS = 3600.0  # nothing takes so long to be written
KINDS = ("datasets", "models", "runs", "checkpoints", "pretrained", "uploads", "trash", "other")
POINTS = 3  # saved states on the disk while the newest is being written
STATE = 16  # bytes of a learning parameter in a saved state at most: the weight, its average, two running means, fp32
WEIGHT = 4  # bytes of a parameter in fp32


def taken(folder: Path) -> int:
    """Bytes of all files in a folder; what vanishes meanwhile does not count."""
    total = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(FileNotFoundError):
                total += Path(place, name).lstat().st_size
    return total


def cleanable(workspace: Workspace, run: Run) -> int:
    """Bytes that cleaning would free: the saved states of a run whose model holds all that it learnt.

    A run that was trained further and then paused, or died, has a model from before, and still needs its states.
    """
    paths = workspace.run(run.id)
    done = run.status == Status.FINISHED or (run.status == Status.STOPPED and not run.paused)
    newest = max((path.stat().st_mtime for path in paths.checkpoints.glob("*.json")), default=0.0)
    return taken(paths.checkpoints) if done and paths.metrics.exists() and paths.metrics.stat().st_mtime >= newest else 0


def clean(workspace: Workspace, runs: list[Run]) -> int:
    """Remove the saved states of those of `runs` that have a model. Returns the bytes that became free."""
    workspace.may_change()
    freed = 0
    store = Store(workspace)
    for run in runs:
        paths = workspace.run(run.id)
        if not paths.checkpoints.exists():
            continue
        with FileLock(paths.lock):  # it may have been resumed since it was listed, and is not from now on
            bytes_here = cleanable(workspace, store.get(run.id))
            if bytes_here:
                shutil.rmtree(paths.checkpoints)
                freed += bytes_here
    return freed


def empty_trash(workspace: Workspace, older_than: int = 0) -> int:
    """Remove for good the runs and data sets that were deleted at least so many days ago. Returns the bytes freed."""
    workspace.may_change()
    store, freed = Store(workspace), 0
    before = datetime.now(UTC) - timedelta(days=older_than)
    for folder in workspace.trash.glob("*"):
        with suppress(FileNotFoundError):  # it was taken out, or somebody else empties the trash as well
            if folder.stat().st_mtime <= before.timestamp():
                freed += _throw_away(workspace, folder)
    for run in store.all(deleted=True):
        if store.remove(run.id, before):
            freed += _throw_away(workspace, workspace.run(run.id).folder)
    return freed


def _throw_away(workspace: Workspace, folder: Path) -> int:
    """Remove a folder whole: it is moved out of everybody's sight first, where what a kill leaves of it is swept.

    Returns its bytes; none where somebody else was faster.
    """
    with suppress(OSError):  # on Windows, what somebody has open cannot be moved
        folder = folder.rename(workspace.root / f"{folder.name}.part")
    freed = taken(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return freed


def sweep(workspace: Workspace) -> None:
    """Remove what killed processes left half written, and finish what they were handing over, where nothing runs."""
    workspace.may_change()
    store = Store(workspace)
    running = [workspace.run(run.id).folder for run in store.live() if run.status == Status.RUNNING]
    for folder in {path.parent for path in workspace.root.glob("runs/*/result")} - set(running):
        with suppress(OSError):  # whoever resumes that run is told
            outcome.settle(RunPaths(folder))
    listed = {run.id for run in (*store.all(), *store.all(deleted=True))}
    unlisted = {mark.parent for mark in workspace.root.glob("runs/*/unlisted") if mark.parent.name not in listed}
    for part in [*workspace.root.rglob("*.part"), *unlisted]:
        with suppress(FileNotFoundError):  # it went with its folder, or has just become whole
            young = time.time() - part.stat().st_mtime < LEFT_SECONDS
            if young or any(map(part.is_relative_to, running)) or _is_held(RunPaths(part).lock):
                continue
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()


def _is_held(lock: Path) -> bool:
    """Whether a living process is at work where this lock lies: a model that is brought may take hours to be scored."""
    try:
        with FileLock(lock, timeout=0) if lock.exists() else nullcontext():
            return False
    except Timeout:
        return True


def by_kind(workspace: Workspace) -> dict[str, int]:
    """{what it is: bytes} of everything in the workspace, the kinds as in KINDS."""
    found = dict.fromkeys(KINDS, 0)
    deleted = {run.id for run in Store(workspace).all(deleted=True)} if workspace.database.exists() else set()
    for path in (workspace.root / "runs").iterdir():
        everything = taken(path)
        if path.name in deleted:
            found["trash"] += everything
            continue
        states, model = (taken(path / part) for part in ("checkpoints", "model"))
        found["checkpoints"] += states
        found["models"] += model
        found["runs"] += everything - states - model
    found["datasets"] = taken(workspace.root / "datasets")
    found["trash"] += taken(workspace.trash)
    found["uploads"] = taken(workspace.uploads)
    found["pretrained"] = taken(workspace.downloads)
    found["other"] = max(0, taken(workspace.root) - sum(found.values()))
    return found


def free(workspace: Workspace) -> int:
    return shutil.disk_usage(workspace.root).free


def point(parameters: int, learning: int) -> int:
    """Bytes of a saved state, and of the best round beside it."""
    return learning * STATE + parameters * WEIGHT


def needed(parameters: int, learning: int) -> int:
    """Bytes that a run with so many parameters, of which so many learn, takes at most: states, best round, model."""
    return learning * STATE * POINTS + parameters * WEIGHT * 3


def make_room(workspace: Workspace, parameters: int, learning: int, download: int = 0) -> str | None:
    """See to it that a run fits. Returns a sentence about what was done or is scarce; None where all is well.

    download: bytes that have to be fetched first. Raises WorkspaceError when not even the finished model would fit.
    """
    saved = parameters * WEIGHT * 2
    wanted, least = needed(parameters, learning) + download, saved + download
    there, freed = free(workspace), 0
    if there < wanted:
        freed = empty_trash(workspace)
        there = free(workspace)
    if there < least:
        takes = f"{rounded(download / 1e6)} MB to be downloaded, and then " if download else ""
        raise WorkspaceError(
            f"The disk has {rounded(there / 1e6)} MB free, and the model alone takes {takes}{rounded(saved / 1e6)} MB "
            "while it is saved.",
            "Make room, for instance by cleaning up on the Runs page; then resume the run.",
            "disk_full",
        )
    said = f"The trash was emptied to make room ({rounded(freed / 1e6)} MB). " if freed else ""
    if there < wanted:
        said += (
            f"The disk has {rounded(there / 1e6)} MB free, and up to {rounded(wanted / 1e6)} MB may be needed: the "
            "progress of the training may not be saved."
        )
    return said.strip() or None
