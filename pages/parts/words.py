"""The words of the dashboard: the field's terms, each explained in plain words where it is shown."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from engine import settings
from engine.data.columns import JOINED
from engine.data.reading import Table
from engine.data.reading.encodings import CHOICES as ENCODINGS
from engine.figures import ENGLISH, count, duration, language, of_100, percent, rounded, significant, size, time_left
from engine.figures import date_and_time as when
from engine.models.cards import BY_REFERENCE
from engine.runs.phases import how_far
from engine.runs.store import Status

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

SETTINGS, CHOICES, setting = settings.NAMES, settings.CHOICES, settings.called
PREFERENCES = {
    "device": SETTINGS["device"],
    "precision": SETTINGS["precision"],
    "threads": "Processor cores per run",
    "hub": "Hugging Face hub or mirror",
    "offline": "Work offline",
    "language": "Format of numbers and dates",
    "tracker": "Experiment tracker",
    "mlflow": "MLflow server (tracking URI)",
}
SPLITS = {"train": "Training", "validation": "Validation", "test": "Test"}
SCORES = {
    "accuracy": ("Accuracy", "The share of texts with the right answer."),
    "balanced_accuracy": (
        "Balanced accuracy",
        "The average recall: the share that is found of each class, averaged over the classes.",
    ),
    "macro_f1": ("Macro-F1", "The average F1 of all classes: rare classes count as much as frequent ones."),
    "weighted_f1": ("Weighted F1", "The average F1, each class weighted by its number of texts."),
    "mcc": (
        "Matthews correlation",
        "0 for guessing, 1 for all right. Always giving the most frequent answer scores 0.",
    ),
    "log_loss": (
        "Log loss",
        "How unlikely the model found the right answers: 0 is best. Confident mistakes cost most.",
    ),
    "roc_auc": (
        "ROC-AUC",
        "How often a text of a class gets a higher probability for it than another text: 0.5 for guessing, 1 is best.",
    ),
    "average_precision": (
        "Average precision",
        "The precision averaged over all thresholds: 1 is best.",
    ),
}
CORRECTED_LOG_LOSS = ("Log loss, corrected", "The same for the corrected confidence, which is in use.")
STATUS_COLOURS = {
    Status.QUEUED: "gray",
    Status.RUNNING: "blue",
    Status.FINISHED: "green",
    Status.STOPPED: "orange",
    Status.FAILED: "red",
    Status.INTERRUPTED: "orange",
}
STATUS_ICONS = {
    Status.QUEUED: ":material/schedule:",
    Status.RUNNING: ":material/progress_activity:",
    Status.FINISHED: ":material/check_circle:",
    Status.STOPPED: ":material/stop_circle:",
    Status.FAILED: ":material/error:",
    Status.INTERRUPTED: ":material/power_off:",
}


FILE_TYPES = [
    "csv", "tsv", "tab", "txt", "md", "json", "jsonl", "ndjson", "xlsx", "xlsm", "xlsb", "xls", "ods", "parquet", "feather",
    "arrow", "html", "htm", "xml", "zip", "gz",
]  # fmt: skip


def told_apart(names: Sequence[str]) -> list[str]:
    """The same, and each that stands there more than once with its number: of equal entries Streamlit takes the last."""
    often, seen, found = Counter(names), Counter(), []
    for name in names:
        told = name
        while often[name] > 1 and (told == name or told in often):
            seen[name] += 1
            told = f"{name} ({seen[name]})"
        found.append(told)
    return found


def column(name: str, header: bool) -> str:
    """What a column, or several that are one label, is called on a page: those without a name go by their place, from 1."""
    parts = [name] if header else name.split(JOINED)
    return JOINED.join(f"Column {int(one) + 1}" if one.isdecimal() and not header else one for one in parts)


def read_as(table: Table, rows: int) -> str:
    """'CSV, Western European (Windows-1252), separated by semicolon, 800 rows'"""
    return f"{friendly(table.described().rpartition(', ')[0])}, {count(rows, 'row')}"


def friendly(read_as: str) -> str:
    """How a table was read, with the plain name of its encoding."""
    parts = read_as.split(", ")
    return ", ".join(ENCODINGS.get(part, part) for part in parts)


def file_name(title: str) -> str:
    """A name for a download: letters, figures and hyphens only."""
    return re.sub(r"[^\w]+", "-", title).strip("-")[:60] or "data"


def roughly(seconds: float) -> str:
    """A time that is only forecast: '20 seconds', '4 minutes', '1 hour 20 minutes'."""
    if seconds < 55:
        return count(max(5, 5 * round(seconds / 5)), "second")
    minutes = round(seconds / 60)
    if minutes > 20:
        minutes = 5 * round(minutes / 5)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return count(rest, "minute")
    return count(hours, "hour") + (f" {count(rest, 'minute')}" if rest and hours < 10 else "")


def share(value: float) -> str:
    return percent(value, 1)


def value(chosen: object) -> str:
    """Of a setting that a run has, or has not."""
    known = BY_REFERENCE.get(chosen) if isinstance(chosen, str) else None
    return known.name if known else settings.told(chosen)


def score(value: float) -> str:
    return rounded(value, 3)


def between(edges: Sequence[float], written: Callable[[float], str] = share) -> str:
    """An interval: '81.2% to 88.0%'."""
    return f"{written(edges[0])} to {written(edges[1])}"


def table(rows: pd.DataFrame | list[dict], **written: Callable[[float], str]) -> "Styler":
    """A table whose numbers are written as everywhere else, and still sorted as numbers. written: how, by column.

    The formats that Streamlit offers write as in English, or as the browser is set.
    """
    frame = pd.DataFrame(rows)
    return frame.style.format(dict.fromkeys(frame.select_dtypes("float"), significant) | written, na_rep="")


def cells(number_format: str) -> str:
    """The format of cells that Streamlit writes itself (bars, those to fill in): in English, or as the browser is set."""
    return number_format if language() == ENGLISH else "localized"


__all__ = ["count", "duration", "how_far", "of_100", "size", "time_left", "when"]
