"""Facts of a column of texts, read off its bytes: milliseconds where looking at each text takes seconds."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

WORD = 8  # bytes that are compared at once
FACTORS = tuple(
    map(np.uint64, (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93))
)


def as_arrow(texts: pd.Series | pa.ChunkedArray) -> pa.ChunkedArray:
    """The same memory as Arrow sees it."""
    array = texts if isinstance(texts, pa.ChunkedArray) else pa.array(texts)
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def pieces(texts: pd.Series | pa.ChunkedArray) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """(rows, offsets, data) of each piece of memory. offsets: (rows + 1,) int64 into data, uint8, the texts in UTF-8."""
    first = 0
    for chunk in as_arrow(texts).chunks:
        chunk = chunk if pa.types.is_large_string(chunk.type) else chunk.cast(pa.large_string())
        if len(chunk):
            _, offsets, data = chunk.buffers()
            edges = np.frombuffer(offsets, np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
            bytes_ = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
            yield slice(first, first + len(chunk)), edges, bytes_
        first += len(chunk)


def holding(texts: pd.Series | pa.ChunkedArray, *marks: bytes) -> np.ndarray:
    """Which texts hold one of the marks, (rows,) bool. A mark: one byte, or the same byte twice."""
    found = np.zeros(len(texts), dtype=bool)
    for rows, offsets, data in pieces(texts):
        window = data[offsets[0] : offsets[-1]]
        for mark in marks:
            places = _places(window, mark)
            if len(places):
                found[rows.start + np.searchsorted(offsets, places + offsets[0], "right") - 1] = True
    return found


def beyond_ascii(texts: pd.Series | pa.ChunkedArray) -> np.ndarray:
    """Which texts have letters beyond ASCII, (rows,) bool."""
    return pc.invert(pc.string_is_ascii(as_arrow(texts))).to_numpy()


def signatures(texts: pd.Series | pa.ChunkedArray, *, part: str = "whole") -> np.ndarray:
    """A number of each text, (rows,) uint64: equal for equal texts, and nearly always different for others.

    part: 'whole' looks at the length and at 32 bytes from all over; 'start' and 'end' at the first or last 32 bytes alone.
    """
    found = np.zeros(len(texts), dtype=np.uint64)
    for rows, offsets, data in pieces(texts):
        start, length = offsets[:-1], np.diff(offsets)
        room = np.maximum(length - WORD, 0)
        if part == "whole":
            places = [start, start + room, start + room // 2, start + room // 3]
        else:
            steps = [np.minimum(step * WORD, room) for step in range(4)]
            places = [start + (step if part == "start" else room - step) for step in steps]
        mixed = length.astype(np.uint64) * FACTORS[0] if part == "whole" else np.zeros(len(start), np.uint64)
        for factor, place in zip(FACTORS, places, strict=True):
            mixed = (mixed ^ _words(data, place, length)) * factor
            mixed ^= mixed >> np.uint64(29)
        found[rows] = mixed
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


def _places(window: np.ndarray, mark: bytes) -> np.ndarray:
    """Where the mark begins, (n,) int64."""
    if len(mark) == 1:
        hits = window == mark[0]
        return np.flatnonzero(hits) if np.count_nonzero(hits) else np.zeros(0, np.int64)
    pair = mark[0] * 257  # both bytes at once, at even and at odd places
    even = np.flatnonzero(window[: len(window) // 2 * 2].view("<u2") == pair) * 2
    odd = window[1:]
    return np.concatenate([even, np.flatnonzero(odd[: len(odd) // 2 * 2].view("<u2") == pair) * 2 + 1])
