"""Decide once which rows are for training, which for validation, which for the test."""

import numpy as np
import pandas as pd

SPLITS = ("train", "validation", "test")


def stratified(
    texts: np.ndarray, labels: pd.Series, shares: dict[str, float], seed: int, groups: np.ndarray | None = None
) -> np.ndarray:  # fmt: skip
    """A split for each row, (rows,) of str, so that each class is spread by `shares` as nearly as whole rows allow.

    texts: (rows,) int, the same number where the text is the same; such rows stay together. shares: {split: share}, sum 1.
    groups: (rows,) int, rows of one group (a customer, a document) stay together too; classes are then spread as nearly as
    whole groups allow. A class with fewer texts than splits fills them in the order train, test, validation.
    """
    rng = np.random.default_rng(seed)
    names = np.array(SPLITS, dtype=object)
    if groups is not None:
        return names[_grouped(_joined(texts, groups), labels, shares, rng)]
    units, first_rows = np.unique(texts, return_index=True)
    first_rows = np.sort(first_rows)
    placed = np.zeros(units[-1] + 1 if len(units) else 0, dtype=np.int8)
    of_units = labels.iloc[first_rows].to_numpy(dtype=object)
    codes, classes = pd.factorize(of_units, sort=True)
    by_class = np.split(
        np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes, minlength=len(classes)))[:-1]
    )
    for members in by_class:
        shuffled = texts[first_rows[members]][rng.permutation(len(members))]
        placed[shuffled] = _portion(len(members), shares)
    return names[placed[texts]]


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
    edges = coo_array(
        (np.ones(len(texts), dtype=np.int8), (texts, groups + texts.max() + 1)), shape=(size, size)
    )
    return connected_components(edges, directed=False)[1][texts]


def _grouped(
    units: np.ndarray, labels: pd.Series, shares: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Each unit, the largest first, goes where the rows of its main class are most wanted."""
    codes, classes = pd.factorize(labels.to_numpy(dtype=object), sort=True)
    units = pd.factorize(units)[0]
    table = np.zeros((units.max() + 1, len(classes)))
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
