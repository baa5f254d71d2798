"""The table of predictions: what every score, page and report is computed from."""

from pathlib import Path

import numpy as np
import pandas as pd

from engine.paths import aside

PROBABILITY = "p:"  # prefix of the probability columns, so that a class called "text" harms nothing


def table(rows: pd.DataFrame, labels: list[str], probabilities: np.ndarray) -> pd.DataFrame:
    """rows (source_row, split, text, label) with the predicted label and one probability column per class.

    labels: (classes,). probabilities: (rows, classes), in the order of both.
    """
    columns = pd.DataFrame(probabilities, columns=[PROBABILITY + label for label in labels])
    scored = rows[["source_row", "split", "text", "label"]].reset_index(drop=True)
    predicted = np.array(labels, dtype=object)[probabilities.argmax(axis=1)]
    return pd.concat([scored.assign(predicted=predicted), columns], axis="columns")


def write(predictions: pd.DataFrame, path: Path) -> None:
    """Raises WorkspaceError."""
    with aside(path) as part:
        predictions.to_parquet(part, index=False)


def read(path: Path, split: str | None = None) -> pd.DataFrame:
    chosen = [("split", "==", split)] if split else None
    return pd.read_parquet(path, filters=chosen).reset_index(drop=True)


def labels_of(predictions: pd.DataFrame) -> list[str]:
    return [name.removeprefix(PROBABILITY) for name in predictions.columns if name.startswith(PROBABILITY)]


def probabilities_of(predictions: pd.DataFrame) -> np.ndarray:
    """(rows, classes) float32."""
    return predictions[[PROBABILITY + label for label in labels_of(predictions)]].to_numpy(dtype=np.float32)


def precise_probabilities_of(predictions: pd.DataFrame) -> np.ndarray:
    """(rows, classes) float64: the likeliest class gets what the others leave.

    In float32 everything above 0.99999997 is 1, so that the texts of which a model is sure would tie in a ranking; the
    probabilities of the other classes, near 0, are told to seven figures all the same.
    """
    found = probabilities_of(predictions).astype(np.float64)
    likeliest = np.arange(len(found)), found.argmax(axis=1)
    found[likeliest] = 0.0
    found[likeliest] = np.maximum(1.0 - found.sum(axis=1), 0.0)
    return found


def answers(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(answer, its probability, whether it is right) of each text."""
    sure = probabilities_of(predictions).max(axis=1)
    said, label = (predictions[name].to_numpy() for name in ("predicted", "label"))
    return said, sure, said == label


def cell(predictions: pd.DataFrame, actual: str, predicted: str) -> pd.DataFrame:
    """The texts of one cell of the confusion matrix with the model's confidence, the most confident first."""
    chosen = predictions[(predictions["label"] == actual) & (predictions["predicted"] == predicted)]
    confidence = chosen[PROBABILITY + predicted] if len(chosen) else pd.Series(dtype=float)
    return chosen[["text", "source_row"]].assign(confidence=confidence).sort_values("confidence", ascending=False)
