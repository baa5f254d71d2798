"""The process that looks after the queue while nobody looks at a page: python -m engine.workers.watcher [WORKSPACE]

One for each workspace. It notices workers that died, ends those that do not answer, starts what waits, lets searches for
good settings go on, and goes when nothing is left to look after.
"""

import os
import sys
import time
from contextlib import suppress

from filelock import FileLock, Timeout

from engine.errors import TuneboardError
from engine.paths import Workspace
from engine.processes import complain
from engine.runs import queue, space

LOOK_SECONDS = 1.0
PATIENCE = 3.0  # seconds to wait for the lock: whoever asks whether a watcher lives holds it for a moment


def main(root: str | None = None) -> int:
    workspace = Workspace.open(root)
    try:
        with FileLock(workspace.watcher_lock).acquire(timeout=PATIENCE):
            with suppress(TuneboardError, OSError):
                space.empty_trash(workspace, older_than=space.TRASH_DAYS)
                space.sweep(workspace)
            while _look(workspace):
                time.sleep(LOOK_SECONDS)
            if workspace.watcher_log.exists():
                os.utime(workspace.watcher_log, (0, 0))  # whoever comes next need not wait for us to come up
        _look(workspace)  # what came after the last look found us at work: it is given a watcher of its own
    except Timeout:
        return 0  # there is one
    return 0


def _look(workspace: Workspace) -> bool:
    try:
        left = queue.look_after(workspace)
        return _searches(workspace) or left
    except (TuneboardError, OSError) as error:  # a full disk or a locked store may be over in a moment
        complain(error)
        return workspace.root.is_dir()


def _searches(workspace: Workspace) -> bool:
    """Take every open search a step further. Returns whether one shall be looked at again."""
    if not any(workspace.studies.glob("*/progress.json")):
        return False
    from engine.studies import search  # which costs time and memory that only a search needs

    return search.go_on(workspace)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
