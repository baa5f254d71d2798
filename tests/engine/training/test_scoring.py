import numpy as np
import torch

from engine.models.loading import load_model
from engine.training.scoring import probabilities


def test_rows_come_back_in_their_order_and_padding_changes_nothing(tiny_model):
    model = load_model(tiny_model, ["a", "b", "c"])
    chance = torch.Generator().manual_seed(0)
    encoded = [torch.randint(5, 90, (length,), generator=chance) for length in (3, 30, 7, 1, 12)]
    together = probabilities(model, encoded, pad_id=0)
    alone = np.concatenate([probabilities(model, [ids], pad_id=0) for ids in encoded])
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
