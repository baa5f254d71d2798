"""Which answers to trust, and which to leave to a person: a threshold on the model's confidence."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Deferral:
    """What happens at a threshold. covered: share of texts that the model answers by itself. accuracy: of those; None where
    there are none."""

    threshold: float
    covered: float
    accuracy: float | None


def defer(confidence: np.ndarray, right: np.ndarray, threshold: float) -> Deferral:
    """confidence: (texts,) probability of each answer. right: (texts,) whether it is. From `threshold` on, it answers."""
    answered = confidence >= threshold
    count = int(answered.sum())
    return Deferral(threshold, count / len(confidence), float(right[answered].mean()) if count else None)


def curve(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(covered, accuracy, threshold) for every threshold that makes a difference, the fewest texts first."""
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.append(
        ranked[1:] < ranked[:-1], True
    )  # of texts equally sure only all together can be answered
    count = np.arange(1, len(ranked) + 1)
    accuracy = np.cumsum(right[order]) / count
    return (count / len(ranked))[last], accuracy[last], ranked[last]
