"""Batches of texts of similar length, so that little time goes into padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

POOL = 50  # batches that are sorted by length together: more wastes less padding, fewer mixes better


@dataclass(frozen=True)
class Batch:
    """rows: (batch,) int64 positions in the encoded texts. input_ids, attention_mask: (batch, tokens) int64.

    labels: (batch,) int64, or None where only predictions are wanted.
    """

    rows: np.ndarray
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device) -> "Batch":
        labels = self.labels if self.labels is None else self.labels.to(device, non_blocking=True)
        return Batch(
            self.rows,
            self.input_ids.to(device, non_blocking=True),
            self.attention_mask.to(device, non_blocking=True),
            labels,
        )


class Batches:
    """The training texts in batches: every row exactly once an epoch, in an order set by seed and epoch alone."""

    def __init__(
        self, encoded: Sequence[torch.Tensor], labels: Sequence[int], batch_size: int, seed: int, pad_id: int
    ):
        self.encoded, self.labels = encoded, torch.as_tensor(labels)
        self.lengths = np.array([len(ids) for ids in encoded])
        self.batch_size, self.seed, self.pad_id = batch_size, seed, pad_id

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-len(self.encoded) // self.batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        """The batches of an epoch (counted from 0), without the first `skip`."""
        for rows in self.order(epoch)[skip:]:
            yield collate(self.encoded, rows, self.pad_id, self.labels)

    def order(self, epoch: int) -> list[np.ndarray]:
        """Row positions of each batch: shuffled, sorted by length within pools, cut into batches, those shuffled."""
        rng = np.random.default_rng((self.seed, epoch))
        shuffled = rng.permutation(len(self.encoded))
        pool = POOL * self.batch_size
        in_pools = [shuffled[start : start + pool] for start in range(0, len(shuffled), pool)]
        by_length = np.concatenate([rows[np.argsort(self.lengths[rows], kind="stable")] for rows in in_pools])
        batches = [
            by_length[start : start + self.batch_size] for start in range(0, len(by_length), self.batch_size)
        ]
        return [batches[i] for i in rng.permutation(len(batches))]


def scoring_batches(encoded: Sequence[torch.Tensor], pad_id: int, token_budget: int = 8192) -> list[Batch]:
    """All rows, the longest first, as many to a batch as `token_budget` padded tokens allow."""
    by_length = sorted(range(len(encoded)), key=lambda row: -len(encoded[row]))
    batches: list[Batch] = []
    start = 0
    while start < len(by_length):
        size = max(1, token_budget // max(1, len(encoded[by_length[start]])))
        batches.append(collate(encoded, np.array(by_length[start : start + size]), pad_id))
        start += size
    return batches


def collate(
    encoded: Sequence[torch.Tensor], rows: np.ndarray, pad_id: int, labels: torch.Tensor | None = None
) -> Batch:
    """Pad the chosen rows to the longest of them."""
    ids = torch.nn.utils.rnn.pad_sequence(
        [encoded[row] for row in rows], batch_first=True, padding_value=pad_id
    )
    lengths = torch.tensor([len(encoded[row]) for row in rows])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    return Batch(rows, ids, mask, None if labels is None else labels[torch.from_numpy(rows)])
