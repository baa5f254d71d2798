"""Confusion matrices as charts."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.colors import sample_colorscale

from engine.figures import percent, rounded, whole
from pages.parts.charts import each, safe

# Of a difference: worse, alike, better, and letters that can be read on all three.
LIGHT = ("#eaa66b", "#f0f6f5", "#6fc0b7", "#0f1e1d")
DARK = ("#8f4a12", "#1a2627", "#14665e", "#ffffff")
MOST_LABELLED = 16  # classes up to which the cells carry their figures


def confusion(
    labels: list[str], counts: list[list[int]], shown: str = "counts", places: Sequence[int] | None = None
) -> go.Figure:
    """Rows: the true label; columns: what the model said. shown: counts or row (coloured by the share of the row), column,
    or errors (only what is wrong). places: the order of the classes.

    A click on a heatmap cell gives no selection event, so that invisible markers lie above the cells;
    customdata of each is [true label's index, predicted label's index] in the order of `labels`.
    """
    places = list(range(len(labels))) if places is None else list(places)
    table = np.array(counts)[np.ix_(places, places)]
    names = [labels[place] for place in places]
    n, cells = len(names), [(i, j) for i in range(len(names)) for j in range(len(names))]
    colour = _shares(table, shown)
    wrong = np.where(np.eye(n, dtype=bool), 0, table)
    written = [
        [
            percent(value) if shown in ("row", "column") else "" if shown == "errors" and not bad else whole(count)
            for value, count, bad in zip(*row, strict=True)
        ]
        for row in zip(colour, table, wrong, strict=True)
    ]
    dark = st.context.theme.type == "dark"
    scale = _scale("#d97a2b" if shown == "errors" else "#1f7d74" if dark else "#0f6b66", dark)
    most = max(1e-9, float(colour.max())) if shown == "errors" else 1
    white = _white_reads_better(scale, colour / most)
    figure = go.Figure(
        [
            go.Heatmap(
                z=np.where(here, colour, np.nan),
                text=np.where(here, written, ""),
                texttemplate="%{text}" if n <= MOST_LABELLED else None,
                textfont={"size": 14, "color": letters},
                colorscale=scale,
                zmin=0,
                zmax=most,
                xgap=2 if n <= MOST_LABELLED else 1,
                ygap=2 if n <= MOST_LABELLED else 1,
                hoverinfo="skip",
                showscale=False,
            )
            for letters, here in (("#000000", ~white), ("#ffffff", white))
        ]
        + [
            go.Scatter(
                x=[j for _, j in cells],
                y=[i for i, _ in cells],
                mode="markers",
                marker={"symbol": "square", "size": max(8, min(60, 420 // n)), "color": "rgba(0,0,0,0)"},
                customdata=[(places[i], places[j]) for i, j in cells],
                hovertext=[
                    f"{whole(table[i, j])} of {whole(table[i].sum())} {safe(names[i])} predicted as {safe(names[j])}"
                    for i, j in cells
                ],
                hoverinfo="text",
            ),
        ]
    )
    ticks = {**each(names), "tickfont_size": 12 if n <= MOST_LABELLED else 9}
    return figure.update_layout(
        showlegend=False,
        clickmode="event+select",
        dragmode=False,
        xaxis={
            **ticks,
            "title": "predicted label",
            "side": "bottom",
            "range": [-0.5, n - 0.5],
            "tickangle": 0 if n <= 3 else -40 if n <= MOST_LABELLED else -90,
        },
        yaxis={**ticks, "title": "true label", "autorange": False, "range": [n - 0.5, -0.5]},
    )


def _shares(table: np.ndarray, shown: str) -> np.ndarray:
    """(classes, classes): how strongly each cell is coloured."""
    if shown == "errors":
        return np.where(np.eye(len(table), dtype=bool), 0, table).astype(float)
    axis = 0 if shown == "column" else 1
    return table / np.maximum(1, table.sum(axis=axis, keepdims=True))


def _white_reads_better(scale: list[list[object]], places: np.ndarray) -> np.ndarray:
    """(classes, classes) bool: than black, on the colours at these places of the scale (WCAG 2.2, relative luminance)."""
    channels = np.array(sample_colorscale(scale, places.ravel(), colortype="tuple"))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    luminance = (linear @ (0.2126, 0.7152, 0.0722)).reshape(places.shape)
    return 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05


def _scale(colour: str, dark: bool) -> list[list[object]]:
    return [[0, "#1a2627" if dark else "#f0f6f5"], [1, colour]]


def difference(labels: list[str], left: list[list[int]], right: list[list[int]]) -> go.Figure:
    """Counts of the left confusion matrix minus those of the right one; green where the left one is better, else orange."""
    gap = np.array(left) - np.array(right)
    most = max(1, int(np.abs(gap).max()))
    worse, alike, better, letters = DARK if st.context.theme.type == "dark" else LIGHT
    figure = go.Figure(
        go.Heatmap(
            z=np.where(np.eye(len(gap), dtype=bool), gap, -gap),
            text=[[rounded(count, signed=True) if count else "0" for count in row] for row in gap],
            zmin=-most,
            zmax=most,
            xgap=2,
            ygap=2,
            colorscale=[[0, worse], [0.5, alike], [1, better]],
            texttemplate="%{text}" if len(labels) <= MOST_LABELLED else None,
            textfont_color=letters,
            hovertemplate="%{y} predicted as %{x}: %{text}<extra></extra>",
            showscale=False,
        )
    )
    return figure.update_layout(
        xaxis={**each(labels), "title": "predicted label"},
        yaxis={**each(labels), "title": "true label", "autorange": "reversed"},
    )
