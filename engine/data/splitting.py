"""Decide once which rows are for training, which for validation, which for the test."""

import numpy as np
import pandas as pd

SPLITS = ("train", "validation", "test")


def stratified(texts: pd.Series, labels: pd.Series, shares: dict[str, float], seed: int) -> np.ndarray:
    """A split for each row, (rows,) of str, so that each class is spread by `shares` as nearly as whole rows allow.

    shares: {split: share}, summing to 1. Rows with the same text (apart from case and white space) stay together.
    A class with fewer texts than splits fills them in the order train, test, validation.
    """
    rng = np.random.default_rng(seed)
    units = pd.DataFrame(
        {"key": texts.str.split().str.join(" ").str.lower().to_numpy(), "label": labels.to_numpy()}
    )
    first = units.drop_duplicates("key")
    placed: dict[str, str] = {}
    for _, keys in sorted(first.groupby("label")["key"]):
        shuffled = keys.to_numpy()[rng.permutation(len(keys))]
        for key, split in zip(shuffled, _portion(len(keys), shares), strict=True):
            placed[key] = split
    return units["key"].map(placed).to_numpy(dtype=object)


def _portion(rows: int, shares: dict[str, float]) -> list[str]:
    """'train' and so on, `rows` times in all, by largest remainder; every wanted split gets one where there are enough."""
    wanted = [split for split in ("train", "test", "validation") if shares.get(split, 0) > 0]
    if rows <= len(wanted):
        return wanted[:rows]
    exact = {split: shares[split] * rows for split in wanted}
    counts = {split: max(1, int(exact[split])) for split in wanted}
    while sum(counts.values()) < rows:
        counts[max(wanted, key=lambda split: exact[split] - counts[split])] += 1
    while sum(counts.values()) > rows:
        counts[max(wanted, key=lambda split: counts[split])] -= 1
    return [split for split in wanted for _ in range(counts[split])]
