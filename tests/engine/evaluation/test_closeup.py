import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from engine.evaluation import predictions
from engine.evaluation.closeup import look


def answers(texts_and_labels, said, sure=0.9):
    """A table of predictions, as sure of each answer."""
    rows = pd.DataFrame(texts_and_labels, columns=["text", "label"]).assign(split="test")
    rows["source_row"] = range(1, len(rows) + 1)
    labels = sorted({*rows["label"], *said})
    probabilities = np.full((len(rows), len(labels)), (1 - sure) / (len(labels) - 1))
    probabilities[np.arange(len(rows)), [labels.index(one) for one in said]] = sure
    return predictions.table(rows, labels, probabilities)


def test_words_of_a_class_stand_out_and_those_of_all_do_not():
    texts = [(f"my invoice number {i} is wrong", "billing") for i in range(10)]
    texts += [(f"my parcel number {i} is late", "delivery") for i in range(10)]
    found = look(answers(texts, [label for _, label in texts]), "billing")
    assert {one.word for one in found.words} == {"invoice", "wrong"}
    assert all(one.inside == 1.0 and one.outside == 0.0 for one in found.words)


def test_examples_are_the_surest_ones():
    texts = [(f"text {i}", "a") for i in range(8)] + [("another", "b")]
    table = answers(texts, ["a", "a", "a", "a", "b", "b", "b", "b", "b"])
    table["p:a"] = [0.6, 0.9, 0.7, 0.8, 0.1, 0.4, 0.3, 0.2, 0.5]
    table["p:b"] = 1 - table["p:a"]
    found = look(table, "a")
    assert found.good["text"].tolist() == ["text 1", "text 3", "text 2"]
    assert found.bad["text"].tolist() == ["text 4", "text 7", "text 6"]
    assert (found.bad["predicted"] == "b").all()


def test_curves_are_those_of_scikit_learn():
    chance = np.random.default_rng(0)
    texts = [(f"text {i}", "ab"[i % 2]) for i in range(2000)]
    table = answers(texts, [label for _, label in texts])
    table["p:a"] = np.clip((table["label"] == "a") * 0.3 + chance.random(2000) * 0.7, 0, 1)
    mine = (table["label"] == "a").to_numpy()
    found = look(table, "a").curves
    assert len(found.roc[0]) <= 300
    assert abs(np.trapezoid(found.roc[1], found.roc[0]) - roc_auc_score(mine, table["p:a"])) < 0.01
    recall, precision = found.precision_recall
    assert abs(np.trapezoid(precision, recall) - average_precision_score(mine, table["p:a"])) < 0.02


def test_a_class_without_texts_has_nothing_to_show():
    found = look(answers([("one", "a"), ("two", "a")], ["a", "b"]), "b")
    assert found.words == [] and found.good.empty and found.bad.empty and found.curves is None


def test_of_texts_without_a_difference_no_word_stands_out():
    """A word in a hundred would, if each were judged for itself."""
    named = 0
    for seed in range(20):
        chance = np.random.default_rng(seed)
        vocabulary = [f"{first}{second}word" for first in "abcdefghij" for second in "abcdefghijklmnopqrst"]
        texts = [(" ".join(chance.choice(vocabulary, 12)), "ab"[i % 2]) for i in range(200)]
        named += bool(look(answers(texts, [label for _, label in texts]), "a").words)
    assert named <= 3


def test_of_a_class_with_few_texts_no_word_stands_out_by_luck():
    """A rare word that is once in five texts has a share far above that elsewhere, and says nothing."""
    for seed in range(3):
        chance = np.random.default_rng(seed)
        vocabulary = np.array(
            [f"{first}{second}{third}word" for first in "abcde" for second in "abcdefghij" for third in "abcdefghij"]
        )
        often = 1 / np.arange(1, len(vocabulary) + 1)
        texts = [" ".join(chance.choice(vocabulary, 12, p=often / often.sum())) for _ in range(400)]
        labels = ["rare"] * 5 + ["other"] * 395
        assert look(answers(list(zip(texts, labels, strict=True)), labels), "rare").words == []
