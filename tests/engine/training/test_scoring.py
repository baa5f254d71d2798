import numpy as np

from engine.models.loading import load_model
from engine.training.scoring import features, probabilities
from tests.engine.training.test_layout import texts


def test_rows_come_back_in_their_order_and_padding_changes_nothing(tiny_model):
    model = load_model(tiny_model, ["a", "b", "c"])
    encoded = texts([3, 30, 7, 1, 12])
    together = probabilities(model, encoded)
    alone = np.concatenate([probabilities(model, encoded.select(np.array([row]))) for row in range(5)])
    assert together.shape == (5, 3)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_the_head_can_learn_from_what_the_encoder_made_of_the_texts(tiny_model):
    model = load_model(tiny_model, ["a", "b"])
    found = features(model, texts([3, 4]))
    found.logits(model).sum().backward()
    assert model.classifier.weight.grad is not None
