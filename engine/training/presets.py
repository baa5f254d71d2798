"""Quick, Balanced, Thorough: settings derived from the data and the model, each with its reason.

The learning rates and numbers of steps are the ones with which the bundled model did best on validation
(docs/decisions.md says what was tried). Imports no torch, so that a page can ask.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.figures import percent, rounded, whole
from engine.settings import MOST_EPOCHS

PresetName = Literal["quick", "balanced", "thorough"]
MANY_CLASSES = 20
SOME_ROWS = 2000  # up to which batches are of 16 texts, else of 32, the head comes first and the word vectors stay
LEARNING_RATES = {True: 1.5e-4, False: 3e-5}  # by whether the model is small, for batches of 32
UNBALANCED = 3  # times as many texts in the largest class as in the smallest: then balancing is offered


@dataclass(frozen=True)
class Preset:
    """about: what it is for. readings: texts to read in all, and averaged: the same where the weights are averaged; twice
    as many where there are many classes.

    epochs: (fewest, most); of the fewest half are enough for an average. steps: the fewest corrections, whatever the epochs.
    share_read: of texts, whole. thins: whether it learns from some of the texts only where one round through all would be
    more than it reads.
    """

    about: str
    readings: int
    averaged: int
    epochs: tuple[int, int]
    steps: int
    share_read: float
    thins: bool = False


PRESETS: dict[str, Preset] = {
    "quick": Preset("A quick first impression", 8_000, 4_000, (1, 4), 20, 0.90, thins=True),
    "balanced": Preset("A good model in reasonable time", 26_000, 18_000, (3, 10), 60, 0.97),
    "thorough": Preset("The best score, at about twice the time", 52_000, 36_000, (5, 20), 120, 0.99),
}


@dataclass(frozen=True)
class Chosen:
    """Settings, and for each one that was derived or is worth a thought the reason in plain words."""

    values: dict[str, object]
    reasons: dict[str, str]


def derive(
    preset: PresetName,
    rows: int,
    class_rows: Sequence[int],
    token_lengths: np.ndarray,
    model_tokens: int = 512,
    model_width: int = 384,
    sentence_encoder: bool = False,
    reads_first: bool = True,
) -> Chosen:
    """Settings for `rows` training texts.

    class_rows: (classes,) texts of each class. token_lengths: (texts,) lengths of a sample of the texts in tokens, at
    least one. model_tokens: the longest input that the model can read. model_width: its hidden size; wider models want
    smaller corrections. sentence_encoder: whether the model was pretrained to be read by the mean of its tokens.
    reads_first: whether it answers from the first token of a text.
    """
    chosen = PRESETS[preset]
    small, many = model_width <= 512, len(class_rows) > MANY_CLASSES
    # An average of the weights settles many texts in fewer rounds; few ones gained nothing. A single round cannot come to
    # rest by itself, and wears off the head that came first where classes are few (docs/decisions.md).
    averages = small and rows > SOME_ROWS
    readings = _readings(preset, len(class_rows), averages)
    share = float(f"{readings / rows:.2g}") if chosen.thins and rows > readings else 1.0
    all_rows, rows = rows, round(share * rows)
    max_tokens, cut = _max_tokens(token_lengths, chosen.share_read, model_tokens)
    batch_size = 16 if rows <= SOME_ROWS else 32
    epochs = rounds(preset, rows, batch_size, len(class_rows), averages)
    # Gradients of larger batches are steadier by the root of their size and bear larger steps (Krizhevsky 2014).
    learning_rate = LEARNING_RATES[small] * math.sqrt(batch_size / 32) * (2.5 if many else 1)
    values = {
        "preset": preset,
        "train_share": share,
        "epochs": epochs,
        "learning_rate": float(f"{learning_rate:.1e}"),
        "batch_size": batch_size,
        "max_tokens": max_tokens,
        "schedule": "constant" if averages and epochs == 1 else "linear",
        "average_weights": averages,
        "freeze_embeddings": small and (preset == "quick" or rows <= SOME_ROWS),
        "read_mean": sentence_encoder,
        "head_first": reads_first and (rows <= SOME_ROWS or (sentence_encoder and (many or epochs > 1))),
    }
    reasons = {
        "epochs": f"{whole(epochs * rows)} texts in all, {whole(rows)} per epoch."
        if epochs == _by_readings(preset, rows, len(class_rows), averages)
        else f"Few texts: enough epochs for at least {chosen.steps} updates.",
        "learning_rate": ("Small models can take large updates" if small else "Large models need small updates")
        + ("; many classes need larger ones." if many else "."),
        "batch_size": "The usual size." if batch_size == 32 else "Few texts: small batches.",
        "max_tokens": f"{percent(1 - cut)} of the texts are read in full." if cut else "Every text is read in full.",
    }
    reasons |= {
        field: why
        for field, why in {
            "freeze_embeddings": "Embeddings are half of a small model and can stay as they are.",
            "read_mean": "Works best for a sentence encoder.",
            "head_first": "A better start for the training.",
            "average_weights": "Needs fewer epochs.",
        }.items()
        if values[field]
    }
    if share < 1:
        reasons["train_share"] = f"About {whole(rows)} of the {whole(all_rows)} texts are enough for a first impression."
    times = max(class_rows) / max(1, min(class_rows))
    if times >= UNBALANCED:
        reasons["balance"] = f"The largest class has {rounded(times)} times as many texts as the smallest."
    return Chosen(values, reasons)


def rounds(preset: PresetName, rows: int, batch_size: int, classes: int, averages: bool) -> int:
    """How often `rows` training texts are read: for the preset's number of readings, and at least its corrections.

    averages: whether the weights are averaged.
    """
    by_steps = math.ceil(PRESETS[preset].steps / math.ceil(rows / batch_size))
    return min(max(_by_readings(preset, rows, classes, averages), by_steps), MOST_EPOCHS)


def _by_readings(preset: PresetName, rows: int, classes: int, averages: bool) -> int:
    fewest, most = PRESETS[preset].epochs
    least = math.ceil(fewest / 2) if averages else fewest
    return min(max(round(_readings(preset, classes, averages) / rows), least), most)


def _readings(preset: PresetName, classes: int, averages: bool) -> int:
    chosen = PRESETS[preset]
    return (chosen.averaged if averages else chosen.readings) * (2 if classes > MANY_CLASSES else 1)


def _max_tokens(lengths: np.ndarray, share: float, longest: int) -> tuple[int, float]:
    """(token limit that reads `share` of the texts whole, rounded up to 16s; share of the texts that it cuts)."""
    wanted = int(np.quantile(lengths, share))
    limit = min(longest, max(32, 16 * math.ceil(wanted / 16)))
    return limit, float((lengths > limit).mean())
