"""The training loop. It knows nothing of files, databases or browsers: it emits events and asks whether to stop."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.errors import TrainingError
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.learner import Learner, Learnt
from engine.training.optimizer import learning_rate_at

MOST_POINTS = 1000  # of the loss curve
CARD_SECONDS = 0.1  # at least, between two readings of the loss from a graphics card: each waits for it
MOST_SKIPPED = 5  # steps in a row without a usable gradient


@dataclass(frozen=True)
class StepDone:
    """After a few steps. step: done so far. epoch: counted from 1. texts: learnt since the last report.

    loss: their mean, in nats per text. gradient: its norm before clipping. skipped: steps since the start whose gradient
    was not a number, and which changed nothing.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    learning_rate: float
    gradient: float
    texts: int
    skipped: int = 0


@dataclass(frozen=True)
class EpochScored:
    """After an epoch (counted from 1): the scores on the validation rows, and whether they are the best so far or within one
    standard error of it, so that the model as it is now is kept."""

    epoch: int
    scores: dict[str, float]
    best: bool


Event = StepDone | EpochScored


@dataclass
class TrainingState:
    """Where the training is: all that is needed, beside the weights, to go on from there.

    step: corrections made. epoch: epochs scored. best_epoch: 0 until one was. improved: the epoch with the highest score.
    loss, counted, texts: summed up since the last report. skipped, in_a_row: steps without a usable gradient.
    """

    step: int = 0
    epoch: int = 0
    best_epoch: int = 0
    best_score: float = 0.0
    improved: int = 0
    stopped: bool = False
    loss: float = 0.0
    counted: float = 0.0
    texts: int = 0
    skipped: float = 0.0
    in_a_row: float = 0.0

    def over(self, config: TrainingConfig) -> bool:
        """Whether all epochs are scored, or config.patience of them in a row brought nothing."""
        waited = self.epoch - self.improved
        return self.epoch >= config.epochs or 0 < config.patience <= waited


def train(
    learner: Learner,
    batches: Batches,
    config: TrainingConfig,
    score: Callable[[], dict[str, float] | None],
    scored_rows: int,
    keep_best: Callable[[], None],
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
    state: TrainingState | None = None,
    save: Callable[[bool], None] = lambda round_over: None,
) -> TrainingState:
    """Train from `state` on for config.epochs in all, or until config.patience of them in a row brought nothing.

    score: evaluates the model on the `scored_rows` validation rows, or gives None when it is asked to stop meanwhile. Its
    'macro_f1' decides which epoch is the best. Of
    epochs within one standard error of each other the last is taken (the rule of Breiman et al. 1984): the model has
    settled more, and which of them scored a text or two higher is luck.
    keep_best: called when the model as it is now is within one standard error of the best so far.
    save: called after each step, and with True after each epoch: the moments at which `state` is one to go on from.
    Raises TrainingError when the loss stays not a number.
    """
    if state is None:
        torch.manual_seed(config.seed)
        state = TrainingState()
    steps = config.epochs * len(batches)
    report = _Report(state, steps, emit, 0.0 if learner.model.device.type == "cpu" else CARD_SECONDS)
    while not state.over(config):
        epoch = state.epoch
        for rows in batches.epoch(epoch, skip=state.step - epoch * len(batches)):
            # -- the step ------------------------------------------------------------------
            rate = learning_rate_at(state.step, steps, config.learning_rate, config.warmup, config.schedule)
            learnt = learner.learn(rows, rate)
            state.step += 1
            # ------------------------------------------------------------------------------
            report.add(epoch, len(rows), learnt, rate)
            if should_stop():
                state.stopped = True
                return state
            save(False)
        scores = score()
        if scores is None:
            state.stopped = True
            return state
        found, state.epoch = scores["macro_f1"], epoch + 1
        best = found >= state.best_score - standard_error(state.best_score, scored_rows)
        if found > state.best_score or not state.improved:
            state.best_score, state.improved = found, state.epoch
        if best:
            state.best_epoch = state.epoch
            keep_best()
        emit(EpochScored(state.epoch, scores, best))
        save(True)
    return state


def standard_error(share: float, rows: int) -> float:
    """Of a share measured on so many rows; zero for no score yet."""
    return math.sqrt(share * (1 - share) / rows) if 0 < share < 1 else 0.0


class _Report:
    """Adds up the loss on the device and reads it only now and then, because reading waits for the device."""

    def __init__(self, state: TrainingState, steps: int, emit: Callable[[Event], None], pause: float):
        """pause: seconds at least between two readings."""
        self.state, self.steps, self.emit, self.every = state, steps, emit, max(1, steps // MOST_POINTS)
        self.pause, self.read = pause, time.monotonic()

    def add(self, epoch: int, texts: int, learnt: Learnt, rate: float) -> None:
        state, counts = self.state, learnt.finite.float()
        state.loss = state.loss + torch.nan_to_num(learnt.loss, posinf=0.0, neginf=0.0) * counts * texts
        state.counted = state.counted + counts * texts
        state.skipped = state.skipped + (1 - counts)
        state.in_a_row = (state.in_a_row + 1) * (1 - counts)
        state.texts += texts
        due = state.step % self.every == 0 and time.monotonic() - self.read >= self.pause
        if not due and state.step != self.steps:
            return
        self.read = time.monotonic()
        if float(state.in_a_row) >= MOST_SKIPPED:
            raise TrainingError(
                f"The training failed: up to step {state.step}, {int(state.in_a_row)} updates in a row could not "
                "be computed, because the loss was no longer a number.",
                "Try again with a lower learning rate.",
                "loss_not_a_number",
            )
        mean = float(state.loss) / max(float(state.counted), 1.0)
        gradient, skipped = float(learnt.gradient), int(state.skipped)
        self.emit(StepDone(state.step, self.steps, epoch + 1, mean, rate, gradient, state.texts, skipped))
        state.loss, state.counted, state.texts = 0.0, 0.0, 0
