"""A model that is served: opened, with the rules of its run and what is known of it.

The model stays as it was opened; its rules are read again as soon as their file is another one.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine.data.samples import read_sample
from engine.errors import SettingsError, TuneboardError
from engine.evaluation import predictions
from engine.paths import RunPaths, read_json
from engine.serving import rules
from engine.serving.predictor import Predictor
from engine.serving.rules import Rules

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

    @property
    def rules(self) -> Path:
        """Their file, which may not be there."""
        return self.run.rules if self.run else self.folder / rules.IN_AN_EXPORT


@dataclass(frozen=True)
class InForce:
    """Rules as they are now. mark: tells their file from what it was before. version: changes when an answer may have
    changed: a hash of the model's files and these rules."""

    mark: tuple[int, ...] | None
    rules: Rules
    version: str


class Opened:
    def __init__(self, source: Source):
        """Raises TuneboardError when there is no usable model."""
        self.name, self._source, self._model = source.name, source, _model(source)
        self._in_force = self._read(_mark(source.rules))
        self.written_at = _written_at(source.folder)
        self.scores = _scores(source.run)
        self.predictor = Predictor(source.folder)
        self.precision = self.predictor.quicken(_texts(source.run))
        self.predict(["warm", "the first passes reserve memory"])

    @property
    def labels(self) -> list[str]:
        return self.predictor.labels

    @property
    def rules(self) -> Rules:
        return self.in_force().rules

    @property
    def version(self) -> str:
        return self.in_force().version

    def in_force(self) -> InForce:
        """Any thread may ask. Rules that cannot be understood, or have gone with their model, leave those from before."""
        mark, now = _mark(self._source.rules), self._in_force
        if mark == now.mark or not self._source.folder.is_dir():
            return now
        try:
            now = self._read(mark)
        except (OSError, TuneboardError):
            now = replace(now, mark=mark)
        self._in_force = now
        return now

    def _read(self, mark: tuple[int, ...] | None) -> InForce:
        source = self._source
        found = rules.read(source.run) if source.run else rules.read_exported(source.folder)
        digest = self._model.copy()
        digest.update(json.dumps(found.exported()).encode())
        return InForce(mark, found, digest.hexdigest()[:12])

    def predict(self, texts: list[str]) -> tuple[str, list[dict]]:
        """(version, text, label, confidence, probabilities {label: p} and to_a_person of each text, in the same order)."""
        now = self.in_force()
        return now.version, [
            {
                "text": one.text,
                "label": one.label,
                "confidence": one.confidence,
                "probabilities": one.probabilities,
                "to_a_person": now.rules.to_a_person(one.label, one.confidence),
            }
            for one in self.predictor.predict(texts, now.rules.temperature)
        ]

    def about(self) -> dict:
        now = self.in_force()
        return {
            "name": self.name,
            "version": now.version,
            "written_at": self.written_at,
            "labels": self.labels,
            "scores": self.scores,
            "precision": self.precision,
            **asdict(now.rules),
        }


def _model(source: Source):
    """The hash of the model's files, to which that of the rules is added."""
    digest = hashlib.sha256()
    for path in sorted(path for path in source.folder.glob("*") if path.is_file() and path != source.rules):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest


def _mark(path: Path) -> tuple[int, ...] | None:
    """None where there is no such file, or it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


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
