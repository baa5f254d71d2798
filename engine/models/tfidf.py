"""Word counting as a model like any other: TF-IDF and logistic regression, kept as plain numbers and words.

    word_counting.json          labels, settings, and every word and pair of words in the order of their weights
    word_counting.safetensors   idf (terms,), weights (classes, terms), offsets (classes,): float64
    README.md                   what this folder is, for whoever finds it

Nothing is pickled. scikit-learn is imported only when something is counted, so that a page may import this module.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from engine.errors import DataError, ModelError, TrainingError, WorkspaceError
from engine.figures import whole
from engine.models.contributions import Contributions, margin
from engine.names import in_markdown
from engine.paths import read_json, write_json
from engine.settings import WORD_COUNTING

REFERENCE = WORD_COUNTING  # what a person writes to choose it
NAME = "Word counting (TF-IDF)"
SETTINGS = {"ngram_range": [1, 2], "sublinear_tf": True, "token_pattern": r"(?u)\b\w+\b", "lowercase": True}
INVERSE_PENALTY, MOST_STEPS = 10.0, 1000
MOST_NAMED = 20  # labels, on the page of the folder
NUMBERS, WORDS, README = "word_counting.safetensors", "word_counting.json", "README.md"
ABOUT = """# A text classifier that counts words

Made by Tuneboard: TF-IDF of words and pairs of words, and logistic regression. **It is no Hugging Face model**, so
`transformers` cannot open it; there is no neural network in it. It knows these labels: {labels}.

Ask it on the Predict page, or from the folder of Tuneboard:

    python3 start.py predict FOLDER --text "Where is my parcel?"
    python3 start.py predict FOLDER --file new.csv --out scored.csv

It can be rebuilt anywhere, since it is plain numbers and words. `word_counting.json` holds the labels, the settings of
scikit-learn's TfidfVectorizer and the terms in order; `word_counting.safetensors` holds `idf`, `weights` (classes, terms)
and `offsets`.
With x the vector of a text, the probabilities of the labels are softmax(weights @ x + offsets).
"""


@dataclass(frozen=True)
class WordCounter:
    """labels: (classes,). terms: words and pairs of words. idf: (terms,), how rare each is among the training texts.

    weights: (classes, terms). offsets: (classes,), minus infinity for a class that no training text had.
    """

    labels: tuple[str, ...]
    terms: tuple[str, ...]
    idf: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, classes) float32: the probability of each label for each text."""
        scores = self._scores(texts)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, texts: Sequence[str]) -> list[str]:
        return [self.labels[index] for index in self.probabilities(texts).argmax(axis=1)]

    def count_strange(self, texts: Sequence[str]) -> np.ndarray:
        """(texts,) int64: words of each text that no training text had."""
        known = set(self.terms)
        return np.array([sum(word not in known for word in _words_in(text)[1]) for text in texts], dtype=np.int64)

    def contributions(self, text: str, target: int) -> Contributions:
        """What each counted word of `text` adds to the margin of the class at `target`; exact, since scores are sums.

        What a pair of words gives is halved between the two; what a term gives that occurs several times is shared
        by all its places. Raises DataError for a class that no training text had.
        """
        known = np.isfinite(self.offsets)
        if not known[target]:
            raise DataError(
                f"No training text had the label {self.labels[target]!r}, so no word speaks for it.",
                "Choose another label.",
                "never_seen",
            )
        target = int(known[:target].sum())
        spans, words = _words_in(text)
        places = defaultdict(list)
        for place, word in enumerate(words):
            places[word].append(place)
            places[" ".join(words[place : place + 2])] += [place, place + 1] if place + 1 < len(words) else []
        values, counted = np.zeros(len(words)), self._vectorizer.transform([text])
        for term, count in zip(counted.indices, counted.data, strict=True):
            there = places[self.terms[term]]
            np.add.at(values, there, margin(self.weights[known, term] * count, target) / len(there))
        score = margin(self._scores([text])[0, known], target)
        return Contributions(spans, values, float(score), float(margin(self.offsets[known], target)))

    def _scores(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, classes) float64, before softmax."""
        return self._vectorizer.transform(list(texts)) @ self.weights.T + self.offsets

    @cached_property
    def _vectorizer(self):
        vectorizer = _new_vectorizer(vocabulary={term: index for index, term in enumerate(self.terms)})
        vectorizer.idf_ = self.idf
        return vectorizer


def fit(texts: Sequence[str], labels: Sequence[str], classes: Sequence[str]) -> WordCounter:
    """Learn from texts with their labels. classes: all labels, in the order that probabilities are wanted in.

    Raises TrainingError when there is nothing to tell apart, or nothing to count.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(set(labels)) < 2:
        raise TrainingError(
            "All training texts have the same label, so there is nothing to tell apart.",
            "Choose a data set with two labels or more.",
            "one_class",
        )
    vectorizer = _new_vectorizer()
    try:
        counted = vectorizer.fit_transform(list(texts))
    except ValueError as error:  # "empty vocabulary"
        raise TrainingError(
            "None of the training texts holds a word that could be counted.",
            "Look at the column of the texts on the Data page.",
            "no_words",
        ) from error
    with threadpool_limits(1):  # threads for such small vectors wait longer for one another than they compute
        regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=MOST_STEPS).fit(counted, list(labels))
    weights, offsets = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:  # scikit-learn keeps only the second one's: the first is the measure
        weights, offsets = np.vstack([np.zeros_like(weights), weights]), np.array([0.0, *offsets])
    rows = [list(classes).index(label) for label in regression.classes_]
    all_weights, all_offsets = np.zeros((len(classes), len(vectorizer.idf_))), np.full(len(classes), -np.inf)
    all_weights[rows], all_offsets[rows] = weights, offsets
    terms = tuple(vectorizer.get_feature_names_out().tolist())
    return WordCounter(tuple(classes), terms, vectorizer.idf_, all_weights, all_offsets)


def save(counter: WordCounter, folder: Path) -> None:
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    numbers = {"idf": counter.idf, "weights": counter.weights, "offsets": counter.offsets}
    save_file(numbers, folder / NUMBERS)
    write_json(folder / WORDS, {"labels": counter.labels, "settings": _all_settings(), "terms": counter.terms})
    (folder / README).write_text(about(counter.labels), encoding="utf-8")


def about(labels: Sequence[str]) -> str:
    """The page in Markdown that says what the folder of a model with these labels is."""
    more = [f"and {whole(len(labels) - MOST_NAMED)} more"] if len(labels) > MOST_NAMED else []
    return ABOUT.format(labels=", ".join([*map(in_markdown, labels[:MOST_NAMED]), *more]))


def is_saved_in(folder: Path) -> bool:
    return (folder / WORDS).is_file()


def load(folder: Path, called: str | None = None) -> WordCounter:
    """Raises ModelError when the files are damaged, or were made with other settings than this Tuneboard counts by.

    called: what a person knows the folder as, such as 'The ZIP model.zip'.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        words, numbers = read_json(folder / WORDS), load_file(folder / NUMBERS)
        found = WordCounter(tuple(words["labels"]), tuple(words["terms"]), **numbers)
        whole = words["settings"] == _all_settings() and _fits_together(found)
    except (WorkspaceError, OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError):
        whole = False
    if not whole:
        called = called or f"The folder {folder}"
        raise ModelError(
            f"{called} holds a model that counts words, but it is damaged, or of another version of Tuneboard.",
            "Train it again; it takes seconds.",
            "not_a_model",
        )
    return found


def _fits_together(counter: WordCounter) -> bool:
    classes, terms = len(counter.labels), len(counter.terms)
    numbers = (counter.idf, counter.weights, counter.offsets)
    return (
        classes > 1
        and len(set(counter.terms)) == terms
        and all(isinstance(word, str) for word in counter.labels + counter.terms)
        and all(array.dtype == np.float64 for array in numbers)
        and [array.shape for array in numbers] == [(terms,), (classes, terms), (classes,)]
        and all(np.isfinite(array).all() for array in (counter.idf, counter.weights))
        and (np.isfinite(counter.offsets) | np.isneginf(counter.offsets)).all()
        and np.isfinite(counter.offsets).any()
    )


def _words_in(text: str) -> tuple[list[tuple[int, int]], list[str]]:
    """Where the words stand that the vectorizer finds in `text`, and what it takes them for.

    It looks at small letters, and some letters become two when they are made small (İ).
    """
    origin = [place for place, letter in enumerate(text) for _ in letter.lower()]
    found = list(re.finditer(SETTINGS["token_pattern"], text.lower()))
    return [(origin[one.start()], origin[one.end() - 1] + 1) for one in found], [one[0] for one in found]


def _all_settings() -> dict[str, object]:
    return {**SETTINGS, "C": INVERSE_PENALTY}


def _new_vectorizer(**more: object):
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(**{**SETTINGS, "ngram_range": tuple(SETTINGS["ngram_range"])}, **more)
