"""The charts of a report, as plotly.js reads them. They have no colours for text and lines: those are the page's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from engine.figures import percent, whole

if TYPE_CHECKING:
    from engine.evaluation.calibration import Bin  # which imports scipy

ACCENT, SECOND, MUTED = "#1f9488", "#d97a2b", "#8a9a9a"
CLEAR = "rgba(31,148,136,0)"  # so that the page shows through in the light and in the dark
FAMILY = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'
MOST_BARS, MOST_POINTS = 30, 400


@dataclass(frozen=True)
class Chart:
    """alt: what it shows, for people who hear the page. height: in pixels."""

    traces: list[dict]
    layout: dict
    alt: str
    height: int


def standing(accuracy: float, interval: Sequence[float], others: Mapping[str, float]) -> Chart:
    """How often the model is right, with its 95% interval, above what it is compared with.

    others: share that is right, by name.
    """
    low, high = interval
    spread = {
        "type": "data",
        "symmetric": False,
        "array": [high - accuracy],
        "arrayminus": [accuracy - low],
        "color": SECOND,
        "thickness": 2,
        "width": 7,
    }
    shares = {"this model": accuracy, **others}
    bars = [
        {**_bars({"this model": accuracy}, ACCENT), "error_x": spread},
        _bars(others, MUTED),
    ]
    said = ", ".join(f"{name} {percent(share)}" for name, share in shares.items())
    axes = {
        "xaxis": _share("accuracy on the test texts"),
        "yaxis": {"type": "category", "autorange": "reversed", "automargin": True, "showgrid": False},
        "barmode": "overlay",
    }
    return Chart(bars, axes, f"Share of the test texts answered right: {said}.", 74 + 34 * len(shares))


def class_sizes(classes: Mapping[str, int], what: str) -> Chart:
    """Texts of each class, the largest on top. what: which texts are counted."""
    ordered = sorted(classes.items(), key=lambda pair: -pair[1])[:MOST_BARS]
    bars = {
        "type": "bar",
        "orientation": "h",
        "y": list(range(len(ordered))),
        "x": [count for _, count in ordered],
        "marker": {"color": ACCENT},
        "customdata": [safe(label) for label, _ in ordered],
        "hovertemplate": "%{customdata}: %{x:,} texts<extra></extra>",
    }
    axes = {
        "xaxis": {"title": {"text": what}, "rangemode": "tozero", "automargin": True},
        "yaxis": {
            "autorange": "reversed",
            "tickvals": list(range(len(ordered))),
            "ticktext": [short(label) for label, _ in ordered],
            "tickfont": {"size": 12 if len(ordered) <= 20 else 10},
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
    }
    (most, many), (least, few) = ordered[0], ordered[-1]
    alt = f"{what[:1].upper()}{what[1:]}: from {whole(many)} of {most} to {whole(few)} of {least}."
    return Chart([bars], axes, alt, 70 + (24 if len(ordered) <= 20 else 15) * len(ordered))


def confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> Chart:
    """The confusion matrix of many classes: each row a true label, coloured by its share of the row."""
    table, n = np.array(counts), len(labels)
    of_row = table.sum(axis=1, keepdims=True)
    heat = {
        "type": "heatmap",
        "z": (table / np.maximum(1, of_row)).round(3).tolist(),
        "customdata": table.tolist(),
        "x": list(range(n)),
        "y": list(range(n)),
        "colorscale": [[0, CLEAR], [0.02, "rgba(31,148,136,0.25)"], [1, ACCENT]],
        "zmin": 0,
        "zmax": 1,
        "showscale": False,
        "hovertemplate": "%{y} predicted as %{x}: %{customdata:,} texts, %{z:.0%} of its row<extra></extra>",
    }
    ticks = {
        "tickvals": list(range(n)),
        "ticktext": [short(label, 28) for label in labels],
        "tickfont": {"size": 10 if n <= 40 else 7},
        "zeroline": False,
        "showgrid": False,
        "automargin": True,
        "ticks": "",
    }
    axes = {
        "xaxis": {**ticks, "tickangle": -90, "title": {"text": "predicted label"}},
        "yaxis": {**ticks, "autorange": "reversed", "title": {"text": "true label"}},
    }
    right = int(np.trace(table))
    alt = f"Confusion matrix of {n} classes: {whole(right)} of {whole(table.sum())} texts are on the diagonal, so right."
    return Chart([heat], axes, alt, 720)


def reliability(bins: Sequence["Bin"]) -> Chart:
    """Share that is right by the confidence that was said, with 95% intervals; on the dashed line both are the same."""
    ideal = {
        "type": "scatter",
        "x": [0, 1],
        "y": [0, 1],
        "mode": "lines",
        "line": {"color": MUTED, "dash": "dash", "width": 1.5},
        "hoverinfo": "skip",
    }
    found = {
        "type": "scatter",
        "x": [one.said for one in bins],
        "y": [one.right for one in bins],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [one.high - one.right for one in bins],
            "arrayminus": [one.right - one.low for one in bins],
            "thickness": 1.5,
            "color": ACCENT,
        },
        "customdata": [one.texts for one in bins],
        "mode": "markers+lines",
        "marker": {"size": 10, "color": ACCENT},
        "line": {"color": ACCENT, "width": 1.5},
        "hovertemplate": "confidence %{x:.0%}: %{y:.0%} of %{customdata:,} texts right<extra></extra>",
    }
    axes = {"xaxis": _share("confidence"), "yaxis": _share("accuracy", 1.05)}
    alt = "Accuracy by confidence: " + "; ".join(
        f"confidence {percent(one.said)}, {percent(one.right)} of {whole(one.texts)} right" for one in bins
    )
    return Chart([ideal, found], axes, alt + ".", 330)


def coverage(covered: np.ndarray, accuracy: np.ndarray, thresholds: np.ndarray, at: tuple[float, float] | None) -> Chart:
    """How often the model is right on the share of texts that it is surest of.

    at: (covered, accuracy) of the threshold in use, marked; None without one.
    """
    few = slice(None, None, max(1, len(covered) // MOST_POINTS))
    line = {
        "type": "scatter",
        "mode": "lines" if len(covered) > 1 else "markers",
        "x": covered[few].tolist(),
        "y": accuracy[few].tolist(),
        "customdata": thresholds[few].tolist(),
        "line": {"color": ACCENT, "width": 2.5},
        "hovertemplate": "threshold %{customdata:.0%}: answers %{x:.0%} by itself, %{y:.1%} of them right<extra></extra>",
    }
    mark = {
        "type": "scatter",
        "mode": "markers",
        "x": [at[0]] if at else [],
        "y": [at[1]] if at else [],
        "marker": {"size": 14, "color": SECOND, "symbol": "diamond"},
        "hovertemplate": "threshold in use: answers %{x:.0%} by itself, %{y:.1%} of them right<extra></extra>",
    }
    low = float(min(accuracy.min(), 0.9))
    axes = {
        "xaxis": _share("share that the model answers by itself"),
        "yaxis": {**_share("accuracy on those"), "range": [max(0.0, low - 0.05), 1.02]},
        "hovermode": "x",
    }
    alt = (
        f"Right on {percent(accuracy[-1])} when it answers all texts; "
        f"on {percent(accuracy[np.searchsorted(covered, 0.5)])} of the half with the highest confidence."
    )
    return Chart([line, mark], axes, alt, 300)


def _bars(shares: Mapping[str, float], colour: str) -> dict:
    return {
        "type": "bar",
        "orientation": "h",
        "y": [short(name, 40) for name in shares],
        "x": list(shares.values()),
        "marker": {"color": colour},
        "width": 0.62,
        "customdata": [f"{safe(name)}: {percent(share, 1)}" for name, share in shares.items()],
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def safe(text: str) -> str:
    """Plotly reads a little HTML in its texts; what people wrote is shown as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(label: str, width: int = 24) -> str:
    flat = " ".join(label.split())
    return safe(flat if len(flat) <= width else flat[: width - 1] + "…")


def _share(title: str, most: float = 1.02) -> dict:
    return {"title": {"text": title}, "tickformat": ".1~%", "range": [0, most], "automargin": True}
