"""The columns beside text and label: by them one sees later where a model is weak."""

import numpy as np
import pandas as pd

from engine.data import scan
from engine.data.columns import label_columns, spread
from engine.data.reading import Table
from engine.data.recipe import Recipe

LOOKED_AT = 3000  # rows, to see what a column is
MOST_VALUES = 30
MOST_COLUMNS = 20
FIGURES = 0.95  # share of the filled cells from which on a column counts as one of figures


def of(table: Table, recipe: Recipe, rows: pd.DataFrame, test: Table | None = None) -> pd.DataFrame:
    """Those that tell groups of rows from each other: words with few values, and figures that are no numbering.

    rows: source_row, and given where the split is; those of a second file are in `test`. The result has the same rows, its
    columns are str or float64.
    """
    used = {*recipe.text, *label_columns(recipe.label, table.columns), recipe.split_column}
    chosen = [name for name in table.columns if name not in used and _tells(spread(table.frame[name], LOOKED_AT))]
    places, second = rows["source_row"].to_numpy() - 1, np.zeros(len(rows), dtype=bool)
    if recipe.split_by == "file" and test is not None:
        second = (rows["given"] == "test").to_numpy(dtype=bool)
    found = {}
    for name in chosen[:MOST_COLUMNS]:
        cells = np.full(len(rows), "", dtype=object)
        cells[~second] = scan.trimmed(table.frame[name]).to_numpy(dtype=object)[places[~second]]
        if second.any() and name in test.columns:
            cells[second] = scan.trimmed(test.frame[name]).to_numpy(dtype=object)[places[second]]
        figures = pd.to_numeric(pd.Series(cells), errors="coerce")
        found[name] = figures if _are_figures(cells, figures) else pd.Series(cells, dtype="str")
    return pd.DataFrame(found)


def _tells(sample: pd.Series) -> bool:
    filled = scan.trimmed(sample)
    filled = filled[filled != ""]
    values = filled.nunique()
    if values < 2:
        return False
    figures = pd.to_numeric(filled, errors="coerce")
    if _are_figures(filled.to_numpy(dtype=object), figures):
        return not (values == len(filled) and (figures.dropna() % 1 == 0).all())  # else a numbering
    return values <= MOST_VALUES and values < len(filled) / 2


def _are_figures(cells: np.ndarray, figures: pd.Series) -> bool:
    """Many different ones: a few, such as ratings from 1 to 5, are as good as words."""
    filled = (cells != "").sum()
    return figures.notna().sum() >= FIGURES * filled and figures.nunique() > MOST_VALUES
