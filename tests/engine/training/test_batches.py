import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.training.batches import Batches, scoring_batches


def make(lengths, batch_size=4, seed=0):
    encoded = [torch.arange(1, length + 1) for length in lengths]
    return Batches(encoded, list(range(len(lengths))), batch_size, seed, pad_id=0)


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
    whole = [batch.rows.tolist() for batch in make(lengths).epoch(1)]
    assert [batch.rows.tolist() for batch in make(lengths).epoch(1, skip)] == whole[skip:]


def test_epochs_and_seeds_differ_and_repeat():
    batches = make(range(1, 100))
    assert not np.array_equal(np.concatenate(batches.order(0)), np.concatenate(batches.order(1)))
    assert np.array_equal(np.concatenate(batches.order(0)), np.concatenate(make(range(1, 100)).order(0)))
    assert not np.array_equal(
        np.concatenate(batches.order(0)), np.concatenate(make(range(1, 100), seed=1).order(0))
    )


def test_padding_is_masked_and_labels_belong_to_their_rows():
    for batch in make([3, 7, 1, 9, 2]).epoch(0):
        assert batch.input_ids.shape == batch.attention_mask.shape
        assert batch.labels.tolist() == batch.rows.tolist()
        assert torch.equal(batch.attention_mask, (batch.input_ids > 0).long())


def test_similar_lengths_come_together():
    chance = np.random.default_rng(0)
    batches = make(chance.integers(5, 200, 2000), batch_size=32)
    padded = sum(batch.input_ids.numel() for batch in batches.epoch(0))
    assert sum(batches.lengths) / padded > 0.9


@settings(max_examples=40, deadline=None)
@given(lengths)
def test_scoring_covers_all_rows_within_the_budget(lengths):
    batches = scoring_batches(
        [torch.ones(length, dtype=torch.int64) for length in lengths], pad_id=0, token_budget=64
    )
    assert sorted(np.concatenate([batch.rows for batch in batches])) == list(range(len(lengths)))
    assert all(batch.input_ids.numel() <= 64 for batch in batches)
