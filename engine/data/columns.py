"""Which column holds the texts, which the labels, which the split: proposals, each with its reason."""

from dataclasses import dataclass

import pandas as pd

TEXT_NAMES = {
    "text",
    "sentence",
    "review",
    "message",
    "comment",
    "content",
    "tweet",
    "body",
    "question",
    "description",
    "utterance",
    "document",
    "title",
    "sms",
    "feedback",
    "query",
    "post",
}
LABEL_NAMES = {
    "label",
    "labels",
    "class",
    "category",
    "sentiment",
    "target",
    "topic",
    "intent",
    "emotion",
    "polarity",
    "rating",
    "type",
    "tag",
    "y",
    "spam",
    "label_name",
    "answer",
}
SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "valid": "validation",
    "validation": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "holdout": "test",
    "eval": "validation",
}
SAMPLE_ROWS = 5000
MAX_CLASSES = 500


@dataclass(frozen=True)
class Roles:
    """Proposed columns (None: none fits) and, by column name, the reason in plain words."""

    text: str | None
    label: str | None
    split: str | None
    reasons: dict[str, str]


def propose(frame: pd.DataFrame) -> Roles:
    """Propose the role of each column from its name and its values. Looks at the first 5,000 rows."""
    facts = {name: _Facts(name, frame[name].head(SAMPLE_ROWS)) for name in frame.columns}
    split = next((name for name in facts if facts[name].is_split), None)
    text = _best({name: fact.text_score for name, fact in facts.items() if name != split})
    label = _best({name: fact.label_score for name, fact in facts.items() if name not in (text, split)})
    reasons = {}
    if text:
        reasons[text] = f"long ({facts[text].words:.0f} words on average) and {facts[text].variety}"
    if label:
        reasons[label] = f"{frame[label].nunique():,} different values, spread over {len(frame):,} rows"
    if split:
        reasons[split] = "says which rows are for training and which for testing"
    return Roles(text, label, split, reasons)


def split_of(value: str) -> str | None:
    """'Dev' -> 'validation'; None for a word that names no split."""
    return SPLIT_NAMES.get(value.strip().lower())


class _Facts:
    """What is known of one column, and how well it would do as text or as label (0: not at all)."""

    def __init__(self, name: str, values: pd.Series):
        self.name = name.strip().lower()
        filled = values[values.str.strip() != ""]
        self.rows = len(values)
        self.filled = len(filled) / max(1, len(values))
        self.distinct = filled.nunique()
        self.share_distinct = self.distinct / max(1, len(filled))
        self.words = filled.str.count(r"\S+").mean() if len(filled) else 0.0
        self.characters = filled.str.len().mean() if len(filled) else 0.0
        self.numeric = pd.to_numeric(filled, errors="coerce").notna().mean() if len(filled) else 0.0
        self.is_split = (
            bool(len(filled)) and 2 <= self.distinct <= 4 and all(split_of(v) for v in filled.unique())
        )

    @property
    def variety(self) -> str:
        return "all different" if self.share_distinct > 0.999 else f"{self.share_distinct:.0%} different"

    @property
    def text_score(self) -> float:
        if self.numeric > 0.5 or self.characters < 3 or self.distinct < 2:
            return 0.0
        named = 3.0 if self.name in TEXT_NAMES else 1.0
        return named * min(self.characters, 300) * self.share_distinct * self.filled

    @property
    def label_score(self) -> float:
        most = min(MAX_CLASSES, max(2, self.rows // 2))
        if not 2 <= self.distinct <= most or self.words > 6 or self.filled < 0.5:
            return 0.0
        named = 10.0 if self.name in LABEL_NAMES else 1.0
        return named * self.filled * (1 - self.share_distinct)


def _best(scores: dict[str, float]) -> str | None:
    name = max(scores, key=scores.get, default=None)
    return name if name is not None and scores[name] > 0 else None
