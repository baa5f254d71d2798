"""One class in detail: its words, its examples, its curves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, hypergeom
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import precision_recall_curve, roc_curve

from engine.evaluation.predictions import PROBABILITY

EXAMPLES = 3
MOST_POINTS = 300  # of a curve
MOST_WORDS = 12
LEAST_TEXTS = 3  # that a word has to be in
FALSE = 0.05  # of the words that are named, at most so many may be luck


@dataclass(frozen=True)
class Word:
    """inside, outside: the shares of texts of the class, and of the others, that it is in."""

    word: str
    inside: float
    outside: float


@dataclass(frozen=True)
class Curves:
    """Points (x, y): false against true positive rate, and recall against precision. share: of the class among the texts."""

    roc: tuple[np.ndarray, np.ndarray]
    precision_recall: tuple[np.ndarray, np.ndarray]
    share: float


@dataclass(frozen=True)
class CloseUp:
    """good: texts of the class that were found. bad: those that were missed. Both as of `examples`."""

    words: list[Word]
    good: pd.DataFrame
    bad: pd.DataFrame
    curves: Curves | None


def look(table: pd.DataFrame, label: str) -> CloseUp:
    """table: the predictions of one split."""
    return CloseUp(words(table, label), *examples(table, label), curves(table, label))


def words(table: pd.DataFrame, label: str) -> list[Word]:
    """The words that texts of the class have more often than others do, the clearest first.

    A word counts once per text. How often luck gives the class so many of the word's texts is exact (Fisher 1935,
    one-sided), as a class may have few of them; luck among so many words is allowed for (Benjamini and Hochberg 1995).
    """
    mine = (table["label"] == label).to_numpy()
    if not 0 < mine.sum() < len(mine):
        return []
    counter = CountVectorizer(binary=True, token_pattern=r"(?u)\b[^\W\d_]{2,}\b", min_df=LEAST_TEXTS)
    try:
        found = counter.fit_transform(table["text"])
    except ValueError:  # no word is in so many texts
        return []
    own, every = (np.asarray(texts.sum(axis=0)).ravel() for texts in (found[mine], found))
    inside, outside = own / mine.sum(), (every - own) / (~mine).sum()
    luck = false_discovery_control(_by_luck(own, every, len(mine), mine.sum()))
    names = counter.get_feature_names_out()
    chosen = [i for i in np.lexsort((outside - inside, luck)) if luck[i] < FALSE]
    return [Word(names[i], float(inside[i]), float(outside[i])) for i in chosen[:MOST_WORDS]]


def _by_luck(own: np.ndarray, every: np.ndarray, texts: int, of_class: int) -> np.ndarray:
    """(words,): how often at least `own` of the `every` texts with a word would be of the class by luck; 1 where no more are
    than elsewhere."""
    (hits, among), back = np.unique(np.stack([own, every]), axis=1, return_inverse=True)  # most words have few texts
    chance, more = np.ones(len(hits)), hits * texts > among * of_class
    chance[more] = hypergeom.sf(hits[more] - 1, texts, among[more], of_class)
    return chance[back]


def examples(table: pd.DataFrame, label: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(texts of the class that were found, texts that were missed), those first of which the model was surest.

    Columns text, predicted, confidence, source_row.
    """
    own = table[table["label"] == label]
    sure = own[[name for name in table.columns if name.startswith(PROBABILITY)]].max(axis=1)
    shown = own.assign(confidence=sure).sort_values("confidence", ascending=False, kind="stable")
    right = shown["predicted"] == label
    columns = ["text", "predicted", "confidence", "source_row"]
    return shown.loc[right, columns].head(EXAMPLES), shown.loc[~right, columns].head(EXAMPLES)


def curves(table: pd.DataFrame, label: str) -> Curves | None:
    """None where all or none of the texts are of the class."""
    mine = (table["label"] == label).to_numpy()
    if not 0 < mine.sum() < len(mine):
        return None
    probability = table[PROBABILITY + label].to_numpy()
    false, true, _ = roc_curve(mine, probability)
    precision, recall, _ = precision_recall_curve(mine, probability)
    return Curves(_some(false, true), _some(recall[::-1], precision[::-1]), float(mine.mean()))


def _some(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places = np.unique(np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int))
    return x[places], y[places]
