"""Remedies that a click applies. The file stays as it is; each remedy changes the rows that are made of it."""

import html
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from engine.data import kinds, scan, similarity
from engine.figures import whole

HTML = r"</?[a-zA-Z][^<>]{0,500}>|&[a-zA-Z]{2,8};|&#x?[0-9a-fA-F]{2,6};"
UNSEEN = re.compile(r"<(?:script|style)\b|</(?:script|style)>", re.I)  # where what a page does not show begins and ends
# two bytes or more of UTF-8 as Windows-1252 shows them, such as Ã¼; whether it is damage, ftfy decides
MOJIBAKE = "[Â-ô][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
PLACEHOLDERS = ("null", "none", "nan", "n/a", "na", "#n/a", "\\n", "<na>", "-", "?")
FEW_ROWS = 10  # fewer texts of a class than this teach little and test nothing


@dataclass(frozen=True)
class Remedy:
    """button: what a click does. done: what it did, for `outcome`. apply: rows (text, label, source_row) -> rows."""

    button: str
    done: str
    apply: Callable[[pd.DataFrame], pd.DataFrame]


def damaged_encoding(texts: pd.Series, beyond: np.ndarray | None = None) -> np.ndarray:
    """Which texts hold letters that were read in the wrong encoding (mojibake), (rows,) bool.

    beyond: scan.beyond_ascii of the texts, if known.
    """
    return _where(texts, scan.beyond_ascii(texts) if beyond is None else beyond, MOJIBAKE, _is_damaged)


def _is_damaged(text: str) -> bool:
    import ftfy

    return ftfy.badness.is_bad(text)


def with_html(texts: pd.Series) -> np.ndarray:
    """Which texts hold tags or character references of HTML, (rows,) bool."""
    return _where(texts, scan.holding(texts, b"<&"), HTML, lambda text: True)


def spellings(sizes: Mapping[str, int]) -> dict[str, str]:
    """{label: the most frequent that differs from it only by case, white space or accents}. sizes: rows of each label."""
    leaders: dict[str, str] = {}
    found = {}
    for label in sorted(sizes, key=lambda one: (-sizes[one], one)):
        if not label:
            continue
        leader = leaders.setdefault(_folded(label), label)
        if leader != label:
            found[label] = leader
    return found


def conflicting(rows: pd.DataFrame, texts: np.ndarray | None = None) -> np.ndarray:
    """Which rows have a text that also occurs under another label, (rows,) bool. texts: similarity.codes, if known."""
    if not len(rows):
        return np.zeros(0, dtype=bool)
    texts = similarity.codes(rows["text"]) if texts is None else texts
    labels = pd.factorize(rows["label"])[0]
    one_of_them = np.empty(texts.max() + 1, dtype=labels.dtype)
    one_of_them[texts] = labels
    differ = np.zeros(len(one_of_them), dtype=bool)
    differ[texts[one_of_them[texts] != labels]] = True
    return differ[texts]


def _mend_encoding(rows: pd.DataFrame) -> pd.DataFrame:
    import ftfy

    return _rewritten(rows, damaged_encoding(rows["text"]), ftfy.fix_encoding)


def _strip_html(rows: pd.DataFrame) -> pd.DataFrame:
    return _rewritten(rows, with_html(rows["text"]), _without_html)


def _without_html(text: str) -> str:
    text = re.sub(r"</?[a-zA-Z][^<>]{0,500}>", " ", _without_unseen(text))
    text = re.sub(r"&#[0-9]{20,};?", "\ufffd", text)  # what becomes of any beyond Unicode; Python reads no such number
    return " ".join(html.unescape(text).split())


def _without_unseen(text: str) -> str:
    """Without its scripts and styles, in one walk through it; one that is not closed stays."""
    tags = [(tag.start(), tag.end(), tag[0].lower()) for tag in UNSEEN.finditer(text)]
    last = {tag: start for start, _, tag in tags}
    kept, after, awaited = [], 0, ""
    for start, end, tag in tags:
        if not awaited and start < last.get(closing := f"</{tag[1:]}>", 0):
            kept.append(text[after:start])
            awaited = closing
        elif tag == awaited:
            after, awaited = end, ""
    return " ".join([*kept, text[after:]])


def _merge_spellings(rows: pd.DataFrame) -> pd.DataFrame:
    merged = spellings(rows["label"].value_counts().to_dict())
    return rows.assign(label=rows["label"].replace(merged).astype(rows["label"].dtype))


def _drop_duplicates(rows: pd.DataFrame) -> pd.DataFrame:
    pairs = similarity.codes(rows["text"]) * (rows["label"].nunique() + 1) + pd.factorize(rows["label"])[0]
    return rows[~pd.Series(pairs).duplicated().to_numpy()]


def _drop_near_copies(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(rows.index[similarity.near_copies(rows["text"])[0]])


def _drop_conflicts(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~conflicting(rows)]


def _drop_rare(rows: pd.DataFrame) -> pd.DataFrame:
    sizes = rows["label"].value_counts()
    return rows[rows["label"].isin(sizes.index[sizes >= FEW_ROWS])]


def placeholders(labels: pd.Series) -> np.ndarray:
    """Which labels are what programs write where there is none, (rows,) bool."""
    return labels.str.lower().isin(PLACEHOLDERS).to_numpy(dtype=bool)


def _drop_placeholders(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[~placeholders(rows["label"])]


REMEDIES: dict[str, Remedy] = {  # applied in this order, whatever the order of the clicks
    "mend_encoding": Remedy("Repair the letters", "Damaged letters were repaired in {n} text{s}.", _mend_encoding),
    "strip_html": Remedy("Remove the HTML", "HTML was removed from {n} text{s}.", _strip_html),
    "merge_spellings": Remedy(
        "Merge the spellings",
        "Labels that differ only by case, spaces or accents were merged in {n} row{s}.",
        _merge_spellings,
    ),
    "drop_placeholders": Remedy(
        "Leave these rows out", "{n} row{s} without a real label {were} left out.", _drop_placeholders
    ),
    "drop_conflicts": Remedy(
        "Leave these rows out", "{n} row{s} with conflicting labels {were} left out.", _drop_conflicts
    ),
    "drop_duplicates": Remedy("Keep one of each", "{n} repeated row{s} {were} left out.", _drop_duplicates),
    "drop_near_copies": Remedy(
        "Keep one of each", "{n} nearly repeated row{s} {were} left out.", _drop_near_copies
    ),
    "drop_rare": Remedy("Leave these classes out", "{n} row{s} of classes with few texts {were} left out.", _drop_rare),
}  # fmt: skip


# -- before labels are renamed: what makes classes of them ---------------------------------------------


def _first_label(separator: str) -> Remedy:
    _check_separator(separator)
    return Remedy(
        "Keep the first label of each",
        "Only the first label of each cell was kept, in {n} row{s}.",
        lambda rows: _single(rows, separator),
    )


def _drop_several(separator: str) -> Remedy:
    _check_separator(separator)
    return Remedy(
        "Leave out texts with several labels",
        "{n} row{s} with several labels {were} left out.",
        lambda rows: _single(rows[~kinds.holding_several(rows["label"], separator)], separator),
    )


def _single(rows: pd.DataFrame, separator: str) -> pd.DataFrame:
    return rows.assign(label=kinds.first_of(rows["label"], separator))


def _check_separator(separator: str) -> None:
    if separator not in (*kinds.LIST_SEPARATORS, kinds.JSON):
        raise ValueError(separator)


def _whole_labels() -> Remedy:
    return Remedy("Use each cell as one label", "Each cell is used as one label.", lambda rows: rows)


def _ranges(*around: str) -> Remedy:
    kinds.in_ranges(pd.Series([], dtype="str"), list(around))  # raises what is wrong with them
    classes = len(around) - 1
    between = f", cut at {' and '.join(around[1:-1])}" if len(around) < 5 else ""
    return Remedy(
        f"Make {classes} classes{between}",
        f"{{n}} row{{s}} {{were}} grouped into {classes} classes{between}.",
        lambda rows: rows.assign(label=kinds.in_ranges(rows["label"], list(around))),
    )


MAKING_CLASSES: dict[str, Callable[..., Remedy]] = {
    "first_label": _first_label,
    "drop_several": _drop_several,
    "whole_labels": _whole_labels,
    "ranges": _ranges,
}
"""Remedies for labels that are no classes yet. Written with what they need to know: first_label:; and ranges:0:2.5:5."""


# -- all of them ---------------------------------------------------------------------------------------

BESIDE_A_TEST = {
    "drop_leaked": Remedy(
        "Leave the copies out of training",
        "{n} row{s} {were} left out of training because the text is also in the test.",
        lambda rows: rows,
    )
}
"""Remedies that concern the test rows as well; applied where the split is decided."""
WRITTEN = [
    *REMEDIES, *BESIDE_A_TEST, "first_label:SEPARATOR", "drop_several:SEPARATOR", "whole_labels", "ranges:LOW:…:HIGH",
]  # fmt: skip
"""How the names of all remedies are written; SEPARATOR may be json."""


def remedy(name: str) -> Remedy:
    """Raises ValueError where there is none of this name."""
    if known := (REMEDIES | BESIDE_A_TEST).get(name):
        return known
    kind, *told = name.split(":")
    try:
        return MAKING_CLASSES[kind](*told)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"There is no remedy {name!r}.") from error


def makes_classes(name: str) -> bool:
    """Whether a remedy is one of MAKING_CLASSES; what it knows then is of one column of labels."""
    return name.split(":")[0] in MAKING_CLASSES


def outcome(name: str, count: int) -> str:
    """What a remedy did, in words. count: rows that it changed or left out."""
    done = remedy(name).done
    return done.format(n=whole(count), s="" if count == 1 else "s", were="was" if count == 1 else "were")


def make_classes(rows: pd.DataFrame, remedies: tuple[str, ...]) -> tuple[pd.DataFrame, list[tuple[str, int]]]:
    """As `apply`, for the remedies that make classes of labels, in the order of the clicks; for all rows alike."""
    done = []
    for name in dict.fromkeys(remedies):
        if makes_classes(name):
            after = remedy(name).apply(rows)
            done.append((name, _changed(rows, after)))
            rows = after
    return rows, done


def apply(rows: pd.DataFrame, remedies: tuple[str, ...]) -> tuple[pd.DataFrame, list[tuple[str, int]]]:
    """(rows after the remedies, [(remedy, rows that it changed or left out)]).

    Rows of a given test (column `given`) are never left out: the test stays what it was.
    """
    done = []
    for name, known in REMEDIES.items():
        if name not in remedies:
            continue
        before, fixed = rows, rows[:0]
        if name.startswith("drop_") and "given" in rows:
            fixed, before = rows[rows["given"] == "test"], rows[rows["given"] != "test"]
        after = known.apply(before)
        done.append((name, _changed(before, after)))
        rows = pd.concat([after, fixed]) if len(fixed) else after
    return rows, done


def _changed(before: pd.DataFrame, after: pd.DataFrame) -> int:
    if len(after) < len(before):
        return len(before) - len(after)
    return int(((after["text"] != before["text"]) | (after["label"] != before["label"])).sum())


def _rewritten(rows: pd.DataFrame, mask: np.ndarray, change: Callable[[str], str]) -> pd.DataFrame:
    if not mask.any():
        return rows
    texts = rows["text"].copy()
    texts[mask] = [change(text).strip() for text in texts[mask]]
    return rows.assign(text=texts)


def _where(texts: pd.Series, near: np.ndarray, pattern: str, decide: Callable[[str], bool]) -> np.ndarray:
    """Rows that match. near: (rows,) bool, those that may; only these are looked at closely."""
    found = np.zeros(len(texts), dtype=bool)
    places = np.flatnonzero(near)
    if len(places):
        hits = places[pc.match_substring_regex(scan.as_arrow(texts).filter(near), pattern).to_numpy()]
        found[hits] = [decide(text) for text in scan.take(texts, hits)]
    return found


def _folded(label: str) -> str:
    letters = unicodedata.normalize("NFKD", " ".join(label.split()).casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
