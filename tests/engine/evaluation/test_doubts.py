import numpy as np
import pandas as pd
import pytest

from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.data.samples import read_sample
from engine.evaluation import predictions
from engine.evaluation.doubts import judge, ranked
from engine.models import tfidf


def table(probabilities, actual, labels, splits=None):
    rows = pd.DataFrame({"source_row": range(1, len(actual) + 1), "text": [f"text {i}" for i in range(len(actual))]})
    rows = rows.assign(split=splits or "test", label=[labels[one] for one in actual])
    return predictions.table(rows, labels, np.asarray(probabilities, dtype=np.float32))


def with_wrong_labels(rows, share, seed=0):
    """(rows of which `share` have another label, which they are)."""
    chance, labels = np.random.default_rng(seed), sorted(rows["label"].unique())
    wrong = np.zeros(len(rows), dtype=bool)
    wrong[chance.choice(len(rows), round(share * len(rows)), replace=False)] = True
    swapped = [chance.choice([one for one in labels if one != label]) for label in rows["label"]]
    return rows.assign(label=np.where(wrong, swapped, rows["label"])), wrong


def judged(rows):
    """What word counting, trained on the training rows, makes of the others."""
    training, others = rows[rows["split"] == "train"], rows[rows["split"] != "train"]
    counter = tfidf.fit(training["text"].tolist(), training["label"].tolist(), sorted(rows["label"].unique()))
    return judge(predictions.table(others, counter.labels, counter.probabilities(others["text"].tolist())))


def caught(rows, wrong):
    """(precision, recall) of the list among the validation and test rows."""
    found, seen = judged(rows), wrong[(rows["split"] != "train").to_numpy()]
    flagged = found["doubtful"].to_numpy()
    return (flagged & seen).sum() / flagged.sum(), (flagged & seen).sum() / seen.sum()


def test_most_of_the_wrong_labels_are_found_in_real_messages(real_data):
    drafted = draft(read_file(real_data / "sms_spam" / "train.csv"), Recipe(text="text", label="label"))
    precision, recall = caught(*with_wrong_labels(drafted.rows, 0.05))
    assert precision > 0.85 and recall > 0.75  # by chance: 0.05 and 0.045


def test_with_few_texts_in_six_topics_the_list_is_still_far_better_than_chance():
    rows, wrong = with_wrong_labels(draft(read_sample("support"), Recipe(text="text", label="label")).rows, 0.05)
    precision, recall = caught(rows, wrong)
    assert precision > 0.15 and recall > 0.4  # word counting itself is right only 60 of 100 times


def test_training_rows_are_never_judged():
    probabilities = [[0.9, 0.1]] * 6
    found = judge(table(probabilities, [0, 1] * 3, ["a", "b"], ["train", "train", "test", "test", "validation", "train"]))
    assert found["split"].tolist() == ["test", "test", "validation"]
    assert judge(table(probabilities[:2], [0, 1], ["a", "b"], ["train", "train"])).empty


def test_the_same_table_gives_the_same_list_and_others_are_ranked_as_they_say():
    chance = np.random.default_rng(3)
    probabilities = chance.dirichlet([0.3] * 5, 400)
    actual = np.where(chance.random(400) < 0.1, chance.integers(0, 5, 400), probabilities.argmax(axis=1))
    predicted = table(probabilities, actual, list("abcde"))
    first, second = judge(predicted), judge(predicted)
    assert first.equals(second)
    labels, confident, uncertain = (ranked(first, kind) for kind in ("labels", "confident", "uncertain"))
    assert labels["doubtful"].all() and labels["given"].is_monotonic_increasing
    assert (confident["predicted"] != confident["label"]).all() and confident["sure"].is_monotonic_decreasing
    assert len(uncertain) == 400 and uncertain["entropy"].is_monotonic_decreasing
    assert uncertain["entropy"].between(0, 1).all()


@pytest.mark.parametrize("classes", [2, 3, 77])
@pytest.mark.parametrize("actual", [[0, 1, 0], [1, 1, 1], [0], [1, 0]])
def test_few_rows_and_missing_classes_are_fine(classes, actual):
    chance = np.random.default_rng(0)
    found = judge(table(chance.dirichlet(np.ones(classes), len(actual)), actual, [f"c{i:02}" for i in range(classes)]))
    assert len(found) == len(actual)
    assert not (found["doubtful"] & (found["predicted"] == found["label"])).any()


def test_a_model_that_is_always_quite_sure_raises_no_alarm():
    found = judge(table([[1.0, 0.0], [0.0, 1.0]] * 20, [0, 1] * 20, ["a", "b"]))
    assert not found["doubtful"].any()
    assert (found["given"] == 1).all() and (found["entropy"] == 0).all()
