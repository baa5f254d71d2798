"""The training loop. It knows nothing of files, databases or browsers: it emits events and asks whether to stop."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.errors import TrainingError
from engine.settings import TrainingConfig
from engine.training.batches import Batch, Batches
from engine.training.optimizer import learning_rate_at, make_optimizer

MOST_POINTS = 1000  # of the loss curve


@dataclass(frozen=True)
class StepDone:
    """After a few steps. step: done so far. epoch: counted from 1. texts: learnt since the last report.

    loss: their mean, in nats per text. gradient: its norm before clipping.
    """

    step: int
    steps: int
    epoch: int
    loss: float
    learning_rate: float
    gradient: float
    texts: int


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
    model: PreTrainedModel,
    batches: Batches,
    config: TrainingConfig,
    precision: torch.dtype,
    score: Callable[[], dict[str, float]],
    keep_best: Callable[[], None],
    emit: Callable[[Event], None],
    should_stop: Callable[[], bool],
) -> TrainingState:
    """Train `model` in place for config.epochs.

    score: evaluates the model on the validation rows; its 'macro_f1' decides which epoch is the best.
    keep_best: called when the model as it is now is the best so far.
    Raises TrainingError when the loss is not a number.
    """
    torch.manual_seed(config.seed)
    optimizer = make_optimizer(model, config.learning_rate, config.weight_decay)
    loss_of = nn.CrossEntropyLoss()
    state, steps = TrainingState(), config.epochs * len(batches)
    report = _Report(steps, emit)
    for epoch in range(config.epochs):
        model.train()
        for batch in batches.epoch(epoch):
            learning_rate = learning_rate_at(
                state.step, steps, config.learning_rate, config.warmup, config.schedule
            )
            # -- the step ------------------------------------------------------------------
            batch = batch.to(model.device)
            with torch.autocast(model.device.type, dtype=precision, enabled=precision != torch.float32):
                logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
            loss = loss_of(logits.float(), batch.labels)
            loss.backward()
            gradient = nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clipping or float("inf"))
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            # ------------------------------------------------------------------------------
            state.step += 1
            report.add(state.step, epoch, batch, loss.detach(), gradient, learning_rate)
            if should_stop():
                state.stopped = True
                return state
        scores = score()
        best = scores["macro_f1"] > state.best_score
        if best:
            state.best_epoch, state.best_score = epoch + 1, scores["macro_f1"]
            keep_best()
        emit(EpochScored(epoch + 1, scores, best))
    return state


class _Report:
    """Adds up the loss on the device and reads it only now and then, because reading waits for the device."""

    def __init__(self, steps: int, emit: Callable[[Event], None]):
        self.steps, self.emit, self.every = steps, emit, max(1, steps // MOST_POINTS)
        self.loss, self.texts = 0.0, 0

    def add(
        self, step: int, epoch: int, batch: Batch, loss: torch.Tensor, gradient: torch.Tensor, rate: float
    ) -> None:
        self.loss, self.texts = self.loss + loss * len(batch), self.texts + len(batch)
        if step % self.every and step != self.steps:
            return
        mean = float(self.loss) / self.texts
        if mean != mean or mean == float("inf"):
            raise TrainingError(
                f"The training went astray: after step {step} its loss is no longer a number.",
                "Try again with a lower learning rate.",
                "loss_not_a_number",
            )
        self.emit(StepDone(step, self.steps, epoch + 1, mean, rate, float(gradient), self.texts))
        self.loss, self.texts = 0.0, 0
