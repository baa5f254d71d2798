"""A transformer's folder, opened to be asked."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from engine import machine
from engine.models.contributions import Contributions
from engine.models.devices import pick_device, pick_precision
from engine.models.folders import check_folder, longest_input
from engine.models.loading import load_model, load_tokenizer
from engine.serving import gradients
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize

AGREED = 0.995  # of the labels, from which on fewer digits will do
COMPARED_TOKENS = 64  # of each text that is compared on: digits tell as much there, and long texts take long in fp32


class OpenTransformer:
    """labels: (classes,), in the order of the probabilities."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when the model in `folder` cannot be used."""
        check_folder(folder)
        torch.set_num_threads(machine.cores())
        self.folder = folder
        self.tokenizer = load_tokenizer(folder)
        self.model = load_model(folder).to(pick_device(device))
        self.precision = torch.float32
        self.few = False  # texts at a time
        self.labels = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        self.max_tokens = min(self.tokenizer.model_max_length, longest_input(self.model.config.to_dict(), 10**6))

    def probabilities(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> np.ndarray:
        """(texts, classes) float32. progress: texts done, and in all."""
        return self._answers(texts, self.max_tokens, progress)

    def _answers(
        self,
        texts: Sequence[str],
        most_tokens: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        encoded = tokenize(self.tokenizer, list(texts), most_tokens)
        return probabilities(self.model, encoded, self.precision, progress, few=self.few)

    def hasten(self, texts: Sequence[str]) -> str:
        """Compute in bf16 from now on, if this device is fast at it and at least 99.5% of the labels of `texts` stay the
        same. Returns in which precision it goes on: "fp32" or "bf16"."""
        if pick_precision("auto", self.model.device) == torch.bfloat16 and len(texts):
            some = min(self.max_tokens, COMPARED_TOKENS)
            exact = self._answers(texts, some).argmax(axis=1)
            self.compute_in("bf16")
            if (self._answers(texts, some).argmax(axis=1) == exact).mean() >= AGREED:
                return "bf16"
            self.model = load_model(self.folder).to(self.model.device)
        self.precision = torch.float32
        return "fp32"

    def quicken(self, texts: Sequence[str]) -> str:
        """Get ready for a few texts at a time, again and again: without padding, and in bf16 as `hasten` decides; each only
        if `texts` keep their labels. Returns the precision."""
        exact = self.probabilities(texts).argmax(axis=1)
        self.few = True
        found = self.hasten(texts)
        if (self.probabilities(texts).argmax(axis=1) == exact).mean() < AGREED:
            self.few = False
        return found

    def compute_in(self, precision: str) -> None:
        """precision: "fp32", in which models are opened, or "bf16", from which there is no way back."""
        self.precision = pick_precision(precision, self.model.device)
        self.model = self.model.to(self.precision)

    def contributions(self, text: str, target: int) -> Contributions:
        """What each token that is read adds to the margin of the class at `target`. Raises ModelError: gradients.py."""
        return gradients.contributions(self.model, self.tokenizer, self.max_tokens, text, target)
