"""Which labels may be wrong, where the model is sure and wrong, and which texts it is least sure of."""

import warnings
from typing import Literal

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from scipy.stats import entropy

from engine.evaluation.predictions import labels_of, probabilities_of

OUT_OF_SAMPLE = ("validation", "test")
Kind = Literal["labels", "confident", "uncertain"]


def judge(predictions: pd.DataFrame) -> pd.DataFrame:
    """The validation and test rows, in the order of the table; what the model learnt from says nothing about its label.

    Columns source_row, split, text, label, predicted, and: given (the probability of the given label, cleanlab's label
    quality), sure (that of the answer), entropy (of all, 0 to 1), doubtful (bool: the label is likely wrong, by confident
    learning, Northcutt et al. 2021).
    """
    found = predictions[predictions["split"].isin(OUT_OF_SAMPLE)].reset_index(drop=True)
    kept = found[["source_row", "split", "text", "label", "predicted"]]
    if found.empty:
        return kept.assign(given=0.0, sure=0.0, entropy=0.0, doubtful=False)
    number = {label: place for place, label in enumerate(labels_of(found))}
    given, probabilities = found["label"].map(number).to_numpy(), probabilities_of(found).astype(np.float64)
    return kept.assign(
        given=get_label_quality_scores(given, probabilities),
        sure=probabilities.max(axis=1),
        entropy=entropy(probabilities, axis=1) / np.log(len(number)),
        doubtful=_contradicted(given, probabilities),
    )


def _contradicted(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(rows,) bool. As many as confident learning counts, those with the least probability of the given label."""
    if len(np.unique(given)) < 2:
        return np.zeros(len(given), dtype=bool)  # how often classes are mistaken for another cannot be told from one
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few texts
        # The methods that prune by class or noise rate keep their work in global variables; pages run in threads.
        found = find_label_issues(given, probabilities, filter_by="low_self_confidence", n_jobs=1)
    return found & (probabilities.argmax(axis=1) != given)


def ranked(judged: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """The rows of `judge` that are worth a look, the worst first.

    kind: "labels" that may be wrong, the model sure ("confident") and wrong, or "uncertain": all rows, the least sure first.
    """
    if kind == "uncertain":
        order = judged.sort_values(["entropy", "split", "source_row"], ascending=[False, True, True], kind="stable")
        return order.reset_index(drop=True)
    wrong = judged[judged["doubtful"] if kind == "labels" else judged["predicted"] != judged["label"]]
    by, rising = ("given", True) if kind == "labels" else ("sure", False)
    return wrong.sort_values([by, "split", "source_row"], ascending=[rising, True, True], kind="stable").reset_index(
        drop=True
    )
