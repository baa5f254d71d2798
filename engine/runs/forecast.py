"""What a run will cost, told before it starts. Measured once in a process of its own (engine/workers/forecasting.py), then
kept by configuration. Imports no torch, so that a page can ask.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine import machine
from engine.errors import ForecastError
from engine.paths import Workspace
from engine.processes import ROOT, command, start_apart
from engine.runs import queue
from engine.runs.measurements import Failed, Measured, kept, key
from engine.runs.store import Status, Store
from engine.settings import WORD_COUNTING, TrainingConfig

PROCESS = "engine.workers.forecasting"
USABLE = 0.9  # of the memory: the rest is for the system and the browser
CHECKPOINTED = 0.35  # of the memory of a step is left with gradient checkpointing, about
FAILED_SECONDS = 600  # so long a failed measurement is not tried again by itself


Advice = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Forecast:
    """seconds: of the whole run, the longest where it may stop early. memory_bytes: at its peak. parts: {phase: seconds}.

    fits: into limit_bytes of memory. advice: where it does not, what to change, the gentlest first: a sentence and the
    settings that carry it out, {} where no setting does.
    """

    seconds: float
    memory_bytes: int
    parts: dict[str, float]
    fits: bool
    limit_bytes: int
    advice: list[Advice]


def find(workspace: Workspace, dataset_id: str, config: TrainingConfig, memory: int | None = None) -> Forecast | None:
    """The forecast, if it was measured before. memory: bytes of the machine, if not what it says itself.

    Raises ForecastError if measuring it failed a short while ago.
    """
    path = workspace.forecast(key(dataset_id, config))
    match kept(path):
        case Measured() as found:
            return forecast(found, config, memory)
        case Failed() as found if time.time() - path.stat().st_mtime < FAILED_SECONDS:
            raise ForecastError(found.problem, found.action)
    return None


def measure(
    workspace: Workspace,
    dataset_id: str,
    config: TrainingConfig,
    told: Callable[[str], None] = lambda phase: None,
    memory: int | None = None,
) -> Forecast:
    """The forecast, measured now where it was not before: some seconds. told: hears what is being measured.

    Raises ForecastError if it cannot be measured, or while a run would disturb it; ReadOnlyError where one may only look.
    """
    workspace.forecasts.mkdir(exist_ok=True)
    path = workspace.forecast(key(dataset_id, config))
    if isinstance(kept(path), Failed) and workspace.changeable:
        path.unlink(missing_ok=True)
    if found := find(workspace, dataset_id, config, memory):
        return found
    workspace.may_change()
    refuse_beside_a_run(workspace, config)
    with log_of(workspace).open("ab") as log:
        process = subprocess.Popen(
            command(PROCESS, workspace.root, dataset_id, config.model_dump_json()),
            cwd=ROOT,
            env=machine.sharing(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
        )
        with process:
            for line in process.stdout:
                told(line.strip())
    if found := find(workspace, dataset_id, config, memory):
        return found
    refuse_beside_a_run(workspace, config)
    raise ForecastError(
        "Time and memory could not be measured: the process ended unexpectedly.",
        f"The log: {log_of(workspace)}",
    )


def launch(workspace: Workspace, dataset_id: str, config: TrainingConfig) -> None:
    """Start measuring, and do not wait. A second one at the same time waits for the first."""
    workspace.may_change()
    workspace.forecasts.mkdir(exist_ok=True)
    start_apart(log_of(workspace), PROCESS, workspace.root, dataset_id, config.model_dump_json())


def is_measuring(workspace: Workspace) -> bool:
    with alone(workspace, 0) as free:
        return not free


def is_disturbed(workspace: Workspace, config: TrainingConfig) -> bool:
    """Whether a run is training on the same device, or about to."""
    if not workspace.database.exists():
        return False
    slot, paused = machine.device_slot(config.device), queue.is_paused(workspace)
    return any(
        run.slot == slot and (queue.is_alive(run) if run.status == Status.RUNNING else not paused)
        for run in Store(workspace).live()
    )


def refuse_beside_a_run(workspace: Workspace, config: TrainingConfig) -> None:
    """Raises ForecastError while a run uses the device: both would be slow, and the forecast wrong."""
    if is_disturbed(workspace, config):
        raise ForecastError(
            "A run is training on this device, which would make the forecast wrong.",
            "Ask again when it has ended.",
            "device_busy",
        )


def forecast(measured: Measured, config: TrainingConfig, memory: int | None = None) -> Forecast:
    """What was measured of one round with all training rows, for all rounds of `config` with its share of them."""
    rounds, share = 1 if config.model == WORD_COUNTING else config.epochs, config.train_share
    parts = {
        "loading": measured.loading,
        "tokenizing": measured.tokenizing,
        "training": share * (measured.preparing + rounds * measured.learning),
        "evaluating": rounds * measured.checking + measured.evaluating,
        "saving": rounds * measured.keeping + measured.saving,
    }
    limit = memory or measured.device_bytes or machine.memory_bytes()
    fits = measured.memory_bytes <= USABLE * limit
    advice = [] if fits else advise(measured, config, int(USABLE * limit))
    return Forecast(sum(parts.values()), measured.memory_bytes, parts, fits, limit, advice)


def advise(measured: Measured, config: TrainingConfig, limit: int) -> list[Advice]:
    """What would make a run fit into `limit` bytes, by estimate; each one is enough alone, the gentlest first."""
    if config.model == WORD_COUNTING or config.method == "head":
        return [("Choose a smaller data set.", {})]
    of_steps = measured.memory_bytes - measured.resting_bytes
    checkpointed = config.gradient_checkpointing

    def fits(parts: int = 1, tokens: int = config.max_tokens, batch: int = config.batch_size) -> bool:
        rows = -(-batch // (config.accumulation * parts))
        at_once = min(rows * min(tokens, measured.longest), max(measured.most_tokens, tokens))
        return measured.resting_bytes + of_steps * min(1.0, at_once / max(1, measured.piece_tokens)) <= limit

    found: list[Advice] = []
    halves = [2**power for power in range(1, 11)]
    for parts in halves:
        if parts * config.accumulation <= config.batch_size and fits(parts=parts):
            said = f"Split each batch into {parts * config.accumulation} parts: the same updates, less memory."
            found.append((said, {"accumulation": parts * config.accumulation}))
            break
    if not checkpointed and measured.resting_bytes + CHECKPOINTED * of_steps <= limit:
        said = "Turn on gradient checkpointing: the same model, about a third slower."
        found.append((said, {"gradient_checkpointing": True}))
    for part in halves:
        tokens = config.max_tokens // part
        if tokens >= queue.LEAST_TOKENS and fits(tokens=tokens):
            found.append((f"Read at most {tokens} tokens of each text.", {"max_tokens": tokens}))
            break
    for part in halves:
        batch = config.batch_size // part
        if batch * part == config.batch_size and fits(batch=batch):
            found.append((f"Use a batch size of {batch}: more updates, but less steady ones.", {"batch_size": batch}))
            break
    if found:
        return found
    least = {"accumulation": config.batch_size, "gradient_checkpointing": True}
    one_by_one = of_steps * min(1.0, min(config.max_tokens, measured.longest) / max(1, measured.piece_tokens))
    if not checkpointed and measured.resting_bytes + CHECKPOINTED * one_by_one <= limit:
        return [("Split each batch into single texts, and turn on gradient checkpointing.", least)]
    return [
        ("Train only the last layer: much less memory, but weaker.", {"method": "head"}),
        ("Choose a smaller model.", {}),
    ]


def log_of(workspace: Workspace) -> Path:
    return workspace.forecasts / "log.txt"


@contextmanager
def alone(workspace: Workspace, seconds: float) -> Iterator[bool]:
    """Whether this process is the only one that measures; the system ends that with the process, however it ends.

    seconds: how long to wait for another.
    """
    workspace.forecasts.mkdir(exist_ok=True)
    lock = FileLock(workspace.forecasts / "lock")
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
