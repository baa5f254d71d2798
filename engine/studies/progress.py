"""How far a search is, in a file beside what was asked: written by the watcher, read by pages and the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import WorkspaceError
from engine.paths import StudyPaths, read_json, write_json


class Trial(BaseModel):
    """One run of a search. values: the settings that were tried.

    score: macro-F1 on validation of the round that is kept; None before the first round. rounds: scored so far. seconds:
    worked, once it has ended. why: what ended it early, as a sentence. Pruned: ended early, or without a usable score.
    """

    model_config = ConfigDict(extra="forbid")

    number: int
    run_id: str
    values: dict[str, float | int | str]
    state: Literal["running", "complete", "pruned", "failed"] = "running"
    score: float | None = None
    rounds: int = 0
    seconds: float = 0.0
    why: str = ""


class Progress(BaseModel):
    """seconds: that the trials may train in all. importance: {setting: share of the difference that it made}, once known.

    message: how it ended, as a sentence.
    """

    model_config = ConfigDict(extra="forbid")

    status: Literal["running", "finished", "stopped", "failed"] = "running"
    seconds: float
    message: str = ""
    trials: list[Trial] = []
    importance: dict[str, float] = {}

    @property
    def current(self) -> Trial | None:
        """The trial that waits or trains."""
        return self.trials[-1] if self.trials and self.trials[-1].state == "running" else None

    @property
    def spent(self) -> float:
        """Seconds of the trials that have ended."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def best(self) -> Trial | None:
        """The trial with the best score on validation, of those that ran to their end."""
        ended = [trial for trial in self.trials if trial.state == "complete" and trial.score is not None]
        return max(ended, key=lambda trial: trial.score or 0.0, default=None)


def read(paths: StudyPaths) -> Progress:
    """Raises WorkspaceError where the file is gone or damaged."""
    try:
        return Progress(**read_json(paths.progress))
    except (OSError, TypeError, ValidationError) as error:
        raise WorkspaceError(
            f"The progress of the search {paths.folder.name} cannot be read.",
            "Its runs are not harmed; begin a new search.",
            "damaged",
        ) from error


@contextmanager
def changing(paths: StudyPaths) -> Iterator[Progress]:
    """What is changed of it is written down at the end; one process at a time."""
    with FileLock(paths.lock):
        found = read(paths)
        before = found.model_copy(deep=True)
        yield found
        if found != before:
            write_json(paths.progress, found.model_dump())
