"""What happened in a run: one flushed JSON object per line, which any process can follow."""

import json
import os
import threading
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path

from engine.runs.store import now

DAMAGED = {"kind": "note", "text": "A line of the record of events is damaged and was left out."}


class EventLog:
    """Appends events; only for the process of the run: its worker, and its tracker, which opens another one for a note.

    A context manager.
    """

    def __init__(self, path: Path):
        self.path, self.file = path, path.open("a", encoding="utf-8")
        self.before = self.file.tell()  # bytes from earlier attempts
        self.lock = threading.Lock()  # the work and its pulse both write

    def __enter__(self) -> "EventLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, kind: str, **figures: object) -> None:
        with self.lock:
            self.file.write(json.dumps({"at": now(), "kind": kind, **figures}, ensure_ascii=False) + "\n")
            self.file.flush()

    def settle(self) -> int:
        """Bring what was written to the disk. Returns its size, in bytes."""
        with self.lock:
            os.fsync(self.file.fileno())
            return os.fstat(self.file.fileno()).st_size

    def rewind(self, size: int) -> None:
        """Forget what earlier attempts wrote after `size` bytes, since it will happen again.

        The record becomes another file, by which whoever follows it notices.
        """
        if size >= self.before:
            return
        with self.lock:
            part = self.path.with_name(self.path.name + ".part")
            with part.open("wb") as file:
                file.write(self.path.read_bytes()[:size])
                file.flush()
                os.fsync(file.fileno())
            self.file.close()
            part.replace(self.path)
            self.file = self.path.open("a", encoding="utf-8")


def read_events(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """Events from byte `offset` on, and the offset to go on from.

    A last line that is still being written waits; a damaged one becomes a note that says so.
    """
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    return [_event(line) for line in complete.splitlines() if line.strip()], offset + len(complete)


def _event(line: bytes) -> dict:
    try:
        found = json.loads(line)
        return found if isinstance(found, dict) and "kind" in found else DAMAGED
    except ValueError:
        return DAMAGED


def seconds_at(moment: str) -> float:
    """Seconds since 1970."""
    return datetime.fromisoformat(moment).timestamp()


@dataclass
class History:
    """The events of a run, sorted for looking at.

    steps: each with step, epoch, loss, learning_rate, gradient, texts, at. epochs: each with epoch, scores, best.
    setup: device, precision, threads, parameters, versions. phases: each with name, at. notes: sentences worth telling.
    machine: now and then memory_bytes, at.
    file: which one it is. offset: how far it was read, in bytes.
    """

    steps: list[dict] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)
    setup: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    phases: list[dict] = field(default_factory=list)
    machine: list[dict] = field(default_factory=list)
    file: int = 0
    offset: int = 0

    @classmethod
    def read(cls, path: Path) -> "History":
        return cls().update(path)

    def update(self, path: Path) -> "History":
        """Add what has been written since the last time; all anew where the record was cut, as when a run resumes."""
        if path.exists():
            found = path.stat()
            if found.st_ino != self.file or found.st_size < self.offset:
                self.__init__(file=found.st_ino)
        events, self.offset = read_events(path, self.offset)
        for one in events:
            match one["kind"]:
                case "step":
                    self.steps.append(one)
                case "epoch":
                    self.epochs.append(one)
                case "setup":
                    self.setup = one
                case "note":
                    self.notes.append(one["text"])
                case "phase":
                    self.phases.append(one)
                case "machine":
                    self.machine.append(one)
        return self

    def copied(self) -> "History":
        """As it is now: what an update of this one adds is not in the copy."""
        lists = {one.name: [*value] for one in fields(self) if isinstance(value := getattr(self, one.name), list)}
        return replace(self, **lists)

    def texts_per_second(self, window: int) -> float | None:
        """How many training texts were learnt per second over the last `window` reports; None before there are two."""
        recent = self.steps[-window:]
        if len(recent) < 2:
            return None
        seconds = seconds_at(recent[-1]["at"]) - seconds_at(recent[0]["at"])
        return sum(one["texts"] for one in recent[1:]) / seconds if seconds > 0 else None
