import numpy as np
import pytest

from engine.evaluation import metrics
from engine.evaluation.resampling import MOST_ROWS, Tally, intervals, kinds, of_answers

SCORES = ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "mcc", "log_loss", "roc_auc", "average_precision")
CLASSES = ["a", "b", "c"]


def answered(rows: int, seed: int, classes: list[str] = CLASSES, skill: float = 2.0):
    """(true labels, predicted labels, probabilities) of a model that knows something."""
    chance = np.random.default_rng(seed)
    true = chance.integers(0, len(classes), rows)
    logits = chance.normal(size=(rows, len(classes)))
    logits[np.arange(rows), true] += skill
    odds = np.exp(logits)
    names = np.array(classes, dtype=object)
    return names[true], names[odds.argmax(axis=1)], odds / odds.sum(axis=1, keepdims=True)


def scored(actual, predicted, probabilities, classes=CLASSES):
    return {**metrics.scores(actual, predicted, classes), **metrics.ranking(actual, probabilities, classes)}


def test_intervals_hold_the_score_and_repeat():
    answers = answered(300, 0)
    found, score = intervals(*answers, CLASSES), scored(*answers)
    for name in SCORES:
        low, high = found[name]
        assert low < score[name] < high
    for label in CLASSES:
        for name in ("precision", "recall", "f1"):
            low, high = found["per_class"][label][name]
            assert low < score["per_class"][label][name] < high
    assert found == intervals(*answers, CLASSES)


def test_the_log_loss_of_few_texts_is_not_surer_than_it_can_be():
    """The percentile interval of 60 texts held the truth 91 of 100 times; benchmarks/interval_coverage.py is the whole."""
    two = ["a", "b"]
    truth, held = scored(*answered(200_000, 3, two), two)["log_loss"], 0
    for seed in range(150):
        low, high = intervals(*answered(60, 500 + seed, two), two, seed)["log_loss"]
        held += low <= truth <= high
    assert 140 <= held <= 147


def test_more_texts_say_more():
    few, many = (intervals(*answered(rows, 1), CLASSES) for rows in (100, 10_000))
    for name in SCORES:
        assert np.ptp(many[name]) < np.ptp(few[name]) / 4


@pytest.mark.parametrize("rows", [1, 3, 30])
def test_all_right_leaves_a_doubt_that_shrinks(rows):
    actual = np.array((CLASSES * 10)[:rows], dtype=object)
    found = intervals(actual, actual, np.eye(3)[[CLASSES.index(one) for one in actual]], CLASSES)
    for name in ("accuracy", "macro_f1", "balanced_accuracy", "weighted_f1"):
        low, high = found[name]
        assert high == 1 and 0 < low < 1
    assert (found["macro_f1"][0] > 0.8) == (rows == 30)


def test_all_wrong_and_a_class_that_never_comes():
    actual, predicted = np.array(["a"] * 20, dtype=object), np.array(["b"] * 20, dtype=object)
    found = intervals(actual, predicted, np.tile([0.1, 0.9, 0.0], (20, 1)), CLASSES)
    assert found["macro_f1"][0] == 0 and found["macro_f1"][1] < 0.4
    assert found["per_class"]["c"] == {"precision": None, "recall": None, "f1": None}
    assert found["roc_auc"] is None


def test_a_large_test_is_judged_from_a_part_and_its_interval_is_as_narrow_as_of_all():
    answers = answered(4 * MOST_ROWS, 2)
    found, score = intervals(*answers, CLASSES), scored(*answers)
    part = intervals(*(column[:MOST_ROWS] for column in answers), CLASSES)
    for name in ("log_loss", "roc_auc", "average_precision"):
        low, high = found[name]
        assert low < score[name] < high
        assert np.ptp(found[name]) == pytest.approx(np.ptp(part[name]) / 2, rel=0.1)


def test_a_tally_counts_what_the_matrix_counts():
    true, said = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 0, 2])
    (first, second), counts = kinds(true, said)
    once = Tally.of(first, second, counts[None], 3)
    found = metrics.scores(true, said, [0, 1, 2])
    assert once.right[0].tolist() == [1, 1, 2] and once.true[0].tolist() == [2, 1, 3]
    for name in ("macro_f1", "weighted_f1", "balanced_accuracy", "mcc"):
        assert getattr(once, name)()[0] == pytest.approx(found[name])


def test_the_interval_of_a_published_area_under_the_curve():
    """Hanley and McNeil 1982, table I: how abnormal 109 CT images looked to a reader, from 1 to 5. The area is 0.893 and its
    standard error 0.032, they say; the imaginary texts make ours a little wider."""
    normal, abnormal = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
    rating = np.concatenate([np.repeat(np.arange(5), counts) for counts in (normal, abnormal)]) / 4
    actual = np.array(["b"] * 58 + ["a"] * 51, dtype=object)
    answers = actual, np.where(rating > 0.5, "a", "b"), np.stack([rating, 1 - rating], axis=1)
    low, high = intervals(*answers, ["a", "b"])["roc_auc"]
    assert scored(*answers, ["a", "b"])["roc_auc"] == pytest.approx(0.893, abs=0.0005)
    assert (high - low) / 2 / 1.96 == pytest.approx(0.032, rel=0.15)
    assert low < 0.893 < high


def test_intervals_hold_the_truth_as_often_as_they_say():
    """The whole simulation is benchmarks/interval_coverage.py; this is a part of it."""
    truth = scored(*answered(200_000, 3))
    held = dict.fromkeys(SCORES, 0)
    for seed in range(200):
        found = intervals(*answered(200, 100 + seed), CLASSES, seed)
        for name in SCORES:
            low, high = found[name]
            held[name] += low <= truth[name] <= high
    assert all(180 <= times <= 199 for times in held.values()), held


def test_intervals_of_many_classes_with_few_texts_hold_the_truth_too():
    """The whole simulation is benchmarks/interval_coverage.py; this is a part of it."""
    classes = np.arange(20)
    true, said, _ = answered(50_000, 3, list(classes), 3.5)
    truth = metrics.scores(true.astype(int), said.astype(int), list(classes))
    held = dict.fromkeys(("macro_f1", "balanced_accuracy", "f1"), 0.0)
    for seed in range(60):
        true, said, _ = answered(100, 100 + seed, list(classes), 3.5)
        found = of_answers(true.astype(int), said.astype(int), list(classes), np.random.default_rng(seed))
        of_class = [(found["per_class"][one]["f1"], truth["per_class"][one]["f1"]) for one in classes]
        for name in ("macro_f1", "balanced_accuracy"):
            low, high = found[name]
            held[name] += low <= truth[name] <= high
        held["f1"] += np.mean([edges is None or edges[0] <= value <= edges[1] for edges, value in of_class])
    assert all(times >= 52 for times in held.values()), held


def test_five_of_five_right_say_little_of_a_class_among_many():
    classes = [f"class {number:02}" for number in range(40)]
    actual = np.repeat(np.array(classes, dtype=object), 5)
    predicted = actual.copy()
    predicted[10:20] = "class 39"
    low, high = intervals(actual, predicted, np.full((200, 40), 1 / 40), classes)["per_class"]["class 00"]["f1"]
    assert low == pytest.approx(2 * 0.5655 / 1.5655, abs=0.001) and high == 1  # Wilson's interval of 5 of 5 begins at 0.5655
