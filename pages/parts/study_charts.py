"""Charts of studies: what more texts bring, how a search went, and what mattered in it."""

import numpy as np
import plotly.graph_objects as go

from engine.figures import percent, whole
from pages.parts.charts import ABOVE, ACCENT, MUTED, SECOND, SHARES, short


def learning_curve(points: list) -> go.Figure:
    """Accuracy with its interval by training texts, on a scale where each doubling takes the same room; word counting below.

    points: each with rows, accuracy, interval (low, high), counting.
    """
    rows = [one.rows for one in points]
    figure = go.Figure()
    if any(one.counting != one.accuracy for one in points):  # else it is word counting itself
        figure.add_scatter(
            x=rows,
            y=[one.counting for one in points],
            name="word counting",
            mode="lines+markers",
            line={"color": MUTED, "dash": "dot", "width": 2},
            hovertemplate="%{x:,} texts: word counting %{y:.1%}<extra></extra>",
        )
    figure.add_scatter(
        x=rows,
        y=[one.accuracy for one in points],
        name="the model",
        mode="lines+markers",
        line={"color": ACCENT, "width": 2.5},
        marker={"size": 9},
        error_y={
            "array": [one.interval[1] - one.accuracy for one in points],
            "arrayminus": [one.accuracy - one.interval[0] for one in points],
            "thickness": 1.5,
        },
        hovertemplate="%{x:,} texts: %{y:.1%} right<extra></extra>",
    )
    return figure.update_layout(
        xaxis={
            "title": "training texts",
            "type": "log",
            "tickvals": rows,
            "ticktext": [whole(count) for count in rows],
        },
        yaxis={"title": "accuracy on the test texts", "tickformat": SHARES},
        legend=ABOVE,
    )


def trials(ended: list) -> go.Figure:
    """Macro-F1 on validation of each trial of a search, in their order, and the best so far; those given up are hollow.

    ended: each with number (from 0), score, state.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[one.number + 1 for one in ended],
        y=list(np.maximum.accumulate([one.score if one.state == "complete" else -1.0 for one in ended])),
        name="best so far",
        mode="lines",
        line={"color": ACCENT, "width": 2.5, "shape": "hv"},
        hoverinfo="skip",
    )
    for state, name, symbol, colour in (
        ("complete", "completed", "circle", ACCENT),
        ("pruned", "stopped early", "circle-open", SECOND),
    ):
        some = [one for one in ended if one.state == state]
        figure.add_scatter(
            x=[one.number + 1 for one in some],
            y=[one.score for one in some],
            name=name,
            mode="markers",
            marker={"size": 11, "color": colour, "symbol": symbol, "line": {"width": 2}},
            hovertemplate="trial %{x}: %{y:.3f}<extra></extra>",
        )
    return figure.update_layout(
        xaxis={"title": "trial", "dtick": max(1, len(ended) // 10)},
        yaxis_title="macro-F1 on validation",
        legend=ABOVE,
    )


def importance(shares: dict[str, float]) -> go.Figure:
    """How much each setting mattered in a search, the one that mattered most on top. shares: by its name on the page."""
    ordered = sorted(shares.items(), key=lambda pair: pair[1])
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in ordered],
            y=[short(name, 32) for name, _ in ordered],
            orientation="h",
            marker_color=ACCENT,
            text=[percent(share) for _, share in ordered],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    )
    return figure.update_layout(
        xaxis={"tickformat": SHARES, "range": [0, 1.12], "tickvals": [0, 0.25, 0.5, 0.75, 1]},
        yaxis={"type": "category"},
    )
