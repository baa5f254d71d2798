"""How far a score could lie from the truth: intervals at 95% over the texts, by the Bayesian bootstrap (Rubin 1981).

Every text gets a random weight instead of being drawn or not, and each resample also holds an imaginary text that was
answered by chance. Without it the bootstrap knows of no mistake but those that happened to occur, and its intervals are too
narrow where few were made: how often they hold the truth is measured in benchmarks/interval_coverage.py.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from engine.evaluation import RESAMPLES
from engine.evaluation.metrics import LEAST_PROBABILITY, wilson

MOST_ROWS = 20_000  # of which the scores of probabilities are resampled: more would take minutes and gigabytes
AT_ONCE = 100  # resamples, so that their sums stay in the processor's cache
MIDDLE = (0.025, 0.975)
IMAGINARY = 0.25  # of a text at either end of the ranking of a pair of classes; and of one with a label by chance
IN_PRECISION = 0.2  # the same for the average precision, to which a wrong text at the top does more


@dataclass(frozen=True)
class Tally:
    """How often each class was true, was said, and was rightly said: each (..., classes)."""

    true: np.ndarray
    said: np.ndarray
    right: np.ndarray

    @classmethod
    def of(cls, true: np.ndarray, said: np.ndarray, counts: np.ndarray, classes: int) -> "Tally":
        """true, said: (kinds,) class numbers. counts: (resamples, kinds), how often each kind of row comes."""

        def summed(column: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            member = sparse.csr_array((np.ones(len(chosen)), (column[chosen], chosen)), shape=(classes, len(column)))
            return (member @ counts.T).T

        every = np.arange(len(true))
        return cls(summed(true, every), summed(said, every), summed(true, every[true == said]))

    def with_imaginary(self, chance: np.random.Generator) -> "Tally":
        """In each resample one more text, of random weight, label and answer, of the classes that occur (at least two)."""
        seen = np.flatnonzero((self.true + self.said).sum(axis=0))
        if len(seen) < 2:
            seen = np.arange(self.true.shape[-1])
        resamples = len(self.true)
        return self.with_one_more(chance.exponential(size=resamples), *chance.choice(seen, (2, resamples)))

    def with_one_more(self, weight: np.ndarray, true: np.ndarray, said: np.ndarray) -> "Tally":
        """With one more text in each resample: (resamples,) each."""
        rows = np.arange(len(self.true))
        more = Tally(*(np.zeros_like(self.true) for _ in range(3)))
        more.true[rows, true] = more.said[rows, said] = weight
        more.right[rows, true] = weight * (true == said)
        return Tally(self.true + more.true, self.said + more.said, self.right + more.right)

    @property
    def rows(self) -> np.ndarray:
        return self.true.sum(axis=-1)

    def f1(self) -> np.ndarray:
        """(..., classes); 0 where a class does not occur."""
        return _ratio(2 * self.right, self.true + self.said)

    def macro_f1(self) -> np.ndarray:
        return self.f1().sum(axis=-1) / (self.true + self.said > 0).sum(axis=-1)

    def weighted_f1(self) -> np.ndarray:
        return (self.f1() * self.true).sum(axis=-1) / self.rows

    def balanced_accuracy(self) -> np.ndarray:
        return _ratio(self.right, self.true).sum(axis=-1) / (self.true > 0).sum(axis=-1)

    def mcc(self) -> np.ndarray:
        """Of several classes: Gorodkin 2004. 0 where all is one class or one answer."""
        rows = self.rows
        covered = self.right.sum(axis=-1) * rows - (self.true * self.said).sum(axis=-1)
        spread = (rows**2 - (self.said**2).sum(axis=-1)) * (rows**2 - (self.true**2).sum(axis=-1))
        return _ratio(covered, np.sqrt(np.maximum(spread, 0)))  # rounded, it can fall below


def intervals(
    actual: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, labels: list[str], seed: int = 0
) -> dict:
    """95% intervals [low, high] of everything in `metrics.scores` and `metrics.ranking`, and per_class of each class.

    None where there is no score. actual, predicted: (rows,) labels. probabilities: (rows, classes).
    """
    place = {label: index for index, label in enumerate(labels)}
    true, said = (np.array([place[one] for one in column]) for column in (actual, predicted))
    chance = np.random.default_rng(seed)
    return {**of_answers(true, said, labels, chance), **_of_probabilities(true, probabilities, chance)}


def of_answers(true: np.ndarray, said: np.ndarray, labels: list[str], chance: np.random.Generator) -> dict:
    """The part of `intervals` that needs no probabilities. true, said: (rows,) places in `labels`.

    Wilson's for shares of texts (accuracy, precision, recall) and for F1 of a class, the bootstrap for the others.
    """
    (first, second), counts = kinds(true, said)
    weights = chance.standard_gamma(counts, size=(RESAMPLES, len(counts)))
    plain = Tally.of(first, second, weights, len(labels))
    drawn = plain.with_imaginary(chance)
    once = Tally.of(first, second, counts[None], len(labels))
    right, of_true, of_said = (part[0] for part in (once.right, once.true, once.said))
    concerned = of_true + of_said - right  # by F1 of a class
    return {
        "accuracy": wilson(right.sum(), len(true)),
        "macro_f1": _of_classes(once.macro_f1()[0], plain.macro_f1(), drawn.macro_f1(), concerned),
        "weighted_f1": _middle(once.weighted_f1()[0], drawn.weighted_f1()),
        "balanced_accuracy": _of_classes(
            once.balanced_accuracy()[0], plain.balanced_accuracy(), drawn.balanced_accuracy(), of_true
        ),
        "mcc": _middle(once.mcc()[0], drawn.mcc()),
        "per_class": {
            label: {
                "precision": wilson(right[i], of_said[i]),
                "recall": wilson(right[i], of_true[i]),
                "f1": _of_f1(right[i], concerned[i]),
            }
            for i, label in enumerate(labels)
        },
    }


def log_loss_interval(actual: np.ndarray, probabilities: np.ndarray, labels: list[str], seed: int = 0) -> list[float]:
    """The 95% interval of the log loss alone. probabilities: (rows, classes)."""
    place = {label: index for index, label in enumerate(labels)}
    true = np.array([place[one] for one in actual])
    return _of_probabilities(true, probabilities, np.random.default_rng(seed), ranked=False)["log_loss"]


def _middle(value: float, drawn: np.ndarray) -> list[float]:
    """The middle 95% of (resamples,) of a score, and the score itself."""
    low, high = np.quantile(drawn, MIDDLE)
    return [float(min(low, value)), float(max(high, value))]


def _of_f1(right: int, concerned: int) -> list[float] | None:
    """The interval of F1 of a class of whose `concerned` texts (true, or said to be of it) so many are right.

    F1 is 2J / (1 + J), where J is the share of these that are right (Jaccard's index): its interval is Wilson's.
    """
    share = wilson(right, concerned)
    return share and [2 * edge / (1 + edge) for edge in share]


def _of_classes(value: float, plain: np.ndarray, drawn: np.ndarray, texts: np.ndarray) -> list[float]:
    """The interval of a mean over classes, of which each is told by so many `texts`, (classes,).

    plain, drawn: (resamples,) of the mean, without and with the imaginary text. Where classes have few texts, two things
    have to be mended. The mean is biased, and each resample is so once more: the interval is moved by that (Efron and
    Tibshirani 1993, chapter 10). And resamples of n texts vary too little, by (n - 1) / (n + 1): their mean has the variance
    s² / (n + 1) (Rubin 1981), where s² / n is wanted, and s² itself is too small by (n - 1) / n.
    """
    some = texts[texts > 0]
    wider = np.sqrt(np.mean((some + 1) / np.maximum(some - 1, 1)))
    low, high = np.clip(2 * value - plain.mean() + (np.quantile(drawn, MIDDLE) - drawn.mean()) * wider, 0, 1)
    return [float(min(low, value)), float(max(high, value))]


def kinds(*columns: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """(the distinct rows of some columns of class numbers, how often each comes): what a resample has to draw."""
    found, counts = np.unique(np.stack(columns), axis=1, return_counts=True)
    return tuple(found), counts


def _of_probabilities(true: np.ndarray, probabilities: np.ndarray, chance: np.random.Generator, ranked: bool = True) -> dict:
    """log_loss, and where `ranked` roc_auc and average_precision. Of more than MOST_ROWS rows so many are resampled, and the
    interval is drawn together by the root of their share, around the score of all (Bickel, Götze and van Zwet 1997)."""
    whole = _Ranking(true, probabilities, ranked)
    if len(true) <= MOST_ROWS:
        return whole.intervals(chance)
    some = chance.choice(len(true), MOST_ROWS, replace=False)
    part = _Ranking(true[some], probabilities[some], ranked)
    of_part, of_whole, share = part.point(), whole.point(), np.sqrt(MOST_ROWS / len(true))
    return {
        key: edges and [float(of_whole[key] + (edge - of_part[key]) * share) for edge in edges]
        for key, edges in part.intervals(chance).items()
    }


class _Ranking:
    """The scores of (rows, classes) probabilities, for any weights of the rows; the log loss alone unless `ranked`."""

    def __init__(self, true: np.ndarray, probabilities: np.ndarray, ranked: bool = True):
        table = probabilities.astype(np.float64)
        self.rows = len(true)
        self.losses = -np.log(np.clip(table, LEAST_PROBABILITY, 1.0))  # of each label that a row could have
        self.lost = self.losses[np.arange(self.rows), true]
        self.classes = [
            _OneAgainstTheRest(true == number, column)
            for number, column in enumerate(table.T)
            if ranked and 0 < (true == number).sum() < self.rows
        ]

    def point(self) -> dict[str, float]:
        """Of the rows as they are."""
        return {key: float(value[0]) for key, value in self._scores(np.ones((self.rows, 1)), None).items()}

    def intervals(self, chance: np.random.Generator) -> dict[str, list[float] | None]:
        point, found = self.point(), []
        for start in range(0, RESAMPLES, AT_ONCE):
            weights = chance.standard_exponential((self.rows, min(AT_ONCE, RESAMPLES - start)), np.float32)
            found.append(self._scores(weights, chance))
        return {
            key: _middle(point[key], np.concatenate([one[key] for one in found])) if key in point else None
            for key in ("log_loss", "roc_auc", "average_precision")
        }

    def _scores(self, weights: np.ndarray, chance: np.random.Generator | None) -> dict[str, np.ndarray]:
        """weights: (rows, resamples). chance: of the imaginary texts; None for none."""
        found = {"log_loss": self._log_loss(weights, chance)}
        if self.classes:
            # Top and bottom, each for the area and for the average precision.
            ends = np.zeros((2, 2, weights.shape[1]))
            if chance is not None:
                shapes = np.reshape([IMAGINARY, IN_PRECISION], (2, 1))
                ends = chance.standard_gamma(shapes, ends.shape) * 2 / len(self.classes)
            # Of two classes the one's top is the other's bottom.
            turned = (ends[:: -1 if number % 2 else 1] for number in range(len(self.classes)))
            areas, precisions = zip(
                *(one.scores(weights, *end) for one, end in zip(self.classes, turned, strict=True)),
                strict=True,
            )
            found |= {
                "roc_auc": np.mean(areas, axis=0),
                "average_precision": np.mean(precisions, axis=0),
            }
        return found

    def _log_loss(self, weights: np.ndarray, chance: np.random.Generator | None) -> np.ndarray:
        lost, total = self.lost @ weights, weights.sum(axis=0)
        if chance is None:
            return lost / total
        imaginary = chance.standard_gamma(IMAGINARY, len(total))
        return (lost + imaginary * chance.choice(self.losses.ravel(), len(total))) / (total + imaginary)


class _OneAgainstTheRest:
    """The rows in the order of the probability of one class, ready to be weighed."""

    def __init__(self, mine: np.ndarray, probability: np.ndarray):
        self.order = np.argsort(-probability, kind="stable")
        ranked, mine = probability[self.order], mine[self.order]
        edges = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))  # where rows of one probability begin
        group = np.searchsorted(edges, np.flatnonzero(mine), side="right") - 1
        begin, end = edges[group], np.append(edges[1:], len(ranked))[group]
        upto = np.append(0, np.cumsum(mine))
        self.mine = np.flatnonzero(mine)
        self.begin, self.end = begin, end - 1  # of each row of the class: the first and the last as probable
        self.hits_begin, self.hits_end = upto[begin], upto[end]

    def scores(self, weights: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(area under the ROC curve, average precision), (resamples,) each. weights: (rows, resamples).

        top, bottom: weights of an imaginary text of the rest that is the most probable, and of one of the class that is the
        least; (2, resamples), for either score.
        """
        ordered = weights[self.order]
        upto = np.cumsum(ordered, axis=0)
        own = ordered[self.mine]
        hits = np.concatenate([np.zeros((1, own.shape[1]), own.dtype), np.cumsum(own, axis=0)])
        before, until = upto[self.begin] - ordered[self.begin], upto[self.end]
        hits_until = hits[self.hits_end]
        above = (before - hits[self.hits_begin] + until - hits_until) / 2  # of the rest; those as probable are halves
        mine, rest = hits[-1], upto[-1] - hits[-1]
        area = (own * (rest - above)).sum(axis=0) / ((mine + bottom[0]) * (rest + top[0]))
        top, bottom = top[1], bottom[1]
        found = (own * hits_until / (until + top)).sum(axis=0)
        last = (mine + bottom) / (mine + bottom + rest + top)
        return area, (found + bottom * last) / (mine + bottom)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
