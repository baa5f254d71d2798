"""What the pieces of a text add to the score of a class; for models of every kind."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

Scores = TypeVar("Scores")  # an array of numpy or a tensor of torch
LEAST_MOVE = 0.1  # of a margin: at most 2.5 points of probability between two classes


@dataclass(frozen=True)
class Contributions:
    """spans: [(start, end)], where each piece stands in the text. values: (pieces,) float64, what each adds.

    blank: the score of a text without any content. score: that of the text. Their difference is what `values` add up to.
    """

    spans: list[tuple[int, int]]
    values: np.ndarray
    score: float
    blank: float


def completeness_error(missed: float, moved: float) -> float:
    """How far parts are from adding up, as a share of how far the score `moved` (completeness: Sundararajan et al. 2017).

    Where the score hardly moves, as a share of LEAST_MOVE: of next to nothing, any miss would be a large share.
    """
    return abs(missed) / max(abs(moved), LEAST_MOVE)


def margin(scores: Scores, target: int) -> Scores:
    """The score of a class, (...), from those of all, (..., classes): its logit minus the mean of the other classes'.

    Softmax takes logits with any number added to all of them as the same; the margin does so too. Of two classes it is
    the logarithm of the odds.
    """
    chosen = scores[..., target]
    return chosen - (scores.sum(-1) - chosen) / max(1, scores.shape[-1] - 1)
