"""The course of a training: its steps are told, its rounds scored, its states saved, and the time that is left foretold."""

import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from engine.errors import TrainingError, is_out_of_memory
from engine.evaluation import metrics
from engine.runs.pulse import Pulse, StopAsked
from engine.runs.store import Request
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.checkpoints import Checkpoints
from engine.training.layout import Source
from engine.training.learner import Learner
from engine.training.loop import EpochScored, Event, StepDone, TrainingState, train
from engine.training.scoring import probabilities
from engine.training.timing import Timing


@dataclass
class Course:
    """One training, from where `state` is.

    validation: the texts that each round is scored on. targets: (texts,) their class numbers. precision: what is multiplied
    in. facts: to be kept with each saved state, beside how far the record went.
    """

    learner: Learner
    batches: Batches
    config: TrainingConfig
    state: TrainingState
    validation: Source
    targets: np.ndarray
    precision: torch.dtype
    timing: Timing
    checkpoints: Checkpoints
    facts: dict[str, object]
    pulse: Pulse

    def __post_init__(self) -> None:
        self.steps = self.config.epochs * len(self.batches)
        # When, and after which step, the last report came.
        self.told_at, self.told = time.monotonic(), self.state.step

    def follow(self) -> None:
        """Train to the end, or until it is asked to stop. The best weights are then those of the checkpoints.

        Raises TrainingError when no round gave a score.
        """
        state, pulse = self.state, self.pulse
        state.stopped = pulse.should_stop()  # before this attempt began, or while it loaded
        if not state.stopped:
            pulse.phase("training", state.step, self.steps)
            pulse.makes_model = False
            train(
                self.learner,
                self.batches,
                self.config,
                self._score,
                len(self.validation),
                self._keep_best,
                self._emit,
                pulse.should_stop,
                state,
                self._save_when_due,
            )
        if state.stopped and pulse.request == Request.STOP and not state.best_epoch and state.step:
            self._keep_best()
        pulse.expect(self.timing.closing() + self.checkpoints.last)
        self._save()
        pulse.expect(self.timing.closing())
        if not state.best_epoch and not state.stopped:
            raise TrainingError(
                "No epoch of the training gave a score.", "Try again with a lower learning rate.", "no_score"
            )

    def _score(self) -> dict[str, float] | None:
        """The scores of a round; None when it is asked to stop meanwhile."""
        try:
            return self._checked()
        except StopAsked:
            return None

    def _checked(self) -> dict[str, float]:
        self.pulse.phase("validating", 0, len(self.validation))
        began = time.monotonic()
        with self.learner.weights.at_average():
            answers = self._answers()
        self.timing.scored_in(time.monotonic() - began)
        classes = list(range(self.learner.model.config.num_labels))
        judged = metrics.scores(self.targets, answers.argmax(axis=1), classes)
        self.pulse.phase("training", self.state.step, self.steps)
        self.told_at = time.monotonic()
        return {"accuracy": judged["accuracy"], "macro_f1": judged["macro_f1"]}

    def _answers(self) -> np.ndarray:
        """(validation texts, classes)"""
        asked = (self.learner.model, self.validation, self.precision, self.pulse.progress)
        try:
            return probabilities(*asked)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        self.learner.rest()
        return probabilities(*asked)

    def _keep_best(self) -> None:
        self.checkpoints.best = self.learner.state()

    def _emit(self, event: Event) -> None:
        match event:
            case StepDone():
                self.pulse.events.write("step", **asdict(event))
                self.pulse.reached(event.step)
                self._time(event)
            case EpochScored():
                self.pulse.events.write("epoch", **asdict(event))

    def _time(self, event: StepDone) -> None:
        now, in_epoch = time.monotonic(), event.step - (event.epoch - 1) * len(self.batches)
        since = min(event.step - self.told, in_epoch)
        self.timing.trained(event.epoch - 1, in_epoch, since, now - self.told_at)
        self.told_at, self.told = now, event.step
        if (left := self.timing.left()) is not None:
            self.pulse.expect(left + self.checkpoints.last)

    def _save_when_due(self, round_over: bool) -> None:
        if self.checkpoints.due(round_over):
            self._save()

    def _save(self) -> None:
        """Save the state, unless it is the one that was saved last."""
        if self.checkpoints.place == (self.state.step, self.state.epoch):
            return
        facts = {**self.facts, "events": self.pulse.events.settle()}
        if self.checkpoints.save(self.state, self.learner, facts):
            self.pulse.events.write("saved", step=self.state.step, seconds=self.checkpoints.last)
