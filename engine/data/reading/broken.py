"""Texts with line breaks that nothing quotes, so that a row stands in several lines."""

from collections import Counter
from collections.abc import Iterable, Iterator

from engine.data.reading.records import Shape

FEW_BREAKS = 3  # rows that have to be put together before anything is
EXPLAINED = 0.9  # share of the short lines that this has to make whole
SENTENCE = 3  # words of a line without separators, on average: headings between the rows have fewer
ALIKE = 0.5  # share of such lines that begin with the same word, from which on they are headings or comments
MOST_LINES = 1000  # of a text

Row = tuple[int, list[str]]


def put_together(rows: Iterable[Row], shape: Shape) -> Iterator[tuple[Row, bool]]:
    """((line, cells), whether it stood in several lines) of each row. rows: as they stand, one line after the other.

    Lines with too few fields are put together where they are exactly a row then; and a single field goes on with the last
    text, where rows end with one. A single field before a whole row stays alone: it may be a text without a label.
    """
    ends_with_text = _end_with_text(shape)
    held: list[Row] = []  # a row and what goes on with its text, or lines that are none yet
    for line, cells in rows:
        if held and len(held) < MOST_LINES and len(cells) < shape.width:
            if len(held[0][1]) == shape.width:
                if ends_with_text and len(cells) == 1 and not _begins(cells, shape):
                    held.append((line, cells))
                    continue
            elif (width := sum(len(part) - 1 for _, part in held) + len(cells)) <= shape.width:
                held.append((line, cells))
                if width == shape.width and shape.fits(whole := _joined(held)):
                    yield (held[0][0], whole), True
                    held = []
                continue
        yield from _ended(held, shape)
        held = [(line, cells)]
    yield from _ended(held, shape)


def _ended(held: list[Row], shape: Shape) -> Iterator[tuple[Row, bool]]:
    """What was held, in one where it is a row, else line by line."""
    if held and len(held[0][1]) == shape.width:
        yield (held[0][0], _joined(held)), len(held) > 1
    else:
        yield from ((row, False) for row in held)


def _joined(rows: list[Row]) -> list[str]:
    """The last cell of each goes on in the first one of the next."""
    whole = list(rows[0][1])
    for _, cells in rows[1:]:
        whole[-1:] = [f"{whole[-1]}\n{cells[0]}", *cells[1:]]
    return whole


def are_broken(rows: list[Row], shape: Shape) -> bool:
    """Whether lines with too few fields are the parts of rows, rather than rows that lack something, headings or notes."""
    short = [cells for _, cells in rows if len(cells) < shape.width]
    if not shape.telling or len(short) < FEW_BREAKS or _are_notes(rows, shape):
        return False
    left = [cells for (_, cells), _ in put_together(rows, shape) if len(cells) < shape.width]
    return len(short) - len(left) >= max(FEW_BREAKS, EXPLAINED * len(short))


def are_mostly_broken(rows: list[Row], shape: Shape) -> bool:
    """Whether hardly a line is a row, but nearly everything is once lines are put together."""
    if not shape.telling or not any(shape.known) or _are_notes(rows, shape):
        return False
    whole = [len(cells) == shape.width for (_, cells), _ in put_together(rows, shape)]
    return len(whole) > FEW_BREAKS and sum(whole) >= EXPLAINED * len(whole)


def _are_notes(rows: list[Row], shape: Shape) -> bool:
    """Whether lines without separators are short, begin alike, or stand below all rows: what people write beside a table.

    Where no row ends with a text, nothing goes on with one, and it need not be known.
    """
    single = [cells[0] for _, cells in rows if len(cells) == 1]
    if not single or not _end_with_text(shape):
        return False
    below = all(len(cells) == 1 for _, cells in rows[-len(single) :])
    words = [cell.split() for cell in single]
    first = Counter("#" if one[0][0] == "#" else one[0] for one in words if one)
    alike = max(first.values(), default=0) > ALIKE * len(single)
    return below or alike or sum(map(len, words)) < SENTENCE * len(single)


def _end_with_text(shape: Shape) -> bool:
    return shape.width > 1 and shape.known[-1] is None and any(shape.known[:-1])


def _begins(cells: list[str], shape: Shape) -> bool:
    """Whether the first of the cells is a value that the first column is known to have."""
    return shape.known[0] is not None and cells[0].strip() in shape.known[0]
