"""A transformer's folder, opened to be asked."""

import copy
from pathlib import Path

import numpy as np
import torch

from engine.models.devices import pick_device, pick_precision
from engine.models.folders import check_folder
from engine.models.loading import load_model, load_tokenizer
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize

AGREEING = 0.99  # of the labels, for a quicker way of computing to be taken for the same model


class OpenTransformer:
    """labels: (classes,), in the order of the probabilities."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when the model in `folder` cannot be used."""
        check_folder(folder)
        self.tokenizer = load_tokenizer(folder)
        self.model = load_model(folder).to(pick_device(device))
        self.precision = pick_precision("fp32", self.model.device)
        self.few = False
        self.labels = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        self.max_tokens = min(
            self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 10**6)
        )

    def probabilities(self, texts: list[str]) -> np.ndarray:
        """(texts, classes) float32"""
        encoded = tokenize(self.tokenizer, texts, self.max_tokens)
        return probabilities(self.model, encoded, self.precision, few=self.few)

    def quicken(self, texts: list[str]) -> str:
        """Get ready for a few texts at a time, again and again: without padding, and with weights in bf16 where the device
        multiplies faster in it; each only if `texts` keep their labels. Returns the precision, 'fp32' or 'bf16'."""
        exact, model = self._classes(texts), self.model
        self.few = True
        if pick_precision("auto", model.device) == torch.bfloat16:
            self.model, self.precision = copy.deepcopy(model).to(torch.bfloat16), torch.bfloat16
            if (self._classes(texts) == exact).mean() >= AGREEING:
                return "bf16"
            self.model, self.precision = model, torch.float32
        self.few = bool((self._classes(texts) == exact).mean() >= AGREEING)
        return "fp32"

    def _classes(self, texts: list[str]) -> np.ndarray:
        return self.probabilities(texts).argmax(axis=1)
