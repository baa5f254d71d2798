"""One class in detail: its words, its examples, its curves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import precision_recall_curve, roc_curve

from engine.evaluation.predictions import PROBABILITY

EXAMPLES = 3
MOST_POINTS = 300  # of a curve
MOST_WORDS = 12
LEAST_TEXTS = 3  # that a word has to be in
CLEAR = 1.96  # standard errors between the odds of a word here and elsewhere


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


def words(table: pd.DataFrame, label: str) -> list[Word]:
    """The words that texts of the class have more often than others do, the clearest first.

    Log odds with the words of all texts as the prior, by their standard errors (Monroe, Colaresi and Quinn 2008).
    """
    mine = (table["label"] == label).to_numpy()
    if not 0 < mine.sum() < len(mine):
        return []
    counter = CountVectorizer(binary=True, token_pattern=r"(?u)\b[^\W\d_]{2,}\b", min_df=LEAST_TEXTS)
    try:
        found = counter.fit_transform(table["text"])
    except ValueError:  # no word is in so many texts
        return []
    inside, outside = (
        np.asarray(found[chosen].sum(axis=0)).ravel().astype(float) for chosen in (mine, ~mine)
    )
    prior = (inside + outside) / (inside + outside).sum()  # one imaginary word in all

    def log_odds(times: np.ndarray) -> np.ndarray:
        return np.log((times + prior) / (times.sum() + 1 - times - prior))

    error = np.sqrt(1 / (inside + prior) + 1 / (outside + prior))
    clear = (log_odds(inside) - log_odds(outside)) / error
    names = counter.get_feature_names_out()
    chosen = [place for place in np.argsort(-clear, kind="stable") if clear[place] > CLEAR][:MOST_WORDS]
    here, elsewhere = mine.sum(), (~mine).sum()
    return [Word(names[i], float(inside[i] / here), float(outside[i] / elsewhere)) for i in chosen]


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
