"""A finished run as one page for people who were not there: self-contained HTML that asks no other machine for anything.

The words are in report.html.jinja; here is what they are about. Everything that people wrote is escaped by Jinja, and the
page's own security policy lets nothing run but the two scripts whose SHA-256 it names.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from engine import __version__, machine
from engine.data.datasets import DatasetInfo
from engine.evaluation import baseline, deferring, predictions
from engine.evaluation.calibration import Judged, judge, temper
from engine.evaluation.confusions import mistakes
from engine.evaluation.judging import corrected_log_loss
from engine.figures import date, of_100, percent, rounded, separators, whole
from engine.models.tfidf import REFERENCE as WORD_COUNTING
from engine.serving import drawing
from engine.serving.drawing import Chart
from engine.serving.exporting import Facts, new_file
from engine.serving.rules import CHOSEN_BEFORE, when
from engine.settings import called, help_text, told

TEMPLATE = "report.html.jinja"
MOST_CELLS = 12  # classes up to which the confusion matrix is a table; beyond it is drawn
MOST_DRAWN = 120  # classes up to which it is drawn at all
MOST_NAMED = 60  # labels, in the list of all
MOST_MISTAKES = 12  # kinds of them beside a drawn matrix; a table shows them itself, so that few do
MOST_WRONG, MOST_RIGHT, MOST_LETTERS = 6, 4, 700
FEW_TEXTS = 10  # of a class in the test: too few to say much about it
DRAW = """
for (const place of document.querySelectorAll("[data-chart]")) {
  const chart = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  Plotly.newPlot(place, chart.traces, chart.layout, {displayModeBar: false, responsive: true});
}
"""
LAYOUT = {
    "margin": {"l": 8, "r": 12, "t": 8, "b": 8, "pad": 4},
    "paper_bgcolor": drawing.CLEAR,
    "plot_bgcolor": drawing.CLEAR,
    "showlegend": False,
    "dragmode": False,
    "font": {"family": drawing.FAMILY, "size": 12},
    "hoverlabel": {"namelength": -1, "font": {"family": drawing.FAMILY, "size": 13}},
}


@dataclass(frozen=True)
class Evidence:
    """What a report shows beside the facts.

    predictions: of the validation and the test rows. data: None where the data set was deleted since. setup: device,
    precision, versions and so on, as the run noted them. took: how long, in words; may be empty.
    """

    predictions: pd.DataFrame
    data: DatasetInfo | None
    setup: Mapping[str, object]
    took: str


@dataclass(frozen=True)
class Example:
    """A test text, shortened, with its label and the model's answer."""

    text: str
    label: str
    predicted: str
    confidence: float


def write(facts: Facts, evidence: Evidence, to: Path) -> Path:
    """Write the report to the new file `to`. Raises DataError when there is something already."""
    page = render(facts, evidence)
    with new_file(to) as part:
        part.write_text(page, encoding="utf-8", newline="\n")  # other line ends would change the scripts' sums
    return to


def render(facts: Facts, evidence: Evidence) -> str:
    """The page as HTML."""
    table = evidence.predictions
    test = table[table["split"] == "test"]
    scores, base = facts.metrics["test"], facts.metrics["baseline"]
    labels, counts = scores["confusion_matrix"]["labels"], scores["confusion_matrix"]["counts"]
    support = {label: one["support"] for label, one in scores["per_class"].items()}
    often, always = baseline.always(facts.metrics, scores)
    corrects = facts.rules.temperature != 1.0
    judged = judge(table, facts.rules.temperature if corrects else None)
    sure = temper(predictions.probabilities_of(test), facts.rules.temperature).max(axis=1)
    right = (test["label"] == test["predicted"]).to_numpy()
    least = np.array([facts.rules.least(answer) for answer in test["predicted"]])
    deferral = deferring.defer(sure, right, least)
    bins = judged.corrected_bins if corrects else judged.bins
    is_table, found = len(labels) <= MOST_CELLS, mistakes(labels, counts)
    counts_words = facts.reference == WORD_COUNTING
    others = {} if counts_words else {"word counting": base["accuracy"]}
    data = evidence.data
    charts = {
        "standing": drawing.standing(
            scores["accuracy"],
            facts.metrics["intervals"]["accuracy"],
            {**others, f"always “{often}”": always},
        ),
        "classes": drawing.class_sizes(data.classes if data else support, "texts" if data else "test texts"),
        "reliability": drawing.reliability(bins),
        "coverage": drawing.coverage(
            *deferring.curve(sure, right),
            (deferral.covered, deferral.accuracy) if facts.rules.sends_any and deferral.accuracy is not None else None,
        ),
    }
    if not is_table and len(labels) <= MOST_DRAWN:
        charts["confusion"] = drawing.confusion(labels, counts)
    plotly = _plotly()
    return _template().render(
        facts=facts,
        evidence=evidence,
        data=data,
        scores=scores,
        base=base,
        labels=labels,
        counts=counts,
        often=often,
        always=always,
        total=len(test),
        right=int(right.sum()),
        interval=facts.metrics["intervals"],
        counts_words=counts_words,
        is_table=is_table,
        mistakes=found[: MOST_MISTAKES // 3 if is_table else MOST_MISTAKES],
        kinds_of_mistakes=len(found),
        wrong=examples(test[~right], sure[~right], MOST_WRONG),
        good=examples(test[right], sure[right], MOST_RIGHT),
        judged=judged,
        corrected_log_loss=corrected_log_loss(test, facts.rules.temperature) if corrects else None,
        verdict=verdict(judged, corrects),
        corrects=corrects,
        bins=bins,
        deferral=deferral,
        to_a_person=len(test) - round(deferral.covered * len(test)),
        support=support,
        few=[label for label, count in support.items() if count < FEW_TEXTS],
        charts=charts,
        specs={name: _spec(chart) for name, chart in charts.items()},
        settings={
            called(field): (told(value) or "none", help_text(field))
            for field, value in {**facts.settings, "model": facts.model_name}.items()
        },
        took=evidence.took,
        versions=evidence.setup.get("versions") or machine.versions(),
        version=__version__,
        plotly=plotly,
        draw=DRAW,
        policy=f"default-src 'none'; script-src {_sum(plotly)} {_sum(DRAW)}; style-src 'unsafe-inline'; img-src data:",
        MOST_NAMED=MOST_NAMED,
        MOST_DRAWN=MOST_DRAWN,
        MOST_BARS=drawing.MOST_BARS,
        FEW_TEXTS=FEW_TEXTS,
        CHOSEN_BEFORE=CHOSEN_BEFORE,
    )


def examples(rows: pd.DataFrame, sure: np.ndarray, most: int) -> list[Example]:
    """At most so many of the rows, the surest of each label first, so that no label takes all places."""
    ordered = rows.assign(sure=sure).sort_values("sure", ascending=False, kind="stable")
    ordered = ordered.assign(turn=ordered.groupby("label").cumcount()).sort_values("turn", kind="stable")
    chosen = ordered.head(most).sort_values("sure", ascending=False, kind="stable")
    return [Example(_shortened(row.text), row.label, row.predicted, row.sure) for row in chosen.itertuples(index=False)]


def verdict(judged: Judged, corrects: bool) -> str:
    """Whether the confidence can be trusted, in words."""
    bins = judged.corrected_bins if corrects else judged.bins
    texts = sum(one.texts for one in bins)
    said, right = (
        sum(value * one.texts for value, one in pairs) / texts
        for pairs in ([(b.said, b) for b in bins], [(b.right, b) for b in bins])
    )
    gap = said - right
    if abs(gap) < 0.03:
        return "On average, it is right about as often as its confidence says"
    return f"On average, it is {'too confident' if gap > 0 else 'right more often than its confidence says'}"


@cache
def _template():
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "of_100": of_100,
        "percent": percent,
        "tenths": lambda share: percent(share, 1),
        "day": date,
        "thousands": whole,
        "rounded": rounded,
        "when": when,
    }
    return environment.get_template(TEMPLATE)


@cache
def _plotly() -> str:
    """plotly.js, 4.8 MB: the charts come with the page."""
    from plotly.offline import get_plotlyjs

    return get_plotlyjs()


def _spec(chart: Chart) -> dict:
    return {
        "traces": chart.traces,
        "layout": {**LAYOUT, "separators": separators(), "height": chart.height, **chart.layout},
    }


def _sum(script: str) -> str:
    """The source that a Content-Security-Policy knows an inline script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _shortened(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS].rstrip() + " …"
