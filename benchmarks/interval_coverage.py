"""How often 95% intervals hold the truth: over simulated test sets of models whose true scores are known.

python -m benchmarks.interval_coverage [--sets 2000]
"""

import argparse
import time

import numpy as np

from engine.evaluation import metrics
from engine.evaluation.calibration import BINS, calibration_error, temper
from engine.evaluation.comparing import gap_interval, macro_f1_gap
from engine.evaluation.resampling import intervals

SCORES = (
    "accuracy",
    "macro_f1",
    "weighted_f1",
    "balanced_accuracy",
    "mcc",
    "log_loss",
    "roc_auc",
    "average_precision",
)
FURTHER = ("calibration_error", "accuracy_gap", "macro_f1_gap")
TOO_SURE = 1.5  # by which temperature the probabilities are spoilt that the calibration error is told of
WORSE = 0.5  # how much less well the other of two compared models tells the right class
CASES = {  # rows of the test set, share of each class, how well the model tells the right class (logits)
    "two classes, 70 and 30%": (200, (0.7, 0.3), 2.0),
    "three classes, 50, 30 and 20%": (400, (0.5, 0.3, 0.2), 2.5),
    "ten classes": (500, (0.1,) * 10, 2.5),
    "few mistakes": (300, (0.5, 0.5), 3.0),
    "few texts": (60, (0.5, 0.5), 2.0),
}
LARGE = 400_000  # rows that give the true scores


def answers(
    rows: int, shares: tuple[float, ...], skill: float, chance: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(true, predicted) class numbers and (rows, classes) probabilities of an imagined model."""
    true = chance.choice(len(shares), rows, p=shares)
    logits = chance.normal(size=(rows, len(shares)))
    logits[np.arange(rows), true] += skill
    odds = np.exp(logits)
    return true, odds.argmax(axis=1), odds / odds.sum(axis=1, keepdims=True)


def coverage(rows: int, shares: tuple[float, ...], skill: float, sets: int) -> dict[str, float]:
    labels = list(range(len(shares)))
    chance = np.random.default_rng(0)
    true, predicted, probabilities = answers(LARGE, shares, skill, chance)
    truth = metrics.scores(true, predicted, labels) | metrics.ranking(true, probabilities, labels)
    held = dict.fromkeys(SCORES, 0)
    for seed in range(sets):
        found = intervals(*answers(rows, shares, skill, chance), labels, seed)
        for name in SCORES:
            low, high = found[name] or (-np.inf, np.inf)
            held[name] += low <= truth[name] <= high
    return {name: times / sets for name, times in held.items()}


def further_coverage(rows: int, shares: tuple[float, ...], skill: float, sets: int) -> dict[str, float]:
    """Of the calibration error of a model that is too sure, and of what two models differ by on the same texts."""
    labels = list(range(len(shares)))

    def drawn(count: int, chance: np.random.Generator):
        true, first, probabilities = answers(count, shares, skill, chance)
        logits = np.log(probabilities)
        logits += chance.normal(size=logits.shape)  # knows what the first knows, and errs more
        logits[np.arange(count), true] += skill * WORSE / 4
        sure = temper(probabilities / probabilities.sum(axis=1, keepdims=True), 1 / TOO_SURE).max(axis=1)
        return true, first, logits.argmax(axis=1), sure

    def error(sure: np.ndarray, right: np.ndarray) -> float:
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        return float(np.abs(np.bincount(place, right - sure)).sum() / len(sure))

    chance = np.random.default_rng(0)
    true, first, second, sure = drawn(LARGE, chance)
    truth = {
        "calibration_error": error(sure, true == first),
        "accuracy_gap": float((true == first).mean() - (true == second).mean()),
        "macro_f1_gap": metrics.scores(true, first, labels)["macro_f1"] - metrics.scores(true, second, labels)["macro_f1"],
    }
    held = dict.fromkeys(FURTHER, 0)
    for seed in range(sets):
        true, first, second, sure = drawn(rows, chance)
        a, b = true == first, true == second
        found = {
            "calibration_error": calibration_error(sure, a, seed)[1],
            "accuracy_gap": gap_interval(int((a & ~b).sum()), int((b & ~a).sum()), rows),
            "macro_f1_gap": macro_f1_gap(true, first, second, labels, seed)[1],
        }
        for name, (low, high) in found.items():
            held[name] += low <= truth[name] <= high
    return {name: times / sets for name, times in held.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=2000, help="simulated test sets of each case")
    asked = parser.parse_args()
    print(f"Share of {asked.sets:,} simulated test sets whose 95% interval holds the truth")
    print("| test set | " + " | ".join((*SCORES, *FURTHER)).replace("_", " ") + " |")
    for case, (rows, shares, skill) in CASES.items():
        found = coverage(rows, shares, skill, asked.sets) | further_coverage(rows, shares, skill, asked.sets)
        held = " | ".join(f"{found[name]:.3f}" for name in (*SCORES, *FURTHER))
        print(f"| {case}, {rows} texts | {held} |", flush=True)
    true, predicted, probabilities = answers(10_000, (0.1,) * 10, 2.5, np.random.default_rng(0))
    start = time.perf_counter()
    intervals(true, predicted, probabilities, list(range(10)))
    middle = time.perf_counter()
    calibration_error(probabilities.max(axis=1), true == predicted)
    end = time.perf_counter()
    print(
        f"\nAll intervals of 10,000 texts in ten classes: {middle - start:.1f} s; that of the calibration error: "
        f"{end - middle:.1f} s"
    )


if __name__ == "__main__":
    main()
