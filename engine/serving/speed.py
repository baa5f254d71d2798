"""How long a model takes for a text: measured alike for all of them, so that the figures can be compared."""

import time
from collections.abc import Callable, Sequence
from statistics import median

TEXTS, REPEATS = 100, 3


def milliseconds_per_text(answer: Callable[[list[str]], object], texts: Sequence[str]) -> float:
    """The median of some passes over at most TEXTS of the texts, spread evenly. answer: from texts to probabilities, so that
    cutting them into tokens counts."""
    some = list(texts[:: max(1, len(texts) // TEXTS)])[:TEXTS]
    return median(_seconds(answer, some) for _ in range(REPEATS)) * 1000 / len(some)


def passed(texts: int) -> int:
    """How many texts the model is asked for that, all passes together."""
    return REPEATS * min(TEXTS, texts)


def _seconds(answer: Callable[[list[str]], object], texts: list[str]) -> float:
    began = time.perf_counter()
    answer(texts)
    return time.perf_counter() - began
