import numpy as np
import pytest

from engine.evaluation.deferring import curve, defer

SURE = np.array([0.9, 0.8, 0.8, 0.6, 0.5])
RIGHT = np.array([True, True, False, True, False])


@pytest.mark.parametrize(
    ("threshold", "covered", "accuracy"),
    [(0.0, 1.0, 0.6), (0.55, 0.8, 0.75), (0.8, 0.6, 2 / 3), (0.85, 0.2, 1.0), (0.95, 0.0, None)],
)
def test_a_threshold_leaves_the_rest_to_a_person(threshold, covered, accuracy):
    found = defer(SURE, RIGHT, threshold)
    assert found.covered == pytest.approx(covered)
    assert found.accuracy == (accuracy if accuracy is None else pytest.approx(accuracy))


def test_the_curve_has_a_point_for_each_threshold_and_keeps_equals_together():
    covered, accuracy, thresholds = curve(SURE, RIGHT)
    assert covered.tolist() == pytest.approx([0.2, 0.6, 0.8, 1.0])
    assert accuracy.tolist() == pytest.approx([1.0, 2 / 3, 0.75, 0.6])
    assert thresholds.tolist() == [0.9, 0.8, 0.6, 0.5]
    for share, right, threshold in zip(covered, accuracy, thresholds, strict=True):
        found = defer(SURE, RIGHT, threshold)
        assert (found.covered, found.accuracy) == (pytest.approx(share), pytest.approx(right))


def test_one_text_is_enough():
    assert [one.tolist() for one in curve(np.array([0.7]), np.array([True]))] == [[1.0], [1.0], [0.7]]
