"""The sign of life of a run: how far it is, and what is asked of it."""

import os
import threading
import time

import psutil

from engine.errors import WorkspaceError
from engine.paths import Workspace
from engine.processes import complain
from engine.runs import ending
from engine.runs.events import EventLog
from engine.runs.store import HEARTBEAT_SECONDS, Request, Store

GRACE_SECONDS = 6.0  # that the work has to answer a request; after that its process ends
STILL_SECONDS = 120.0  # without any progress while the model is made of what was learnt: a large one takes its time
BEATS_A_RECORD = 5  # of the memory, for the curve
FIRST_PHASES = ("loading libraries", "reading data", "downloading model", "loading model", "tokenizing")
FIRST_SHARE = 0.01  # of the bar, for each of them: how long the whole takes is not known yet


class StopAsked(Exception):
    """Raised in the work where it can end at once."""


class Pulse:
    """Tells the store that the run is alive and how far it is, about once a second, and hears what a person asks.

    Used as a context manager around the work. `phase` and `progress` are called by the work, and raise StopAsked where it
    shall end; the rest happens in a thread, which ends the process when the work does not answer in time.
    """

    def __init__(self, workspace: Workspace, run_id: str, events: EventLog):
        self.workspace, self.store = workspace, (store := Store(workspace))
        self.run_id, self.events, self.pid = run_id, events, os.getpid()
        self.name, self.done, self.total = "starting", 0, 0
        self.began, self.share, self.seconds_left = time.monotonic(), 0.0, None
        # A run that was stopped in the middle of a long step is begun again only to make its model.
        run = store.get(run_id)
        self.request = run.request
        self.answered = None if run.requested else run.request
        self.begun_to_end = run.request == Request.STOP
        self.worked_before = run.seconds_before
        self.makes_model = False  # whether the work ends with a model in any case, so that it need not stop for one
        self.heard = 0.0
        self.moved = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat_until_over, name="pulse", daemon=True)
        self.process = psutil.Process()

    def __enter__(self) -> "Pulse":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def phase(self, name: str, done: int = 0, total: int = 0) -> None:
        """Enter a phase, named in plain words. Raises StopAsked."""
        self.name, self.done, self.total, self.moved = name, done, total, time.monotonic()
        self.events.write("phase", name=name)
        if name in FIRST_PHASES:
            self.share = max(self.share, FIRST_SHARE * (1 + FIRST_PHASES.index(name)))
        self._beat()
        self.may_go_on()

    def progress(self, done: int, total: int) -> None:
        """done of total units of the present phase. Raises StopAsked."""
        self.done, self.total, self.moved = done, total, time.monotonic()
        self.may_go_on()

    def reached(self, done: int) -> None:
        """So many units of the present phase are done; for threads that nobody waits for, since it raises nothing."""
        self.done, self.moved = done, time.monotonic()

    def expect(self, seconds: float) -> None:
        """So many seconds are left of the whole run."""
        worked = self.worked_before + time.monotonic() - self.began
        self.seconds_left = seconds
        self.share = max(self.share, min(0.99, worked / (worked + seconds)))

    def should_stop(self) -> bool:
        """Whether the training shall end here. Whoever asks and hears yes has to do so."""
        self.answered = request = self.request  # read once: another may be asked meanwhile
        return request is not None

    def may_go_on(self) -> None:
        """Raises StopAsked when something is asked that was not asked when the present work began."""
        if self.request != self.answered:
            self.answered = self.request
            if not (self.makes_model and self.request == Request.STOP):
                raise StopAsked

    def _beat_until_over(self) -> None:
        beats = 0
        while not self.over.wait(HEARTBEAT_SECONDS):
            try:
                self._beat()
                if beats % BEATS_A_RECORD == 0:
                    self.events.write("machine", memory_bytes=self.process.memory_info().rss)
            except Exception as error:  # without this thread nobody could stop the run
                complain(f"A sign of life failed: {type(error).__name__}: {error}")
            beats += 1
            if self._is_stuck():
                self._end_by_force()

    def _end_by_force(self) -> None:
        try:
            complain(f"The work did not answer, or stood still, while {self.name}.")
            ending.by_force(self.workspace, self.store, self.store.get(self.run_id), not self.begun_to_end)
        except Exception as error:  # whoever looks after the queue closes the run
            complain(error)
        finally:
            os._exit(0)  # the main thread is somewhere deep in a computation: nothing gentler reaches it

    def _is_stuck(self) -> bool:
        """Whether the work does not answer, or stands still on the way to the model that a person waits for."""
        now = time.monotonic()
        if self._waits():
            return now - self.heard > GRACE_SECONDS
        return self.request == Request.STOP and now - max(self.heard, self.moved) > STILL_SECONDS

    def _waits(self) -> bool:
        """Whether a person waits for an answer."""
        return self.request != self.answered and not (self.makes_model and self.request == Request.STOP)

    def _beat(self) -> None:
        if self.seconds_left and self.name != "training":
            self.expect(max(0.5, self.seconds_left - HEARTBEAT_SECONDS))
        try:
            ours, request = self.store.beat(
                self.run_id,
                self.pid,
                None if self._waits() else self.request,
                phase=self.name,
                step=self.done,
                steps=self.total,
                share=self.share,
                seconds_left=self.seconds_left,
                memory_bytes=self.process.memory_info().rss,
            )
        except WorkspaceError as error:
            # A missed beat is no reason to give up the training; the next one may get through.
            complain(error)
            return
        if not ours:
            complain("The run was taken from this process.")
            os._exit(0)  # another worker may have it already: not one more file may be written
        if request != self.request:
            self.heard, self.request = time.monotonic(), request
