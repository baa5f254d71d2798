import itertools
import math

import pytest
from torch import nn

from engine.training.optimizer import learning_rate_at, make_optimizer


def test_biases_and_normalisation_do_not_decay():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.LayerNorm(3))
    decayed, free = make_optimizer(model, 1e-3, 0.1).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    assert {id(p) for p in decayed["params"]} == {id(model[0].weight), id(model[1].weight)}
    assert {id(p) for p in free["params"]} == {id(model[1].bias), id(model[2].weight), id(model[2].bias)}


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
