"""Ask a finished model about texts."""

from pathlib import Path

from engine.errors import ModelError
from engine.models.catalogue import check_folder
from engine.models.devices import pick_device, pick_precision
from engine.models.loading import load_model, load_tokenizer
from engine.serving.prediction import Prediction
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize


class Predictor:
    """A model folder, opened once and asked often."""

    def __init__(self, folder: Path, device: str = "auto"):
        """Raises ModelError when there is no usable model in `folder`."""
        if not folder.is_dir():
            raise ModelError(f"There is no model in {folder}.", "Choose a finished run.", "no_model")
        check_folder(folder)
        self.tokenizer = load_tokenizer(folder)
        self.model = load_model(folder).to(pick_device(device))
        self.precision = pick_precision("fp32", self.model.device)
        self.labels = [self.model.config.id2label[index] for index in range(self.model.config.num_labels)]
        self.max_tokens = min(
            self.tokenizer.model_max_length, getattr(self.model.config, "max_position_embeddings", 10**6)
        )

    def predict(self, texts: list[str]) -> list[Prediction]:
        """One prediction for each text, in the same order."""
        encoded = tokenize(self.tokenizer, texts, self.max_tokens)
        table = probabilities(self.model, encoded, self.tokenizer.pad_token_id or 0, self.precision)
        return [self._prediction(text, row.tolist()) for text, row in zip(texts, table, strict=True)]

    def _prediction(self, text: str, row: list[float]) -> Prediction:
        ranked = dict(sorted(zip(self.labels, row, strict=True), key=lambda pair: -pair[1]))
        label = next(iter(ranked))
        return Prediction(text, label, ranked[label], ranked)
