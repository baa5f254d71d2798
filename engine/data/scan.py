"""Facts of a column of texts, read off its bytes: milliseconds where looking at each text takes seconds.

Piece by piece, as the table was read: what is computed of a piece fits into the processor's cache, and several threads
share the pieces, since neither numpy nor Arrow needs Python's lock for them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

THREADS = 2
WORD = 8  # bytes that are compared at once
FACTORS = tuple(map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93)))
LOWEST_PRINTED = 32  # bytes below are control characters
WHITE = np.isin(np.arange(256), [*b" \t\n\r\v\f\x1c\x1d\x1e\x1f"])


def as_arrow(texts: pd.Series | pa.ChunkedArray) -> pa.ChunkedArray:
    """The same memory as Arrow sees it."""
    array = texts if isinstance(texts, pa.ChunkedArray) else pa.array(texts)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def take(texts: pd.Series, positions: np.ndarray) -> pd.Series:
    """The texts at these places, from the pieces that they lie in: Arrow would put all pieces together first."""
    pieces = as_arrow(texts).chunks
    firsts = np.cumsum([0, *map(len, pieces)])
    order = np.argsort(positions, kind="stable")
    edges = np.searchsorted(positions[order], firsts)
    found = [
        piece.take(pa.array(positions[order[start:end]] - first))
        for piece, first, start, end in zip(pieces, firsts, edges, edges[1:], strict=False)
        if start < end
    ]
    taken = pa.concat_arrays(found) if found else pa.array([], pa.large_string())
    if not np.array_equal(order, np.arange(len(order))):
        taken = taken.take(pa.array(np.argsort(order)))
    return pd.Series(taken, dtype=texts.dtype, index=texts.index[positions])


def rows_at(frame: pd.DataFrame, positions: np.ndarray) -> pd.DataFrame:
    """The same for a frame."""
    return pd.DataFrame(
        {
            name: take(column, positions) if isinstance(column.dtype, pd.StringDtype) else column.iloc[positions]
            for name, column in frame.items()
        }
    )


def trimmed(texts: pd.Series) -> pd.Series:
    """Without white space around them; the same memory where there is none."""
    edged = _by_piece(texts, _has_edges, np.bool_)
    return texts.str.strip() if edged.any() else texts


def controls(texts: pd.Series | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, bytes) of all control characters, line breaks and tabs among them: two arrays of one length."""

    def look(piece: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        offsets, data = _memory(piece)
        window = data[offsets[0] : offsets[-1]]
        places = np.flatnonzero(window < LOWEST_PRINTED)
        return np.searchsorted(offsets, places + offsets[0], "right") - 1, window[places]

    found = map_pieces(texts, look)
    rows = [rows + first for first, (rows, _) in found]
    return np.concatenate([np.zeros(0, np.int64), *rows]), np.concatenate(
        [np.zeros(0, np.uint8), *(marks for _, (_, marks) in found)]
    )


def holding(texts: pd.Series | pa.ChunkedArray, marks: bytes) -> np.ndarray:
    """Which texts hold one of these bytes, (rows,) bool."""

    def look(piece: pa.Array) -> np.ndarray:
        offsets, data = _memory(piece)
        window = data[offsets[0] : offsets[-1]]
        hits = window == marks[0]
        for mark in marks[1:]:
            hits |= window == mark
        return _rows_at(offsets, np.flatnonzero(hits) if np.count_nonzero(hits) else [])

    return _by_piece(texts, look, np.bool_)


def beyond_ascii(texts: pd.Series | pa.ChunkedArray) -> np.ndarray:
    """Which texts have letters beyond ASCII, (rows,) bool."""
    return _by_piece(texts, lambda piece: ~pc.string_is_ascii(piece).to_numpy(zero_copy_only=False), np.bool_)


def unevenly_spaced(texts: pd.Series | pa.ChunkedArray) -> np.ndarray:
    """Which texts have other white space in them than single blanks, (rows,) bool."""

    def look(piece: pa.Array) -> np.ndarray:
        offsets, data = _memory(piece)
        window = data[offsets[0] : offsets[-1]]
        found = _rows_at(offsets, np.flatnonzero(window < LOWEST_PRINTED))
        for start in (0, 1):  # two blanks at once, at even and at odd places
            pairs = window[start:]
            twice = np.flatnonzero(pairs[: len(pairs) // 2 * 2].view("<u2") == 0x2020)
            found |= _rows_at(offsets, twice * 2 + start)
        return found

    return _by_piece(texts, look, np.bool_)


def signatures(texts: pd.Series | pa.ChunkedArray, *, part: str = "whole") -> np.ndarray:
    """A number of each text, (rows,) uint64: equal for texts that are equal but for the case of ASCII letters, and nearly
    always different for others.

    part: 'whole' looks at the length and at 32 bytes from all over; 'start' and 'end' at the first or last 32 bytes alone.
    """

    def look(piece: pa.Array) -> np.ndarray:
        offsets, data = _memory(pc.ascii_lower(piece))
        start, length = offsets[:-1], np.diff(offsets)
        room = np.maximum(length - WORD, 0)
        if part == "whole":
            places = [start, start + room, start + room // 2, start + room // 3]
            mixed = length.astype(np.uint64) * FACTORS[0]
        else:
            steps = [np.minimum(step * WORD, room) for step in range(4)]
            places = [start + (step if part == "start" else room - step) for step in steps]
            mixed = np.zeros(len(start), np.uint64)
        for factor, place in zip(FACTORS, places, strict=True):
            mixed = (mixed ^ _words(data, place, length)) * factor
            mixed ^= mixed >> np.uint64(29)
        return mixed

    return _by_piece(texts, look, np.uint64)


# -- pieces of memory -------------------------------------------------------------------------------


def map_pieces(texts: pd.Series | pa.ChunkedArray, look: Callable[[pa.Array], object]) -> list:
    """[(first row, what `look` says)] of each piece."""
    pieces = [piece for piece in as_arrow(texts).chunks if len(piece)]
    firsts = np.cumsum([0, *map(len, pieces)])
    if len(pieces) < 2:
        return list(zip(firsts, map(look, pieces), strict=False))
    with ThreadPoolExecutor(THREADS) as pool:
        return list(zip(firsts, pool.map(look, pieces), strict=False))


def _by_piece(texts: pd.Series | pa.ChunkedArray, look: Callable[[pa.Array], np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, kind), *(found for _, found in map_pieces(texts, look))])


def _memory(piece: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(offsets, (rows + 1,) int64, into data; data, uint8: the texts in UTF-8)."""
    piece = piece if pa.types.is_large_string(piece.type) else piece.cast(pa.large_string())
    _, offsets, data = piece.buffers()
    edges = np.frombuffer(offsets, np.int64)[piece.offset : piece.offset + len(piece) + 1]
    return edges, np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def _rows_at(offsets: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Which rows have something at these places, (rows,) bool. places: counted from the first row's start."""
    found = np.zeros(len(offsets) - 1, dtype=bool)
    if len(places):
        found[np.searchsorted(offsets, places + offsets[0], "right") - 1] = True
    return found


def _has_edges(piece: pa.Array) -> np.ndarray:
    """Which texts begin or end with white space, or with a letter beyond ASCII that may be some."""
    offsets, data = _memory(piece)
    filled = np.flatnonzero(np.diff(offsets))
    edges = np.stack([data[offsets[filled]], data[offsets[filled + 1] - 1]])
    doubtful = WHITE[edges].any(axis=0)
    beyond = filled[(edges > 127).any(axis=0) & ~doubtful]
    if len(beyond):
        some = piece.take(beyond)
        doubtful[np.isin(filled, beyond)] = pc.not_equal(some, pc.utf8_trim_whitespace(some)).to_numpy(zero_copy_only=False)
    found = np.zeros(len(piece), dtype=bool)
    found[filled] = doubtful
    return found


def _words(data: np.ndarray, places: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Eight bytes from each place as a number; of shorter texts, what there is."""
    padded = data if len(data) >= WORD else np.concatenate([data, np.zeros(WORD, np.uint8)])
    every = np.ndarray((len(padded) - WORD + 1,), "<u8", padded, 0, (1,))
    last = len(every) - 1
    shift = np.maximum(places - last, 0).astype(np.uint64) * np.uint64(8)  # where the memory ends
    words = every[np.minimum(places, last)] >> np.minimum(shift, np.uint64(63))
    short = lengths < WORD
    if short.any():
        bits = np.minimum(lengths, WORD - 1).astype(np.uint64) * np.uint64(8)
        words = np.where(short, words & ((np.uint64(1) << bits) - np.uint64(1)), words)
    return words
