"""Quick, Balanced, Thorough: settings derived from the data and the model, each with its reason.

The learning rates and numbers of steps are the ones with which the bundled model did best on validation
(docs/decisions.md says what was tried). Imports no torch, so that a page can ask.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

PresetName = Literal["quick", "balanced", "thorough"]


@dataclass(frozen=True)
class Preset:
    """about: what it is for. steps: corrections that are aimed at. epochs: (fewest, most)."""

    about: str
    steps: int
    epochs: tuple[int, int]
    share_read: float


PRESETS: dict[str, Preset] = {
    "quick": Preset("A first impression in little time", 150, (1, 4), 0.90),
    "balanced": Preset("A good model in reasonable time", 500, (3, 10), 0.97),
    "thorough": Preset("The best score, at two to three times the time", 1000, (5, 20), 0.99),
}


@dataclass(frozen=True)
class Chosen:
    """Settings, and for each one that was derived the reason in plain words."""

    values: dict[str, object]
    reasons: dict[str, str]


def derive(
    preset: PresetName,
    rows: int,
    classes: int,
    token_lengths: np.ndarray,
    model_tokens: int = 512,
    model_width: int = 384,
) -> Chosen:
    """Settings for `rows` training texts.

    token_lengths: (texts,) lengths of a sample of the texts in tokens, at least one.
    model_tokens: the longest input that the model can read. model_width: its hidden size; wider models want
    smaller corrections.
    """
    chosen = PRESETS[preset]
    batch_size = 16 if rows < 2000 else 32
    steps_per_epoch = max(1, math.ceil(rows / batch_size))
    wanted = chosen.steps * (2 if classes > 20 else 1)
    epochs = min(max(math.ceil(wanted / steps_per_epoch), chosen.epochs[0]), chosen.epochs[1])
    max_tokens, cut = _max_tokens(token_lengths, chosen.share_read, model_tokens)
    learning_rate = _learning_rate(model_width, classes)
    values = {
        "preset": preset,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "max_tokens": max_tokens,
    }
    reasons = {
        "epochs": f"{rows:,} training texts make {steps_per_epoch:,} steps per round; about {wanted:,} steps are wanted.",
        "learning_rate": "Small models take larger corrections."
        if model_width <= 512
        else "Large models need small corrections.",
        "batch_size": "Few texts: small batches, more corrections."
        if batch_size == 16
        else "The usual size for this many texts.",
        "max_tokens": f"Reads {1 - cut:.0%} of the texts to their end."
        if cut
        else "Reads every text to its end.",
    }
    return Chosen(values, reasons)


def _max_tokens(lengths: np.ndarray, share: float, longest: int) -> tuple[int, float]:
    """(token limit that reads `share` of the texts whole, rounded up to 16s; share of the texts that it cuts)."""
    wanted = int(np.quantile(lengths, share))
    limit = min(longest, max(32, 16 * math.ceil(wanted / 16)))
    return limit, float((lengths > limit).mean())


def _learning_rate(width: int, classes: int) -> float:
    base = 1e-4 if width <= 512 else 3e-5
    return base * (3 if classes > 20 else 1)
