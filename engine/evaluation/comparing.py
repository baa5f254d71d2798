"""Is one model better than another on the same test rows, or could the gap be luck?"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from engine.data import similarity
from engine.errors import DataError
from engine.evaluation import LEAST_RUNS, MOST_RUNS, RESAMPLES
from engine.evaluation.predictions import labels_of
from engine.evaluation.resampling import Tally, kinds
from engine.figures import rounded, significant, whole

LUCK = 0.001  # a smaller chance is not told apart
SURE = 0.05  # the chance of luck below which a difference counts as real
POWER = 0.8  # with which the number of texts that would be needed finds the difference
TEXTS_ALONE = (
    "This accounts for luck in the test texts, not in the training: another seed can shift a score by about a point."
)
NOT_COMPARABLE = "Choose runs on the same data set; or score each of them on the same further file."


@dataclass(frozen=True)
class Pair:
    """Two runs, a before b, on the same rows.

    difference: accuracy of a minus that of b, and difference_interval as of `gap_interval`. only_a, only_b: texts that only
    one of them has right. p_value: of the exact McNemar test (McNemar 1947), two-sided. macro_f1: difference; interval and
    macro_f1_p_value are its own, as of `macro_f1_gap`. adjusted, macro_f1_adjusted: p-values corrected for all pairs that
    were looked at (Holm 1979). needed: about how many test texts would find a difference in accuracy of this size, so
    corrected (Connor 1987); None where they are equally often right.
    """

    a: str
    b: str
    difference: float
    only_a: int
    only_b: int
    p_value: float
    adjusted: float
    macro_f1: float
    interval: tuple[float, float]
    macro_f1_p_value: float
    macro_f1_adjusted: float
    difference_interval: tuple[float, float]
    needed: int | None = None

    @property
    def better(self) -> str | None:
        """The run that is better, where the difference is no luck."""
        if self.adjusted >= SURE or not self.difference:
            return None
        return self.a if self.difference > 0 else self.b


def align(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The predictions of each run, with the same text in the same place.

    tables: predictions on the test rows, by run. Raises DataError when they were not made on the same texts with the same
    labels, or there are too few or too many runs.
    """
    if not LEAST_RUNS <= len(tables) <= MOST_RUNS:
        raise DataError(
            f"{LEAST_RUNS} to {MOST_RUNS} runs can be compared; these are {len(tables)}.", "Choose others.", "how_many"
        )
    ordered = {
        run: table.sort_values(["text", "label", "source_row"], kind="stable").reset_index(drop=True)
        for run, table in tables.items()
    }
    (_, first), *others = ordered.items()
    for _, table in others:
        if not first[["text", "label"]].equals(table[["text", "label"]]):
            raise DataError(
                "These runs were not tested on the same texts, so their scores say nothing about which model is better.",
                NOT_COMPARABLE,
                "other_test_rows",
            )
    return ordered


def common(tables: Mapping[str, pd.DataFrame], newest: str, learnt: pd.Series) -> dict[str, pd.DataFrame]:
    """The test rows that all of the runs have, in the same place, with the labels of the run `newest`.

    tables: as of `align`, of versions of the same data. learnt: texts that are for training or validation in any of the
    versions; none of them is compared on. Of texts that occur several times, the first are taken for the same.
    Raises DataError where no row is left.
    """
    numbered = {}
    for run, table in tables.items():
        ordered = table.sort_values(["text", "source_row"], kind="stable")
        numbered[run] = ordered.set_index(["text", ordered.groupby("text").cumcount()])
    first, *others = numbered.values()
    keys = first.index
    for other in others:
        keys = keys.intersection(other.index)
    texts = keys.get_level_values(0).to_series()
    codes = similarity.codes(pd.concat([texts, learnt], ignore_index=True))
    keys = keys[~np.isin(codes[: len(keys)], codes[len(keys) :])].sort_values()
    if not len(keys):
        raise DataError("These versions of the data have no test text in common.", NOT_COMPARABLE, "other_test_rows")
    judged = numbered[newest].loc[keys, ["label", "source_row"]].to_numpy()
    return {
        run: table.loc[keys].reset_index(level=0).reset_index(drop=True).assign(label=judged[:, 0], source_row=judged[:, 1])
        for run, table in numbered.items()
    }


def compare(tables: Mapping[str, pd.DataFrame], seed: int = 0) -> list[Pair]:
    """All pairs of the runs. tables: as of `align`, which is done here. Raises DataError as it does."""
    tables = align(tables)
    raw = [_pair(a, b, tables[a], tables[b], seed) for a, b in combinations(tables, 2)]
    rows = len(next(iter(tables.values())))
    p_values = [pair.p_value for pair in raw]
    steps = SURE / (len(raw) - np.argsort(np.argsort(p_values, kind="stable")))  # what Holm asks of each p-value
    corrected = zip(raw, holm(p_values), holm([pair.macro_f1_p_value for pair in raw]), steps.tolist(), strict=True)
    return [
        replace(
            pair,
            adjusted=p,
            macro_f1_adjusted=p_of_f1,
            needed=texts_needed(pair.only_a / rows, pair.only_b / rows, step),
        )
        for pair, p, p_of_f1, step in corrected
    ]


def _pair(a: str, b: str, first: pd.DataFrame, second: pd.DataFrame, seed: int) -> Pair:
    actual = first["label"].to_numpy()
    right_a, right_b = ((one["predicted"] == one["label"]).to_numpy() for one in (first, second))
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    labels = sorted({*labels_of(first), *labels_of(second), *actual})
    gap, interval, p_of_f1 = macro_f1_gap(
        actual, first["predicted"].to_numpy(), second["predicted"].to_numpy(), labels, seed
    )
    difference, reach = (only_a - only_b) / len(actual), gap_interval(only_a, only_b, len(actual))
    return Pair(a, b, difference, only_a, only_b, float(p), float(p), gap, interval, p_of_f1, p_of_f1, reach)


def macro_f1_gap(
    actual: np.ndarray, first: np.ndarray, second: np.ndarray, labels: list[str], seed: int = 0
) -> tuple[float, tuple[float, float], float]:
    """(macro-F1 of `first` minus that of `second`, its 95% interval, its p-value).

    By permutation: were the models alike, their answers to each text could as well be exchanged (approximate randomization:
    Yeh 2000). How far the gaps of RESAMPLES random exchanges lie from 0 is the standard error, for the interval as for the
    two-sided p-value, so that the two agree. Such gaps are as good as normal, and a share of so few exchanges would never be
    small enough to be corrected for many pairs (measured in docs/decisions.md). Each holds an imaginary text that one of
    the models has right and the other has not, as in resampling.py: models without a mistake may differ all the same.
    """
    number = {label: index for index, label in enumerate(labels)}
    columns = (np.array([number[one] for one in values]) for values in (actual, first, second))
    (true, *said), counts = kinds(*columns)
    chance = np.random.default_rng(seed)
    apart = said[0] != said[1]
    exchanged = chance.binomial(counts[apart], 0.5, (RESAMPLES, apart.sum()))
    weight = chance.exponential(size=RESAMPLES)
    label, *answers = _divided(chance, np.unique([true, *said]), len(labels))
    once = [Tally.of(true, one, counts[None], len(labels)) for one in said]
    given, taken = (Tally.of(true[apart], one[apart], exchanged, len(labels)) for one in said)  # of the first's
    more_said, more_right = taken.said - given.said, taken.right - given.right
    often = [
        Tally(np.broadcast_to(one.true, more_said.shape), one.said + sign * more_said, one.right + sign * more_right)
        .with_one_more(weight, label, answer)
        .macro_f1()
        for one, sign, answer in zip(once, (1, -1), answers, strict=True)
    ]
    gap = float(once[0].macro_f1()[0] - once[1].macro_f1()[0])
    error = np.sqrt(np.mean((often[0] - often[1]) ** 2))
    reach = norm.ppf(1 - SURE / 2) * error
    return gap, (float(max(-1.0, gap - reach)), float(min(1.0, gap + reach))), float(2 * norm.sf(abs(gap) / error))


def _divided(chance: np.random.Generator, seen: np.ndarray, classes: int) -> np.ndarray:
    """(3, RESAMPLES) class numbers: a label and the answers of two models, one of which, by chance, is right."""
    among = seen if len(seen) > 1 else np.arange(classes)
    label = chance.integers(0, len(among), RESAMPLES)
    other = (label + chance.integers(1, max(2, len(among)), RESAMPLES)) % len(among)
    first_is_right = chance.random(RESAMPLES) < 0.5
    return among[[label, np.where(first_is_right, label, other), np.where(first_is_right, other, label)]]


def gap_interval(only_a: int, only_b: int, rows: int) -> tuple[float, float]:
    """The 95% interval of the gap in accuracy of two models on the same `rows` texts, of which so many only one has right.

    Wald's interval for paired shares with half a text more in each of the four cells (Agresti and Min 2005), within [-1, 1].
    """
    rows, only_a, only_b = rows + 2, only_a + 0.5, only_b + 0.5
    gap = (only_a - only_b) / rows
    reach = norm.ppf(1 - SURE / 2) * np.sqrt((only_a + only_b) / rows - gap**2) / np.sqrt(rows)
    return float(max(-1.0, gap - reach)), float(min(1.0, gap + reach))


def holm(p_values: list[float]) -> list[float]:
    """p-values corrected for their number, in the order given (Holm 1979)."""
    order = np.argsort(p_values)
    corrected, highest = np.zeros(len(p_values)), 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = highest
    return corrected.tolist()


def texts_needed(only_a: float, only_b: float, sure: float = SURE) -> int | None:
    """How many texts would show that one model is better, with POWER; None where neither is.

    only_a, only_b: shares of texts that only one has right. sure: the p-value that is asked for. The normal
    approximation for McNemar's test (Connor 1987).
    """
    gap, apart = only_a - only_b, only_a + only_b
    if not gap:
        return None
    reach = norm.ppf(1 - sure / 2) * np.sqrt(apart) + norm.ppf(POWER) * np.sqrt(apart - gap**2)
    return int(np.ceil((reach / gap) ** 2))


def sentence(pair: Pair, name_a: str, name_b: str, rows: int) -> str:
    """The verdict in words, for somebody who knows no statistics: on accuracy, then on macro-F1."""
    return f"{_on_accuracy(pair, name_a, name_b, rows)} {_on_macro_f1(pair, name_a, name_b)}"


def _on_accuracy(pair: Pair, name_a: str, name_b: str, rows: int) -> str:
    ahead, behind = (name_a, name_b) if pair.difference >= 0 else (name_b, name_a)
    if not pair.difference:
        return f"{name_a} and {name_b} are right equally often on {whole(rows)} test texts."
    points = f"{rounded(abs(pair.difference) * 100, 1)} points"
    chance = _chance(pair.adjusted, pair.p_value)
    if pair.better:
        return f"{ahead} is better than {behind}: right {points} more often, and that is unlikely to be luck ({chance})."
    enough = (
        f"; about {_round(pair.needed)} test texts would be needed to tell" if pair.needed and pair.needed > rows else ""
    )
    return f"{ahead} is right {points} more often than {behind}; that could be luck ({chance}){enough}."


def _on_macro_f1(pair: Pair, name_a: str, name_b: str) -> str:
    if not pair.macro_f1:
        return "In macro-F1, which counts every class equally, neither is ahead."
    ahead = name_a if pair.macro_f1 > 0 else name_b
    luck = "is unlikely to be" if pair.macro_f1_adjusted < SURE else "could be"
    return (
        f"In macro-F1, which counts every class equally, {ahead} is {rounded(abs(pair.macro_f1) * 100, 1)} points ahead; "
        f"that {luck} luck ({_chance(pair.macro_f1_adjusted, pair.macro_f1_p_value)})."
    )


def _chance(adjusted: float, p_value: float) -> str:
    """Where it was corrected it says so: of the same two models alone, the chance of luck is smaller."""
    chance = f"p < {rounded(LUCK, 3)}" if adjusted < LUCK else f"p = {significant(adjusted, 2)}"
    return f"{chance}, corrected for comparing several pairs" if adjusted > p_value else chance


def _round(number: int) -> str:
    """To two figures: more would say more than is known."""
    digits = max(0, len(str(number)) - 2)
    return whole(round(number, -digits))
