import pandas as pd

from engine.data.health import examine


def codes(texts, labels):
    return {one.code: one for one in examine(pd.Series(texts, dtype=str), pd.Series(labels, dtype=str))}


def many(label, count, start=0):
    return [f"text number {start + i} of {label}" for i in range(count)], [label] * count


def test_a_healthy_table_has_no_problems():
    a, b = many("a", 20), many("b", 20)
    assert codes(a[0] + b[0], a[1] + b[1]) == {}


def test_missing_texts_and_labels_are_counted_with_their_rows():
    a, b = many("a", 20), many("b", 20)
    found = codes([*a[0], *b[0], "  ", "words"], [*a[1], *b[1], "a", ""])
    assert found["empty_text"].rows == [40]
    assert found["missing_label"].rows == [41]


def test_a_single_class_blocks():
    texts, labels = many("only", 30)
    assert codes(texts, labels)["single_class"].severity == "blocking"


def test_labels_that_are_all_different_block():
    texts, _ = many("x", 30)
    assert codes(texts, [f"l{i}" for i in range(30)])["rare_classes"].severity == "blocking"


def test_repeats_and_conflicts():
    a, b = many("a", 20), many("b", 20)
    found = codes([*a[0], *b[0], a[0][0].upper()], [*a[1], *b[1], "b"])
    assert found["duplicates"].rows == [40]
    assert found["conflicting_labels"].rows == [0, 40]


def test_imbalance_and_rare_classes():
    a, b = many("a", 100), many("b", 5)
    found = codes(a[0] + b[0], a[1] + b[1])
    assert "20 times" in found["imbalance"].sentence
    assert found["rare_classes"].severity == "advice"
