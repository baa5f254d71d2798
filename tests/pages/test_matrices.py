from types import SimpleNamespace

import numpy as np
import pytest
from plotly.colors import sample_colorscale

from pages.parts import charts, matrices


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("shown", ["counts", "row", "column", "errors"])
def test_the_figure_of_every_cell_can_be_read_whatever_its_colour(monkeypatch, theme, shown):
    """4.5:1, as WCAG 2.2 asks of small text."""
    monkeypatch.setattr(matrices.st, "context", SimpleNamespace(theme=SimpleNamespace(type=theme)))
    counts = np.random.default_rng(0).integers(0, 40, (16, 16)) ** 2 // 40
    figure = matrices.confusion([f"class {number}" for number in range(16)], counts.tolist(), shown)
    seen = 0
    for trace in (trace for trace in figure.data if trace.type == "heatmap"):
        places = np.array(trace.z)[~np.isnan(trace.z)] / trace.zmax
        colours = sample_colorscale([list(step) for step in trace.colorscale], places, colortype="tuple")
        letters = luminance(np.array([int(trace.textfont.color[at : at + 2], 16) / 255 for at in (1, 3, 5)]))
        for colour in luminance(np.array(colours).reshape(-1, 3)):
            assert (max(colour, letters) + 0.05) / (min(colour, letters) + 0.05) >= 4.5
        assert (np.array(trace.text)[np.isnan(trace.z)] == "").all()  # the other half would lie over its figures
        seen += len(places)
    assert seen == 256


def test_classes_that_begin_alike_have_a_row_each(monkeypatch):
    monkeypatch.setattr(matrices.st, "context", SimpleNamespace(theme=SimpleNamespace(type="light")))
    labels = ["balance_not_updated_after_bank_transfer", "balance_not_updated_after_cheque_or_cash_deposit"]
    difference = matrices.difference(labels, [[3, 1], [0, 2]], [[1, 3], [0, 2]])
    assert list(difference.layout.yaxis.tickvals) == [0, 1]
    for figure in (
        charts.class_balance(dict.fromkeys(labels, 7)),
        charts.probabilities(dict.fromkeys(labels, 0.5)),
        charts.with_intervals(dict.fromkeys(labels, (0.5, None)), "right"),
    ):
        assert len(set(figure.data[0].y)) == 2 and len(figure.layout.yaxis.ticktext) == 2


def luminance(channels: np.ndarray) -> np.ndarray:
    """Relative luminance as WCAG 2.2 defines it. channels: (..., 3) red, green, blue, from 0 to 1."""
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ (
        0.2126,
        0.7152,
        0.0722,
    )
