"""The proof that a saved model says elsewhere what it says here: a fresh process is asked (engine/serving/fresh.py)."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np

from engine import machine
from engine.errors import TrainingError
from engine.figures import significant

PROGRAM = Path(__file__).with_name("fresh.py")
VERIFIED_TEXTS = 32  # held-out texts that it is asked
TOLERANCE = 1e-4  # between the probabilities of the model and of its saved copy, in fp32
PATIENCE = 900.0  # seconds: longer than a large model takes to be read from a slow disk
AGAIN = "Start the run again; if it happens twice, please report it."


def command() -> list[str]:
    return [sys.executable, "-I", str(PROGRAM)]


@dataclass(frozen=True)
class Answers:
    """labels: (classes,). probabilities: (texts, classes) float32."""

    labels: list[str]
    probabilities: np.ndarray


class FreshProcess:
    """A process that knows only torch and transformers; it loads them from when it is made, and is asked once.

    Used as a context manager: it is ended with it, in any case. When this process dies, it ends by itself.
    """

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            command(),
            env={**machine.sharing(os.environ), "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> "FreshProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, folder: Path, texts: list[str]) -> Answers:
        """What the model in `folder` says. Raises TrainingError when it cannot be loaded there, or does not answer."""
        try:
            told, _ = self.process.communicate(json.dumps({"folder": str(folder), "texts": texts}), PATIENCE)
            found = json.loads(told) if told else {"error": f"it ended with {self.process.returncode}"}
        except subprocess.TimeoutExpired:
            found = {"error": f"no answer in {PATIENCE:.0f} seconds"}
        if "error" in found:
            raise TrainingError(
                f"The saved model cannot be used in a fresh process ({found['error']}).",
                f"The log has the details. {AGAIN}",
                "not_verified",
            )
        return Answers(found["labels"], np.array(found["probabilities"], dtype=np.float32))


def verify(here: np.ndarray, there: np.ndarray) -> float:
    """The largest difference between the probabilities of the trained model and of its saved copy, (texts, classes) each.

    Raises TrainingError when it is more than TOLERANCE.
    """
    difference = float(np.abs(here - there).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            f"The saved model does not predict what the trained one does (they differ by {significant(difference, 2)}).",
            AGAIN,
            "not_verified",
        )
    return difference
