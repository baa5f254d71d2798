import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.settings import problems
from engine.training.presets import PRESETS, derive


@given(
    st.sampled_from(list(PRESETS)),
    st.integers(2, 10**6),
    st.integers(2, 500),
    st.lists(st.integers(1, 5000), min_size=1, max_size=50),
    st.sampled_from([64, 512, 8192]),
    st.sampled_from([32, 384, 768]),
)
def test_whatever_the_data_the_settings_can_be_used(preset, rows, classes, lengths, model_tokens, width):
    chosen = derive(preset, rows, [rows] * classes, np.array(lengths), model_tokens, width)
    assert problems(**chosen.values) == {}
    assert chosen.values["max_tokens"] <= model_tokens
    assert set(chosen.reasons) - {"balance"} <= set(chosen.values)


@pytest.mark.parametrize("rows", [200, 2000, 20000])
def test_thorough_takes_longer_than_balanced_and_balanced_than_quick(rows):
    quick, balanced, thorough = (
        chosen["train_share"] * chosen["epochs"]
        for chosen in (derive(one, rows, [rows, rows], np.array([20])).values for one in PRESETS)
    )
    assert quick < balanced < thorough


@pytest.mark.parametrize("rows, share", [(4_000, 1.0), (14_401, 0.28), (1_000_000, 0.004)])
def test_quick_learns_from_some_texts_where_there_are_many(rows, share):
    quick, balanced = (derive(one, rows, [rows, rows], np.array([20])) for one in ("quick", "balanced"))
    assert (quick.values["train_share"], balanced.values["train_share"]) == (share, 1.0)
    assert ("train_share" in quick.reasons) == (share < 1)
    assert share * rows * quick.values["epochs"] == pytest.approx(4_000, rel=0.02)


def test_many_texts_and_a_small_model_are_settled_by_an_average_in_fewer_rounds():
    averaged, few, large = (
        derive("balanced", rows, [rows // 2] * 2, np.array([20]), model_width=width).values
        for rows, width in ((6_000, 384), (2_000, 384), (6_000, 768))
    )
    assert (averaged["average_weights"], averaged["epochs"]) == (True, 3)
    assert (large["average_weights"], large["epochs"]) == (False, 4)
    assert not few["average_weights"] and few["epochs"] == 10


def test_a_single_averaged_round_keeps_its_learning_rate_and_fits_a_head_first_for_many_classes_alone():
    once, often, many = (
        derive(preset, 6_000, [6_000 // classes] * classes, np.array([20]), sentence_encoder=True).values
        for preset, classes in (("quick", 2), ("balanced", 2), ("quick", 60))
    )
    assert (once["epochs"], once["schedule"], once["head_first"]) == (1, "constant", False)
    assert (often["epochs"], often["schedule"], often["head_first"]) == (3, "linear", True)
    assert (many["epochs"], many["schedule"], many["head_first"]) == (1, "constant", True)


def test_small_data_gets_more_rounds():
    small, large = (derive("balanced", rows, [rows, rows], np.array([20])).values["epochs"] for rows in (300, 30000))
    assert small > large


def test_the_token_limit_follows_the_texts_and_says_what_it_cuts():
    chosen = derive("balanced", 1000, [500, 500], np.array([20] * 98 + [400] * 2))
    assert chosen.values["max_tokens"] == 32
    assert chosen.reasons["max_tokens"] == "98% of the texts are read in full."


@pytest.mark.parametrize("preset", PRESETS)
def test_few_texts_still_get_enough_corrections(preset):
    values = derive(preset, 16, [8, 8], np.array([20])).values
    assert values["epochs"] * math.ceil(16 / values["batch_size"]) >= PRESETS[preset].steps


def test_balancing_is_offered_where_classes_differ_much():
    assert "balance" not in derive("balanced", 1000, [600, 400], np.array([20])).reasons
    offered = derive("balanced", 1000, [900, 100], np.array([20]))
    assert offered.reasons["balance"] == "The largest class has 9 times as many texts as the smallest."
    assert "balance" not in offered.values
