"""One function, one chart. Plotly, coloured so that it reads in the light and the dark theme and without colour vision."""

import math
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from engine.figures import percent, separators
from engine.runs.events import History, seconds_at
from engine.serving.drawing import safe, short

ACCENT, SECOND, MUTED = "#1f9488", "#d97a2b", "#8a9a9a"
LINES = ("#1f9488", "#d97a2b", "#7a6fd0", "#c2528b", "#6d9d2f", "#3b82c4", "#b08d1e", "#8a9a9a", "#d05a4e")
DASHES = ("solid", "dash", "dot", "dashdot")
SHARES = ".1~%"  # of axes: a half per cent has its digit, a whole one none
MOST_POINTS = 500
CONFIG = {"displayModeBar": False}
# Of scores that are all the same, Plotly would draw an axis to 2.
NO_MORE_THAN_ALL = {"autorangeoptions": {"clipmin": -0.02, "clipmax": 1.03}}
ABOVE = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}  # where a legend of several lines hides nothing


def show(figure: go.Figure, alt: str, key: str, height: int = 260, **options: object):
    """Draw a figure. alt: what it shows, for people who hear the page."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        hoverlabel={"namelength": -1},
        separators=separators(),
    )
    return st.plotly_chart(figure, key=key, config=CONFIG, alt=alt, **options)


def class_balance(classes: dict[str, int]) -> go.Figure:
    """Rows per class, the largest on top."""
    ordered = sorted(classes.items(), key=lambda pair: pair[1])[-40:]
    figure = go.Figure(
        go.Bar(
            x=[rows for _, rows in ordered],
            y=list(range(len(ordered))),
            orientation="h",
            marker_color=ACCENT,
            customdata=[safe(label) for label, _ in ordered],
            hovertemplate="%{customdata}: %{x:,} texts<extra></extra>",
        )
    )
    return figure.update_layout(xaxis_title="texts", yaxis=each([label for label, _ in ordered]))


def lengths(tokens: np.ndarray, limit: int | None = None) -> go.Figure:
    """How long the texts are, in tokens; the few longest percent share the last bar."""
    end = max(8, int(np.quantile(tokens, 0.99)))
    figure = go.Figure(
        go.Histogram(
            x=np.minimum(tokens, end),
            xbins={"start": -0.5, "end": end + 0.5, "size": max(1, round(end / 30))},
            marker_color=ACCENT,
            hovertemplate="%{x} tokens: %{y:,} texts<extra></extra>",
        )
    )
    if limit is not None:
        figure.add_vline(x=limit, line_color=SECOND, line_dash="dash", annotation_text="cut off here")
    return figure.update_layout(xaxis_title="tokens", xaxis_tickformat=",d", yaxis_title="texts", bargap=0.05)


def loss(steps: list[dict]) -> go.Figure:
    """Training loss by step: every report faint, a running mean strong."""
    chosen = _some(steps)
    x, y = [one["step"] for one in chosen], [one["loss"] for one in chosen]
    figure = go.Figure(
        [
            go.Scatter(
                x=x,
                y=y,
                mode="lines",
                line={"color": MUTED, "width": 1},
                opacity=0.5,
                name="each step",
                hovertemplate="step %{x}: %{y:.3f}<extra></extra>",
            ),
            go.Scatter(
                x=x,
                y=_smooth(y),
                mode="lines",
                line={"color": ACCENT, "width": 2.5},
                name="smoothed",
                hovertemplate="step %{x}: %{y:.3f} smoothed<extra></extra>",
            ),
        ]
    )
    return figure.update_layout(xaxis_title="step", yaxis_title="loss", yaxis_rangemode="tozero", showlegend=False)


def validation(epochs: list[dict]) -> go.Figure:
    """Accuracy and macro-F1 on the validation rows after each round; the round that is kept is ringed."""
    x = [one["epoch"] for one in epochs]
    figure = go.Figure()
    for key, name, colour, dash in (
        ("macro_f1", "macro-F1", ACCENT, "solid"),
        ("accuracy", "accuracy", SECOND, "dot"),
    ):
        figure.add_scatter(
            x=x,
            y=[one["scores"][key] for one in epochs],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.5},
            hovertemplate=f"epoch %{{x}}: {name} %{{y:.3f}}<extra></extra>",
        )
    kept = next((one for one in reversed(epochs) if one["best"]), None)
    if kept:
        figure.add_scatter(
            x=[kept["epoch"]],
            y=[kept["scores"]["macro_f1"]],
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={"size": 16, "color": "rgba(0,0,0,0)", "line": {"color": ACCENT, "width": 2}},
        )
    return figure.update_layout(
        xaxis={"title": "epoch", "dtick": max(1, len(x) // 10)},
        yaxis={"title": "validation score", **NO_MORE_THAN_ALL},
        legend=ABOVE,
    )


def course(steps: list[dict], name: str) -> go.Figure:
    """A figure of each report, by step."""
    chosen = _some(steps)
    return _line([one["step"] for one in chosen], [one[name] for one in chosen], "step", ".2e")


def speed(steps: list[dict]) -> go.Figure:
    """Training texts learnt per second, by step; smoothed, since batches of long texts take longer."""
    chosen, x, y = _some(steps), [], []
    learnt = np.cumsum([one["texts"] for one in steps])
    where = {one["step"]: index for index, one in enumerate(steps)}
    for before, after in pairwise(chosen):
        seconds = seconds_at(after["at"]) - seconds_at(before["at"])
        if seconds > 0:
            x.append(after["step"])
            y.append(float(learnt[where[after["step"]]] - learnt[where[before["step"]]]) / seconds)
    return _line(x, _smooth(y), "step", ".0f").update_yaxes(rangemode="tozero")


def memory(machine: list[dict]) -> go.Figure:
    """Memory of the training process, in GB, by minutes since its first report."""
    chosen = _some(machine)
    start = seconds_at(chosen[0]["at"]) if chosen else 0.0
    minutes = [(seconds_at(one["at"]) - start) / 60 for one in chosen]
    figure = _line(minutes, [one["memory_bytes"] / 1e9 for one in chosen], "minutes", ".2f")
    return figure.update_yaxes(rangemode="tozero", title="GB")


def losses(histories: dict[str, History]) -> go.Figure:
    """Smoothed training loss of several runs, by the share of each that is done, since they differ in steps."""
    figure = go.Figure()
    for index, (name, history) in enumerate(histories.items()):
        chosen = _some(history.steps)
        figure.add_scatter(
            x=[one["step"] / one["steps"] for one in chosen],
            y=_smooth([one["loss"] for one in chosen]),
            **_named(index, name, "%{x:.0%}: loss %{y:.3f}"),
        )
    return _shared(figure, "loss, smoothed").update_xaxes(title="share of the training", tickformat=SHARES)


def validations(histories: dict[str, History]) -> go.Figure:
    """Macro-F1 on validation after each round, of several runs."""
    figure = go.Figure()
    for index, (name, history) in enumerate(histories.items()):
        figure.add_scatter(
            x=[one["epoch"] for one in history.epochs],
            y=[one["scores"]["macro_f1"] for one in history.epochs],
            **_named(index, name, "epoch %{x}: %{y:.3f}"),
        )
    return _shared(figure, "macro-F1 on validation").update_xaxes(title="epoch").update_yaxes(NO_MORE_THAN_ALL)


def probabilities(values: dict[str, float]) -> go.Figure:
    """One bar per class, the likeliest on top and in colour."""
    ordered = sorted(values.items(), key=lambda pair: pair[1])[-20:]
    colours = [MUTED] * (len(ordered) - 1) + [ACCENT]
    figure = go.Figure(
        go.Bar(
            x=[p for _, p in ordered],
            y=list(range(len(ordered))),
            orientation="h",
            marker_color=colours,
            text=[percent(p, 1) for _, p in ordered],
            textposition=["inside" if p > 0.5 else "outside" for _, p in ordered],  # beside a long bar is no room
            insidetextfont_color="#0a1313",
            cliponaxis=False,
            customdata=[safe(label) for label, _ in ordered],
            hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
        )
    )
    return figure.update_layout(
        xaxis={"range": [0, 1.12], "tickformat": SHARES, "tickvals": [0, 0.5, 1], "tickangle": 0},
        yaxis=each([label for label, _ in ordered]),
    )


def _some(points: list[dict]) -> list[dict]:
    return points[:: max(1, len(points) // MOST_POINTS)]


def _line(x: list[float], y: list[float], title: str, digits: str) -> go.Figure:
    figure = go.Figure(go.Scatter(x=x, y=y, mode="lines", line={"color": ACCENT, "width": 2.5}))
    return figure.update_traces(hovertemplate=f"%{{y:{digits}}}<extra></extra>").update_layout(xaxis_title=title)


def _named(index: int, name: str, hover: str) -> dict:
    """How the line of one of several runs looks: told apart by colour and by dashes."""
    return {
        "name": short(name, 32),
        "mode": "lines+markers" if "epoch" in hover else "lines",
        "line": {"color": LINES[index % len(LINES)], "dash": DASHES[index % len(DASHES)], "width": 2.5},
        "hovertemplate": f"{safe(name)}, {hover}<extra></extra>",
    }


def _shared(figure: go.Figure, title: str) -> go.Figure:
    return figure.update_layout(yaxis_title=title, legend={"orientation": "h", "y": -0.25}, showlegend=True)


def reliability(bins: list, corrected: list) -> go.Figure:
    """Share that is right by the confidence that was said, with intervals; on the dashed line both are the same.

    bins, corrected: each with said, right, low, high, texts.
    """
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            mode="lines",
            line={"color": MUTED, "dash": "dash"},
            name="perfectly calibrated",
            hoverinfo="skip",
        )
    )
    for name, found, colour, symbol in (
        ("uncorrected", bins, SECOND, "circle"),
        ("corrected", corrected, ACCENT, "diamond"),
    ):
        figure.add_scatter(
            x=[one.said for one in found],
            y=[one.right for one in found],
            error_y={
                "array": [one.high - one.right for one in found],
                "arrayminus": [one.right - one.low for one in found],
                "thickness": 1,
            },
            customdata=[one.texts for one in found],
            mode="markers+lines",
            name=name,
            marker={"size": 9, "color": colour, "symbol": symbol},
            line={"color": colour, "width": 1.5},
            hovertemplate="confidence %{x:.0%}: %{y:.0%} of %{customdata:,} right<extra></extra>",
        )
    return figure.update_layout(
        xaxis={"title": "confidence", "tickformat": SHARES, "range": [0, 1.02]},
        yaxis={"title": "accuracy", "tickformat": SHARES, "range": [0, 1.05]},
        legend=ABOVE,
    )


def coverage(covered: np.ndarray, accuracy: np.ndarray, at: float, right: float | None) -> go.Figure:
    """How often the model is right on the share of texts that it is surest of; the chosen threshold is marked."""
    few = slice(None, None, max(1, len(covered) // MOST_POINTS))
    figure = _line(covered[few], accuracy[few], "share that the model answers", ".1%")
    if right is not None:
        figure.add_scatter(
            x=[at],
            y=[right],
            mode="markers",
            hoverinfo="skip",
            cliponaxis=False,
            marker={"size": 14, "color": SECOND, "symbol": "diamond"},
        )
    return figure.update_layout(
        showlegend=False,
        xaxis={"tickformat": SHARES, "range": [0, 1.02]},
        yaxis={"title": "accuracy on those", "tickformat": SHARES, **NO_MORE_THAN_ALL},
    )


def ranking(curves) -> tuple[go.Figure, go.Figure]:
    """(ROC curve, precision-recall curve) of a class; dashed: what guessing achieves. curves: of evaluation/closeup.py."""
    found = []
    for (x, y), guess, names in (
        (curves.roc, ([0, 1], [0, 1]), ("false positive rate", "true positive rate")),
        (
            curves.precision_recall,
            ([0, 1], [curves.share] * 2),
            ("recall", "precision"),
        ),
    ):
        figure = _line(x, y, names[0], ".1%")
        figure.add_scatter(x=guess[0], y=guess[1], mode="lines", hoverinfo="skip", line={"color": MUTED, "dash": "dash"})
        found.append(
            figure.update_layout(
                showlegend=False,
                xaxis={"tickformat": SHARES, "range": [-0.02, 1.02]},
                yaxis={"title": names[1], "tickformat": SHARES, "range": [-0.02, 1.04]},
            )
        )
    return found[0], found[1]


def with_intervals(values: dict[str, tuple[float, list[float] | None]], title: str) -> go.Figure:
    """A dot with its interval for each name, the largest on top. values: (value, [low, high])."""
    ordered = sorted(values.items(), key=lambda pair: pair[1][0])
    figure = go.Figure(
        go.Scatter(
            x=[value for _, (value, _) in ordered],
            y=list(range(len(ordered))),
            mode="markers",
            marker={"size": 10, "color": ACCENT},
            error_x={
                "array": [edges[1] - value if edges else 0 for _, (value, edges) in ordered],
                "arrayminus": [value - edges[0] if edges else 0 for _, (value, edges) in ordered],
                "thickness": 1.5,
                "color": MUTED,
            },
            customdata=[safe(name) for name, _ in ordered],
            hovertemplate="%{customdata}: %{x:.1%}<extra></extra>",
        )
    )
    return figure.update_layout(
        xaxis={"title": title, "tickformat": SHARES, "rangemode": "tozero"},
        yaxis={**each([name for name, _ in ordered], 48), "range": [-0.7, len(ordered) - 0.3]},
    )


def trade_off(points: dict[str, tuple[float, float, list[float], bool]]) -> go.Figure:
    """Accuracy with its interval, by milliseconds per text.

    points: by name (milliseconds, accuracy, [low, high], whether it is a best trade-off, and so a star).
    """
    figure = go.Figure()
    times = [milliseconds for milliseconds, *_ in points.values()]
    edges = min(times) / 1.4, max(times) * 1.4
    for index, (name, (x, y, (low, high), best)) in enumerate(points.items()):
        figure.add_scatter(
            x=[x],
            y=[y],
            mode="markers",
            name=short(name, 32),
            marker={"size": 13, "color": LINES[index % len(LINES)], "symbol": "star" if best else "circle"},
            error_y={"array": [high - y], "arrayminus": [y - low], "thickness": 1},
            hovertemplate=f"{safe(name)}: %{{y:.1%}}, %{{x:.2f}} ms<extra></extra>",
        )
    return figure.update_layout(
        xaxis={
            "title": "milliseconds per text",
            "type": "log",
            "range": np.log10(edges).tolist(),
            "tickvals": round_numbers(*edges),
        },
        yaxis={"title": "accuracy", "tickformat": SHARES},
        legend={"orientation": "h", "y": -0.3},
        showlegend=True,
    )


def round_numbers(low: float, high: float) -> list[float]:
    """Those for a logarithmic axis: powers of ten; between them twos and fives, or all digits, where there is room."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    for digits in ((1,), (1, 2, 5), range(1, 10)):
        found = [digit * 10.0**power for power in (*powers, powers.stop) for digit in digits]
        found = [one for one in found if low <= one <= high]
        if len(found) > 1:
            break
    return found


def each(labels: list[str], width: int = 24) -> dict:
    """An axis with a place for each label: by name, two that are cut to the same letters would share one."""
    names = [short(label, width) for label in labels]
    return {"tickvals": list(range(len(names))), "ticktext": names, "showgrid": False, "zeroline": False}


def _smooth(values: list[float], weight: float = 0.9) -> list[float]:
    """Exponential running mean, corrected for its start (as in Adam: Kingma and Ba 2015)."""
    smoothed, mean = [], 0.0
    for count, value in enumerate(values, start=1):
        mean = weight * mean + (1 - weight) * value
        smoothed.append(mean / (1 - weight**count))
    return smoothed
