import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from engine.evaluation.metrics import intervals, scores

LABELS = ["a", "b", "c"]
answers = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(answers)
def test_scores_are_those_of_scikit_learn(pairs):
    actual, predicted = (np.array(side, dtype=object) for side in zip(*pairs, strict=True))
    found = scores(actual, predicted, LABELS)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(actual, predicted))
    assert found["macro_f1"] == pytest.approx(
        reference.f1_score(actual, predicted, average="macro", zero_division=0)
    )
    assert found["weighted_f1"] == pytest.approx(
        reference.f1_score(actual, predicted, average="weighted", zero_division=0)
    )
    assert np.sum(found["confusion_matrix"]["counts"]) == len(pairs)
    assert sum(one["support"] for one in found["per_class"].values()) == len(pairs)


def test_rows_of_the_matrix_are_true_labels():
    assert scores(["a", "a", "b"], ["b", "a", "b"], ["a", "b"])["confusion_matrix"]["counts"] == [
        [1, 1],
        [0, 1],
    ]


def test_the_wilson_interval_of_a_known_example():
    # 81 of 263: 0.2553 to 0.3662 (Newcombe 1998, table I, method 3)
    low, high = intervals(["a"] * 263, ["a"] * 81 + ["b"] * 182, ["a", "b"])["accuracy"]
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_intervals_hold_the_score_and_repeat():
    chance = np.random.default_rng(0)
    actual = chance.choice(LABELS, 300)
    predicted = np.where(chance.random(300) < 0.8, actual, chance.choice(LABELS, 300))
    found, score = intervals(actual, predicted, LABELS), scores(actual, predicted, LABELS)
    for key in ("accuracy", "macro_f1"):
        assert found[key][0] < score[key] < found[key][1]
    assert found == intervals(actual, predicted, LABELS)


def test_a_single_row():
    assert intervals(["a"], ["a"], LABELS)["macro_f1"] == [1.0, 1.0]
