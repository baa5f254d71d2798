"""How long the rest of a run will take, from what it has measured of itself."""

from dataclasses import dataclass

import numpy as np

from engine.training.batches import Batches

FIRST_STEPS = 3  # slower than the rest: kernels are chosen and memory is fetched
FADING = 0.99  # weight of a step after each further one: what else runs on the machine changes
FORWARD = 0.35  # of the cost of a training step: without the backward pass and the optimizer
CLOSING_SECONDS = 3.5  # to save the model, judge it and verify it, without what its texts take
VERIFYING_SECONDS = 2.0  # of these
COUNTING = 1.2e-5  # seconds of counting words, for each token and root of the number of classes


@dataclass
class Timing:
    """Predicts the seconds left of a training and of what comes after it.

    validation, scored: what is scored after each round, and at the end, as `batches` counts texts. counting: seconds of the
    word counting that it is compared with (`counting_seconds`). scoring_at_end: seconds of the scoring at the end, where
    they are known from elsewhere.
    """

    batches: Batches
    epochs: int
    validation: float
    scored: float
    counting: float = 0.0
    scoring_at_end: float | None = None

    def __post_init__(self) -> None:
        self.seconds = self.tokens = 0.0  # of recent training steps
        self.scoring: float | None = None  # seconds per token scored, once measured
        self.seen = 0
        self.epoch, self.ahead = -1, np.zeros(1)

    def trained(self, epoch: int, step: int, steps: int, seconds: float) -> None:
        """The last `steps` steps, up to number `step` of epoch `epoch` (counted from 0), took so long."""
        if epoch != self.epoch:
            costs = [len(rows) * self.batches.lengths[rows].max() for rows in self.batches.order(epoch)]
            self.epoch, self.ahead = epoch, np.append(np.cumsum(costs[::-1])[::-1], 0)
        self.step, self.seen = step, self.seen + steps
        if self.seen <= FIRST_STEPS:
            return
        fading = FADING**steps
        self.seconds = self.seconds * fading + seconds
        self.tokens = self.tokens * fading + float(self.ahead[max(0, step - steps)] - self.ahead[step])

    def scored_in(self, seconds: float) -> None:
        """The validation texts took so long."""
        self.scoring = seconds / max(1, self.validation)

    def closing(self) -> float:
        """Seconds that what comes after the training takes."""
        return self._closing(self.scoring or 0.0)

    def _closing(self, scoring: float) -> float:
        at_end = self.scored * scoring if self.scoring_at_end is None else self.scoring_at_end
        return at_end + self.counting + CLOSING_SECONDS

    def left(self) -> float | None:
        """Seconds; None before anything can be said."""
        if not self.tokens:
            return None
        rate = self.seconds / self.tokens
        scoring = self.scoring if self.scoring is not None else rate * FORWARD
        rounds = self.epochs - self.epoch
        training = float(self.ahead[self.step] + self.ahead[0] * (rounds - 1)) * rate
        return training + rounds * self.validation * scoring + self._closing(scoring)


def counting_seconds(tokens: int, classes: int) -> float:
    """About how long word counting takes to learn from texts of so many tokens (docs/decisions.md)."""
    return COUNTING * tokens * classes**0.5
