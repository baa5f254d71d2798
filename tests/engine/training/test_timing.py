"""The time left, in an imagined run whose pace never changes."""

import numpy as np
import pytest

from engine.training.batches import Batches
from engine.training.timing import CLOSING_SECONDS, FORWARD, Timing

PACE = 2e-4  # seconds for a token, padded
EPOCHS, VALIDATION, SCORED, COUNTING = 3, 4_000, 9_000, 6.0


@pytest.mark.parametrize("apart", [None, 5.0])
def test_at_a_steady_pace_it_is_right_from_the_first_steps_to_the_end(apart):
    lengths = np.random.default_rng(0).integers(5, 60, 1000)
    batches = Batches(lengths, 32, seed=0)
    timing = Timing(batches, EPOCHS, VALIDATION, SCORED, COUNTING, apart)
    closing = (SCORED * PACE * FORWARD if apart is None else apart) + COUNTING + CLOSING_SECONDS
    rounds = [[len(rows) * lengths[rows].max() * PACE for rows in batches.order(i)] for i in range(EPOCHS)]
    checks = VALIDATION * PACE * FORWARD
    for epoch, steps in enumerate(rounds):
        for step, seconds in enumerate(steps, 1):
            timing.trained(epoch, step, 1, seconds)
            ahead = sum(steps[step:]) + sum(map(sum, rounds[epoch + 1 :])) + (EPOCHS - epoch) * checks + closing
            if (left := timing.left()) is not None:
                assert left == pytest.approx(ahead, rel=0.03)
        timing.scored_in(checks)
    assert timing.closing() == pytest.approx(closing)
