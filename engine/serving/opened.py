"""A model that is served: opened, with the rules of its run and what is known of it."""

import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.data.samples import read_sample
from engine.errors import SettingsError
from engine.evaluation import predictions
from engine.paths import RunPaths, read_json
from engine.serving import rules
from engine.serving.predictor import Predictor

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
CHECKED = 128  # texts of a run, by which it is seen whether computing faster changes an answer


@dataclass(frozen=True)
class Source:
    """Where a model is opened from, again after a change. name: in the address. run: None for a folder that is no run's."""

    name: str
    folder: Path
    run: RunPaths | None = None

    def __post_init__(self):
        """Raises SettingsError for a name that fits into no address."""
        if not NAME.fullmatch(self.name):
            raise SettingsError(
                {
                    "name": f"{self.name!r} is no name for a model in an address; give one of letters, digits, "
                    "dots and hyphens: NAME=RUN."
                }
            )


class Opened:
    """version: changes when an answer may have changed: a hash of the model's files and its rules."""

    def __init__(self, source: Source):
        """Raises TuneboardError when there is no usable model."""
        self.name = source.name
        self.version = _version(source)
        self.written_at = _written_at(source.folder)
        self.rules = rules.read(source.run) if source.run else rules.read_exported(source.folder)
        self.scores = _scores(source.run)
        self.predictor = Predictor(source.folder)
        self.precision = self.predictor.quicken(_texts(source.run))
        self.predict(["warm", "the first passes reserve memory"])

    @property
    def labels(self) -> list[str]:
        return self.predictor.labels

    def predict(self, texts: list[str]) -> list[dict]:
        """text, label, confidence, probabilities {label: p} and to_a_person of each text, in the same order."""
        return [
            {
                "text": one.text,
                "label": one.label,
                "confidence": one.confidence,
                "probabilities": one.probabilities,
                "to_a_person": self.rules.to_a_person(one.label, one.confidence),
            }
            for one in self.predictor.predict(texts, self.rules.temperature)
        ]

    def about(self) -> dict:
        return {
            "name": self.name,
            "version": self.version,
            "written_at": self.written_at,
            "labels": self.labels,
            "scores": self.scores,
            "precision": self.precision,
            **asdict(self.rules),
        }


def _version(source: Source) -> str:
    digest = hashlib.sha256()
    files = sorted(path for path in source.folder.glob("*") if path.is_file())
    for path in [*files, *([source.run.rules] if source.run and source.run.rules.exists() else [])]:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _written_at(folder: Path) -> str | None:
    """When the weights were written, UTC; None for a folder without any."""
    times = [path.stat().st_mtime for path in folder.glob("*.safetensors")]
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else None


def _scores(run: RunPaths | None) -> dict | None:
    """accuracy and macro_f1 on the test rows, and intervals {score: [low, high]} at 95%."""
    if run is None or not run.metrics.exists():
        return None
    found = read_json(run.metrics)
    return {
        "accuracy": found["test"]["accuracy"],
        "macro_f1": found["test"]["macro_f1"],
        "intervals": {key: list(found["intervals"][key]) for key in ("accuracy", "macro_f1")},
    }


def _texts(run: RunPaths | None) -> list[str]:
    """Texts that the run was scored on; for a folder, which brings none, those of a sample."""
    if run is None or not run.predictions.exists():
        return read_sample("support").frame["text"].head(CHECKED).tolist()
    return predictions.read(run.predictions, "test")["text"].head(CHECKED).tolist()
