"""Where a model is weak: groups of texts of which it has clearly more wrong than of the others."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.stats import fisher_exact

from engine.evaluation.comparing import SURE, holm
from engine.evaluation.metrics import wilson
from engine.figures import percentage, rounded, significant

LEAST_TEXTS = 10  # in a group, to say anything of it
MOST_KINDS = 4  # different figures, up to which each is a group of its own
PARTS = 4  # groups that a figure is cut into, with about as many texts each
MOST_DIGITS = 9  # of a figure after its point; figures.py writes no more
STRANGE = ("0", "1", "2 to 3", "4 or more")  # words that a model does not know as a whole
MOST_GROUPS = 30  # values of a column


@dataclass(frozen=True)
class Group:
    """Texts that have something in common. wrong: the share that is, with its interval (Wilson). elsewhere: of the others.

    p_value: how often luck alone makes such a gap (Fisher's exact test), corrected for all groups looked at (Holm 1979).
    """

    property: str
    value: str
    texts: int
    wrong: float
    interval: tuple[float, float]
    elsewhere: float
    p_value: float

    @property
    def weak(self) -> bool:
        return self.p_value < SURE and self.wrong > self.elsewhere


def groups(wrong: np.ndarray, properties: pd.DataFrame) -> list[Group]:
    """All groups with enough texts, the weakest first. wrong: (texts,) bool. properties: a column for each; figures are cut
    into PARTS, words with more than MOST_GROUPS values are left out, and so are empty cells."""
    found = []
    for name in properties:
        cells = (
            in_parts(properties[name])
            if pd.api.types.is_numeric_dtype(properties[name]) and not pd.api.types.is_bool_dtype(properties[name])
            else properties[name].astype(object).replace("", None)
        )
        values = cells.value_counts()
        if not 1 < len(values) <= MOST_GROUPS:
            continue
        for value in values.index[values >= LEAST_TEXTS]:
            inside = (cells == value).to_numpy(dtype=bool, na_value=False)
            if (~inside).any():
                found.append(_group(str(name), str(value), wrong, inside))
    corrected = holm([one.p_value for one in found])
    whole = [Group(**{**vars(one), "p_value": p}) for one, p in zip(found, corrected, strict=True)]
    return sorted(whole, key=lambda one: (not one.weak, one.elsewhere - one.wrong))


def _group(name: str, value: str, wrong: np.ndarray, inside: np.ndarray) -> Group:
    bad, count = int(wrong[inside].sum()), int(inside.sum())
    bad_elsewhere, others = int(wrong[~inside].sum()), int((~inside).sum())
    table = [[bad, count - bad], [bad_elsewhere, others - bad_elsewhere]]
    interval = wilson(bad, count)
    return Group(
        name,
        value,
        count,
        bad / count,
        (interval[0], interval[1]),
        bad_elsewhere / others,
        float(fisher_exact(table).pvalue),
    )


def in_parts(values: pd.Series) -> pd.Series:
    """Figures as the part of the range they lie in, in words: 'above 12, up to 25'; each part has about as many of them.

    Few different ones, and whole ones of which a few have most of the places, are named: '0', '1', '2', '3 or more'. What is
    infinite belongs to no part.
    """
    values = values.astype(float).where(np.isfinite(values.astype(float)))
    known = values.dropna()
    whole = bool((known % 1 == 0).all())
    edges = np.unique(known.quantile(np.linspace(0, 1, PARTS + 1)))
    different = np.unique(known)
    if len(different) <= MOST_KINDS or (len(edges) < 4 and whole):
        return _named(values, different)
    inner = edges[1:-1] if len(edges) > 2 else edges[:1]
    inner = np.unique(np.floor(inner)) if whole else inner
    digits = 0 if whole else _digits(edges)
    inner = np.unique([round(edge, digits) for edge in inner])  # so that every figure lies in the part that is named
    place = np.searchsorted(inner, values, side="left")  # a figure at an edge belongs to the part below

    def said(value: float) -> str:
        return rounded(value, digits)

    names = [f"up to {said(inner[0])}"]
    names += [f"above {said(low)}, up to {said(high)}" for low, high in pairwise(inner)]
    names += [f"above {said(inner[-1])}"]
    return pd.Series(np.array(names, dtype=object)[place], index=values.index).where(values.notna(), None)


def _digits(edges: np.ndarray) -> int:
    """After the point: as many as show the smallest gap between `edges`, (parts + 1,) ascending, to three figures."""
    gap = np.diff(edges).min() if len(edges) > 1 else max(abs(edges[0]), 1e-9)
    return min(MOST_DIGITS, max(0, 2 - int(np.floor(np.log10(gap)))))


def _named(values: pd.Series, different: np.ndarray) -> pd.Series:
    """Figures by name, those from the last of MOST_KINDS on together. different: in their order."""
    names = {value: significant(value) for value in different}
    if len(different) > MOST_KINDS:
        last = different[MOST_KINDS - 1]
        names |= {value: f"{significant(last)} or more" for value in different if value >= last}
    return values.map(names).astype(object).where(values.notna(), None)


def of_texts(texts: pd.Series, strange: np.ndarray) -> pd.DataFrame:
    """What every text has: its length in words, and how many of them are `strange`, (texts,), to the model."""
    words = texts.str.split().str.len().clip(lower=1)
    some = np.array(STRANGE, dtype=object)[np.searchsorted([1, 2, 4], strange, side="right")]
    return pd.DataFrame({"length in words": words.astype(int), "unknown or split words": some})


def sentence(group: Group) -> str:
    wrong, low, high, elsewhere = map(percentage, (group.wrong, *group.interval, group.elsewhere))
    return (
        f"{group.property}: {group.value}. Here {wrong} of the answers are wrong (95% interval: {low} to {high}), "
        f"elsewhere {elsewhere}."
    )
