"""Can the model's confidence be trusted: when it says 90%, is it right nine times of ten?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from engine.evaluation.metrics import wilson
from engine.evaluation.predictions import labels_of, probabilities_of
from engine.evaluation.resampling import MIDDLE, RESAMPLES

BINS = 10
COOLEST, HOTTEST = 0.05, 20.0  # bounds of the temperature


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence. said: their mean confidence. right: the share that is right, with its 95% interval."""

    said: float
    right: float
    low: float
    high: float
    texts: int


@dataclass(frozen=True)
class Judged:
    """The confidence on the test texts, as it is and corrected by `temperature`, fitted on the validation texts."""

    error: float
    interval: tuple[float, float]
    bins: list[Bin]
    temperature: float
    corrected_error: float
    corrected_bins: list[Bin]


def judge(table: pd.DataFrame) -> Judged:
    """table: the predictions of a run, of both splits."""
    labels = labels_of(table)
    number = {label: index for index, label in enumerate(labels)}
    validation, test = (table[table["split"] == split] for split in ("validation", "test"))
    temperature = fit_temperature(probabilities_of(validation), validation["label"].map(number).to_numpy())
    probabilities, right = probabilities_of(test), (test["label"] == test["predicted"]).to_numpy()
    sure, corrected = probabilities.max(axis=1), temper(probabilities, temperature).max(axis=1)
    error, interval = calibration_error(sure, right)
    after, _ = calibration_error(corrected, right)
    return Judged(
        error, interval, reliability(sure, right), temperature, after, reliability(corrected, right)
    )


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(texts, classes) probabilities as if the logits had been divided by `temperature`: above 1 the model is less sure.

    Which class is the likeliest stays the same (Guo et al. 2017, section 4.2).
    """
    if temperature == 1.0:
        return probabilities
    logits = np.log(np.clip(probabilities, 1e-12, 1.0)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The temperature with the lowest log loss on texts that were not learnt from. targets: (texts,) class numbers."""

    def log_loss(power: float) -> float:
        chosen = temper(probabilities, float(np.exp(power)))[np.arange(len(targets)), targets]
        return float(-np.log(np.clip(chosen, 1e-12, 1.0)).mean())

    found = minimize_scalar(log_loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Bins of equal width that hold any text, the least sure first."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found = []
    for number in np.unique(place):
        inside = place == number
        count, hits = int(inside.sum()), int(right[inside].sum())
        found.append(Bin(float(confidence[inside].mean()), hits / count, *wilson(hits, count), count))
    return found


def calibration_error(
    confidence: np.ndarray, right: np.ndarray, seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """(expected calibration error, its 95% percentile bootstrap interval over the texts).

    The mean gap between what was said and what was right, over BINS bins weighted by their texts (Naeini et al. 2015).
    """
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = right.astype(float) - confidence
    drawn = np.random.default_rng(seed).integers(0, len(gap), (RESAMPLES, len(gap)))
    drawn = np.vstack([np.arange(len(gap)), drawn])  # first as it is
    sums = np.stack([np.where(place[drawn] == number, gap[drawn], 0.0).sum(axis=1) for number in range(BINS)])
    errors = np.abs(sums).sum(axis=0) / len(gap)
    low, high = np.quantile(errors[1:], MIDDLE)
    return float(errors[0]), (float(low), float(high))
