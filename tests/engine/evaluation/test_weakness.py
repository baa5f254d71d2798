import re

import numpy as np
import pandas as pd
import pytest

from engine.evaluation.weakness import LEAST_TEXTS, Group, groups, in_parts, of_texts, sentence
from engine.models import tfidf
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_strange


def test_a_group_with_more_mistakes_is_found_and_the_others_are_not():
    chance = np.random.default_rng(0)
    channel = chance.choice(["mail", "phone", "chat"], 900)
    wrong = chance.random(900) < np.where(channel == "chat", 0.3, 0.08)
    found = groups(wrong, pd.DataFrame({"channel": channel, "noise": chance.choice(["x", "y"], 900)}))
    weak = [one for one in found if one.weak]
    assert [(one.property, one.value) for one in weak] == [("channel", "chat")]
    assert weak[0].interval[0] < weak[0].wrong < weak[0].interval[1]
    assert weak[0].elsewhere < weak[0].interval[0]
    assert found[0] is weak[0]


def test_luck_alone_is_rarely_named():
    named = 0
    for seed in range(200):
        chance = np.random.default_rng(seed)
        table = pd.DataFrame({name: chance.choice(list("abcd"), 300) for name in ("one", "two", "three")})
        named += any(one.weak for one in groups(chance.random(300) < 0.2, table))
    assert named <= 20  # 5% of 200, and a little luck


def test_small_groups_empty_cells_and_columns_of_many_values_say_nothing():
    table = pd.DataFrame({
        "small": ["a"] * 95 + ["b"] * (LEAST_TEXTS - 5),
        "half empty": [""] * 50 + ["x"] * 25 + ["y"] * 25,
        "names": [f"person {i}" for i in range(100)],
    })  # fmt: skip
    found = groups(np.arange(100) % 2 == 0, table)
    assert {(one.property, one.value) for one in found} == {
        ("small", "a"),
        ("half empty", "x"),
        ("half empty", "y"),
    }


def test_figures_are_cut_into_parts_of_about_as_many():
    parts = in_parts(pd.Series(np.arange(1, 101)))
    assert parts.value_counts().tolist() == [25] * 4
    assert parts.iloc[24] == "up to 25" and parts.iloc[25] == "above 25, up to 50"
    assert parts.iloc[99] == "above 75"
    assert in_parts(pd.Series([1.0, 2.0, np.nan, 3.0])).isna().tolist() == [False, False, True, False]


@pytest.mark.parametrize("rows", [30, 97, 100, 101, 1234])
def test_a_figure_lies_in_the_part_that_is_named(rows):
    figures = pd.Series(np.random.default_rng(rows).integers(0, 400, rows))
    for figure, part in zip(figures, in_parts(figures), strict=True):
        above, upto = re.search(r"above (\d+)", part), re.search(r"up to (\d+)", part)
        assert not above or figure > int(above[1])
        assert not upto or figure <= int(upto[1])


@pytest.mark.parametrize(("least", "width"), [(2000, 1), (13.38, 0.08), (-100, 100), (0, 1e-7)])
def test_parts_of_figures_that_lie_close_together_have_names_of_their_own(least, width):
    figures = pd.Series(least + np.random.default_rng(0).random(400) * width)
    parts = in_parts(figures)
    assert sorted(parts.value_counts())[0] >= 90 and parts.nunique() == 4
    for figure, part in zip(figures, parts, strict=True):
        above, upto = (re.search(rf"{name} (-?[\d,.]+\d)", part) for name in ("above", "up to"))
        assert not above or figure > float(above[1].replace(",", ""))
        assert not upto or figure <= float(upto[1].replace(",", ""))


def test_few_figures_are_groups_of_their_own_and_skewed_ones_are_still_some():
    assert in_parts(pd.Series([0] * 30 + [1] * 20)).value_counts().to_dict() == {"0": 30, "1": 20}
    skewed = in_parts(pd.Series([0] * 80 + [1] * 9 + [2] * 6 + list(range(3, 13))))
    assert skewed.value_counts().to_dict() == {"0": 80, "3 or more": 10, "1": 9, "2": 6}
    shares = in_parts(pd.Series([1.0] * 90 + [1.5, 1.7, 2.1, 2.2, 2.5]))
    assert shares.value_counts().to_dict() == {"up to 1.00": 90, "above 1.00": 5}


def test_what_is_infinite_and_what_is_true_or_false_is_fine():
    assert in_parts(pd.Series([1.0, 2.0, np.inf, 3.0])).tolist() == ["1", "2", None, "3"]
    wrong = np.arange(60) % 3 == 0
    found = groups(wrong, pd.DataFrame({"urgent": [True, False] * 30}))
    assert {one.value for one in found} == {"True", "False"}


def test_what_every_text_has():
    found = of_texts(pd.Series(["one two three", "", "a", "b", "c"]), np.array([4, 0, 1, 3, 2]))
    assert found["length in words"].tolist() == [3, 1, 1, 1, 1]
    assert found["unknown or split words"].tolist() == ["4 or more", "0", "1", "2 to 3", "2 to 3"]


def test_words_that_a_model_does_not_know_as_a_whole_are_counted():
    texts = ["a good lamp", "a good zyxwvut", "🦕🦕 xqzjk lamp"]
    bundled = count_strange(texts, bundled_folder()).tolist()
    assert bundled[0] == 0 and bundled[1] == 1 and bundled[2] >= 1
    counter = tfidf.fit(["a good lamp", "a bad lamp"], ["x", "y"], ["x", "y"])
    assert counter.count_strange([*texts, "GOOD, new"]).tolist() == [0, 1, 1, 1]


def test_what_is_rarely_wrong_is_not_told_as_never():
    group = Group("channel", "chat", 40, 0.004, (0.0004, 0.02), 0.996, 0.5)
    said = "channel: chat. Here 0.4% of the answers are wrong (95% interval: 0.1% to 2%), elsewhere 99.6%."
    assert sentence(group) == said
