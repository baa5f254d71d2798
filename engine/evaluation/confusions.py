"""Which classes are taken for which others."""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

ORDERS = ("name", "size", "similarity")


@dataclass(frozen=True)
class Mistake:
    """A cell off the diagonal. share: of the texts of the class `actual`."""

    actual: str
    said: str
    texts: int
    share: float


def mistakes(labels: list[str], counts: list[list[int]]) -> list[Mistake]:
    """All kinds of mistakes that were made, the most frequent first. counts: rows are true labels."""
    table = np.asarray(counts)
    totals = table.sum(axis=1)
    wrong = table - np.diag(np.diag(table))
    found = [
        Mistake(labels[i], labels[j], int(wrong[i, j]), float(wrong[i, j] / totals[i]))
        for i, j in zip(*wrong.nonzero(), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.texts, -one.share))


def order(labels: list[str], counts: list[list[int]], by: str) -> list[int]:
    """The places of the classes, in one of ORDERS. counts: rows are true labels.

    name: by the alphabet, whatever the case. size: most texts first. similarity: classes that are taken for each other stand
    side by side (average linkage, its leaves in the best order: Bar-Joseph et al. 2001).
    """
    table = np.asarray(counts, dtype=float)
    if by == "size":
        return np.argsort(-table.sum(axis=1), kind="stable").tolist()
    if by == "name" or len(table) < 3:
        return sorted(range(len(labels)), key=lambda place: (labels[place].casefold(), labels[place]))
    share = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    distance = 1 - (share + share.T) / 2
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance), "average", optimal_ordering=True)).tolist()
