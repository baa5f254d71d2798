"""Can the model's confidence be trusted: when it says 90%, is it right nine times of ten?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from engine.evaluation import RESAMPLES
from engine.evaluation.metrics import LEAST_PROBABILITY, wilson
from engine.evaluation.predictions import labels_of, probabilities_of
from engine.evaluation.resampling import AT_ONCE, MIDDLE

BINS = 10
COOLEST, HOTTEST = 0.05, 20.0  # bounds of the temperature
LEAST_MISTAKES = 5  # on validation, to tell a temperature from
PRIOR = 0.5  # deviation of the logarithm of the temperature: 0.4 to 2.7 is taken for likely; docs/decisions.md


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
    """The confidence on the test texts, as it is and corrected by `temperature`.

    few_mistakes: on these, so that the temperature is hardly more than a guess.
    """

    error: float
    interval: tuple[float, float]
    bins: list[Bin]
    temperature: float
    few_mistakes: bool
    corrected_error: float
    corrected_interval: tuple[float, float]
    corrected_bins: list[Bin]


def judge(table: pd.DataFrame, temperature: float | None = None) -> Judged:
    """table: the predictions of a run, of both splits. temperature: None: fitted on the validation texts."""
    validation, test = (table[table["split"] == split] for split in ("validation", "test"))
    temperature = temperature_of(validation) if temperature is None else temperature
    few = int((validation["label"] != validation["predicted"]).sum()) < LEAST_MISTAKES
    probabilities, right = probabilities_of(test), (test["label"] == test["predicted"]).to_numpy()
    sure, corrected = probabilities.max(axis=1), temper(probabilities, temperature).max(axis=1)
    error, interval = calibration_error(sure, right)
    after, interval_after = calibration_error(corrected, right)
    return Judged(
        error,
        interval,
        reliability(sure, right),
        temperature,
        few,
        after,
        interval_after,
        reliability(corrected, right),
    )


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(texts, classes) probabilities as if the logits had been divided by `temperature`: above 1 the model is less sure.

    Which class is the likeliest stays the same (Guo et al. 2017, section 4.2).
    """
    if temperature == 1.0:
        return probabilities
    logits = np.log(np.clip(probabilities, LEAST_PROBABILITY, 1.0)) / temperature
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def temperature_of(table: pd.DataFrame) -> float:
    """The likeliest temperature on these predictions."""
    number = {label: index for index, label in enumerate(labels_of(table))}
    return fit_temperature(probabilities_of(table), table["label"].map(number).to_numpy())


def fit_temperature(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The likeliest temperature on texts that were not learnt from. targets: (texts,) class numbers.

    The lowest log loss alone would make a model that has all of them right sure of everything. So its logarithm is held
    near 0 by a normal prior (the posterior's mode: Bishop 2006, section 3.3), which outweighs few texts and not many.
    """

    def loss(power: float) -> float:
        chosen = temper(probabilities, float(np.exp(power)))[np.arange(len(targets)), targets]
        return float(-np.log(np.clip(chosen, LEAST_PROBABILITY, 1.0)).sum() + (power / PRIOR) ** 2 / 2)

    found = minimize_scalar(loss, bounds=(np.log(COOLEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def reliability(confidence: np.ndarray, right: np.ndarray) -> list[Bin]:
    """Bins of equal width that hold any text, the least sure first."""
    place = _bins_of(confidence.astype(np.float64))
    found = []
    for number in np.unique(place):
        inside = place == number
        count, hits = int(inside.sum()), int(right[inside].sum())
        found.append(Bin(float(confidence[inside].mean()), hits / count, *wilson(hits, count), count))
    return found


def _bins_of(confidence: np.ndarray) -> np.ndarray:
    """(texts,) the number of the bin that each confidence lies in. float64: others round 0.7 into the next one."""
    return np.minimum((confidence * BINS).astype(int), BINS - 1)


def calibration_error(confidence: np.ndarray, right: np.ndarray, seed: int = 0) -> tuple[float, tuple[float, float]]:
    """(expected calibration error, the 95% interval of the true one, over the texts).

    The mean gap between what was said and what was right, over BINS bins weighted by their texts (Naeini et al. 2015).
    Luck alone makes gaps, so that this error is too high: the interval is that of the Bayesian bootstrap, with an imaginary
    text as in resampling.py, lowered by how much the resamples are too high (Kumar et al. 2019, section 5), at its lower end
    twice, as the error itself is too high by about as much. It begins at 0 where a model whose confidence is right would
    often err as much (consistency resampling: Bröcker and Smith 2007).
    """
    said = confidence.astype(np.float64)
    order = np.argsort(said, kind="stable")
    said, right = said[order], right[order].astype(np.float64)
    place = _bins_of(said)
    begin = np.flatnonzero(np.append(True, place[1:] != place[:-1]))  # of each bin that holds any text
    means = np.add.reduceat(said, begin) / np.diff(np.append(begin, len(said)))
    gap = (right - said).astype(np.float32)[:, None]
    error = float(np.abs(np.add.reduceat(gap[:, 0], begin, dtype=np.float64)).sum() / len(said))
    chance = np.random.default_rng(seed)
    drawn, by_luck = [], []
    for start in range(0, RESAMPLES, AT_ONCE):
        shape = (len(said), min(AT_ONCE, RESAMPLES - start))
        weights = chance.standard_exponential(shape, np.float32)
        every, bins = np.arange(shape[1]), chance.integers(0, len(begin), shape[1])
        imaginary = chance.standard_exponential(shape[1])
        sums = np.add.reduceat(weights * gap, begin).astype(np.float64)
        sums[bins, every] += imaginary * (chance.integers(0, 2, shape[1]) - means[bins])
        drawn.append(np.abs(sums).sum(axis=0) / (weights.sum(axis=0) + imaginary))
        lucky = (chance.random(shape, np.float32) < said[:, None]) - said.astype(np.float32)[:, None]
        by_luck.append(np.abs(np.add.reduceat(lucky, begin)).sum(axis=0) / len(said))
    resampled = np.concatenate(drawn)
    too_high = max(0.0, float(resampled.mean()) - error)
    low, high = np.quantile(resampled, MIDDLE) - np.array([2, 1]) * too_high
    if error <= np.quantile(np.concatenate(by_luck), MIDDLE[1]):
        low = 0.0
    return error, (float(np.clip(low, 0.0, error)), float(max(high, error)))
