"""Is this table fit to learn from? Findings with a count, some of the rows, and what to do."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from engine.data import repairs, similarity
from engine.data.columns import Roles, is_continuous, list_separator, spread
from engine.data.reading import Table
from engine.data.repairs import FEW_ROWS

MIN_ROWS = 10
IMBALANCE = 10  # the largest class has more than this many times the rows of the smallest
SHOWN_ROWS = 50
LONGEST_READ = 512  # tokens; most pretrained models, the bundled one too, read no more
SAMPLED_WORDS = 20_000  # texts looked through for words that give a label away
GIVEAWAY_RECALL, GIVEAWAY_PRECISION = 0.7, 0.98
SAMPLED_LANGUAGES, LEAST_LETTERS, FOREIGN_SHARE = 300, 40, 0.05


@dataclass(frozen=True)
class Problem:
    """severity: 'blocking' must be mended before training; 'advice' is worth knowing.

    count: rows concerned (classes for the findings on classes). fix: a key of repairs.REMEDIES or BESIDE_A_TEST, None where
    no click mends it. examples: up to 50 of the rows, each {row (in the table, from 1), text, label}.
    """

    code: str
    severity: Literal["blocking", "advice"]
    count: int
    sentence: str
    remedy: str
    fix: str | None = None
    examples: list[dict] = field(default_factory=list)


def examine_file(table: Table) -> list[Problem]:
    """What reading left out or had to guess."""
    found = []
    if table.rejected_count:
        found.append(
            Problem(
                "unreadable_rows",
                "advice",
                table.rejected_count,
                f"{_n(table.rejected_count, 'row')} could not be read.",
                "They are left out, and listed with line and reason. Mend them in the file, or go on without them.",
            )
        )
    if table.padded:
        found.append(
            Problem(
                "short_rows",
                "advice",
                table.padded,
                f"{_n(table.padded, 'row')} had too few fields.",
                "The missing cells are empty.",
            )
        )
    if table.damaged:
        found.append(
            Problem(
                "damaged_bytes",
                "advice",
                table.damaged,
                f"{_n(table.damaged, 'place')} in the file could not be read as letters.",
                "They show as �. If there are many, choose another encoding under 'How it was read'.",
            )
        )
    return found


def missing_roles(roles: Roles) -> list[Problem]:
    """Where no column fits, what to do about it."""
    found = []
    if not roles.text:
        found.append(
            Problem(
                "no_text_column",
                "blocking",
                0,
                "No column looks like texts.",
                "Choose the column with the texts, or another file: one row per text.",
            )
        )
    if not roles.label:
        found.append(
            Problem(
                "no_label_column",
                "blocking",
                0,
                "No column looks like labels, and a model learns from texts with labels.",
                "Choose the column with the labels. Is the label the name of the file? Then put one file per label "
                "into a ZIP, and it becomes a column.",
            )
        )
    return found


def examine(
    rows: pd.DataFrame,
    texts: np.ndarray,
    incomplete: pd.DataFrame,
    leaked: np.ndarray | None = None,
) -> list[Problem]:
    """Problems of a table, blocking ones first.

    rows: those with a text and a label; columns text, label, source_row, all trimmed. texts: similarity.codes of them.
    incomplete: rows without a text or a label. leaked: (rows,) bool, training rows whose text is also a test row's.
    """
    sizes = rows["label"].value_counts()
    no_text = (incomplete["text"] == "").to_numpy(dtype=bool)
    no_label = (incomplete["label"] == "").to_numpy(dtype=bool)
    found = [
        _rows("empty_text", incomplete, no_text, "{rows} without a text.", "They are left out."),
        _rows("missing_label", incomplete, no_label, "{rows} without a label.", "They are left out."),
    ]
    wrong = [*_kind_of_labels(rows["label"], sizes), _too_few(len(rows)), _too_few_classes(sizes)]
    if any(wrong):
        found += wrong
    else:
        found += [
            _rare_classes(rows, sizes),
            _spellings(rows),
            _numeric(sizes),
            *_repeats(rows, texts),
            _near_copies(rows),
            _imbalance(sizes),
            *_letters(rows),
            _giveaway(rows),
            *_languages(rows["text"]),
            _leaked(rows, leaked) if leaked is not None else None,
        ]
    problems = [problem for problem in found if problem]
    return sorted(problems, key=lambda problem: problem.severity != "blocking")


def too_long(lengths: np.ndarray, rows: int) -> list[Problem]:
    """What the token limit cuts off. lengths: (sample,) in tokens; rows: how many texts there are in all."""
    share = float((lengths > LONGEST_READ).mean()) if len(lengths) else 0.0
    if share < 0.005:
        return []
    cut = float(np.maximum(lengths - LONGEST_READ, 0).sum() / lengths.sum())
    return [
        Problem(
            "long_texts",
            "advice",
            max(1, round(share * rows)),
            f"{share:.0%} of the texts are longer than {LONGEST_READ} tokens, the most that usual models read; "
            f"{cut:.0%} of all tokens would be cut off.",
            "The beginning counts. If the point comes at the end, split the texts into parts.",
        )
    ]


# -- labels -----------------------------------------------------------------------------------------


def _kind_of_labels(labels: pd.Series, sizes: pd.Series) -> list[Problem | None]:
    sample = spread(labels.to_frame())["label"]
    separator = list_separator(sample)
    if separator:
        how = "JSON" if separator == "json" else f"separated by {separator!r}"
        return [
            Problem(
                "multi_label",
                "blocking",
                len(labels),
                f"A cell of this column holds several labels ({how}), for example {sizes.index[0][:60]!r}.",
                "One label per text can be learnt so far. Choose another label column, or keep the main label of each text.",
            )
        ]
    if is_continuous(sample):
        return [
            Problem(
                "continuous_label",
                "blocking",
                len(sizes),
                f"These labels measure something: {len(sizes):,} different numbers, such as {', '.join(sizes.index[:3])}.",
                "A classifier needs a few classes. Choose another column, or make ranges of the numbers (low, high).",
            )
        ]
    return []


def _too_few(rows: int) -> Problem | None:
    if rows >= MIN_ROWS:
        return None
    return Problem(
        "too_few_rows",
        "blocking",
        rows,
        f"Only {_n(rows, 'row')} have both a text and a label; at least {MIN_ROWS} are needed.",
        "Choose other columns or add rows.",
    )


def _too_few_classes(sizes: pd.Series) -> Problem | None:
    if len(sizes) >= 2 or not len(sizes):
        return None
    return Problem(
        "single_class",
        "blocking",
        int(sizes.iloc[0]),
        f"A model needs at least two different labels; this column has only {sizes.index[0]!r}.",
        "Choose another label column, or add texts of another class.",
    )


def _rare_classes(rows: pd.DataFrame, sizes: pd.Series) -> Problem | None:
    rare = sizes[sizes < FEW_ROWS]
    if rare.empty:
        return None
    if (sizes < 3).all():
        return Problem(
            "rare_classes",
            "blocking",
            len(rare),
            f"Nearly every text has a label of its own ({len(sizes):,} labels for {sizes.sum():,} texts).",
            "Choose another label column: each class needs several texts.",
        )
    names = ", ".join(f"{name[:40]} ({count})" for name, count in rare.head(5).items())
    more = f" and {len(rare) - 5:,} more" if len(rare) > 5 else ""
    return _with_examples(
        "rare_classes",
        rows,
        rows["label"].isin(rare.index).to_numpy(),
        f"{_n(len(rare), 'class', 'classes')} with fewer than {FEW_ROWS} texts: {names}{more}.",
        "Add texts of them, or expect the model to miss them: of one text it can only learn, of two it is tested on one. "
        "They can also be left out, or be given the name of another class.",
        "drop_rare",
        count=len(rare),
    )


def _spellings(rows: pd.DataFrame) -> Problem | None:
    merged = repairs.spellings(rows["label"])
    if not merged:
        return None
    names = ", ".join(f"{label!r} is nearly {leader!r}" for label, leader in list(merged.items())[:4])
    return _with_examples(
        "label_spellings",
        rows,
        rows["label"].isin(list(merged)).to_numpy(),
        f"{_n(len(merged), 'label')} differ from another only by case, spaces or accents: {names}.",
        "Probably the same class, written in two ways.",
        "merge_spellings",
        count=len(merged),
    )


def _numeric(sizes: pd.Series) -> Problem | None:
    if not sizes.index.str.fullmatch(r"-?\d+(\.0)?").all():
        return None
    return Problem(
        "numeric_labels",
        "advice",
        len(sizes),
        f"The labels are numbers ({', '.join(sorted(sizes.index, key=float)[:5])}).",
        "If they stand for something, give them names on the Data page: names make every chart readable.",
    )


def _imbalance(sizes: pd.Series) -> Problem | None:
    sizes = sizes[sizes >= FEW_ROWS]  # rarer ones are a finding of their own
    if len(sizes) < 2 or sizes.iloc[0] <= IMBALANCE * sizes.iloc[-1]:
        return None
    return Problem(
        "imbalance",
        "advice",
        len(sizes),
        f"{sizes.index[0][:60]!r} has {sizes.iloc[0] / sizes.iloc[-1]:,.0f} times the texts of {sizes.index[-1][:60]!r}.",
        "Look at macro-F1, which counts each class equally, rather than at accuracy.",
    )


def _giveaway(rows: pd.DataFrame) -> Problem | None:
    """A word that stands in most texts of one class and in hardly any other: often a trace of how the data were made."""
    sample = rows
    if len(rows) > SAMPLED_WORDS:
        sample = rows.iloc[np.linspace(0, len(rows) - 1, SAMPLED_WORDS).astype(int)]
    words, lengths, known = similarity.words_of(sample["text"])
    labels, classes = pd.factorize(sample["label"])
    row = np.repeat(np.arange(len(sample)), lengths)
    once = np.unique(row * len(known) + words) if len(known) else np.array([], dtype=np.int64)
    row, words = once // max(1, len(known)), once % max(1, len(known))
    total = np.bincount(words, minlength=len(known))
    pairs, together = np.unique(words * len(classes) + labels[row], return_counts=True)
    word, label = pairs // max(1, len(classes)), pairs % max(1, len(classes))
    sizes = np.bincount(labels, minlength=len(classes))
    gives_away = (together >= GIVEAWAY_PRECISION * total[word]) & (together >= GIVEAWAY_RECALL * sizes[label])
    gives_away &= (sizes[label] >= 20) & (sizes[label] < 0.95 * len(sample))
    if not gives_away.any():
        return None
    best = np.flatnonzero(gives_away)[np.argsort(-together[gives_away])][:5]
    named = "; ".join(
        f"{known[word[one]]!r} is in {together[one] / sizes[label[one]]:.0%} of {classes[label[one]][:40]!r} alone"
        for one in best
    )
    return Problem(
        "giveaway_word",
        "advice",
        len({int(one) for one in label[gives_away]}),
        f"A single word gives a label away: {named}.",
        "If it is a trace of how the data were collected, remove it from the texts: the model would learn the word alone.",
    )


# -- texts ------------------------------------------------------------------------------------------


def _repeats(rows: pd.DataFrame, texts: np.ndarray) -> list[Problem | None]:
    again = np.ones(len(texts), dtype=bool)
    again[np.unique(texts, return_index=True)[1]] = False
    return [
        _rows(
            "duplicates",
            rows,
            again,
            "{rows} with the text of an earlier row.",
            "Copies of a text stay together in one split, so that none is both learnt and tested.",
            "drop_duplicates",
        ),
        _rows(
            "conflicting_labels",
            rows,
            repairs.conflicting(rows, texts) if again.any() else np.zeros(len(rows), dtype=bool),
            "{rows} with a text that also has another label.",
            "The model cannot learn both. Decide row by row which label is right, or leave them out.",
            "drop_conflicts",
        ),
    ]


def _near_copies(rows: pd.DataFrame) -> Problem | None:
    mask = np.zeros(len(rows), dtype=bool)
    mask[similarity.near_copies(rows["text"])] = True
    among = f" (of {similarity.COMPARED:,} compared)" if len(rows) > similarity.COMPARED else ""
    return _rows(
        "near_duplicates",
        rows,
        mask,
        f"{{rows}}{among} with nearly the text of an earlier row.",
        "A nearly known text in the test makes the score look better than it is.",
        "drop_near_copies",
    )


def _leaked(rows: pd.DataFrame, leaked: np.ndarray) -> Problem | None:
    return _rows(
        "leaked_test_rows",
        rows,
        leaked,
        "{rows} for training with a text that is also in the test.",
        "The score would partly measure what was learnt by heart.",
        "drop_leaked",
    )


def _letters(rows: pd.DataFrame) -> list[Problem | None]:
    array = repairs.as_arrow(rows["text"])
    lost = pc.match_substring(array, "\ufffd").to_numpy()
    return [
        _rows(
            "lost_letters",
            rows,
            lost,
            "{rows} with letters that were lost before (�).",
            "They cannot be brought back; a fresh export of the data may have them.",
        ),
        _rows(
            "damaged_letters",
            rows,
            repairs.damaged_encoding(rows["text"]),
            "{rows} with damaged letters, as in 'schÃ¶n' for 'schön': read in the wrong encoding once.",
            "They can be mended.",
            "mend_encoding",
        ),
        _rows(
            "html",
            rows,
            repairs.with_html(rows["text"]),
            "{rows} with HTML in the text.",
            "Tags say little about the meaning and take up tokens.",
            "strip_html",
        ),
    ]


def _languages(texts: pd.Series) -> list[Problem | None]:
    sample = texts.iloc[np.unique(np.linspace(0, len(texts) - 1, min(len(texts), 2000)).astype(int))]
    sample = sample[sample.str.len() >= LEAST_LETTERS].head(SAMPLED_LANGUAGES * 2)[::2]
    if len(sample) < 20:
        return []
    import py3langid

    languages = pd.Series([py3langid.classify(text)[0] for text in sample]).value_counts(normalize=True)
    frequent = languages[languages >= FOREIGN_SHARE]
    if len(frequent) > 1:
        named = ", ".join(f"{code} {share:.0%}" for code, share in frequent.items())
        return [
            Problem(
                "mixed_languages",
                "advice",
                len(frequent),
                f"The texts seem to be in several languages ({named} of {len(sample)} looked at).",
                "A multilingual model reads them all; the bundled one knows English.",
            )
        ]
    if languages.index[0] != "en" and languages.iloc[0] > 0.6:
        return [
            Problem(
                "not_english",
                "advice",
                len(texts),
                f"The texts seem not to be English (language code: {languages.index[0]}).",
                "The bundled model knows English; choose one for this language, or a multilingual one, on the Train page.",
            )
        ]
    return []


# -- the shape of a finding -------------------------------------------------------------------------


def _rows(
    code: str, rows: pd.DataFrame, mask: np.ndarray, sentence: str, remedy: str, fix: str | None = None
) -> Problem | None:
    if not mask.any():
        return None
    sentence = sentence.format(rows=_n(int(mask.sum()), "row"))
    return _with_examples(code, rows, mask, sentence, remedy, fix)


def _with_examples(
    code: str, rows: pd.DataFrame, mask: np.ndarray, sentence: str, remedy: str, fix: str | None, count: int | None = None
) -> Problem:  # fmt: skip
    some = rows.iloc[np.flatnonzero(mask)[:SHOWN_ROWS]]
    examples = [
        {"row": int(row), "text": text[:500], "label": label}
        for row, text, label in zip(some["source_row"], some["text"], some["label"], strict=True)
    ]
    return Problem(
        code, "advice", int(mask.sum()) if count is None else count, sentence, remedy, fix, examples
    )


def _n(count: int, one: str, several: str | None = None) -> str:
    """'1 row', '2,000 rows'."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"
