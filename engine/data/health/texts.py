"""Findings on the texts: copies, contradictions, damage, languages, length."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from engine.data import repairs, scan, similarity
from engine.data.columns import spread
from engine.data.health.problem import Problem, advice, examples
from engine.figures import percent

LONGEST_READ = 512  # tokens; most pretrained models, the bundled one too, read no more
MEASURED = 1000  # texts, for their length in tokens
ENGLISH = re.compile(  # words that other languages do not have
    r"\b(the|and|that|this|these|those|with|you|your|have|has|had|not|are|were|been|it|it's|its|they|their|them|there|from"
    r"|what|which|would|could|should|about|because|she|when|who|how|than|then|some|any|into|just|very|only|after|before"
    r"|our|i'm|i've|i'll|don't|didn't|doesn't|wasn't|can't|you're|he's|that's)\b"
)
LANGUAGE_TEXTS, LANGUAGE_LETTERS, FOREIGN_SHARE = 300, 40, 0.05


def leaked(rows: pd.DataFrame, which: np.ndarray) -> Problem | None:
    """which: (rows,) bool, training rows whose text is also a test row's."""
    return advice(
        "leaked_test_rows",
        rows,
        which,
        "{rows} for training with a text that is also in the test.",
        "The score would be too good, since the model has already seen these texts.",
        "drop_leaked",
    )


def too_long(sample: pd.DataFrame, lengths: np.ndarray, rows: int) -> list[Problem]:
    """What the token limit cuts off. lengths: (sample,) in tokens; rows: how many texts there are in all."""
    cut_off = lengths > LONGEST_READ
    share = float(cut_off.mean()) if len(lengths) else 0.0
    if share < 0.005:
        return []
    lost = float(np.maximum(lengths - LONGEST_READ, 0).sum() / lengths.sum())
    return [
        Problem(
            "long_texts",
            "advice",
            max(1, round(share * rows)),
            f"{percent(share)} of the texts are longer than {LONGEST_READ} tokens, the most that common models read; "
            f"{percent(lost)} of all tokens would be cut off.",
            "Only the beginning is read. If the important part comes at the end, split the texts.",
            examples=examples(sample, cut_off),
        )
    ]


def repeats(rows: pd.DataFrame, texts: np.ndarray) -> list[Problem | None]:
    """texts: similarity.codes of the rows."""
    if "given" in rows:  # then the test stays as it is
        training = np.flatnonzero((rows["given"] != "test").to_numpy(dtype=bool))
        again = np.zeros(len(texts), dtype=bool)
        again[training[pd.Series(texts[training]).duplicated().to_numpy()]] = True
        why = "Repeated texts count more than the others."
    else:
        again = np.ones(len(texts), dtype=bool)
        again[similarity.first_of_each(texts)] = False
        why = "Copies of a text stay in the same split, so that no text is used for both training and testing."
    return [
        advice(
            "duplicates",
            rows,
            again,
            "{rows} with the same text as an earlier row.",
            why,
            "drop_duplicates",
        ),
        advice(
            "conflicting_labels",
            rows,
            repairs.conflicting(rows, texts),
            "{rows} with a text that also has another label.",
            "The model cannot learn both. Decide row by row which label is right, or leave them out.",
            "drop_conflicts",
        ),
    ]


def near_copies(rows: pd.DataFrame, texts: np.ndarray) -> list[Problem]:
    """texts: similarity.codes of the rows."""
    which = np.zeros(len(rows), dtype=bool)
    copies, originals = similarity.near_copies(rows["text"], texts)
    which[copies] = True
    least = "At least " if len(rows) > similarity.COMPARED else ""
    found = advice(
        "near_duplicates",
        rows,
        which,
        f"{least}{{rows}} with nearly the same text as another row.",
        "Near copies in the test make the score look better than it is.",
        "drop_near_copies",
    )
    if not found:
        return []
    originals = originals[: len(found.examples)]
    others = examples(rows.iloc[originals], np.ones(len(originals), bool))
    beside = [
        {**one, "like row": other["row"], "its text": other["text"], "its label": other["label"]}
        for one, other in zip(found.examples, others, strict=True)
    ]
    return [replace(found, examples=beside)]


def letters(rows: pd.DataFrame) -> list[Problem | None]:
    beyond = scan.beyond_ascii(rows["text"])
    lost = beyond.copy()
    if lost.any():
        lost[lost] = pc.match_substring(scan.as_arrow(rows["text"]).filter(beyond), "\ufffd").to_numpy()
    return [
        advice(
            "lost_letters",
            rows,
            lost,
            "{rows} with letters that were lost before (�).",
            "They cannot be restored here; a fresh export of the data may have them.",
        ),
        advice(
            "damaged_letters",
            rows,
            repairs.damaged_encoding(rows["text"], beyond),
            "{rows} with damaged letters, as in 'schÃ¶n' for 'schön': once read in the wrong encoding.",
            "They can be repaired.",
            "mend_encoding",
        ),
        advice(
            "html",
            rows,
            repairs.with_html(rows["text"]),
            "{rows} with HTML in the text.",
            "Tags say little about the meaning and take up tokens.",
            "strip_html",
        ),
    ]


def _are_english(texts: pd.Series) -> bool:
    """Whether nearly each of these texts has such a word: opening the model that knows languages takes half a second."""
    return sum(bool(ENGLISH.search(text.lower())) for text in texts) > (1 - FOREIGN_SHARE / 2) * len(texts)


def languages(rows: pd.DataFrame) -> list[Problem]:
    """Short texts say too little of their language to be asked."""
    sample = spread(rows, 2000)
    sample = spread(sample[(sample["text"].str.len() >= LANGUAGE_LETTERS).to_numpy()], LANGUAGE_TEXTS)
    if len(sample) < 20 or _are_english(sample["text"]):
        return []
    import py3langid

    codes = pd.Series([py3langid.classify(text)[0] for text in sample["text"]])
    shares = codes.value_counts(normalize=True)
    frequent = shares[shares >= FOREIGN_SHARE]
    if len(frequent) > 1:
        named = ", ".join(f"{code} {percent(share)}" for code, share in frequent.items())
        return [
            Problem(
                "mixed_languages",
                "advice",
                len(frequent),
                f"The texts seem to be in several languages ({named} in a sample of {len(sample)}).",
                "A multilingual model reads them all; the bundled one knows only English.",
                examples=examples(sample, codes.isin(frequent.index[1:]).to_numpy()),
            )
        ]
    if shares.index[0] != "en" and shares.iloc[0] > 0.6:
        return [
            Problem(
                "not_english",
                "advice",
                len(rows),
                f"The texts do not seem to be English (language code: {shares.index[0]}).",
                "The bundled model knows only English. On the Train page, choose one for this language or for many.",
            )
        ]
    return []
