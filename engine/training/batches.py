"""Which texts are learnt together: batches of similar length, so that little time goes into padding."""

from collections.abc import Iterator

import numpy as np

POOL = 50  # batches that are sorted by length together: more wastes less padding, fewer mixes better


class Batches:
    """The order of learning: every text exactly once an epoch, in batches set by seed and epoch alone."""

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int):
        """lengths: (texts,) in tokens."""
        self.lengths, self.batch_size, self.seed = np.asarray(lengths), batch_size, seed

    def __len__(self) -> int:
        """Batches per epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[np.ndarray]:
        """(texts,) the rows of each batch of an epoch (counted from 0), without the first `skip` batches."""
        yield from self.order(epoch)[skip:]

    def order(self, epoch: int) -> list[np.ndarray]:
        """Row positions of each batch: shuffled, sorted by length within pools, cut into batches, those shuffled."""
        rng = np.random.default_rng((self.seed, epoch))
        shuffled = rng.permutation(len(self.lengths))
        pool = POOL * self.batch_size
        in_pools = [shuffled[start : start + pool] for start in range(0, len(shuffled), pool)]
        by_length = np.concatenate([rows[np.argsort(self.lengths[rows], kind="stable")] for rows in in_pools])
        batches = [by_length[start : start + self.batch_size] for start in range(0, len(by_length), self.batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]
