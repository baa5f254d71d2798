"""Which column holds the texts, which the labels, which the split: proposals with reasons, and the traps beside them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import numpy as np
import pandas as pd

from engine.data import scan
from engine.data.kinds import in_json, is_continuous, marked, marks, signs
from engine.data.names import (
    AGREED_NAMES,
    ANSWER_NAMES,
    BESIDE_NAMES,
    COUNT_NAMES,
    ID_NAMES,
    LABEL_ENDINGS,
    LABEL_NAMES,
    MAYBE_LABEL_NAMES,
    MAYBE_TOOLS_LABEL_NAMES,
    STRONG_LABEL_NAMES,
    TEXT_NAMES,
    TIME_NAMES,
    TOOLS_LABEL_NAMES,
    WEAK_LABEL_NAMES,
    split_of,
)
from engine.figures import percent, rounded, whole

SAMPLE_ROWS = 3000
MAX_CLASSES = 500
LEAST_REQUEST = 0.3  # of the score of an answer: less has what it answers to
ABOUT_AS_GOOD = 0.95  # of two columns of texts that differ by less, the first is proposed
PURE = 0.98  # share of rows whose label another column tells, from which on it gives the answer away
SOME_WORDS, MANY_WORDS = 6, 20  # of a label on average, at most; many where the column is called one
HARDLY = 0.1  # the score of what is a label only where there is no other
AGREED = 1.2  # how much more a label is worth that several people agreed on
CONSTANT = 1.5  # of a column called label with one value: a named one beside it answers more
YES_NO = {
    "yes", "no", "true", "false", "y", "n", "ja", "nein", "oui", "non", "si", "sí", "sim", "não", "да", "нет",
}  # fmt: skip
# Where another column holds the answers, those to questions and titles are the texts themselves; the others are no texts.
NO_REQUESTS = ANSWER_NAMES | ID_NAMES | TIME_NAMES | BESIDE_NAMES
NO_REQUESTS |= {"question", "title", "subject", "headline", "query", "created", "updated", "respondent"}
DATE = r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ,]+\d{1,2}:\d{2}.*)?"
MAIL = r"\S[^\s@]*@\S[^\s.]*\.\S+$"  # with its first @ and the first point behind that, so that none is tried twice
SPACELESS = r"[\u3040-\u30ff\u3400-\u9fff]{4}"  # words that nothing keeps apart
GROUP_NAMES = {
    "user", "customer", "author", "document", "doc", "thread", "conversation", "patient", "session", "client", "speaker",
    "group", "ticket", "page", "book", "article", "movie", "film", "product", "dialogue", "account", "kunde", "nutzer",
    "benutzer", "autor", "dokument", "patientin", "cliente", "usuario", "auteur", "utilisateur", "utente",
}  # fmt: skip
JOINED = " + "  # between the names of columns that mark one class each: together they are the label
ALONE = 0.98  # share of rows with exactly one mark, from which on columns are such
MOST_MARKS = 100  # columns beside each other: more are no classes
Rows = TypeVar("Rows", pd.DataFrame, pd.Series)


@dataclass(frozen=True)
class Trap:
    """A column that is easily mistaken.

    kind: id, row_number, constant, empty, gives_away, same_as_label, group, second_label or json.
    """

    column: str
    kind: str
    sentence: str


@dataclass(frozen=True)
class Roles:
    """Proposed columns (None: none fits) and, by column name, the reason in plain words.

    label: may be several that mark one class each, 'good + bad'; see labels_of.
    more_texts: further columns with texts, which can be joined. groups: columns that may say which rows belong together.
    """

    text: str | None
    label: str | None
    split: str | None
    reasons: dict[str, str]
    more_texts: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    traps: list[Trap] = field(default_factory=list)


def propose(frame: pd.DataFrame, text: str | None = None, label: str | None = None) -> Roles:
    """Propose the role of each column from its name and its values; looks at 3,000 rows spread over the table.

    text, label: where they were already chosen, so that reasons and traps speak of them.
    """
    sample = spread(frame, SAMPLE_ROWS)
    facts = {name: _Facts(name, values) for name, values in sample.items()}
    split = next((name for name in facts if facts[name].is_split and name != label), None)
    text_scores = {name: fact.text_score for name, fact in facts.items() if name not in (split, label)}
    if not text and (text := _best(text_scores, ABOUT_AS_GOOD)) and facts[text].tokens & ANSWER_NAMES:
        enough = LEAST_REQUEST * text_scores[text]
        asked = {name: score for name, score in text_scores.items() if facts[name].is_request and score >= enough}
        text = _best(asked) or text
    others = {name: fact for name, fact in facts.items() if name not in (text, split)}
    scores = {name: fact.label_score for name, fact in others.items()}
    asked = label
    label = (
        asked
        or _best({name: score for name, score in scores.items() if score > HARDLY})
        or _best({name: fact.measure_score for name, fact in others.items()})
        or _best(scores)
    )
    if not asked and (marking := _marking(sample.drop(columns=text or []))):
        named = label and facts[label].is_called_label
        if not named or (label in marking and facts[label].name not in LABEL_NAMES):
            label = JOINED.join(marking)
    made_of = label_columns(label, frame.columns) if label else []
    reasons = {}
    if text:
        reasons[text] = f"{facts[text].length} and {facts[text].variety}"
    if len(made_of) > 1:
        reasons[label] = f"{whole(len(made_of))} columns, one of which is marked in each row"
    elif label:
        values = scan.trimmed(frame[label])
        distinct = values.nunique() - bool((values == "").any())
        reasons[label] = f"{whole(distinct)} different value{'s' * (distinct != 1)} in {whole(len(frame))} rows"
    if split:
        reasons[split] = "says which rows are for training and which for testing"
    labelled = facts.get(label) or (_Facts(label, labels_of(sample, label)) if label else None)
    least = 0.15 * text_scores.get(text, 0)
    return Roles(
        text,
        label,
        split,
        reasons,
        [name for name, score in text_scores.items() if name != text and score > least and facts[name].words >= 3],
        [name for name, fact in facts.items() if name not in (text, *made_of, split) and fact.is_group],
        [
            trap
            for name, fact in facts.items()
            if name not in (text, *made_of, split) and (trap := _trap(fact, name, labelled))
        ],
    )  # fmt: skip


def label_columns(label: str, known: Collection[str]) -> list[str]:
    """The columns that a label is made of: the one of that name, or those that mark one class each, 'good + bad'."""
    several = label.split(JOINED)
    return several if label not in known and set(several) <= set(known) else [label]


def labels_of(frame: pd.DataFrame, label: str) -> pd.Series:
    """The labels as the table has them. label: as label_columns knows it. Raises KeyError for columns that there are not."""
    columns = label_columns(label, frame.columns)
    return marked(frame[columns]) if len(columns) > 1 else frame[label]


def spread(frame: Rows, most: int) -> Rows:
    """At most `most` rows from all over the table, since files are often sorted by label."""
    if len(frame) <= most:
        return frame
    places = np.linspace(0, len(frame) - 1, most).astype(int)
    return scan.take(frame, places) if isinstance(frame, pd.Series) else scan.rows_at(frame, places)


def _marking(frame: pd.DataFrame) -> list[str]:
    """The longest row of neighbouring columns of which nearly every row marks exactly one, with the same sign."""
    found = {name: None if JOINED in name else marks(cells) for name, cells in frame.items()}
    best: list[str] = []
    for is_mark, block in groupby(found, lambda name: found[name] is not None):
        names = list(block) if is_mark else []
        if not 1 < len(names) <= MOST_MARKS:
            continue
        before = np.cumsum([np.zeros(len(frame), dtype=int), *(found[name] for name in names)], axis=0)
        used = [set(signs(frame[name][found[name]])) for name in names]
        for start in (at for at, sign in enumerate(used) if sign):
            for end in range(len(names), start + max(1, len(best)), -1):
                alike = used[end - 1] and len(set().union(*used[start:end])) == 1
                if alike and (before[end] - before[start] == 1).mean() >= ALONE:
                    best = names[start:end]
                    break
    return best


class _Facts:
    """What is known of one column, and how well it would do as text or as label (0: not at all)."""

    def __init__(self, name: str, values: pd.Series):
        self.name = name.strip().lower()
        self.tokens = set(re.split(r"[\W_]+", self.name))
        self.values = values
        filled = values[values.str.strip() != ""]
        self.rows = len(values)
        self.filled = len(filled) / max(1, len(values))
        self.distinct = filled.nunique()
        self.share_distinct = self.distinct / max(1, len(filled))
        self.words = filled.str.count(r"\S+").mean() if len(filled) else 0.0
        self.characters = filled.str.len().mean() if len(filled) else 0.0
        numbers = pd.to_numeric(filled, errors="coerce")
        self.numeric = numbers.notna().mean() if len(filled) else 0.0
        self.counts_up = self.numeric == 1 and len(filled) > 2 and bool((numbers.diff().dropna() > 0).all())
        self.whole = self.numeric == 1 and bool((numbers % 1 == 0).all())
        self.json = in_json(filled)
        self.links = filled.str.match(r"https?://\S+$").mean() if len(filled) else 0.0
        self.mails = filled.str.match(MAIL).mean() if len(filled) else 0.0
        self.spaceless = filled.str.contains(SPACELESS).mean() if len(filled) else 0.0
        self.lettered = filled.str.contains(r"[^\W\d_]{2}").mean() if len(filled) else 0.0
        self.dates = filled.str.fullmatch(DATE).mean() if len(filled) else 0.0
        self.yes_no = self.distinct == 2 and set(filled.str.strip().str.lower().unique()) <= YES_NO
        self.parsed = filled.str.startswith("(").mean() if len(filled) else 0.0  # "( ( A man ) ( sleeps ) )"
        self.is_split = self.name not in LABEL_NAMES and 2 <= self.distinct <= 4 and all(map(split_of, filled.unique()))
        first, last = re.split(r"[\W_]+", self.name)[0], re.split(r"[\W_]+", self.name)[-1]
        named_so = first in GROUP_NAMES and last in {first, "id", "nr", "no", "number", "key", "name", "code"}
        self.is_group = named_so and self.distinct > 1 and self.share_distinct < 0.9

    @property
    def length(self) -> str:
        return f"{'long' if self.words >= 5 else 'text'} ({rounded(self.words)} words on average)"

    @property
    def variety(self) -> str:
        return "all different" if self.share_distinct > 0.999 else f"{percent(self.share_distinct)} different"

    @property
    def is_request(self) -> bool:
        """Whether it may hold what somebody wrote first, where another column holds the answers."""
        texts = (self.words >= 3 or self.spaceless > 0.5) and self.share_distinct > 0.5
        return texts and not self.tokens & NO_REQUESTS

    @property
    def text_score(self) -> float:
        if self.numeric > 0.5 or self.distinct < 2 or self.dates > 0.9 or self.mails > 0.5:
            return 0.0
        if (self.characters < 3 or self.lettered < 0.3) and self.name not in TEXT_NAMES:
            return 0.0
        named = 3.0 if self.name in TEXT_NAMES else 2.0 if self.tokens & TEXT_NAMES else 1.0
        if self.words < 1.5 and self.spaceless < 0.5 and not self.tokens & TEXT_NAMES:
            named *= 0.1
        if self.json or self.parsed > 0.9:
            named *= 0.02
        if self.links > 0.5:
            named *= 0.01
        return named * min(self.characters, 300) * self.share_distinct * self.filled

    @property
    def label_score(self) -> float:
        named = 1.0
        if self.name in LABEL_NAMES:
            named = 12.0 if self.name in STRONG_LABEL_NAMES else 3.0 if self.name in WEAK_LABEL_NAMES else 10.0
        elif self.name in TOOLS_LABEL_NAMES:
            named = 10.0
        elif self.tokens & (LABEL_NAMES - WEAK_LABEL_NAMES):
            named = 5.0
        elif self.tokens & WEAK_LABEL_NAMES:
            named = 2.0
        elif self.tokens & MAYBE_LABEL_NAMES or self.name in MAYBE_TOOLS_LABEL_NAMES or self.name.endswith(LABEL_ENDINGS):
            named = (1.9 if "sub" in self.tokens else 2.0) * self.unnamed
        else:
            named = self.unnamed
        if self.tokens & AGREED_NAMES:
            named *= AGREED
        if self.json:
            return named * self.filled * (1 - self.share_distinct) if named >= 10 else 0.0
        most = 0.9 * self.rows if named >= 5 else min(MAX_CLASSES, self.rows // 2)
        least = 1 if named >= 10 else 2
        longest = MANY_WORDS if named >= 10 else SOME_WORDS
        if not least <= self.distinct <= max(2, most) or self.words > longest:
            return 0.0
        if self.distinct == 1:
            named = HARDLY if self.filled < 0.9 else CONSTANT  # a mark on some of the rows, or on all
        elif self.filled < 0.5:
            named = 0.5 * named if named >= 10 and self.filled > 0.05 else 0.0
        return named * self.filled * (1 - self.share_distinct)

    @property
    def is_called_label(self) -> bool:
        """Whether its name says, or may say, that it holds the labels."""
        said = LABEL_NAMES | MAYBE_LABEL_NAMES | TOOLS_LABEL_NAMES | MAYBE_TOOLS_LABEL_NAMES
        return bool(self.tokens & said) or self.name.endswith(LABEL_ENDINGS)

    @property
    def unnamed(self) -> float:
        """How much less a column is worth as a label whose name and values say that it is something else."""
        if self.dates > 0.9 or (self.tokens & ID_NAMES and self.numeric > 0.9 and self.distinct > 10):
            return 0.0
        if self.tokens & ID_NAMES:
            return 0.2
        if self.tokens & TIME_NAMES:
            return 0.3
        if self.numeric > 0.9 and (self.distinct > 7 or self.tokens & COUNT_NAMES):
            return 0.5
        return 0.6 if self.tokens & BESIDE_NAMES or self.yes_no else 1.0

    @property
    def measure_score(self) -> float:
        """How well it would do as a label that measures something, which is said to be so."""
        return self.filled if self.tokens & LABEL_NAMES and is_continuous(self.values) else 0.0


def _trap(fact: _Facts, name: str, label: _Facts | None) -> Trap | None:
    def trap(kind: str, sentence: str) -> Trap:
        return Trap(name, kind, sentence)

    if fact.filled < 0.05:
        return trap("empty", "nearly empty")
    if fact.distinct == 1 and fact.filled > 0.95:
        return trap("constant", "the same value in every row")
    if fact.whole and fact.counts_up:
        return trap("row_number", "numbers the rows; it says nothing about the texts")
    if fact.json:
        return trap("json", "contains JSON; choose it only if you know what is in it")
    if fact.share_distinct > 0.99 and fact.words < 2 and fact.rows > 20:
        return trap("id", "an identifier, different in every row")
    if label and 1 < label.distinct <= MAX_CLASSES:
        told, usual = _tells(fact, label)
        if fact.distinct == label.distinct and told > 0.999 and _tells(label, fact)[0] > 0.999:
            return trap("same_as_label", "says the same as the label column, in other words")
        if told > PURE and usual < 0.9 and fact.filled > 0.02:
            return trap("gives_away", "gives the label away; do not add it to the texts")
    if fact.is_group:
        return trap("group", "may say which rows belong together; keep those in one split, under 'Shares and groups'")
    usual = 7 if fact.numeric > 0.9 and fact.name not in LABEL_NAMES else 50
    if fact.label_score >= 0.5 and 2 <= fact.distinct <= usual and not fact.is_split:
        return trap("second_label", f"could be a label too: {fact.distinct} different values")
    return None


def _tells(fact: _Facts, label: _Facts) -> tuple[float, float]:
    """(share of rows whose label is known from this column, share of the largest label). Numbers are taken in 20 steps."""
    labels = label.values.str.strip()
    column = fact.values.str.strip()
    if fact.numeric > 0.95 and fact.distinct > 20:
        numbers = pd.to_numeric(column, errors="coerce")
        column = pd.qcut(numbers, 20, labels=False, duplicates="drop").astype("str")
    if column.nunique() > min(100, len(column) // 5):
        return 0.0, 1.0
    table = pd.crosstab(column, labels)
    return table.max(axis=1).sum() / max(1, len(labels)), labels.value_counts(normalize=True).iloc[0]


def _best(scores: dict[str, float], close: float = 1.0) -> str | None:
    """The first with the best score, or at least `close` times that."""
    best = max(scores.values(), default=0)
    return next((name for name, score in scores.items() if score >= close * best), None) if best > 0 else None


__all__ = ["Roles", "Trap", "label_columns", "labels_of", "propose", "spread"]
