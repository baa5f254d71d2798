"""The process that carries out one run: python -m engine.workers.worker WORKSPACE RUN.

It claims the run, shows that it is alive, carries out the phases (pipeline.py; counting.py where only words are counted)
and closes the run, whatever happens.
The heavy imports come after the claim, so that the first sign of life comes soon.
"""

import importlib
import os
import sys
import time
import traceback
from contextlib import nullcontext

from engine import libraries, preferences
from engine.errors import WorkspaceError
from engine.paths import Workspace
from engine.processes import complain
from engine.runs import ending, queue
from engine.runs.events import EventLog
from engine.runs.pulse import Pulse, StopAsked
from engine.runs.store import Request, Status, Store
from engine.runs.trackers import Reporter
from engine.serving.proof import FreshProcess

CLOSING_TRIES = 15
# What takes a second or more to import, and at last everything that is left, to train or to count words.
TRAINING = ("torch", "transformers.modeling_utils", "scipy.stats", "engine.workers.pipeline")
COUNTING = ("scipy.stats", "sklearn.linear_model", "engine.workers.counting")


def main(root: str, run_id: str) -> int:
    workspace = Workspace.open(root)
    store, pid = Store(workspace), os.getpid()
    if not store.claim(run_id, pid):
        return 0  # another worker runs it, or it was stopped while it waited
    run = store.get(run_id)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if run.slot == "cuda":
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[run.place] if visible else str(run.place)
    reporter = None
    try:
        preferences.apply(workspace)
        reporter = Reporter(workspace, run)
        with EventLog(workspace.run(run_id).events) as events, Pulse(workspace, run_id, events) as pulse:
            reporter.follow(pulse)
            ended = _work(workspace, run_id, pulse)
    except Exception as error:  # every failure is told, logged, and the queue goes on
        complain(traceback.format_exc())
        ended = {"status": Status.FAILED, **ending.explain(error)}
    _close(store, run_id, ended)
    if reporter:
        reporter.close(ended["status"], scored="accuracy" in ended)
    if visible is None:  # the next worker shall see all devices
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible
    queue.launch_waiting(workspace)
    return 0


def _work(workspace: Workspace, run_id: str, pulse: Pulse) -> dict[str, object]:
    counts = queue.config_of(workspace, run_id).counts_words
    names = COUNTING if counts else TRAINING
    try:
        pulse.phase("loading libraries", 0, len(names))
        # The process that will verify the model loads the same libraries at the same time, on another core.
        with nullcontext() if counts else FreshProcess() as fresh:
            with libraries.loading():
                for number, name in enumerate(names, start=1):
                    phases = importlib.import_module(name)
                    pulse.progress(number, len(names))
            return phases.carry_out(workspace, run_id, pulse, fresh)
    except StopAsked:
        paused = pulse.request == Request.PAUSE
        return {"status": Status.STOPPED, **(ending.PAUSED if paused else ending.STOPPED)}


def _close(store: Store, run_id: str, ended: dict[str, object]) -> None:
    """Write down how the run ended; a store that is locked, or a disk that is full, may be free again in a moment."""
    for left in reversed(range(CLOSING_TRIES)):
        try:
            store.end(run_id, pid=os.getpid(), phase="", **ended)
            return
        except WorkspaceError as error:
            complain(error)
            if not left:
                raise
            time.sleep(2)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
