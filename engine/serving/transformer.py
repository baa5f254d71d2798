"""A transformer's folder, opened to be asked."""

from pathlib import Path

import numpy as np

from engine.models.contributions import Contributions
from engine.models.devices import pick_device, pick_precision
from engine.models.folders import check_folder
from engine.models.loading import load_model, load_tokenizer
from engine.serving import gradients
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize


class OpenTransformer:
    """labels: (classes,), in the order of the probabilities."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when the model in `folder` cannot be used."""
        check_folder(folder)
        self.tokenizer = load_tokenizer(folder)
        self.model = load_model(folder).to(pick_device(device))
        self.precision = pick_precision("fp32", self.model.device)
        self.labels = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        self.max_tokens = min(
            self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 10**6)
        )

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """(texts, classes) float32"""
        encoded = tokenize(self.tokenizer, texts, self.max_tokens)
        return probabilities(self.model, encoded, self.precision)

    def contributions(self, text: str, target: int) -> Contributions:
        """What each token that is read adds to the margin of the class at `target`. Raises ModelError: gradients.py."""
        return gradients.contributions(self.model, self.tokenizer, self.max_tokens, text, target)
