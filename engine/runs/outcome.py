"""The model of a run and its scores take the places of those from before: all or none, whenever a process is killed."""

import shutil

from filelock import FileLock

from engine.paths import RunPaths


def prepare(paths: RunPaths) -> RunPaths:
    """Where the model, the predictions and the metrics are made, under their own names; nothing is there yet."""
    shutil.rmtree(paths.making.folder, ignore_errors=True)  # what an attempt that was killed left
    paths.making.folder.mkdir()
    return paths.making


def hand_over(paths: RunPaths) -> None:
    """Let what was made count from now on."""
    with FileLock(paths.lock):
        _settle(paths)
        # Killed before this, the old ones count; after it, these.
        paths.making.folder.rename(paths.made.folder)
        _settle(paths)


def settle(paths: RunPaths) -> None:
    """Put what was made into its places, where a process was killed in the middle of it."""
    if paths.made.folder.exists():
        with FileLock(paths.lock):  # the watcher and any page may find that at the same time
            _settle(paths)


def _settle(paths: RunPaths) -> None:
    made, former = paths.made, paths.made.folder / "former"
    for new, place in (
        (made.model, paths.model),
        (made.predictions, paths.predictions),
        (made.metrics, paths.metrics),
    ):
        if new.exists():
            if place.is_dir():
                place.rename(former)
            new.replace(place)
    shutil.rmtree(made.folder, ignore_errors=True)
