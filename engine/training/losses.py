"""What a wrong answer costs."""

import numpy as np
import torch
from torch import nn

FOCUS = 2.0  # gamma of the focal loss: the value that its authors recommend


class Loss(nn.Module):
    """(texts, classes) fp32 logits and (texts,) labels -> (texts,) cost of each text in nats."""

    def __init__(self, weights: torch.Tensor | None, label_smoothing: float, focus: float):
        super().__init__()
        self.register_buffer("weights", weights)
        self.label_smoothing, self.focus = label_smoothing, focus

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        cost = nn.functional.cross_entropy(
            logits, labels, self.weights, reduction="none", label_smoothing=self.label_smoothing
        )
        if not self.focus:
            return cost
        right = logits.softmax(dim=-1).gather(1, labels[:, None]).squeeze(1)
        return cost * (1 - right) ** self.focus


def make_loss(labels: np.ndarray, classes: int, balance: str, label_smoothing: float) -> Loss:
    """Cross-entropy for these training labels.

    balance: 'weights': each class counts alike, texts / (classes * texts of the class), as scikit-learn's 'balanced';
    'focal': texts that the model is sure of count less (Lin et al. 2017, equation 4, gamma 2); or 'none'.
    """
    weights = None
    if balance == "weights":
        counts = np.bincount(labels, minlength=classes)
        weights = torch.tensor(len(labels) / (classes * np.maximum(counts, 1)), dtype=torch.float32)
    return Loss(weights, label_smoothing, FOCUS if balance == "focal" else 0.0)
