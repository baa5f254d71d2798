"""How texts lie in memory, and how some of them are laid out for the model."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from engine.models import attention
from engine.models.heads import head_logits

MOST_TOKENS = {
    "cpu": 4096,
    "cuda": 32768,
    "mps": 8192,
}  # at a time, padded: more gains nothing and costs memory
# On a graphics card: what the longest text and the number of texts are rounded up to, and that of tokens at most.
TILE, SOME, GRAIN = 128, 8, 512
STEP = 4  # padded lengths come in multiples: processors keep a compiled multiplication and its memory for each shape


class Batch(Protocol):
    """Some texts, ready for the model."""

    def logits(self, model: PreTrainedModel) -> torch.Tensor:
        """(texts, classes), before softmax."""


class Source(Protocol):
    """Texts that a model can be asked about. lengths: (texts,) int64, what each costs, in tokens."""

    lengths: np.ndarray

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> "Source": ...

    def select(self, rows: np.ndarray) -> "Source": ...

    def lay_out(self, rows: np.ndarray, pack: bool) -> Batch: ...


@dataclass(frozen=True)
class Padded:
    """Texts as rows of the same length. input_ids, attention_mask: (texts, tokens) int64."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor

    def logits(self, model: PreTrainedModel) -> torch.Tensor:
        return model(input_ids=self.input_ids, attention_mask=self.attention_mask).logits

    def hidden(self, model: PreTrainedModel) -> torch.Tensor:
        """(texts, 1, width): the encoder's last values at the first token of each text."""
        base = model.base_model(input_ids=self.input_ids, attention_mask=self.attention_mask)
        return base.last_hidden_state[:, :1]


@dataclass(frozen=True)
class Packed:
    """Texts one behind another, without padding. input_ids, position_ids: (1, tokens) int64.

    starts: (texts + 1,) int32, where each begins and the last one ends. longest: the most tokens of one text, or more.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    starts: torch.Tensor
    longest: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def filled(self) -> "Packed":
        """With some more texts behind that mean nothing (see `filling`)."""
        device, tokens = self.input_ids.device, self.input_ids.shape[1]
        more = filling(len(self), tokens, self.longest)
        ends = send((tokens + more.cumsum()).astype(np.int32), device)
        positions = send(_positions(more), device)[None]
        return Packed(
            nn.functional.pad(self.input_ids, (0, positions.shape[1])),
            torch.cat([self.position_ids, positions], dim=1),
            torch.cat([self.starts, ends]),
            -(-self.longest // TILE) * TILE,
        )

    def logits(self, model: PreTrainedModel) -> torch.Tensor:
        return head_logits(model, self.hidden(model))

    def hidden(self, model: PreTrainedModel) -> torch.Tensor:
        """As of Padded."""
        return attention.hidden_of_packed(model, self.input_ids, self.position_ids, self.starts, self.longest)


@dataclass(frozen=True)
class Encoded:
    """Tokenized texts, one behind another. ids: (tokens,) int32. starts: (texts + 1,) int64, where each one begins."""

    ids: torch.Tensor
    starts: np.ndarray
    pad_id: int = 0

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def lengths(self) -> np.ndarray:
        return np.diff(self.starts)

    @cached_property
    def longest(self) -> int:
        return int(self.lengths.max(initial=0))

    def to(self, device: torch.device) -> "Encoded":
        return replace(self, ids=self.ids.to(device))

    def select(self, rows: np.ndarray) -> "Encoded":
        starts = np.concatenate([[0], self.lengths[rows].cumsum()])
        return replace(self, ids=self.ids[torch.from_numpy(self._places(rows))], starts=starts)

    def lay_out(self, rows: np.ndarray, pack: bool) -> Padded | Packed:
        """The texts at `rows` on the device where all lie: packed, or padded to the longest of them."""
        return self._packed(rows) if pack else self._padded(rows)

    def _padded(self, rows: np.ndarray) -> Padded:
        lengths = self.lengths[rows]
        place = np.arange(padded_length(lengths, self.longest))
        there = place < lengths[:, None]
        where = np.where(there, self.starts[rows][:, None] + place, 0)
        where, mask = self._there(where), self._there(there)
        return Padded(self.ids[where].long().masked_fill_(~mask, self.pad_id), mask.long())

    def _packed(self, rows: np.ndarray) -> Packed:
        lengths = self.lengths[rows]
        starts = np.concatenate([[0], lengths.cumsum()])
        ids = self.ids[self._there(self._places(rows))].long()[None]
        positions = self._there(_positions(lengths))[None]
        return Packed(ids, positions, self._there(starts.astype(np.int32)), int(lengths.max()))

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """(tokens of these rows,) int64: where their tokens lie in `ids`, row after row."""
        lengths = self.lengths[rows]
        begins = lengths.cumsum() - lengths
        return np.repeat(self.starts[rows] - begins, lengths) + np.arange(lengths.sum())

    def _there(self, array: np.ndarray) -> torch.Tensor:
        return send(array, self.ids.device)


@dataclass(frozen=True)
class Features:
    """Texts as the encoder left them, for a head that learns alone. hidden: (texts, 1, width)."""

    hidden: torch.Tensor

    def __len__(self) -> int:
        return len(self.hidden)

    @property
    def lengths(self) -> np.ndarray:
        return np.ones(len(self.hidden), dtype=np.int64)

    def to(self, device: torch.device) -> "Features":
        return Features(self.hidden.to(device))

    def select(self, rows: np.ndarray) -> "Features":
        return Features(self.hidden[send(rows, self.hidden.device)])

    def lay_out(self, rows: np.ndarray, pack: bool) -> "Features":
        return self.select(rows)

    def logits(self, model: PreTrainedModel) -> torch.Tensor:
        return head_logits(model, self.hidden.to(model.dtype))


def padded_length(lengths: np.ndarray, longest: int) -> int:
    """Tokens of each row when these texts are laid out together, padded. longest: the most tokens that any text has."""
    return min(-(-int(lengths.max()) // STEP) * STEP, longest)


def filling(texts: int, tokens: int, longest: int) -> np.ndarray:
    """Lengths of meaningless texts to put behind `texts` of `tokens` in all; none is longer than `longest` (2 or more).

    With them texts and tokens come in few different numbers, each of which a graphics card has to prepare for once
    (engine/training/replaying.py). Up to 4096 tokens, which keep no card busy, a quarter is added at most, or 64 and what
    rounding up the number of texts takes; to more tokens, about GRAIN.
    """
    grain = min(GRAIN, max(64, 2 ** (tokens.bit_length() - 3)))
    enough = -(-grain // max(1, longest - 1))  # each has one token at least
    count = -(-(texts + enough) // SOME) * SOME - texts
    total = -(-(tokens + count) // grain) * grain - tokens
    return np.full(count, total // count) + (np.arange(count) < total % count)


def _positions(lengths: np.ndarray) -> np.ndarray:
    """(tokens,) int64: the place of each token in its text, of texts one behind another."""
    return np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)


def send(array: np.ndarray, device: torch.device) -> torch.Tensor:
    """`array` on `device`, without waiting for what a graphics card is still computing."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


def pieces(lengths: np.ndarray, rows: np.ndarray, most_tokens: int, most_rows: int) -> list[np.ndarray]:
    """`rows` in parts, the longest texts first, none with more than `most_rows` rows or, once padded, `most_tokens`
    tokens, but always with one row at least."""
    rows = rows[np.argsort(-lengths[rows], kind="stable")]
    parts, start = [], 0
    while start < len(rows):
        size = max(1, min(most_rows, most_tokens // max(1, int(lengths[rows[start]]))))
        parts.append(rows[start : start + size])
        start += size
    return parts
