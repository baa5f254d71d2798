"""Which row of a table names its columns, and where the data begin."""

import re
from collections import Counter

from engine.data.names import LABEL_NAMES, OTHER_NAMES, SPLIT_COLUMN_NAMES, TEXT_NAMES

KNOWN = TEXT_NAMES | LABEL_NAMES | OTHER_NAMES | SPLIT_COLUMN_NAMES
TYPE_WORDS = {
    "string", "text", "str", "s", "varchar", "object", "discrete", "d", "continuous", "c", "time", "t", "int", "integer",
    "int64", "float", "float64", "double", "number", "numeric", "categorical", "category", "bool", "boolean", "date", "meta",
}  # fmt: skip
ORANGE_FLAG = re.compile(r"(class|meta|ignore|i|m|c)?(\s*\S+=\S+)*")
IDENTIFIER = re.compile(r"[^\W\d][\w.\-/ ()]{0,39}")
MOST_TITLE_ROWS = 20


def find_header(records: list[list[str]]) -> tuple[int, int]:
    """(names_row, first_row), both counted from 1; names_row is 0 where no row names the columns.

    records: the first rows, without blank ones. Rows above the names (a title, a comment), and rows of types or
    descriptions below them, are left out.
    """
    above = _title_rows(records)
    if not has_header(records[above:]):
        return 0, 1
    return above + 1, above + 2 + _rows_of_types(records[above + 1 :])


def has_header(records: list[list[str]]) -> bool:
    """Whether the first row names the columns: short, no numbers, and unlike the values below it."""
    if not records:
        return False
    first, rest = [cell.strip() for cell in records[0]], records[1:]
    filled = [cell for cell in first if cell]
    if not rest or not filled:
        return bool(filled)
    if any(len(cell) > 60 or len(cell.split()) > 8 for cell in filled):
        return False
    if len(first) > 1 and filled == [str(number) for number in range(len(filled))]:
        return True  # a data frame's own column numbers
    if any(_is_number(cell) for cell in filled):
        return False
    below = [[row[i].strip() for row in rest if i < len(row) and row[i].strip()] for i in range(len(first))]
    repeated = {cell for cell, values in zip(first, below, strict=True) if cell and cell in set(values)}
    if repeated:  # a value, then, or a column named after one, such as 'spam'
        return any(cell.lower() in KNOWN for cell in filled if cell not in repeated)
    if any(_words(cell) & KNOWN for cell in filled if len(cell.split()) <= 4):
        return True
    return any(cell and _stands_out(cell, values) for cell, values in zip(first, below, strict=True))


def _stands_out(cell: str, values: list[str]) -> bool:
    """Whether a cell looks like the name of a column rather than one more of its values."""
    if not values or not IDENTIFIER.fullmatch(cell):
        return False
    if sum(map(_is_number, values)) > 0.9 * len(values):
        return True
    if len(set(values)) <= max(2, len(values) // 5):
        return True  # few values, and the cell is none of them
    typical = sorted(map(len, values))[len(values) // 10]
    return len(cell) < 0.5 * typical and len(cell.split()) <= 3


def _title_rows(records: list[list[str]]) -> int:
    """How many rows above the table belong to no column: they fill one cell where the others fill several."""
    widths = Counter(_filled(row) for row in records[: 10 * MOST_TITLE_ROWS])
    if not widths or widths.most_common(1)[0][0] < 2:
        return 0
    usual = widths.most_common(1)[0][0]
    for above, row in enumerate(records[: MOST_TITLE_ROWS + 1]):
        if _filled(row) > max(1, usual // 2):
            return above if above and has_header(records[above:]) else 0
    return 0


def _rows_of_types(records: list[list[str]]) -> int:
    """Rows right below the names that hold types, roles or question texts (Orange, Qualtrics and the like)."""
    if len(records) > 2 and all(
        cell.strip().startswith('{"ImportId"') for cell in records[1] if cell.strip()
    ):
        return 2
    if not records or not all(cell.strip().lower() in TYPE_WORDS for cell in records[0] if cell.strip()):
        return 0
    flags = records[1] if len(records) > 1 else ["?"]
    return 2 if all(ORANGE_FLAG.fullmatch(cell.strip()) for cell in flags) else 1


def _filled(row: list[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)


def _words(cell: str) -> set[str]:
    """'airline_sentiment' -> {'airline_sentiment', 'airline', 'sentiment'}"""
    name = cell.strip().lower()
    return {name, *re.split(r"[\W_]+", name)} - {""}


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
