"""Ask a finished model about texts."""

from pathlib import Path

from engine.errors import ModelError
from engine.models import tfidf
from engine.serving.prediction import Prediction


class Predictor:
    """A model folder, opened once and asked often."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when there is no usable model in `folder`."""
        if not folder.is_dir():
            raise ModelError(f"There is no model in {folder}.", "Choose a finished run.", "no_model")
        if tfidf.is_saved_in(folder):
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

    def quicken(self, texts: list[str]) -> str:
        """Get ready to be asked about a few texts at a time, again and again; `texts` are to keep their labels.

        Returns what is computed in: 'fp32' or 'bf16', 'fp64' for counted words.
        """
        return "fp64" if isinstance(self.model, tfidf.WordCounter) else self.model.quicken(texts)

    def _prediction(self, text: str, row: list[float]) -> Prediction:
        ranked = dict(sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1]))
        label = next(iter(ranked))
        return Prediction(text, label, ranked[label], ranked)
