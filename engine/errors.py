"""What can go wrong, as a small tree.

TuneboardError            anything that we say to a person in a sentence
├── DataError             a file or table that cannot be read or learnt from
├── SettingsError         settings that contradict each other or the machine (carries all problems at once)
├── ModelError            a pretrained model that cannot be found, reached or trusted
├── WorkspaceError        the folder that everything is kept in cannot be used
├── NotFoundError         no such data set or run
├── RunStateError         that cannot be done with a run in its present state
├── ReadOnlyError         this Tuneboard was opened for looking only
├── ForecastError         what a run will cost could not be measured
└── TrainingError         training went wrong in a way that a person can act on

Every message says what was expected, what was found, and what to do. The person can fix all of these,
so the command line ends with exit code 2; anything else is our fault and ends with 1.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota of that name


class TuneboardError(Exception):
    """A problem that a person can fix.

    message: what was expected and what was found, one or two plain sentences.
    action: what to do next, one plain sentence; may be empty when the message says it already.
    code: a short stable name for scripts, such as ``no_label_column``.
    """

    code = "problem"

    def __init__(self, message: str, action: str = "", code: str | None = None):
        super().__init__(message)
        self.message = message
        self.action = action
        self.code = code or self.code

    def __str__(self) -> str:
        return f"{self.message} {self.action}".strip()


class DataError(TuneboardError):
    code = "data"


class SettingsError(TuneboardError):
    """problems: {field name: sentence}, every one that was found."""

    code = "settings"

    def __init__(self, problems: dict[str, str]):
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in problems.items()))
        self.problems = problems


class ModelError(TuneboardError):
    code = "model"


class WorkspaceError(TuneboardError):
    code = "workspace"


class NotFoundError(TuneboardError):
    code = "not_found"


class RunStateError(TuneboardError):
    code = "run_state"


class ReadOnlyError(TuneboardError):
    code = "read_only_mode"


class ForecastError(TuneboardError):
    code = "forecast"


class TrainingError(TuneboardError):
    code = "training"


@contextmanager
def panics_caught() -> Iterator[None]:
    """Raises RuntimeError where a library in Rust panics: its own exception derives from BaseException, which goes past
    everybody who is prepared for an Exception. pyo3 gives it no place to import it from."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise RuntimeError(str(error)) from error


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, the machine's or a graphics card's; torch says it in words."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate memory" in said


def is_disk_full(error: Exception) -> bool:
    """Whether the disk was full, or what this user may take of it; libraries say it in words."""
    said = str(error).lower()
    return getattr(error, "errno", None) in FULL or "no space left" in said or "quota exceeded" in said
