import time
import tracemalloc

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


def test_the_error_is_that_of_the_bins_that_are_drawn():
    """0.7 as a model gives it lies a little below 0.7, where a bin ends."""
    confidence = np.array([0.7] * 100 + [0.75] * 100, dtype=np.float32)
    right = np.arange(200) < 140
    drawn = sum(one.texts * abs(one.right - one.said) for one in reliability(confidence, right)) / 200
    assert calibration_error(confidence, right)[0] == pytest.approx(drawn)


def test_one_text_and_full_confidence_are_fine():
    assert reliability(np.array([1.0]), np.array([True]))[0].texts == 1
    assert calibration_error(np.array([1.0]), np.array([True]))[0] == 0.0
    assert 0.05 <= fit_temperature(np.array([[1.0, 0.0]]), np.array([0])) <= 20


@pytest.mark.parametrize("texts", [1, 5, 40])
def test_all_right_makes_nothing_certain(texts):
    probabilities = np.tile([0.9, 0.1], (texts, 1))
    assert 0.3 < fit_temperature(probabilities, np.zeros(texts, dtype=int)) < 1
    assert temper(probabilities, fit_temperature(probabilities, np.zeros(texts, dtype=int))).max() < 0.999


def test_one_mistake_among_few_texts_moves_the_temperature_little():
    probabilities = np.array([[0.98, 0.02]] * 8)
    assert 1 < fit_temperature(probabilities, np.array([0] * 7 + [1])) < 2


def test_many_texts_cost_neither_time_nor_memory():
    chance = np.random.default_rng(0)
    sure = chance.uniform(0.5, 1, 20_000)
    tracemalloc.start()
    before = time.process_time()
    calibration_error(sure, chance.random(20_000) < sure)
    assert time.process_time() - before < 6  # 1 second without being traced
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


@pytest.mark.parametrize(("texts", "gap"), [(60, 0.0), (60, 0.05), (144, 0.05), (400, 0.0), (400, 0.1)])
def test_its_interval_holds_the_true_error_and_the_point(texts, gap):
    """The whole simulation is benchmarks/interval_coverage.py; this is a part of it."""
    chance, held = np.random.default_rng(1), 0
    for seed in range(60):
        sure = 0.6 + 0.4 * chance.beta(3, 1, texts)
        error, (low, high) = calibration_error(sure, chance.random(texts) < sure - gap, seed)
        held += low <= gap <= high
        assert low <= error <= high
    assert held >= 53
