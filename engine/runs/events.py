"""What happened in a run: one flushed JSON object per line, which any process can follow."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from engine.runs.store import now


class EventLog:
    """Appends events; for the worker, which is the only writer."""

    def __init__(self, path: Path):
        self.file: TextIO = open(path, "a", encoding="utf-8")  # noqa: SIM115 (lives as long as the worker)

    def write(self, kind: str, **figures: object) -> None:
        self.file.write(json.dumps({"at": now(), "kind": kind, **figures}, ensure_ascii=False) + "\n")
        self.file.flush()


def read_events(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """Events from byte `offset` on, and the offset to go on from. A last line that is still being written waits."""
    if not path.exists():
        return [], offset
    with open(path, "rb") as file:
        file.seek(offset)
        content = file.read()
    complete = content[: content.rfind(b"\n") + 1]
    return [json.loads(line) for line in complete.splitlines() if line.strip()], offset + len(complete)


@dataclass
class History:
    """The events of a run, sorted for looking at.

    steps: each with step, epoch, loss, learning_rate, gradient, texts, at. epochs: each with epoch, scores, best.
    setup: device, precision, threads, parameters. notes: sentences worth telling.
    """

    steps: list[dict] = field(default_factory=list)
    epochs: list[dict] = field(default_factory=list)
    setup: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    phases: list[dict] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> "History":
        history = cls()
        for one in read_events(path)[0]:
            match one["kind"]:
                case "step":
                    history.steps.append(one)
                case "epoch":
                    history.epochs.append(one)
                case "setup":
                    history.setup = one
                case "note":
                    history.notes.append(one["text"])
                case "phase":
                    history.phases.append(one)
        return history
