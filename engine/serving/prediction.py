"""What a model says about a text. Apart from the predictor, so that showing an answer needs no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prediction:
    """confidence: the probability of `label`. probabilities: {label: p}, the likeliest first."""

    text: str
    label: str
    confidence: float
    probabilities: dict[str, float]
