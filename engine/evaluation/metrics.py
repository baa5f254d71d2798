"""Scores of predictions, as scikit-learn and scipy compute them; here they are only put together."""

from functools import lru_cache

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)

# An answer said to be impossible would make the log loss infinite; as scikit-learn clips float64.
LEAST_PROBABILITY = float(np.finfo(np.float64).eps)


def scores(actual: list[str] | np.ndarray, predicted: list[str] | np.ndarray, labels: list[str]) -> dict:
    """What the answers alone tell, as plain Python values.

    accuracy, macro_f1, weighted_f1, balanced_accuracy (the mean recall of the classes that occur), mcc (Matthews
    correlation: 0 for guessing, 1 for all right), per_class and confusion_matrix (rows: the true label).
    Classes that occur in neither `actual` nor `predicted` do not count in the averages: nothing is known of them.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    counts = confusion_matrix(actual, predicted, labels=labels)
    precision, recall, f1, support = precision_recall_fscore_support(actual, predicted, labels=labels, zero_division=0)
    seen = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    per_class = {
        label: {
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, label in enumerate(labels)
    }
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "macro_f1": float(f1[seen].mean()),
        "weighted_f1": float(np.average(f1, weights=support)),
        "balanced_accuracy": float(recall[support > 0].mean()),
        "mcc": float(matthews_corrcoef(actual, predicted)) if seen.sum() > 1 else 0.0,
        "per_class": per_class,
        "confusion_matrix": {"labels": list(labels), "counts": counts.tolist()},
    }


def ranking(actual: list[str] | np.ndarray, probabilities: np.ndarray, labels: list[str]) -> dict:
    """What the probabilities tell beyond the answers. probabilities: (rows, classes).

    log_loss (nats per text; 0 where it was always sure and right), roc_auc and average_precision, each the mean over
    the classes, one against the rest, and by_class. A class of which all or none of the rows are has none: None.
    """
    actual = np.asarray(actual)
    by_class = {}
    for label, column in zip(labels, probabilities.T, strict=True):
        mine = actual == label
        known = 0 < mine.sum() < len(mine)
        by_class[label] = {
            "roc_auc": float(roc_auc_score(mine, column)) if known else None,
            "average_precision": float(average_precision_score(mine, column)) if known else None,
        }
    return {
        "log_loss": log_loss(actual, probabilities, labels),
        **{
            key: float(np.mean(values))
            if (values := [one[key] for one in by_class.values() if one[key] is not None])
            else None
            for key in ("roc_auc", "average_precision")
        },
        "by_class": by_class,
    }


def log_loss(actual: list[str] | np.ndarray, probabilities: np.ndarray, labels: list[str]) -> float:
    """Nats per text. probabilities: (rows, classes)."""
    place = {label: index for index, label in enumerate(labels)}
    chosen = probabilities[np.arange(len(actual)), [place[label] for label in actual]]
    return float(-np.log(np.clip(chosen, LEAST_PROBABILITY, 1.0)).mean())


def wilson(hits: int, count: int) -> list[float] | None:
    """The 95% interval of a share (Wilson 1927); None where nothing was counted."""
    if not count:
        return None
    return list(_wilson(int(hits), int(count)))


@lru_cache(maxsize=10_000)  # many classes have as many texts and hits as others, and scipy computes a p-value first
def _wilson(hits: int, count: int) -> tuple[float, float]:
    found = binomtest(hits, count).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)
