import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.loading import load_model
from engine.training.layout import Encoded, Features, padded_length, pieces
from engine.training.scoring import features, probabilities

lengths = st.lists(st.integers(1, 30), min_size=1, max_size=60)


def texts(lengths, pad_id=0):
    """Texts of these lengths whose tokens are 1, 2, 3 and so on, so that each token says where it belongs."""
    ids = torch.cat([torch.arange(1, length + 1) for length in lengths]).int()
    return Encoded(ids, np.concatenate([[0], np.cumsum(lengths)]), pad_id)


def test_padding_is_masked():
    batch = texts([3, 7, 1, 9, 2], pad_id=0).lay_out(np.array([1, 0, 2]), pack=False)
    assert batch.input_ids.tolist() == [
        [1, 2, 3, 4, 5, 6, 7, 0],
        [1, 2, 3, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert torch.equal(batch.attention_mask, (batch.input_ids > 0).long())


def test_padding_never_goes_beyond_the_longest_text():
    assert texts([3, 7, 1]).lay_out(np.array([1]), pack=False).input_ids.shape == (1, 7)


def test_texts_of_all_lengths_come_in_few_shapes_and_the_forecast_knows_which():
    every = texts(range(1, 63))
    laid = {every.lay_out(np.array([row]), pack=False).input_ids.shape[1] for row in range(62)}
    assert len(laid) == 16
    assert laid == {padded_length(every.lengths[[row]], every.longest) for row in range(62)}


def test_packed_texts_lie_one_behind_another():
    batch = texts([3, 7, 1, 9, 2]).lay_out(np.array([4, 0, 2]), pack=True)
    assert batch.input_ids.tolist() == [[1, 2, 1, 2, 3, 1]]
    assert batch.position_ids.tolist() == [[0, 1, 0, 1, 2, 0]]
    assert batch.starts.tolist() == [0, 2, 5, 6]
    assert batch.longest == 3


@settings(max_examples=40, deadline=None)
@given(lengths)
def test_a_selection_holds_the_texts_asked_for(lengths):
    rows = np.random.default_rng(0).permutation(len(lengths))[: len(lengths) // 2 + 1]
    chosen = texts(lengths).select(rows)
    assert chosen.lengths.tolist() == [lengths[row] for row in rows]
    assert all(
        chosen.lay_out(np.array([place]), pack=False).input_ids[0, : lengths[row]].tolist()
        == list(range(1, lengths[row] + 1))
        for place, row in enumerate(rows)
    )


@settings(max_examples=60, deadline=None)
@given(lengths, st.integers(1, 100), st.integers(1, 20))
def test_pieces_hold_every_row_once_within_their_bounds(lengths, most_tokens, most_rows):
    lengths = np.array(lengths)
    parts = pieces(lengths, np.arange(len(lengths)), most_tokens, most_rows)
    assert sorted(np.concatenate(parts)) == list(range(len(lengths)))
    assert all(len(part) <= most_rows for part in parts)
    assert all(len(part) == 1 or len(part) * lengths[part].max() <= most_tokens for part in parts)


def test_a_head_on_computed_features_answers_as_the_whole_model(tiny_model):
    model, some = load_model(tiny_model, ["a", "b", "c"]), texts([5, 9, 3, 12])
    computed = features(model, some)
    assert isinstance(computed, Features)
    assert probabilities(model, computed) == pytest.approx(probabilities(model, some), abs=1e-6)


@given(lengths)
def test_texts_that_fill_up_change_no_answer(lengths):
    batch = texts(lengths).lay_out(np.arange(len(lengths)), pack=True)
    filled = batch.filled()
    tokens, count = sum(lengths), len(lengths)
    assert torch.equal(filled.input_ids[:, :tokens], batch.input_ids)
    assert torch.equal(filled.position_ids[:, :tokens], batch.position_ids)
    assert torch.equal(filled.starts[: count + 1], batch.starts)
    more = filled.starts.diff()[count:]
    assert int(filled.starts[-1]) == filled.input_ids.shape[1] == filled.position_ids.shape[1]
    assert int(more.min()) >= 1
    assert int(more.max()) <= max(2, *lengths) <= filled.longest
    assert filled.position_ids[0, tokens:].tolist() == [place for length in more.tolist() for place in range(length)]


def test_filled_up_batches_come_in_few_shapes():
    chance = np.random.default_rng(0)
    batches = [chance.integers(6, 60, 32) for _ in range(500)]
    filled = [texts(list(one)).lay_out(np.arange(32), pack=True).filled() for one in batches]
    shapes = {(one.input_ids.shape[1], len(one), one.longest) for one in filled}
    assert len(shapes) <= 5
    assert sum(one.input_ids.shape[1] for one in filled) < 1.25 * sum(int(one.sum()) for one in batches)
