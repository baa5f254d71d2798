from collections import Counter

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.similarity import codes
from engine.data.splitting import SPLITS, stratified

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def split(texts, labels, shares=SHARES, seed=0, groups=None):
    labels = pd.Series(labels, dtype="str")
    return np.array(SPLITS)[stratified(codes(pd.Series(texts, dtype="str")), labels, shares, seed, groups)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), min_size=1, max_size=200),
    st.integers(0, 5),
)
def test_every_row_has_one_split_and_the_same_text_only_one(rows, seed):
    texts = [f"Text  {number}" if position % 2 else f"text {number}" for position, (number, _) in enumerate(rows)]
    found = split(texts, [label for _, label in rows], seed=seed)
    assert set(found) <= set(SPLITS)
    places = {}
    for (number, _), where in zip(rows, found, strict=True):
        assert places.setdefault(number, where) == where


def test_classes_are_spread_evenly():
    labels = ["a"] * 400 + ["b"] * 100 + ["c"] * 20
    found = split([f"t{i}" for i in range(520)], labels)
    counts = Counter(zip(labels, found, strict=True))
    assert [counts["a", one] for one in SPLITS] == [280, 60, 60]
    assert [counts["b", one] for one in SPLITS] == [70, 15, 15]
    assert [counts["c", one] for one in SPLITS] == [14, 3, 3]


def test_a_rare_class_is_trained_first_then_tested():
    labels = ["a"] * 50 + ["one"] + ["two"] * 2 + ["three"] * 3
    found = split([f"t{i}" for i in range(56)], labels)
    by_label = pd.Series(found).groupby(labels).agg(sorted)
    assert by_label["one"] == ["train"]
    assert by_label["two"] == ["test", "train"]
    assert by_label["three"] == ["test", "train", "validation"]


def test_the_seed_decides():
    texts, labels = [f"t{i}" for i in range(100)], ["a", "b"] * 50
    assert np.array_equal(split(texts, labels, seed=1), split(texts, labels, seed=1))
    assert not np.array_equal(split(texts, labels, seed=1), split(texts, labels, seed=2))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12), st.sampled_from("abc")), min_size=1, max_size=150))
def test_rows_of_a_group_and_copies_of_a_text_stay_together(rows):
    texts, groups, labels = zip(*rows, strict=True)
    found = split([f"t{text}" for text in texts], labels, groups=np.array(groups))
    for part in (0, 1):
        places = {}
        for row, where in zip(rows, found, strict=True):
            assert places.setdefault(row[part], where) == where


def test_groups_are_spread_by_share_and_class():
    groups = np.arange(600) % 120
    labels = ["a" if group % 3 else "b" for group in groups]
    found = split([f"t{i}" for i in range(600)], labels, groups=groups)
    for label, rows in (("a", 400), ("b", 200)):
        counts = Counter(where for one, where in zip(labels, found, strict=True) if one == label)
        for name, share in SHARES.items():
            assert abs(counts[name] - share * rows) <= 10


def test_many_groups_are_split():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 20_000, 50_000)
    found = split([f"t{i}" for i in range(50_000)], rng.choice(["a", "b"], 50_000), groups=groups)
    assert pd.Series(found).groupby(groups).nunique().max() == 1
    assert abs((found == "test").mean() - 0.15) < 0.01
