"""Ask a finished model about texts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.errors import DataError, ModelError
from engine.models import tfidf
from engine.serving.explaining import Explanation, by_words
from engine.serving.prediction import Prediction


class Predictor:
    """A model folder, opened once and asked often."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when there is no usable model in `folder`."""
        if not folder.is_dir():
            raise ModelError(f"There is no model in {folder}.", "Choose a finished run.", "no_model")
        self.folder = folder
        self.counts = tfidf.is_saved_in(folder)
        if self.counts:
            self.model = tfidf.load(folder)
        else:
            from engine.serving.transformer import OpenTransformer  # torch is only for those who need it

            self.model = OpenTransformer(folder, device)
        self.labels = list(self.model.labels)

    def predict(self, texts: list[str], temperature: float = 1.0) -> list[Prediction]:
        """One prediction for each text, in the same order. temperature: corrects the confidence; 1 leaves it."""
        table = self.model.probabilities(texts)
        if temperature != 1.0:
            from engine.evaluation.calibration import temper

            table = temper(table, temperature)
        return [self._prediction(text, row.tolist()) for text, row in zip(texts, table, strict=True)]

    def probabilities(
        self, texts: Sequence[str], progress: Callable[[int, int], None] = lambda done, total: None
    ) -> np.ndarray:
        """(texts, classes) float32, in the order of `labels`. progress: texts done, and in all."""
        if self.counts:
            return self.model.probabilities(texts)  # takes no time
        return self.model.probabilities(texts, progress)

    def hasten(self, texts: Sequence[str]) -> str:
        """Answer faster from now on, where `texts` show that the labels stay the same; returns how: "fp32" or "bf16"."""
        return "fp32" if self.counts else self.model.hasten(texts)

    def compute_in(self, precision: str) -> None:
        """precision: what `hasten` returned before."""
        if not self.counts:
            self.model.compute_in(precision)

    def explain(self, text: str, label: str | None = None) -> Explanation:
        """What each word of `text` adds to the score of `label`, or of the likeliest label.

        Raises DataError when the model does not know the label or sees nothing in the text, and ModelError when it is
        of an architecture that cannot be explained.
        """
        if label is not None and label not in self.labels:
            raise DataError(
                f"The model does not know the label {label!r}.",
                f"It knows: {', '.join(self.labels)}.",
                "no_such_label",
            )
        if text.strip():
            label = self.predict([text])[0].label if label is None else label
            found = self.model.contributions(text, self.labels.index(label))
            words, rest = by_words(text, found.spans, found.values)
            if any(word.read for word in words):
                return Explanation(text, label, tuple(words), rest, found.score, found.blank)
        raise DataError("There is nothing in this text that the model reads.", "Write a few words.", "nothing_read")

    def quicken(self, texts: list[str]) -> str:
        """Get ready to be asked about a few texts at a time, again and again; `texts` are to keep their labels.

        Returns what is computed in: 'fp32' or 'bf16', 'fp64' for counted words.
        """
        return "fp64" if self.counts else self.model.quicken(texts)

    def _prediction(self, text: str, row: list[float]) -> Prediction:
        ranked = dict(sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1]))
        label = next(iter(ranked))
        return Prediction(text, label, ranked[label], ranked)
