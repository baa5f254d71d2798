"""Which row of a table names its columns, and where the data begin."""

import re
import unicodedata
from collections import Counter

from engine.data.names import LABEL_NAMES, OTHER_NAMES, SPLIT_COLUMN_NAMES, TEXT_NAMES

KNOWN = TEXT_NAMES | LABEL_NAMES | OTHER_NAMES | SPLIT_COLUMN_NAMES
TYPE_WORDS = {
    "string", "text", "str", "s", "varchar", "object", "discrete", "d", "continuous", "c", "time", "t", "int", "integer",
    "int64", "float", "float64", "double", "number", "numeric", "categorical", "category", "bool", "boolean", "date", "meta",
    "response", "open-ended response",
}  # fmt: skip
ORANGE_FLAG = re.compile(r"(class|meta|ignore|i|m|c)?(\s*+\S[^\s=]*+=\S++)*+")
IDENTIFIER = re.compile(r"(\d{1,2}[.)] )?[^\W\d][\w.\-/ ()\[\]?*%:#&'’,]{0,39}")
IN_BRACKETS = re.compile(r"\(.*\)|\[.*\]")
YEAR = re.compile(r"(19|20)\d\d")
MOST_TITLE_ROWS = 40
PROMISING, PROMISING_ROWS = (
    10,
    200,
)  # what a row is worth where a table promises to be a data set; rows to tell from
LEAST_TEXT = 12  # letters on average
QUALTRICS = ["StartDate", "EndDate"], ["Start Date", "End Date"]  # its names, and the questions below them
COMMENTS = ("#", "//", "%")


def find_header(records: list[list[str]]) -> tuple[int, int]:
    """(names_row, first_row), both counted from 1; names_row is 0 where no row names the columns.

    records: the first rows, without blank ones. Rows above the names (a title, a comment), and rows of types or
    descriptions below them, are left out.
    """
    for row in range(1, min(4, len(records))):
        if _are_import_ids(records[row]):
            return 1, row + 2
    if len(records) > 2 and records[0][:2] == QUALTRICS[0] and records[1][:2] == QUALTRICS[1]:
        return 1, 3
    above = _rows_above(records)
    if not has_header(records[above:]):
        return 0, above + 1
    return above + 1, above + 2 + _rows_of_types(records[above + 1 :])


def has_header(records: list[list[str]]) -> bool:
    """Whether the first row names the columns: short, no numbers, and unlike the values below it."""
    if not records:
        return False
    first = [cell.strip() for cell in records[0]]
    rest = [row for row in records[1:] if row != records[0]]  # where files were put together, the names come again
    filled = [cell for cell in first if cell]
    if not rest or not filled:
        return bool(filled)
    if len(rest) + 1 < len(records) and not any(cell.lower() in KNOWN for cell in filled):
        return False
    if len(first) > 1 and filled == [str(number) for number in range(len(filled))]:
        return True  # a data frame's own column numbers
    below = [[row[i].strip() for row in rest if i < len(row) and row[i].strip()] for i in range(len(first))]
    repeated = {cell for cell, values in zip(first, below, strict=True) if cell and cell in set(values)}
    known = sum(cell.lower() in KNOWN for cell in filled if cell not in repeated)
    numbers = [cell for cell in filled if _is_number(cell)]
    if numbers:
        return known > 1 or (known > 0 and all(map(YEAR.fullmatch, numbers)))
    if repeated:  # a value, then, or a column named after one, such as 'spam'
        return known > 0
    columns = list(zip(first, below, strict=True))
    if any(_is_like_texts(cell, values) for cell, values in columns):
        return known > 0 or any(_is_unlike(cell, values) for cell, values in columns)
    if any(words_of(cell) & KNOWN for cell in filled if len(cell.split()) <= 2):
        return True
    return any(cell and _stands_out(cell, values) for cell, values in columns)


def as_set(names: list[str]) -> frozenset:
    """The same for tables whose names differ only in their order, in case and in white space, unless one comes twice."""
    plain = _plain(names)
    return frozenset(plain) if len(set(plain)) == len(names) else frozenset({tuple(names)})


def places(names: list[str], wanted: list[str]) -> list[int]:
    """Where the columns of a table stand in another, of the same `as_set`, with these names."""
    if names == wanted:
        return list(range(len(names)))
    plain = _plain(names)
    return [plain.index(name) for name in _plain(wanted)]


def _plain(names: list[str]) -> list[str]:
    return [name.strip().lower() for name in names]


def promise(names: list[str], rows: list[list[str]]) -> int:
    """How many rows of another table one of this is worth: more with a column named as labels are, whose values come again,
    and another of some length.

    rows: the first PROMISING_ROWS.
    """
    labels = [
        bool(words_of(name) & LABEL_NAMES) and 2 * len({row[i] for row in rows}) <= len(rows) for i, name in enumerate(names)
    ]
    texts = [sum(len(row[i]) for row in rows) >= LEAST_TEXT * len(rows) for i in range(len(names))]
    is_set = any(labels) and any(text and not label for text, label in zip(texts, labels, strict=True))
    return PROMISING if rows and is_set else 1


def _is_unlike(cell: str, values: list[str]) -> bool:
    """Whether a cell can hardly be one of the values: words over numbers, or a question over words."""
    if not cell or not values:
        return False
    few = len(set(values)) <= max(2, len(values) // 5)
    longer = len(cell) / max(map(len, values))
    return _are_numbers(values) or (few and (longer > 3 or (cell.endswith(("?", ":")) and longer > 1.5)))


def _is_like_texts(cell: str, values: list[str]) -> bool:
    """Whether a cell is about as long as the texts below it, or longer than names are."""
    words = len(cell.split())
    lengths = sorted(len(value.split()) for value in values[:500])
    usual = lengths[len(lengths) // 2] if lengths else 0
    return words > 25 or (usual >= 4 and words >= max(4, usual // 2)) or (usual < 4 and words > 8)


def _stands_out(cell: str, values: list[str]) -> bool:
    """Whether a cell looks like the name of a column rather than one more of its values."""
    if not values or not IDENTIFIER.fullmatch(_without_marks(cell)):
        return False
    if _are_numbers(values):
        return True
    if len(set(values)) <= max(2, len(values) // 5):
        return True  # few values, and the cell is none of them
    typical = sorted(map(len, values))[len(values) // 10]
    return len(cell) < 0.5 * typical and len(cell.split()) <= 3


def _rows_above(records: list[list[str]]) -> int:
    """Rows above the table that belong to no column: comments, or titles, which fill one cell where others fill several."""
    comments = 0
    while comments < min(len(records), MOST_TITLE_ROWS) and records[comments][0].lstrip().startswith(COMMENTS):
        comments += 1
    if comments and has_header(records[comments:]):
        return comments
    known = [sum(cell.strip().lower() in KNOWN for cell in row) for row in records[: MOST_TITLE_ROWS + 1]]
    named = next((row for row, count in enumerate(known) if count > 1), 0)
    if named and not any(known[:named]) and has_header(records[named:]):
        return named
    widths = Counter(_filled(row) for row in records[: 10 * MOST_TITLE_ROWS])
    if not widths or widths.most_common(1)[0][0] < 2:
        return 0
    usual = widths.most_common(1)[0][0]
    for above, row in enumerate(records[: MOST_TITLE_ROWS + 1]):
        if _filled(row) > max(1, usual // 2):
            return above if above and has_header(records[above:]) else 0
    return 0


def _rows_of_types(records: list[list[str]]) -> int:
    """Rows right below the names that hold types, roles or answers (Orange, SurveyMonkey and the like)."""
    filled = [cell.strip() for cell in records[0] if cell.strip()] if records else []
    if len(records) > 1 and filled == [str(number) for number in range(1, max(3, len(records[0])) + 1)]:
        return 1  # the columns, counted
    # In SurveyMonkey's exports the answers to choose from stand below their question, and nothing below the number.
    unnumbered = bool(filled) and not records[0][0].strip() and len(records[0]) > 2
    if unnumbered and "open-ended response" in map(str.lower, filled):
        return 1
    in_brackets = (len(filled) > 1 or unnumbered) and all(map(IN_BRACKETS.fullmatch, filled))
    if not filled or not (in_brackets or all(cell.lower() in TYPE_WORDS for cell in filled)):
        return 0
    flags = records[1] if len(records) > 1 else ["?"]
    return 2 if all(ORANGE_FLAG.fullmatch(cell.strip()) for cell in flags) else 1


def _are_import_ids(row: list[str]) -> bool:
    """How Qualtrics ends the rows above its data: names, then the questions, then these."""
    filled = [cell.strip() for cell in row if cell.strip()]
    return bool(filled) and all(cell.startswith('{"ImportId"') for cell in filled)


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _without_marks(text: str) -> str:
    """Without the vowel signs of Thai, Hindi and the like, which are no letters to the patterns above."""
    return "".join(letter for letter in text if unicodedata.category(letter)[0] != "M")


def words_of(cell: str) -> set[str]:
    """'airline_sentiment' -> {'airline_sentiment', 'airline', 'sentiment'}"""
    name = cell.strip().lower()
    return {name, *re.split(r"[\W_]+", name)} - {""}


def _are_numbers(values: list[str]) -> bool:
    return sum(map(_is_number, values)) > 0.9 * len(values)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
