import itertools
import math

import pytest

from engine.training.optimizer import learning_rate_at


@pytest.mark.parametrize("schedule, middle", [("linear", 0.5), ("cosine", 0.5), ("constant", 1.0)])
def test_schedules(schedule, middle):
    rates = [learning_rate_at(step, 110, 1.0, 10 / 110, schedule) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(middle)
    assert min(rates) > 0
    assert all(a <= b for a, b in itertools.pairwise(rates[:10]))
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_cosine_is_half_a_wave():
    assert learning_rate_at(25, 100, 2.0, 0.0, "cosine") == pytest.approx(1 - math.cos(math.pi * 0.75))


def test_one_step_with_warm_up_is_no_division_by_zero():
    assert learning_rate_at(0, 1, 1.0, 1.0, "linear") == 1.0
