"""Findings on the labels: what kind they are, and whether each class can be learnt."""

import numpy as np
import pandas as pd

from engine import figures
from engine.data import kinds, repairs, similarity
from engine.data.columns import spread
from engine.data.health.problem import Problem, advice, examples
from engine.data.repairs import FEW_ROWS
from engine.figures import percent, rounded, whole

MIN_ROWS = 10
IMBALANCE = 10  # the largest class has more than this many times the rows of the smallest
LOOKED_THROUGH = 5_000  # texts, for words that give a label away
GIVEAWAY_RECALL, GIVEAWAY_PRECISION, GIVEAWAY_ROWS = 0.7, 0.98, 20


def unfit(rows: pd.DataFrame, sizes: pd.Series, as_they_stand: bool) -> list[Problem]:
    """Why these labels cannot be learnt at all. sizes: {label: rows}, the largest first."""
    sample = spread(rows["label"], 2000)
    separator = None if as_they_stand else kinds.list_separator(sample)
    found = [
        _several_labels(rows, sample, separator),
        _measurements(rows, sizes) if kinds.is_continuous(sample) and not separator else None,
        _too_few(len(rows)),
        _single(sizes),
        _all_rare(sizes),
    ]
    return [problem for problem in found if problem]


def findings(rows: pd.DataFrame, sizes: pd.Series) -> list[Problem | None]:
    """What is worth knowing of labels that can be learnt."""
    return [
        _rare(rows, sizes),
        _placeholders(rows),
        _spellings(rows, sizes),
        _numbers(sizes),
        _imbalance(rows, sizes),
        _giveaway(rows),
    ]


def _several_labels(rows: pd.DataFrame, sample: pd.Series, separator: str | None) -> Problem | None:
    if not separator:
        return None
    several = kinds.holding_several(rows["label"], separator)
    how = "JSON" if separator == kinds.JSON else f"separated by {separator!r}"
    fixes = [f"first_label:{separator}"]
    if kinds.list_separator(kinds.first_of(sample, separator)) == separator:
        fixes = []  # lists in lists, of which nobody knows which is the label
    if several.any():
        example = rows["label"][several].value_counts().index[0]
        cells = figures.count(int(several.sum()), "cell holds", "cells hold")
        sentence = f"{cells} several labels ({how}), for example {example[:60]!r}."
        remedy = "A model learns one label per text. Choose what to do with them, or choose another column."
        enough_left = len(rows) - int(several.sum()) >= MIN_ROWS
        fixes += [f"drop_several:{separator}"] * enough_left + ["whole_labels"]
    else:
        sentence = f"Each label is inside a list ({how}), for example {rows['label'].iloc[0][:60]!r}."
        remedy = "Take them out of their lists, or choose another label column."
    return _blocking("multi_label", len(rows), sentence, remedy, fixes, examples(rows, several))


def _measurements(rows: pd.DataFrame, sizes: pd.Series) -> Problem:
    cuts = [kinds.bounds(rows["label"], classes) for classes in (3, 2)]
    return _blocking(
        "continuous_label",
        len(sizes),
        f"These labels are measurements: {whole(len(sizes))} different numbers, such as {', '.join(sizes.index[:3])}.",
        "A classifier needs a few classes: group the numbers into ranges, or choose another column.",
        list(dict.fromkeys(f"ranges:{':'.join(around)}" for around in cuts if around)),
        examples(rows, np.ones(len(rows), dtype=bool)),
    )


def _blocking(code: str, count: int, sentence: str, remedy: str, fixes: list[str], shown: list[dict]) -> Problem:
    first, *otherwise = fixes or [None]
    return Problem(code, "blocking", count, sentence, remedy, first, shown, otherwise)


def _too_few(rows: int) -> Problem | None:
    if rows >= MIN_ROWS:
        return None
    return Problem(
        "too_few_rows",
        "blocking",
        rows,
        f"Only {figures.count(rows, 'row has', 'rows have')} both a text and a label; at least {MIN_ROWS} are needed.",
        "Choose other columns or add rows.",
    )


def _single(sizes: pd.Series) -> Problem | None:
    if len(sizes) != 1:
        return None
    return Problem(
        "single_class",
        "blocking",
        int(sizes.iloc[0]),
        f"A model needs at least two different labels; this column has only {sizes.index[0]!r}.",
        "Choose another label column, or add texts of another class.",
    )


def _all_rare(sizes: pd.Series) -> Problem | None:
    if len(sizes) < 2 or (sizes >= 3).any():
        return None
    return Problem(
        "rare_classes",
        "blocking",
        len(sizes),
        f"Nearly every text has a label of its own ({whole(len(sizes))} labels for {whole(sizes.sum())} texts).",
        "Choose another label column: each class needs several texts.",
    )


def _rare(rows: pd.DataFrame, sizes: pd.Series) -> Problem | None:
    rare = sizes[sizes < FEW_ROWS]
    if rare.empty:
        return None
    names = ", ".join(f"{name[:40]} ({count})" for name, count in rare.head(5).items())
    more = f" and {whole(len(rare) - 5)} more" if len(rare) > 5 else ""
    return Problem(
        "rare_classes",
        "advice",
        len(rare),
        f"{figures.count(len(rare), 'class', 'classes')} with fewer than {FEW_ROWS} texts: {names}{more}.",
        "Add texts, or expect the model to miss them. You can also leave such classes out, or merge them with another.",
        "drop_rare",
        examples(rows, rows["label"].isin(rare.index).to_numpy()),
    )


def _placeholders(rows: pd.DataFrame) -> Problem | None:
    which = repairs.placeholders(rows["label"])
    names = ", ".join(map(repr, rows["label"][which].unique()[:3]))
    return advice(
        "placeholder_labels",
        rows,
        which,
        f"{{rows}} with the label {names}, which often means that there is no label.",
        "Keep it if it is a real class.",
        "drop_placeholders",
    )


def _spellings(rows: pd.DataFrame, sizes: pd.Series) -> Problem | None:
    merged = repairs.spellings(sizes.to_dict())
    if not merged:
        return None
    names = ", ".join(f"{label!r} is nearly {leader!r}" for label, leader in list(merged.items())[:4])
    differ = "differs" if len(merged) == 1 else "differ"
    return Problem(
        "label_spellings",
        "advice",
        len(merged),
        f"{figures.count(len(merged), 'label')} {differ} from another only by case, spaces or accents: {names}.",
        "Probably the same class, written in two ways.",
        "merge_spellings",
        examples(rows, rows["label"].isin(list(merged)).to_numpy()),
    )


def _numbers(sizes: pd.Series) -> Problem | None:
    if not sizes.index.str.fullmatch(r"-?\d+(\.0)?").all():
        return None
    return Problem(
        "numeric_labels",
        "advice",
        len(sizes),
        f"The labels are numbers ({', '.join(sorted(sizes.index, key=float)[:5])}).",
        "If they stand for something, name them under 'Rename or merge labels', so that the charts are easy to read.",
    )


def _imbalance(rows: pd.DataFrame, sizes: pd.Series) -> Problem | None:
    sizes = sizes[sizes >= FEW_ROWS]  # rarer ones are a finding of their own
    if len(sizes) < 2 or sizes.iloc[0] <= IMBALANCE * sizes.iloc[-1]:
        return None
    return Problem(
        "imbalance",
        "advice",
        len(sizes),
        f"{sizes.index[0][:60]!r} has {rounded(sizes.iloc[0] / sizes.iloc[-1])} times as many texts as "
        f"{sizes.index[-1][:60]!r}.",
        "Look at macro-F1, which counts each class equally, rather than at accuracy.",
        examples=examples(rows, (rows["label"] == sizes.index[-1]).to_numpy(dtype=bool)),
    )


def _giveaway(rows: pd.DataFrame) -> Problem | None:
    """A word that stands in most texts of one class and in hardly any other: often a trace of how the data were made."""
    sample = spread(rows, LOOKED_THROUGH)
    words, lengths, known = similarity.words_of(sample["text"])
    if not known:
        return None
    labels, classes = pd.factorize(sample["label"])
    once = np.unique(np.repeat(np.arange(len(sample)), lengths) * len(known) + words)
    row, words = once // len(known), once % len(known)  # a word of a row counts once
    total = np.bincount(words, minlength=len(known))
    pairs, together = np.unique(words * len(classes) + labels[row], return_counts=True)
    word, label = pairs // len(classes), pairs % len(classes)
    sizes = np.bincount(labels, minlength=len(classes))
    gives_away = (together >= GIVEAWAY_PRECISION * total[word]) & (together >= GIVEAWAY_RECALL * sizes[label])
    gives_away &= (sizes[label] >= GIVEAWAY_ROWS) & (sizes[label] < 0.95 * len(sample))
    if not gives_away.any():
        return None
    best = np.flatnonzero(gives_away)[np.argsort(-together[gives_away])][:5]
    named = "; ".join(
        f"{known[word[one]]!r} is in {percent(together[one] / sizes[label[one]])} of the texts with the label "
        f"{classes[label[one]][:40]!r}, and in hardly any other"
        for one in best
    )
    with_it = np.zeros(len(sample), dtype=bool)
    with_it[row[np.isin(words, word[best])]] = True
    return Problem(
        "giveaway_word",
        "advice",
        len({int(one) for one in label[gives_away]}),
        f"A single word gives a label away: {named}.",
        "If it comes from how the data were collected, remove it from the texts. Otherwise the model learns only that word.",
        examples=examples(sample, with_it),
    )
