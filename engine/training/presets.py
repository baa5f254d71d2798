"""Quick, Balanced, Thorough: settings derived from the data and the model, each with its reason.

The learning rates and numbers of steps are the ones with which the bundled model did best on validation
(docs/decisions.md says what was tried). Imports no torch, so that a page can ask.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

PresetName = Literal["quick", "balanced", "thorough"]
MANY_CLASSES = 20
# By (small model, batch size): larger batches give steadier gradients, which bear larger steps.
LEARNING_RATES = {
    (True, 16): 1e-4,
    (True, 32): 1e-4,
    (True, 64): 2e-4,
    (False, 16): 2e-5,
    (False, 32): 3e-5,
}


@dataclass(frozen=True)
class Preset:
    """about: what it is for. readings: texts to read in all. epochs: (fewest, most). share_read: of texts, whole."""

    about: str
    readings: int
    epochs: tuple[int, int]
    share_read: float


PRESETS: dict[str, Preset] = {
    "quick": Preset("A first impression in little time", 6_000, (1, 4), 0.90),
    "balanced": Preset("A good model in reasonable time", 24_000, (3, 10), 0.97),
    "thorough": Preset("The best score, at about twice the time", 48_000, (5, 20), 0.99),
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
    small, many = model_width <= 512, classes > MANY_CLASSES
    readings = chosen.readings * (2 if many else 1)
    epochs = min(max(round(readings / rows), chosen.epochs[0]), chosen.epochs[1])
    max_tokens, cut = _max_tokens(token_lengths, chosen.share_read, model_tokens)
    batch_size = 16 if rows < 2000 or max_tokens > 256 else 64 if small and max_tokens <= 128 else 32
    learning_rate = LEARNING_RATES[small, batch_size] * (3 if many and batch_size < 64 else 2 if many else 1)
    values = {
        "preset": preset,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "max_tokens": max_tokens,
    }
    reasons = {
        "epochs": f"{rows:,} training texts, {epochs * rows:,} readings in all.",
        "learning_rate": "Small models bear larger corrections."
        if small
        else "Large models need small corrections.",
        "batch_size": {
            16: "Few or long texts: small batches.",
            32: "The usual size.",
            64: "Many short texts: large batches.",
        }[batch_size],
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
