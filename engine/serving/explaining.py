"""Why a model says that: what each word of a text adds to an answer, and the text without some of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import category

import numpy as np

from engine.models.contributions import completeness_error

JOINER = "\u200d"
# Letters of scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, Chinese. Each is a word at first.
ALONE = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# By the kinds of letters (see _kind): a word with what is inside it (marks, joined letters, apostrophes), or one sign.
PIECE = re.compile(r"l(?:[lm]|j[^ ]|al)*|[^ ](?:m|j[^ ])*")
ROUGH = 0.05  # an error above that is told in words
WEAK = 0.1  # of the strongest word's part: below that a word is not worth naming


@dataclass(frozen=True)
class Word:
    """A piece of a text, text[start:end]. part: what it adds to the score. read: False for what the model does not see."""

    start: int
    end: int
    part: float
    read: bool


@dataclass(frozen=True)
class Explanation:
    """What speaks for and against `label`. words: in the order of the text, everything in it but spaces.

    score: the margin of the label (engine/models/contributions.py). blank: its margin for a text without content.
    rest: what tokens add that are no piece of the text, such as line breaks.
    """

    text: str
    label: str
    words: tuple[Word, ...]
    rest: float
    score: float
    blank: float

    @property
    def total(self) -> float:
        """What all parts add up to; without error it is score - blank."""
        return sum(word.part for word in self.words) + self.rest

    @property
    def error(self) -> float:
        """How far the parts are from adding up, as a share of how far the score moves: contributions.completeness_error."""
        moved = self.score - self.blank
        return completeness_error(self.total - moved, moved)

    @property
    def rough(self) -> bool:
        """Whether the parts miss so much that they are no more than a rough picture."""
        return self.error > ROUGH

    @property
    def strongest(self) -> float:
        return max((abs(word.part) for word in self.words), default=0.0)

    def said(self, word: Word) -> str:
        return self.text[word.start : word.end]

    def speaking(self, sign: int, most: int) -> list[str]:
        """Up to `most` different words that speak for (1) or against (-1) the label, the strongest first."""
        heard = [word for word in self.words if sign * word.part > WEAK * self.strongest]
        ranked = sorted(heard, key=lambda word: -abs(word.part))
        letters = [self.said(word) for word in ranked if any(map(str.isalnum, self.said(word)))]
        return list(dict.fromkeys(letters or map(self.said, ranked)))[:most]


def by_words(text: str, spans: Sequence[tuple[int, int]], values: Sequence[float]) -> tuple[list[Word], float]:
    """(the words of `text`, what is left over): the values of tokens, merged into whole words.

    spans: where each token stands. A token that reaches over several words joins them; one of spaces only is left over.
    """
    bounds = pieces(text)
    of = np.full(len(text), -1)
    for number, (start, end) in enumerate(bounds):
        of[start:end] = number
    parts, read, joined = np.zeros(len(bounds)), np.zeros(len(bounds), bool), np.zeros(len(bounds), bool)
    rest = 0.0
    for (start, end), value in zip(spans, values, strict=True):
        touched = of[start:end]
        touched = touched[touched >= 0]
        if not len(touched):
            rest += float(value)
            continue
        first, last = touched[0], touched[-1]
        parts[first] += value
        read[first : last + 1] = True
        joined[first:last] = True  # with the next one
    words, begin = [], 0
    for number, goes_on in enumerate(joined):
        if not goes_on:
            whole = slice(begin, number + 1)
            span = bounds[begin][0], bounds[number][1]
            words.append(Word(*span, float(parts[whole].sum()), bool(read[whole].any())))
            begin = number + 1
    return words, rest


def pieces(text: str) -> list[tuple[int, int]]:
    """(start, end) of each word and each single sign: all of `text` but spaces."""
    return [found.span() for found in PIECE.finditer("".join(map(_kind, text)))]


def without(text: str, words: Iterable[Word]) -> str:
    """`text` with some of its words struck out, each with the spaces before it."""
    kept, end = "", 0
    for word in sorted(words, key=lambda word: word.start):
        kept += text[end : word.start].rstrip()
        end = word.end
    return (kept + text[end:]).strip()


def _kind(letter: str) -> str:
    """l: letter or figure, m: mark on what stands before, j: joiner, a: apostrophe, s: sign, or a space."""
    if letter.isspace():
        return " "
    if letter in "'’":
        return "a"
    if letter == JOINER:
        return "j"
    kind = category(letter)
    if kind[0] == "M" or kind == "Cf" or "\U0001f3fb" <= letter <= "\U0001f3ff":  # the last: shades of skin
        return "m"
    return "l" if (kind[0] in "LN" or letter == "_") and not ALONE.match(letter) else "s"
