import numpy as np
import pytest

from engine.evaluation.deferring import ALWAYS_A_PERSON, bill, cheapest, curve, defer

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


def test_the_cheapest_thresholds_are_those_of_trying_all():
    chance = np.random.default_rng(0)
    said = chance.choice(["a", "b"], 80)
    sure = chance.random(80).round(2)
    right = chance.random(80) < sure
    mistake, person = {"a": 5.0, "b": 1.2}, 1.0
    found = cheapest(said, sure, right, mistake, person)
    least = bill(said, sure, right, found, mistake, person).chosen
    for a in np.linspace(0, 1.01, 102):
        for b in np.linspace(0, 1.01, 102):
            assert least <= bill(said, sure, right, {"a": a, "b": b}, mistake, person).chosen + 1e-9
    assert found["a"] > found["b"]


def test_where_people_cost_nothing_they_answer_and_where_mistakes_do_they_never_do():
    said, sure, right = np.array(["a", "a", "b"]), np.array([0.9, 0.6, 0.8]), np.array([False] * 3)
    assert cheapest(said, sure, right, {"a": 1.0, "b": 1.0}, 0.01) == dict.fromkeys("ab", ALWAYS_A_PERSON)
    assert cheapest(said, sure, right, {"a": 0.0, "b": 0.0}, 1.0) == {"a": 0.0, "b": 0.0}
    found = bill(said, sure, right, {"a": 0.0, "b": 1.0}, {"a": 2.0, "b": 2.0}, 1.0)
    assert (found.chosen, found.all_by_model, found.all_by_person) == (pytest.approx(500 / 3), 200.0, 100.0)


def test_an_answer_that_was_never_said_goes_to_a_person():
    said, sure, right = np.array(["a", "a"]), np.array([0.9, 0.6]), np.array([True, True])
    assert cheapest(said, sure, right, {"a": 2.0, "b": 2.0}, 1.0) == {"a": 0.0, "b": ALWAYS_A_PERSON}


def test_where_people_are_worth_it_they_look_at_the_surest_answers_too():
    said, sure, right = np.array(["a"] * 5), np.ones(5, dtype=np.float32), np.zeros(5, dtype=bool)
    found = cheapest(said, sure, right, {"a": 5.0}, 1.0)
    assert bill(said, sure, right, found, {"a": 5.0}, 1.0).chosen == 100.0
    assert not defer(sure, right, found["a"]).covered
