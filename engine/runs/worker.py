"""The process that carries out one run: python -m engine.runs.worker WORKSPACE RUN.

It claims the run, shows that it is alive, carries out the phases (pipeline.py) and closes the run, whatever happens.
The heavy imports come after the claim, so that the first sign of life comes soon.
"""

import os
import sys
import threading
import time
import traceback

import psutil

from engine.errors import TuneboardError, WorkspaceError, is_out_of_memory
from engine.paths import Workspace
from engine.runs import queue
from engine.runs.events import EventLog
from engine.runs.store import HEARTBEAT_SECONDS, Status, Store, now


def main(root: str, run_id: str) -> int:
    workspace = Workspace.open(root)
    store, pid = Store(workspace), os.getpid()
    if not store.claim(run_id, pid):
        return 0  # another worker runs it, or it was stopped while it waited
    try:
        with Pulse(store, run_id, EventLog(workspace.run(run_id).events)) as pulse:
            pulse.phase("loading libraries")
            from engine.runs.pipeline import carry_out

            ending = carry_out(workspace, run_id, pulse)
        store.end(run_id, pid=pid, phase="", **ending)
    except Exception as error:  # every failure is told, logged, and the queue goes on
        print(f"--- {now()}", file=sys.stderr)
        traceback.print_exc()
        store.end(run_id, Status.FAILED, pid, **explain(error))
    queue.launch_waiting(workspace)
    return 0


def explain(error: Exception) -> dict[str, str]:
    """reason, message and action for a person, from what was raised."""
    if isinstance(error, TuneboardError):
        return {"reason": error.code, "message": error.message, "action": error.action}
    if is_out_of_memory(error):
        return {
            "reason": "out_of_memory",
            "message": "The memory of this machine was not enough.",
            "action": "Try a smaller batch size, or fewer tokens per text.",
        }
    if isinstance(error, OSError) and error.errno == 28:
        return {
            "reason": "disk_full",
            "message": "The disk is full.",
            "action": "Make room, then start the run again.",
        }
    return {
        "reason": "unexpected",
        "message": f"Something went wrong that Tuneboard did not foresee: {type(error).__name__}: {error}",
        "action": "The log has the details; please report it with them.",
    }


class Pulse:
    """Tells the store that the run is alive and how far it is, about once a second, and hears whether to stop.

    Used as a context manager around the work. `phase` and `progress` are called by the work; the rest happens in a thread.
    """

    def __init__(self, store: Store, run_id: str, events: EventLog):
        self.store, self.run_id, self.events = store, run_id, events
        self.name, self.done, self.total, self.seconds_left = "starting", 0, 0, None
        self.stopping, self.over = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._beat_until_over, name="pulse", daemon=True)
        self.process = psutil.Process()

    def __enter__(self) -> "Pulse":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def phase(self, name: str, done: int = 0, total: int = 0) -> None:
        """Enter a phase, named in plain words."""
        self.name, self.done, self.total, self.began = name, done, total, time.monotonic()
        self.events.write("phase", name=name)
        self._beat()

    def progress(self, done: int, total: int) -> None:
        """done of total units of the present phase."""
        self.done, self.total = done, total

    def should_stop(self) -> bool:
        return self.stopping.is_set()

    def _beat_until_over(self) -> None:
        while not self.over.wait(HEARTBEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        try:
            stop = self.store.beat(
                self.run_id,
                phase=self.name,
                step=self.done,
                steps=self.total,
                seconds_left=self.seconds_left,
                memory_bytes=self.process.memory_info().rss,
            )
        except (
            WorkspaceError
        ) as error:  # a missed beat is no reason to give up the training; the next one may get through
            print(f"{now()} {error}", file=sys.stderr)
            return
        if stop:
            self.stopping.set()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
