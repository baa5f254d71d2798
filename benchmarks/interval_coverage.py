"""How often 95% intervals hold the truth: over simulated test sets of models whose true scores are known.

python -m benchmarks.interval_coverage [--sets 2000]
"""

import argparse

import numpy as np

from engine.evaluation import metrics
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=2000, help="simulated test sets of each case")
    asked = parser.parse_args()
    print(f"Share of {asked.sets:,} simulated test sets whose 95% interval holds the truth")
    print(f"{'':32}" + "".join(f"{name.replace('average_precision', 'av.prec'):>18}" for name in SCORES))
    for case, (rows, shares, skill) in CASES.items():
        found = coverage(rows, shares, skill, asked.sets)
        print(f"{f'{case}, n = {rows}':32}" + "".join(f"{found[name]:18.3f}" for name in SCORES), flush=True)


if __name__ == "__main__":
    main()
