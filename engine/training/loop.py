"""The training loop. It knows nothing of files, databases or browsers: it emits events and asks whether to stop."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.errors import TrainingError
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.learner import Learner, Learnt
from engine.training.optimizer import learning_rate_at

MOST_POINTS = 1000  # of the loss curve
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
    """After an epoch (counted from 1): the scores on the validation rows, and whether they are the best so far."""

    epoch: int
    scores: dict[str, float]
    best: bool


Event = StepDone | EpochScored


@dataclass
class TrainingState:
    """Where the training is. best_epoch: 0 until an epoch was scored."""

    step: int = 0
    best_epoch: int = 0
    best_score: float = float("-inf")
    stopped: bool = False


def train(
    learner: Learner,
    batches: Batches,
    config: TrainingConfig,
    score: Callable[[], dict[str, float]],
    scored_rows: int,
    keep_best: Callable[[], None],
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> TrainingState:
    """Train for config.epochs, or until config.patience of them in a row brought nothing.

    score: evaluates the model on the `scored_rows` validation rows; its 'macro_f1' decides which epoch is the best. Of
    epochs within one standard error of each other the last is taken (the rule of Breiman et al. 1984): the model has
    settled more, and which of them scored a text or two higher is luck.
    keep_best: called when the model as it is now is the best so far.
    Raises TrainingError when the loss stays not a number.
    """
    torch.manual_seed(config.seed)
    state, steps = TrainingState(), config.epochs * len(batches)
    report, improved = _Report(steps, emit), 0
    for epoch in range(config.epochs):
        for rows in batches.epoch(epoch):
            # -- the step ------------------------------------------------------------------
            rate = learning_rate_at(state.step, steps, config.learning_rate, config.warmup, config.schedule)
            learnt = learner.learn(rows, rate)
            state.step += 1
            # ------------------------------------------------------------------------------
            report.add(state.step, epoch, len(rows), learnt, rate)
            if should_stop():
                state.stopped = True
                return state
        scores = score()
        found = scores["macro_f1"]
        best = found >= state.best_score - standard_error(state.best_score, scored_rows)
        if found > state.best_score:
            state.best_score, improved = found, epoch + 1
        if best:
            state.best_epoch = epoch + 1
            keep_best()
        emit(EpochScored(epoch + 1, scores, best))
        if config.patience and epoch + 1 - improved >= config.patience:
            break
    return state


def standard_error(share: float, rows: int) -> float:
    """Of a share measured on so many rows; zero for no score yet."""
    return math.sqrt(share * (1 - share) / rows) if 0 < share < 1 else 0.0


class _Report:
    """Adds up the loss on the device and reads it only now and then, because reading waits for the device."""

    def __init__(self, steps: int, emit: Callable[[Event], None]):
        self.steps, self.emit, self.every = steps, emit, max(1, steps // MOST_POINTS)
        self.loss, self.texts, self.counted, self.skipped, self.in_a_row = 0.0, 0, 0, 0, 0

    def add(self, step: int, epoch: int, texts: int, learnt: Learnt, rate: float) -> None:
        counts = learnt.finite.float()
        self.loss = self.loss + torch.nan_to_num(learnt.loss, posinf=0.0, neginf=0.0) * counts * texts
        self.counted = self.counted + counts * texts
        self.skipped = self.skipped + (1 - counts)
        self.in_a_row = (self.in_a_row + 1) * (1 - counts)
        self.texts += texts
        if step % self.every and step != self.steps:
            return
        if float(self.in_a_row) >= MOST_SKIPPED:
            raise TrainingError(
                f"The training went astray: up to step {step}, {int(self.in_a_row)} corrections in a row could not be "
                "computed, because the loss was no longer a number.",
                "Try again with a lower learning rate.",
                "loss_not_a_number",
            )
        mean = float(self.loss) / max(float(self.counted), 1.0)
        self.emit(
            StepDone(
                step, self.steps, epoch + 1, mean, rate, float(learnt.gradient), self.texts, int(self.skipped)
            )
        )
        self.loss, self.texts, self.counted = 0.0, 0, 0
