import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from engine.evaluation import predictions
from engine.evaluation.judging import judge
from engine.evaluation.metrics import ranking, scores, wilson

LABELS = ["a", "b", "c"]
answers = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(answers)
def test_scores_are_those_of_scikit_learn(pairs):
    actual, predicted = (np.array(side, dtype=object) for side in zip(*pairs, strict=True))
    found = scores(actual, predicted, LABELS)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(actual, predicted))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(actual, predicted, average="macro", zero_division=0))
    assert found["weighted_f1"] == pytest.approx(reference.f1_score(actual, predicted, average="weighted", zero_division=0))
    if len({*actual, *predicted}) > 1:
        assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(actual, predicted))
    recalls = reference.recall_score(actual, predicted, average=None, labels=sorted(set(actual)), zero_division=0)
    assert found["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert np.sum(found["confusion_matrix"]["counts"]) == len(pairs)
    assert sum(one["support"] for one in found["per_class"].values()) == len(pairs)


def test_rows_of_the_matrix_are_true_labels():
    assert scores(["a", "a", "b"], ["b", "a", "b"], ["a", "b"])["confusion_matrix"]["counts"] == [
        [1, 1],
        [0, 1],
    ]


tables = st.integers(1, 40).flatmap(
    lambda rows: st.tuples(
        st.lists(st.sampled_from(LABELS), min_size=rows, max_size=rows),
        st.lists(
            st.lists(st.sampled_from([0.1, 0.2, 0.7, 1.0]), min_size=3, max_size=3),
            min_size=rows,
            max_size=rows,
        ),
    )
)


@settings(deadline=None, max_examples=60)
@given(tables)
def test_scores_of_probabilities_are_those_of_scikit_learn(drawn):
    actual, raw = np.array(drawn[0], dtype=object), np.array(drawn[1])
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    found = ranking(actual, probabilities, LABELS)
    assert found["log_loss"] == pytest.approx(reference.log_loss(actual, probabilities, labels=LABELS), rel=1e-5)
    for label, one in found["by_class"].items():
        mine = actual == label
        if 0 < mine.sum() < len(mine):
            column = probabilities[:, LABELS.index(label)]
            assert one["roc_auc"] == pytest.approx(reference.roc_auc_score(mine, column))
            assert one["average_precision"] == pytest.approx(reference.average_precision_score(mine, column))
        else:
            assert one == {"roc_auc": None, "average_precision": None}
    if set(actual) == set(LABELS):  # scikit-learn's own means ask for every class
        hot = np.array([[one == label for label in LABELS] for one in actual], dtype=int)
        assert found["roc_auc"] == pytest.approx(
            reference.roc_auc_score(actual, probabilities, multi_class="ovr", average="macro", labels=LABELS)
        )
        assert found["average_precision"] == pytest.approx(
            reference.average_precision_score(hot, probabilities, average="macro")
        )


@pytest.mark.parametrize(
    ("actual", "predicted"),
    [
        (["a"], ["a"]),
        (["a"], ["b"]),
        (["a", "b", "c"], ["a", "b", "c"]),
        (["a", "b", "c"], ["b", "c", "a"]),
        (["a", "a", "b", "b"], ["a", "b", "a", "b"]),
        (["a", "a", "b"], ["c", "c", "c"]),
        (["a", "a", "b"], ["a", "a", "c"]),
    ],
    ids=[
        "one row right", "one row wrong", "all right", "all wrong", "chance", "one answer, never true", "a class missing",
    ],
)  # fmt: skip
def test_degenerate_answers_score_as_scikit_learn_says(actual, predicted):
    found = scores(actual, predicted, LABELS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of each undefined share, and takes 0 for it
        assert found["accuracy"] == pytest.approx(reference.accuracy_score(actual, predicted))
        assert found["macro_f1"] == pytest.approx(reference.f1_score(actual, predicted, average="macro"))
        assert found["weighted_f1"] == pytest.approx(reference.f1_score(actual, predicted, average="weighted"))
        assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(actual, predicted))
        assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(actual, predicted))
        report = reference.classification_report(actual, predicted, labels=LABELS, output_dict=True)
    for label, one in found["per_class"].items():
        assert one["precision"] == pytest.approx(report[label]["precision"])
        assert one["recall"] == pytest.approx(report[label]["recall"])
        assert one["f1"] == pytest.approx(report[label]["f1-score"])
        assert one["support"] == report[label]["support"]


@pytest.mark.parametrize("sure", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
def test_probabilities_that_are_sure_or_all_alike_rank_as_scikit_learn_says(sure):
    """The same answer to every text is a tie: half of the pairs, and as pure as the class is frequent."""
    actual, probabilities = np.array(["a", "b", "b", "c"], dtype=object), np.tile(sure, (4, 1))
    found = ranking(actual, probabilities, LABELS)
    assert found["roc_auc"] == 0.5
    assert found["average_precision"] == pytest.approx(1 / 3)
    assert found["log_loss"] == pytest.approx(reference.log_loss(actual, probabilities, labels=LABELS))


def test_texts_of_which_a_model_is_sure_do_not_tie_and_cost_what_it_said():
    """Its probabilities are kept in float32, where most of these are 1."""
    chance = np.random.default_rng(0)
    true = chance.integers(0, 2, 400)
    margin = chance.normal(np.where(true, 18, -2), 8).astype(np.float32)
    odds = np.exp(-np.abs(margin))
    least, most = odds / (1 + odds), 1 / (1 + odds)
    kept = np.where(margin[:, None] > 0, np.stack([least, most], axis=1), np.stack([most, least], axis=1))
    assert (kept == 1).sum() > 100 and kept.dtype == np.float32
    names = np.array(["a", "b"], dtype=object)
    rows = pd.DataFrame({"source_row": range(400), "split": "test", "text": "x", "label": names[true]})
    table = predictions.table(rows, ["a", "b"], kept)
    found, exact = judge(table), 1 / (1 + np.exp(-margin.astype(np.float64)))
    assert found["log_loss"] == pytest.approx(reference.log_loss(true, exact), rel=1e-5)
    for label, mine, by in (("a", true == 0, -margin), ("b", true == 1, margin)):
        one = found["per_class"][label]
        assert one["roc_auc"] == pytest.approx(reference.roc_auc_score(mine, by), abs=1e-9)
        assert one["average_precision"] == pytest.approx(reference.average_precision_score(mine, by), abs=1e-9)


def test_one_label_alone_leaves_nothing_to_rank():
    found = ranking(["a", "a"], np.array([[0.9, 0.1], [0.6, 0.4]]), ["a", "b"])
    assert found["roc_auc"] is None and found["average_precision"] is None
    assert scores(["a", "a"], ["a", "a"], ["a", "b"])["mcc"] == 0.0


def test_the_wilson_interval_of_a_known_example():
    low, high = wilson(81, 263)  # Newcombe 1998, table I, method 3
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson(0, 0) is None
