"""A run that never was: real scores of made-up predictions, for reports on what real data seldom hold."""

import numpy as np
import pandas as pd

from engine.data.datasets import DatasetInfo
from engine.evaluation import predictions
from engine.evaluation.judging import judge
from engine.serving.exporting import Facts
from engine.serving.report import Evidence
from engine.serving.rules import Rules
from engine.settings import TrainingConfig

HOSTILE = [
    "<script>window.hacked = 1</script>",
    "</script><img src=x onerror='window.hacked = 2'>",
    "{{ 7 * 7 }} {% raw %}",
    "\"' onmouseover='window.hacked = 3' autofocus onfocus=window.hacked=4 x=\"",
    "<!-- & ]]> </title></style><h1>taller</h1>",
]


def run(
    labels: list[str], tested: int, name: str = "made up", deleted: bool = False, rules: Rules | None = None
) -> tuple[Facts, Evidence]:
    """A run on `tested` test texts, of which about four fifths are right."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "source_row": range(2 * tested),
            "split": ["validation", "test"] * tested,
            "text": [f"text {number} {HOSTILE[number % len(HOSTILE)]}" for number in range(2 * tested)],
            "label": [labels[number // 2 % len(labels)] for number in range(2 * tested)],
        }
    )
    logits = rng.normal(size=(len(rows), len(labels)))
    meant = np.where(
        rng.random(len(rows)) < 0.8,
        rows["label"].map(labels.index),
        rng.integers(0, len(labels), len(rows)),
    )
    logits[np.arange(len(rows)), meant] += 4
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = predictions.table(rows, labels, shares.astype(np.float32))
    scored = {split: judge(table[table["split"] == split]) for split in ("validation", "test")}
    found = {
        **scored,
        "intervals": scored["test"]["intervals"],
        "baseline": {"name": "TF-IDF + logistic regression", **scored["validation"]},
    }
    counts = {"train": 5 * tested, "validation": tested, "test": tested}
    data = DatasetInfo("aaaaaa", name, "2026-11-26T12:00:00+00:00", f"{name}.csv", "CSV, utf-8", "text", "label",
                       "stratified, 70% / 15% / 15%", labels, counts, dict.fromkeys(labels, 7), [f"note: {name}"],
                       f"about {name}")  # fmt: skip
    settings = TrainingConfig(model="/somewhere").model_dump()
    facts = Facts("abcdef1234", name, "/somewhere", name, name, {} if deleted else counts, found, settings,
                  rules or Rules(), "2026-11-26")  # fmt: skip
    setup = {
        "device": "Processor",
        "precision": "float32",
        "parameters": 1234,
        "versions": {"torch": "2.13.0"},
    }
    return facts, Evidence(table, None if deleted else data, setup, "12 s")
