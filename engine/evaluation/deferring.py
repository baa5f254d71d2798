"""Which answers to trust, and which to leave to a person: a threshold on the model's confidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ALWAYS_A_PERSON = 1.01  # a threshold that no confidence reaches, not even one that is rounded to 1


@dataclass(frozen=True)
class Deferral:
    """covered: share of texts that the model answers by itself. accuracy: of those; None where there are none."""

    covered: float
    accuracy: float | None


def defer(confidence: np.ndarray, right: np.ndarray, threshold: float | np.ndarray) -> Deferral:
    """What happens at a threshold, from which on the model answers; one for all or (texts,).

    confidence: (texts,) probability of each answer. right: (texts,) whether it is.
    """
    answered = confidence >= threshold
    count = int(answered.sum())
    return Deferral(count / len(confidence), float(right[answered].mean()) if count else None)


def curve(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(covered, accuracy, threshold) for every threshold that makes a difference, the fewest texts first."""
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.append(ranked[1:] < ranked[:-1], True)  # of texts equally sure only all together can be answered
    count = np.arange(1, len(ranked) + 1)
    accuracy = np.cumsum(right[order]) / count
    return (count / len(ranked))[last], accuracy[last], ranked[last]


@dataclass(frozen=True)
class Bill:
    """What mistakes and people cost for 100 texts: with thresholds, if the model answers all, and if a person does."""

    chosen: float
    all_by_model: float
    all_by_person: float


def cheapest(
    said: np.ndarray, confidence: np.ndarray, right: np.ndarray, mistake: Mapping[str, float], person: float
) -> dict[str, float]:
    """For each answer the threshold with the least cost on these texts. said: (texts,) answers. mistake: what it costs to
    give an answer wrongly; person: what it costs when a person answers.

    Each answer is looked at by itself: from the surest text on as many are answered as cost less than people. A threshold
    lies midway between the last text that is answered and the next; ALWAYS_A_PERSON where none is worth it, or where the
    answer is never said, so that nothing is known of it; 0 where all are.
    """
    found = {}
    for answer, cost in mistake.items():
        mine = said == answer
        if not mine.any():
            found[answer] = ALWAYS_A_PERSON
            continue
        order = np.argsort(-confidence[mine], kind="stable")
        ranked, wrong = confidence[mine][order], ~right[mine][order]
        last = np.append(ranked[1:] < ranked[:-1], True)
        count = np.append(0, np.arange(1, len(ranked) + 1)[last])
        total = np.append(0, np.cumsum(wrong)[last]) * cost + (len(ranked) - count) * person
        kept = int(count[len(total) - 1 - np.argmin(total[::-1])])  # of equally cheap ones, the one that asks people least
        if kept == len(ranked):
            found[answer] = 0.0
        elif kept == 0:
            found[answer] = ALWAYS_A_PERSON
        else:
            found[answer] = (float(ranked[kept - 1]) + float(ranked[kept])) / 2
    return found


def bill(
    said: np.ndarray,
    confidence: np.ndarray,
    right: np.ndarray,
    thresholds: Mapping[str, float],
    mistake: Mapping[str, float],
    person: float,
) -> Bill:
    """What it costs on these texts. As in `cheapest`."""
    least, cost = (np.array([values[one] for one in said]) for values in (thresholds, mistake))
    answered = confidence >= least
    each = 100 / len(said)
    return Bill(
        float((cost * (answered & ~right)).sum() + person * (~answered).sum()) * each,
        float((cost * ~right).sum()) * each,
        person * 100.0,
    )
