"""Everything that is said of a model's predictions: computed once, and read by pages, command line and reports alike."""

import numpy as np
import pandas as pd

from engine.evaluation import baseline, metrics, resampling
from engine.evaluation.calibration import temper
from engine.evaluation.predictions import labels_of, precise_probabilities_of


def judge(table: pd.DataFrame) -> dict:
    """Scores of the predictions of one split: those of `metrics.scores` and `metrics.ranking`, with `intervals`.

    A label that the model does not know, since the data has it only now, is a class that it never says.
    """
    labels, probabilities = _with_unknown(table)
    actual, predicted = table["label"].to_numpy(), table["predicted"].to_numpy()
    found = metrics.scores(actual, predicted, labels)
    ranked = metrics.ranking(actual, probabilities, labels)
    for label, more in ranked.pop("by_class").items():
        found["per_class"][label] |= more
    return {**found, **ranked, "intervals": resampling.intervals(actual, predicted, probabilities, labels)}


def corrected_log_loss(table: pd.DataFrame, temperature: float) -> tuple[float, list[float]]:
    """(the log loss of predictions whose confidence is corrected by this temperature, its 95% interval). table: as they are.

    Of the other scores, those of the answers stay the same; those of the ranking are told of the model as it is.
    """
    labels, probabilities = _with_unknown(table)
    actual, tempered = table["label"].to_numpy(), temper(probabilities, temperature)
    return metrics.log_loss(actual, tempered, labels), resampling.log_loss_interval(actual, tempered, labels)


def _with_unknown(table: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """(labels, (rows, classes) probabilities), with those labels that the model does not know."""
    unknown = sorted(set(table["label"]) - set(labels_of(table)))
    return [*labels_of(table), *unknown], np.pad(precise_probabilities_of(table), ((0, 0), (0, len(unknown))))


def judge_run(predicted: pd.DataFrame, training: pd.DataFrame) -> dict:
    """What metrics.json holds: of the validation and the test rows, and of word counting on the same test rows.

    predicted: of both splits. training: the rows that were learnt from.
    """
    found = {split: judge(predicted[predicted["split"] == split]) for split in ("validation", "test")}
    test = predicted[predicted["split"] == "test"]
    return {
        **found,
        "train_rows": len(training),
        "most_frequent": baseline.most_frequent(training["label"]),
        "intervals": found["test"]["intervals"],
        "baseline": judge_counting(training, test, labels_of(predicted)),
    }


def judge_counting(training: pd.DataFrame, test: pd.DataFrame, labels: list[str]) -> dict:
    """The scores of word counting, trained on `training`, on the texts of `test`."""
    counted = baseline.word_counting(training["text"], training["label"], test["text"])
    found = metrics.scores(test["label"].to_numpy(), np.asarray(counted, dtype=object), labels)
    return {
        "name": baseline.NAME,
        **{key: found[key] for key in ("accuracy", "macro_f1", "weighted_f1", "per_class")},
    }
