"""Decide once which rows are for training, which for validation, which for the test."""

import numpy as np
import pandas as pd

from engine.data.similarity import first_of_each

SPLITS = ("train", "validation", "test")


def stratified(
    texts: np.ndarray, labels: pd.Series, shares: dict[str, float], seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """The split of each row, (rows,) int8 into SPLITS: each class is spread by `shares` as nearly as whole rows allow.

    texts: similarity.codes of the rows; those with the same text stay together. shares: {split: share}, sum 1.
    groups: (rows,) int, rows of one group (a customer, a document) stay together too; classes are then spread as nearly as
    whole groups allow. A class with fewer texts than splits fills them in the order train, test, validation.
    """
    rng = np.random.default_rng(seed)
    codes, classes = pd.factorize(labels, sort=True)
    if groups is not None:
        return _grouped(_joined(texts, groups), codes, len(classes), shares, rng)
    first_rows = first_of_each(texts)
    of_texts = codes[first_rows]
    by_class = np.split(
        first_rows[np.argsort(of_texts, kind="stable")],
        np.cumsum(np.bincount(of_texts, minlength=len(classes)))[:-1],
    )
    placed = np.zeros(texts.max(initial=-1) + 1, dtype=np.int8)
    for members in by_class:
        shuffled = texts[members[rng.permutation(len(members))]]
        placed[shuffled] = _portion(len(members), shares)
    return placed[texts]


def thinned(rows: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """`rows` with only `share` of the training rows of each class, at least one; those of other splits all stay.

    With the same seed a smaller share is part of every larger one.
    """
    if share == 1:
        return rows
    learnt = rows.loc[rows["split"] == "train", "label"]
    shuffled = learnt.iloc[np.random.default_rng(seed).permutation(len(learnt))]
    by_class = shuffled.groupby(shuffled, observed=True)
    kept = by_class.cumcount() < (share * by_class.transform("size")).round().clip(lower=1)
    return rows.drop(index=kept.index[~kept]).reset_index(drop=True)


def _portion(rows: int, shares: dict[str, float]) -> np.ndarray:
    """Numbers of splits, `rows` in all, by largest remainder; every wanted split gets one where there are enough."""
    wanted = [split for split in ("train", "test", "validation") if shares.get(split, 0) > 0]
    if rows <= len(wanted):
        return np.array([SPLITS.index(split) for split in wanted[:rows]], dtype=np.int8)
    exact = {split: shares[split] * rows for split in wanted}
    counts = {split: max(1, int(exact[split])) for split in wanted}
    while sum(counts.values()) < rows:
        counts[max(wanted, key=lambda split: exact[split] - counts[split])] += 1
    while sum(counts.values()) > rows:
        counts[max(wanted, key=lambda split: counts[split])] -= 1
    return np.repeat(
        np.array([SPLITS.index(split) for split in wanted], dtype=np.int8),
        [counts[split] for split in wanted],
    )


def _joined(texts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(rows,) int: rows that share a text or a group, directly or through others, have the same number."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = texts.max() + groups.max() + 2
    edges = coo_array((np.ones(len(texts), dtype=np.int8), (texts, groups + texts.max() + 1)), shape=(size, size))
    return connected_components(edges, directed=False)[1][texts]


def _grouped(
    units: np.ndarray, codes: np.ndarray, classes: int, shares: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Each unit, the largest first, goes where the rows of its main class are most wanted."""
    units = pd.factorize(units)[0]
    table = np.zeros((units.max() + 1, classes))
    np.add.at(table, (units, codes), 1)
    wanted = np.array([shares.get(split, 0.0) for split in SPLITS])
    lacking = wanted[:, None] * table.sum(axis=0)
    order = rng.permutation(len(table))
    order = order[np.argsort(-table[order].sum(axis=1), kind="stable")]
    placed = np.zeros(len(table), dtype=np.int8)
    for unit in order:
        need = np.where(wanted > 0, (lacking * table[unit]).sum(axis=1) / np.maximum(wanted, 1e-9), -np.inf)
        placed[unit] = need.argmax()
        lacking[placed[unit]] -= table[unit]
    return placed[units]
