from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from engine.errors import DataError
from engine.evaluation.comparing import (
    Pair,
    compare,
    gap_interval,
    holm,
    macro_f1_gap,
    sentence,
    texts_needed,
)


def table(actual, predicted, labels=("a", "b")):
    rows = pd.DataFrame({"source_row": range(len(actual)), "text": [f"text {i:05}" for i in range(len(actual))]})
    rows = rows.assign(split="test", label=list(actual), predicted=list(predicted))
    return rows.assign(**{f"p:{label}": 1 / len(labels) for label in labels})


def from_cells(both, only_a, only_b, neither):
    """Two runs on rows of class a, right as often as the four cells say."""
    rows = both + only_a + only_b + neither
    a = ["a"] * (both + only_a) + ["b"] * (only_b + neither)
    b = ["a"] * both + ["b"] * only_a + ["a"] * only_b + ["b"] * neither
    return {"A": table(["a"] * rows, a), "B": table(["a"] * rows, b)}


def test_mcnemar_gives_the_figures_of_the_literature():
    """Agresti 2013 (Categorical Data Analysis, 3rd ed., table 11.1): 86 and 150 changed sides; z squared = 17.36."""
    pair = compare(from_cells(794, 150, 86, 570))[0]
    assert (pair.only_a, pair.only_b) == (150, 86)
    assert pair.difference == pytest.approx(64 / 1600)
    # The same table: 0.04, 95% interval 0.022 to 0.059 (by Wald; half a text more in each cell changes little).
    assert gap_interval(150, 86, 1600) == pytest.approx((0.021, 0.059), abs=0.0015)
    assert pair.p_value == pytest.approx(3.716e-05, rel=1e-3)  # exact: R, binom.test(86, 236)$p.value
    assert pair.better == "A"


@pytest.mark.parametrize(
    ("cells", "p"),
    [((10, 0, 0, 5), 1.0), ((10, 1, 0, 5), 1.0), ((0, 5, 0, 0), 0.0625), ((3, 8, 1, 2), 0.0390625)],
)
def test_few_rows_are_judged_exactly(cells, p):
    assert compare(from_cells(*cells))[0].p_value == pytest.approx(p)


@pytest.mark.parametrize("rows", [1, 3, 10])
def test_no_gap_in_accuracy_is_beyond_all_and_none(rows):
    low, high = gap_interval(rows, 0, rows)
    assert -1 <= low < high == 1
    assert gap_interval(0, rows, rows) == (-1, -low)


def test_holm_corrects_as_its_author_did():
    """Holm 1979 steps down: 0.01 * 4, then 0.02 * 3, 0.03 * 2 stays at the highest so far, 0.04."""
    assert holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert holm([0.5]) == [0.5]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_gap_in_macro_f1_is_that_of_scikit_learn_and_its_interval_covers():
    chance = np.random.default_rng(1)
    labels = list("abcd")
    actual = chance.choice(labels, 300)
    first, second = (np.where(chance.random(300) < share, actual, chance.choice(labels, 300)) for share in (0.8, 0.6))
    gap, (low, high), p = macro_f1_gap(actual, first, second, labels)
    assert p < 0.001
    assert gap == pytest.approx(f1_score(actual, first, average="macro") - f1_score(actual, second, average="macro"))
    assert low < gap < high
    again = [
        macro_f1_score(actual[rows], first[rows]) - macro_f1_score(actual[rows], second[rows])
        for rows in (chance.integers(0, 300, 300) for _ in range(400))
    ]
    assert (low, high) == pytest.approx(np.quantile(again, [0.025, 0.975]), abs=0.02)


def macro_f1_score(actual, predicted):
    return f1_score(actual, predicted, average="macro")


def test_as_many_texts_as_are_needed_find_the_difference_as_often_as_promised():
    needed = texts_needed(0.08, 0.05)
    chance, found = np.random.default_rng(0), 0
    for _ in range(400):
        only_a, only_b, _rest = chance.multinomial(needed, [0.08, 0.05, 0.87])
        cells = from_cells(needed - only_a - only_b, only_a, only_b, 0)
        found += _mcnemar(cells) < 0.05
    assert 0.72 < found / 400 < 0.88
    assert texts_needed(0.05, 0.05) is None


def _mcnemar(cells):
    from scipy.stats import binomtest

    right = {run: (one["predicted"] == one["label"]).to_numpy() for run, one in cells.items()}
    only_a = int((right["A"] & ~right["B"]).sum())
    only_b = int((right["B"] & ~right["A"]).sum())
    return binomtest(only_a, only_a + only_b).pvalue


def test_rows_in_another_order_are_put_side_by_side():
    tables = from_cells(20, 6, 2, 3)
    shuffled = {"A": tables["A"], "B": tables["B"].sample(frac=1, random_state=3)}
    assert compare(shuffled) == compare(tables)


def test_other_test_rows_are_refused():
    tables = from_cells(20, 6, 2, 3)
    tables["B"] = tables["B"].assign(text="another text")
    with pytest.raises(DataError, match="not tested on the same texts"):
        compare(tables)
    with pytest.raises(DataError, match="2 to 10"):
        compare({"A": tables["A"]})


def pair(difference, adjusted, needed=900, macro_f1=0.0, macro_f1_adjusted=1.0):
    p_values = macro_f1_adjusted, macro_f1_adjusted
    return Pair("a", "b", difference, 1, 1, adjusted, adjusted, macro_f1, (0, 0), *p_values, (0, 0), needed)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (pair(0.021, 0.21, 1873), "One is right 2.1 points more often than Two; that could be luck (p = 0.21); "
         "about 1,900 test texts would be needed to tell."),
        (pair(-0.05, 0.0004), "Two is better than One: right 5.0 points more often, and that is unlikely to be luck "
         "(p < 0.001)."),
        (pair(0.0, 1.0, None), "One and Two are right equally often on 500 test texts."),
        (pair(0.03, 0.06, 480), "One is right 3.0 points more often than Two; that could be luck (p = 0.06)."),
    ],
)  # fmt: skip
def test_the_verdict_is_a_sentence(found, said):
    alike = " In macro-F1, which counts every class equally, neither is ahead."
    assert sentence(found, "One", "Two", 500) == said + alike


def test_that_a_chance_was_corrected_is_said():
    """The same two models alone may have got the opposite verdict."""
    found = replace(pair(0.138, 0.15, None), p_value=0.049)
    assert "that could be luck (p = 0.15, corrected for comparing several pairs)." in sentence(found, "One", "Two", 65)


@pytest.mark.parametrize(
    ("gap", "p", "said"),
    [
        (0.04, 0.01, "One is 4.0 points ahead; that is unlikely to be luck (p = 0.01)."),
        (-0.01, 0.3, "Two is 1.0 points ahead; that could be luck (p = 0.3)."),
    ],
)
def test_the_verdict_speaks_of_small_classes_too(gap, p, said):
    assert sentence(pair(0.02, 0.2, None, gap, p), "One", "Two", 500).endswith(
        f" In macro-F1, which counts every class equally, {said}"
    )


def test_two_models_that_say_the_same_leave_a_doubt_and_many_pairs_are_corrected_for():
    actual = np.array(list("ab") * 20)
    gap, (low, high), p = macro_f1_gap(actual, actual, actual, ["a", "b"])
    assert gap == 0 and low < 0 < high and p == 1
    chance = np.random.default_rng(2)
    labels = list("abc")
    truth = chance.choice(labels, 300)
    runs = {
        name: table(truth, np.where(chance.random(300) < share, truth, chance.choice(labels, 300)), labels)
        for name, share in (("A", 0.9), ("B", 0.8), ("C", 0.78), ("D", 0.75))
    }
    pairs = compare(runs)
    assert [one.macro_f1_adjusted for one in pairs] == pytest.approx(holm([one.macro_f1_p_value for one in pairs]))
    low, high = pairs[0].difference_interval
    assert low < pairs[0].difference < high
    likeliest, *_others, last = sorted(pairs, key=lambda one: one.p_value)
    shares = likeliest.only_a / 300, likeliest.only_b / 300
    assert likeliest.needed == texts_needed(*shares, 0.05 / len(pairs)) > texts_needed(*shares)
    assert last.needed == texts_needed(last.only_a / 300, last.only_b / 300)


def test_the_interval_of_the_gap_in_macro_f1_holds_the_truth_where_mistakes_are_few():
    """The whole simulation is benchmarks/interval_coverage.py; with equally good models, the true gap is 0."""
    chance, held, sure = np.random.default_rng(5), 0, 0
    for seed in range(200):
        actual = chance.integers(0, 2, 120)
        first, second = (np.where(chance.random(120) < 0.03, 1 - actual, actual) for _ in range(2))
        _, (low, high), p = macro_f1_gap(actual, first, second, [0, 1], seed)
        held += low <= 0 <= high
        sure += p < 0.05
    assert held >= 185 and sure <= 15


def test_equal_models_of_many_classes_are_not_told_apart_in_macro_f1():
    """By the bootstrap one such pair of seven was; the whole simulation is in docs/decisions.md."""
    chance, held, sure = np.random.default_rng(3), 0, 0
    classes = list(range(40))
    for seed in range(150):
        actual = chance.integers(0, 40, 160)
        first, second = (np.where(chance.random(160) < 0.25, chance.integers(0, 40, 160), actual) for _ in range(2))
        _, (low, high), p = macro_f1_gap(actual, first, second, classes, seed)
        held += low <= 0 <= high
        sure += p < 0.05
    assert held >= 137 and sure <= 13


def test_seventy_seven_classes_and_three_rows_are_fine():
    labels = [f"c{i:02}" for i in range(77)]
    few = {run: table(["c01", "c02", "c03"], said, labels) for run, said in
           (("A", ["c01", "c02", "c09"]), ("B", ["c01", "c05", "c03"]))}  # fmt: skip
    assert compare(few)[0].better is None
