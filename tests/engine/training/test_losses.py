import numpy as np
import pytest
import torch
from torch import nn

from engine.training.losses import make_loss

LABELS = np.array([0] * 90 + [1] * 9 + [2])


def cost(balance="none", smoothing=0.0, logits=((2.0, 0.0, -1.0),), labels=(0,)):
    return make_loss(LABELS, 3, balance, smoothing)(torch.tensor(logits), torch.tensor(labels))


def test_without_settings_it_is_the_cross_entropy():
    logits = torch.randn(7, 3)
    expected = nn.functional.cross_entropy(logits, torch.zeros(7, dtype=torch.int64), reduction="none")
    assert torch.allclose(make_loss(LABELS, 3, "none", 0.0)(logits, torch.zeros(7, dtype=torch.int64)), expected)


def test_with_weights_all_classes_together_weigh_the_same():
    same = ((0.0, 0.0, 0.0),) * 3
    weights = cost("weights", logits=same, labels=(0, 1, 2)) / cost(logits=same, labels=(0, 1, 2))
    assert (weights * torch.tensor([90, 9, 1])).tolist() == pytest.approx([100 / 3] * 3)


def test_focal_loss_by_its_formula():
    right = torch.tensor([2.0, 0.0, -1.0]).softmax(0)[0]
    assert float(cost("focal")) == pytest.approx(float(-((1 - right) ** 2) * right.log()))


def test_smoothing_makes_certainty_expensive():
    certain = ((20.0, 0.0, 0.0),)
    assert float(cost(logits=certain)) < 1e-4
    assert float(cost(smoothing=0.1, logits=certain)) > 1
