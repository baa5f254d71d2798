"""How often 95% intervals hold the truth: over simulated test sets of models whose true scores are known.

python -m benchmarks.interval_coverage [--sets 2000] [--case "77 classes"]
"""

import argparse
import time

import numpy as np

from engine.evaluation import metrics
from engine.evaluation.calibration import BINS, calibration_error, temper
from engine.evaluation.comparing import gap_interval, macro_f1_gap
from engine.evaluation.resampling import intervals, of_answers

OF_ANSWERS = ("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "mcc", "class_f1")
OF_PROBABILITIES = ("log_loss", "roc_auc", "average_precision")
FURTHER = ("calibration_error", "accuracy_gap", "macro_f1_gap")
TOO_SURE = 1.5  # by which temperature the probabilities are spoilt that the calibration error is told of
WORSE = 0.5  # how much less well the other of two compared models tells the right class
CASES = {  # rows of the test set, share of each class, how well the model tells the right class (logits)
    "two classes, 70 and 30%": (200, (0.7, 0.3), 2.0),
    "three classes, 50, 30 and 20%": (400, (0.5, 0.3, 0.2), 2.5),
    "ten classes": (500, (0.1,) * 10, 2.5),
    "few mistakes": (300, (0.5, 0.5), 3.0),
    "few texts": (60, (0.5, 0.5), 2.0),
    "20 classes": (200, (1 / 20,) * 20, 3.5),
    "20 classes, few texts": (100, (1 / 20,) * 20, 3.5),
    "77 classes": (770, (1 / 77,) * 77, 3.9),
    "77 classes, few texts": (385, (1 / 77,) * 77, 3.9),
}
LARGE = 400_000  # rows that give the true scores
FEW_CLASSES = 10  # up to which the rankings are measured: those of 77 classes would take hours


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
    """Of the scores of one model; those of probabilities for up to FEW_CLASSES."""
    labels, ranked = list(range(len(shares))), len(shares) <= FEW_CLASSES
    chance = np.random.default_rng(0)
    true, predicted, probabilities = answers(LARGE, shares, skill, chance)
    truth = metrics.scores(true, predicted, labels) | (metrics.ranking(true, probabilities, labels) if ranked else {})
    held = dict.fromkeys((*OF_ANSWERS, *OF_PROBABILITIES) if ranked else OF_ANSWERS, 0)

    def holds(interval: list[float] | None, value: float) -> bool:
        low, high = interval or (-np.inf, np.inf)
        return low <= value <= high

    for seed in range(sets):
        true, predicted, probabilities = answers(rows, shares, skill, chance)
        if ranked:
            found = intervals(true, predicted, probabilities, labels, seed)
        else:
            found = of_answers(true, predicted, labels, np.random.default_rng(seed))
        f1 = [holds(found["per_class"][one]["f1"], truth["per_class"][one]["f1"]) for one in labels]
        for name in held:
            held[name] += np.mean(f1) if name == "class_f1" else holds(found[name], truth[name])
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
    parser.add_argument("--case", action="append", choices=CASES, help="only this one; may be given several times")
    asked = parser.parse_args()
    print(f"Share of {asked.sets:,} simulated test sets whose 95% interval holds the truth")
    columns = (*OF_ANSWERS, *OF_PROBABILITIES, *FURTHER)
    print("| test set | " + " | ".join(columns).replace("_", " ") + " |")
    for case in asked.case or CASES:
        rows, shares, skill = CASES[case]
        found = coverage(rows, shares, skill, asked.sets) | further_coverage(rows, shares, skill, asked.sets)
        held = " | ".join(f"{found[name]:.3f}" if name in found else "" for name in columns)
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
