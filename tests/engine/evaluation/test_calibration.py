import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from engine.evaluation.calibration import calibration_error, fit_temperature, reliability, temper


def drawn(temperature, texts=4000, classes=4, seed=0):
    """Probabilities that are too sure by `temperature`, and labels drawn from the true ones."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(0, 2, (texts, classes))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.array([chance.choice(classes, p=row) for row in true])
    return temper(true, 1 / temperature), targets


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_it_is_found(temperature):
    probabilities, targets = drawn(temperature)
    assert fit_temperature(probabilities, targets) == pytest.approx(temperature, rel=0.06)


def test_answers_stay_and_rows_still_add_up_to_one():
    probabilities, _ = drawn(1.0, 50)
    for temperature in (0.3, 1.0, 4.0):
        tempered = temper(probabilities, temperature)
        assert (tempered.argmax(axis=1) == probabilities.argmax(axis=1)).all()
        assert tempered.sum(axis=1) == pytest.approx(np.ones(50))
    assert temper(np.array([[1.0, 0.0]]), 2.0)[0, 0] > 0.99


def test_the_error_falls_where_the_model_was_too_sure():
    probabilities, targets = drawn(2.5)
    right = probabilities.argmax(axis=1) == targets
    before, (low, high) = calibration_error(probabilities.max(axis=1), right)
    after, _ = calibration_error(temper(probabilities, 2.5).max(axis=1), right)
    assert low <= before <= high
    assert before > 0.1 > 0.03 > after


def test_the_bins_are_those_of_scikit_learn():
    probabilities, targets = drawn(1.5, 500, 2)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    rights, said = calibration_curve(right, confidence, n_bins=10)
    bins = reliability(confidence, right)
    assert [one.right for one in bins] == pytest.approx(rights)
    assert [one.said for one in bins] == pytest.approx(said)
    assert sum(one.texts for one in bins) == 500
    assert all(one.low <= one.right <= one.high for one in bins)
    error = sum(one.texts * abs(one.right - one.said) for one in bins) / 500
    assert calibration_error(confidence, right)[0] == pytest.approx(error)


def test_one_text_and_full_confidence_are_fine():
    assert reliability(np.array([1.0]), np.array([True]))[0].texts == 1
    assert calibration_error(np.array([1.0]), np.array([True]))[0] == 0.0
    assert 0.05 <= fit_temperature(np.array([[1.0, 0.0]]), np.array([0])) <= 20
