"""Scores of predictions. Computed by scikit-learn and scipy; here they are only put together."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

RESAMPLES = 1000


def scores(actual: list[str] | np.ndarray, predicted: list[str] | np.ndarray, labels: list[str]) -> dict:
    """accuracy, macro_f1, weighted_f1, per_class and confusion_matrix (rows: the true label), as plain Python values.

    Classes that occur in neither `actual` nor `predicted` do not count in the averages: nothing is known of them.
    """
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    counts = confusion_matrix(actual, predicted, labels=labels)
    precision, recall, f1, support = precision_recall_fscore_support(
        actual, predicted, labels=labels, zero_division=0
    )
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
        "per_class": per_class,
        "confusion_matrix": {"labels": list(labels), "counts": counts.tolist()},
    }


def intervals(
    actual: np.ndarray, predicted: np.ndarray, labels: list[str], seed: int = 0
) -> dict[str, list[float]]:
    """95% intervals: Wilson's for accuracy, the percentile bootstrap over 1,000 resamples of the rows for macro-F1."""
    actual, predicted = np.asarray(actual), np.asarray(predicted)
    right = binomtest(int((actual == predicted).sum()), len(actual)).proportion_ci(0.95, method="wilson")
    counts = confusion_matrix(actual, predicted, labels=labels)
    cells = np.random.default_rng(seed).multinomial(
        len(actual), counts.ravel() / counts.sum(), size=RESAMPLES
    )
    resampled = macro_f1_of(cells.reshape(RESAMPLES, *counts.shape))
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {"accuracy": [float(right.low), float(right.high)], "macro_f1": [float(low), float(high)]}


def macro_f1_of(counts: np.ndarray) -> np.ndarray:
    """(...,) macro-F1 of confusion matrices (..., classes, classes), over the classes that occur in each."""
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    f1 = np.divide(2 * right, both, out=np.zeros(both.shape), where=both > 0)
    return f1.sum(axis=-1) / (both > 0).sum(axis=-1)
