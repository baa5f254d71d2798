import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.training.batches import Batches


def make(lengths, batch_size=4, seed=0):
    return Batches(np.array(lengths), batch_size, seed)


lengths = st.lists(st.integers(1, 30), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(lengths, st.integers(1, 9), st.integers(0, 3), st.integers(0, 3))
def test_every_row_comes_exactly_once_an_epoch(lengths, batch_size, seed, epoch):
    batches = make(lengths, batch_size, seed)
    order = batches.order(epoch)
    assert sorted(np.concatenate(order)) == list(range(len(lengths)))
    assert len(order) == len(batches)


@settings(max_examples=30, deadline=None)
@given(lengths, st.integers(0, 5))
def test_going_on_in_the_middle_gives_the_same_batches(lengths, skip):
    whole = [rows.tolist() for rows in make(lengths).epoch(1)]
    assert [rows.tolist() for rows in make(lengths).epoch(1, skip)] == whole[skip:]


def test_epochs_and_seeds_differ_and_repeat():
    batches = make(range(1, 100))
    assert not np.array_equal(np.concatenate(batches.order(0)), np.concatenate(batches.order(1)))
    assert np.array_equal(np.concatenate(batches.order(0)), np.concatenate(make(range(1, 100)).order(0)))
    assert not np.array_equal(np.concatenate(batches.order(0)), np.concatenate(make(range(1, 100), seed=1).order(0)))


def test_similar_lengths_come_together():
    lengths = np.random.default_rng(0).integers(5, 200, 2000)
    batches = make(lengths, batch_size=32)
    padded = sum(len(rows) * lengths[rows].max() for rows in batches.epoch(0))
    assert lengths.sum() / padded > 0.9
