"""Saved points of a training, from which it can go on to the bit.

    <step>-<rounds>.safetensors  weights, optimizer, random states; the place in the training as metadata. Weights that are
                                 those of the best round are left out
    <step>-<rounds>.json         the SHA-256 of that file and of the best weights beside it, written last
    best-<round>.safetensors     the weights of the best round, as the plain model has them

Each file is written under another name, flushed to the disk, read again and renamed. A point counts only when its .json is
there and both checksums hold; else the one before it is taken.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from engine.errors import WorkspaceError
from engine.paths import file_digest, read_json, write_json
from engine.training.learner import Learner
from engine.training.loop import TrainingState

KEPT = 2
SHARE, TRIFLE = 0.02, 0.25  # of the training's time may go into saving; seconds that may go in any case
WRITTEN = 4e8  # bytes in a second, flushed and read again, until the first point shows what this disk does
# By their bytes. Wide ones are compared faster.
WHOLE = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
Tensors = dict[str, torch.Tensor]
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class _Record:
    """The .json of a point. sha256: {name of a file: what it must be}."""

    sha256: dict[str, str]


@dataclass(frozen=True)
class _Described:
    """What the weights of a point carry with them."""

    state: TrainingState
    facts: dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A saved point that was checked. facts: what the caller stored with it."""

    state: TrainingState
    tensors: Tensors
    facts: dict


@dataclass
class Checkpoints:
    """The points of one training, in `folder`.

    seconds: the least time between two points within a round; saving never takes more than SHARE of the time, or TRIFLE.
    say: told, in a sentence, what went wrong with saving or loading.
    """

    folder: Path
    seconds: float = 60.0
    say: Callable[[str], None] = lambda sentence: None
    best: Tensors | None = None
    spent: float = 0.0  # seconds spent on saving, since `began`
    began: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    last: float = 0.0  # seconds that the last point took, or the first one is expected to take
    best_written: int = 0  # the round whose weights are on the disk
    best_digest: str = ""  # SHA-256 of that file
    place: tuple[int, int] | None = None  # step and rounds of the last point

    def expect(self, size: int) -> None:
        """Let the first point wait, too, until it costs no more than its share. size: bytes of a point."""
        self.last = size / WRITTEN

    def due(self, round_over: bool) -> bool:
        """Whether it is time for a point."""
        now = time.monotonic()
        affordable = self.spent + self.last <= max(TRIFLE, SHARE * (now - self.began))
        return affordable and (round_over or now - self.saved >= self.seconds)

    def save(self, state: TrainingState, learner: Learner, facts: dict) -> bool:
        """Write a point. A disk that is full or broken is said so, and the training can go on without it.

        Returns whether it was written.
        """
        start = time.monotonic()
        try:
            self._save(state, learner, facts)
        except (OSError, SafetensorError, WorkspaceError) as error:
            with contextlib.suppress(OSError):
                self._clear()  # what was written before it failed takes room as well
            self.say(
                f"The progress could not be saved at step {state.step} ({_why(error)}). The training continues; "
                "make room on the disk, or an interruption will cost the work since the last saved state."
            )
            return False
        finally:
            self.last = time.monotonic() - start
            self.spent, self.saved = self.spent + self.last, time.monotonic()
        return True

    def _save(self, state: TrainingState, learner: Learner, facts: dict) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        best = None
        if state.best_epoch:
            best = self._best(state.best_epoch)
            if self.best_written != state.best_epoch:
                self.best_digest = _write(best, self.best)
                self.best_written = state.best_epoch
        path = self.folder / f"{state.step:09}-{state.epoch:04}.safetensors"
        described = json.dumps({"state": _plain(state), "facts": facts})
        tensors = {**_without(learner.snapshot(), _weights(self.best if best else None)), **_random_states()}
        written = _write(path, tensors, {"training": described})
        sums = {path.name: written}
        if best:
            sums[best.name] = self.best_digest
        write_json(path.with_suffix(".json"), {"sha256": sums})
        _settle(self.folder)
        self.place = (state.step, state.epoch)
        self._clear()

    def newest(self) -> Point | None:
        """The newest point that is whole; None where there is none. `best` are its best weights. Damaged ones are said so.

        Raises WorkspaceError while the disk does not let itself be read.
        """
        for path in self._points():
            try:
                point = self._read(path)
            except (ValueError, KeyError, SafetensorError, FileNotFoundError, WorkspaceError) as error:
                step = int(path.stem.split("-")[0])
                self.say(f"The saved state of step {step} is damaged ({error}); the one before it is taken.")
                path.unlink(missing_ok=True)  # it must not take the place of a good one
                continue
            except OSError as error:  # it may be whole all the same
                raise WorkspaceError(
                    f"The saved states of the training in {self.folder} cannot be read ({_why(error)}).",
                    "Nothing of them was removed: see to the disk, then resume the run.",
                    "unreadable",
                ) from error
            self.best_written, self.place = point.state.best_epoch, (point.state.step, point.state.epoch)
            return point
        return None

    def _read(self, path: Path) -> Point:
        sums = _as(_Record, read_json(path)).sha256
        for name, known in sums.items():
            if file_digest(self.folder / name) != known:
                raise ValueError(f"{name} is not what was written")
        file = path.with_suffix(".safetensors")
        with safe_open(file, "pt") as opened:
            described = _as(_Described, json.loads((opened.metadata() or {})["training"]))
        state = described.state
        place = self._best(state.best_epoch)
        best = None
        if state.best_epoch:  # a copy, which outlives the file
            best = {name: tensor.clone() for name, tensor in load_file(place).items()}
        point = Point(state, _weights(best) | load_file(file), described.facts)
        self.best, self.best_digest = best, sums.get(place.name, "")
        return point

    def _points(self) -> list[Path]:
        """The .json of each point, the newest first."""
        return sorted(self.folder.glob("[0-9]*.json"), reverse=True)

    def _best(self, epoch: int) -> Path:
        return self.folder / f"best-{epoch:04}.safetensors"

    def _clear(self) -> None:
        """Remove what neither of the newest points needs, nor the next one will."""
        needed = {self._best(self.best_written).name}
        for path in self._points()[:KEPT]:
            with contextlib.suppress(WorkspaceError, ValueError):  # a damaged one needs nothing
                needed |= {path.name, *_as(_Record, read_json(path)).sha256}
        for path in self.folder.iterdir():
            if path.name not in needed:
                path.unlink()


def _as(kind: type[Kind], written: object) -> Kind:
    """What was written, as a `kind`; what this version does not know of it is left out.

    Raises ValueError when it has another shape.
    """
    try:
        return TypeAdapter(kind).validate_python(written)
    except ValidationError as error:
        raise ValueError("it is not written as this version reads it") from error


def restore(point: Point, learner: Learner) -> None:
    """Put `learner` and the random states where they were. The tensors of `point` are then gone.

    As long as they live they keep the room of their file on the disk, and Windows does not let it be removed.
    """
    learner.restore(point.tensors)
    torch.set_rng_state(point.tensors["random.cpu"])
    devices = [name for name in point.tensors if name.startswith("random.cuda.")]
    if devices and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([point.tensors[name] for name in sorted(devices)])
    point.tensors.clear()


def _random_states() -> Tensors:
    states = {"random.cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"random.cuda.{i:03}": one for i, one in enumerate(torch.cuda.get_rng_state_all())}
    return states


def _weights(best: Tensors | None) -> Tensors:
    """The weights of a round as a snapshot of the learner names them, be they averaged or not."""
    return {f"{kind}.{name}": tensor for kind in ("weight", "average") for name, tensor in (best or {}).items()}


def _without(tensors: Tensors, known: Tensors) -> Tensors:
    """Those that are not to the bit in `known`."""
    return {name: one for name, one in tensors.items() if name not in known or not _same(one, known[name])}


def _plain(state: TrainingState) -> dict:
    """Sums that are on the device become numbers."""
    return {name: one.item() if isinstance(one, torch.Tensor) else one for name, one in vars(state).items()}


def _write(path: Path, tensors: Tensors, metadata: dict[str, str] | None = None) -> str:
    """Write `path` whole or not at all. Returns the SHA-256 of what is then read from it.

    Raises OSError when that is not what was to be written.
    """
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata)
    with part.open("r+b") as file:  # Windows flushes only what may be written
        os.fsync(file.fileno())
    with ThreadPoolExecutor(1) as beside:
        found = beside.submit(file_digest, part)
        if not _holds(part, tensors):
            raise OSError("what is read is not what was written")
    part.replace(path)
    return found.result()


def _holds(path: Path, tensors: Tensors) -> bool:
    """Whether these tensors, to the bit, are read from `path`; one at a time, for the sake of the memory."""
    with safe_open(path, "pt") as file:
        return set(file.keys()) == set(tensors) and all(
            _same(file.get_tensor(name), tensor) for name, tensor in tensors.items()
        )


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether they are equal to the bit."""
    return first.dtype == second.dtype and torch.equal(_bits(first), _bits(second))


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """The same bits as whole numbers: equal to themselves where the values are not, as NaN is not."""
    return tensor.detach().cpu().contiguous().view(WHOLE[tensor.element_size()])


def _settle(folder: Path) -> None:
    """Bring renamed files to the disk, where a folder can be flushed."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
