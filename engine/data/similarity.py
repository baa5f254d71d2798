"""Which texts are the same, apart from case and white space, and which are nearly so."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

NEARLY = (
    0.8  # share of words and word pairs in common (Jaccard index) from which two texts are nearly the same
)
COMPARED = 20_000  # texts that are compared for near copies; of more, a drawn sample
HASHES, BANDS = 24, 8  # texts with an index of 0.8 meet in a band with probability 0.997
PRIME_ODD = np.uint64(0x9E3779B97F4A7C15)


def normalised(texts: pd.Series) -> pa.ChunkedArray:
    """Lower case, white space collapsed. Only the cells that need the slow functions go through them."""
    array = pc.utf8_trim_whitespace(_arrow(texts))
    lower = pc.ascii_lower(array)
    beyond = pc.invert(pc.string_is_ascii(array))
    if pc.any(beyond).as_py():
        lower = _replaced(lower, beyond, lambda part: pc.utf8_lower(part))
    spaced = pc.match_substring_regex(lower, r"\s\s|[\t\n\r\f\v]")
    if pc.any(spaced).as_py():
        lower = _replaced(lower, spaced, lambda part: pc.replace_substring_regex(part, r"\s+", " "))
    return lower


def codes(texts: pd.Series) -> np.ndarray:
    """A number for each text, (rows,) int64: the same where texts are the same; new ones in order of appearance."""
    return pd.factorize(pd.Series(normalised(texts), dtype=texts.dtype))[0]


def near_copies(texts: pd.Series, seed: int = 0) -> np.ndarray:
    """Positions of the texts that nearly repeat an earlier one, (n,) int64; exact copies are not among them.

    Of more than 20,000 texts, that many are drawn and compared among themselves. MinHash with banding (Broder 1997;
    Leskovec, Rajaraman, Ullman: Mining of Massive Datasets, 3.4) proposes pairs, which are then compared in full.
    """
    positions = np.flatnonzero(~pd.Series(codes(texts)).duplicated().to_numpy())
    if len(positions) > COMPARED:
        positions = np.sort(np.random.default_rng(seed).choice(positions, COMPARED, replace=False))
    tokens, starts = shingles(texts.iloc[positions])
    if len(starts) < 2:
        return np.array([], dtype=np.int64)
    sets = np.split(tokens, starts[1:])
    signature = _signatures(tokens, starts, seed)
    found = set()
    for band in signature.reshape(len(starts), BANDS, -1).transpose(1, 0, 2):
        order = np.lexsort(band.T)
        same = (band[order[1:]] == band[order[:-1]]).all(axis=1)
        for first, second in zip(order[:-1][same], order[1:][same], strict=True):
            earlier, later = sorted((int(first), int(second)))
            if later not in found and _alike(sets[earlier], sets[later]):
                found.add(later)
    return positions[np.array(sorted(found), dtype=np.int64)]


def shingles(texts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """(hashes of all words and word pairs, uint64; where those of each text begin, int64)."""
    words, lengths, _ = words_of(texts)
    lengths = (
        lengths + 1
    )  # a mark before each text, so that none is empty and pairs do not reach over its edge
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    single = np.empty(int(lengths.sum()), dtype=np.uint64)
    marks = np.zeros(len(single), dtype=bool)
    marks[starts] = True
    single[~marks] = (words.astype(np.uint64) + np.uint64(1)) * PRIME_ODD
    single[marks] = 0
    pairs = (single ^ (np.roll(single, 1) >> np.uint64(7))) * PRIME_ODD
    pairs[marks] = 0
    both = np.stack([single, pairs], axis=1).reshape(-1)
    return both, starts * 2


def words_of(texts: pd.Series) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(number of each word of all texts, one after another, int64; words per text, int64; the words by number).

    Punctuation belongs to no word; Chinese and Japanese, which know no spaces, are taken character by character.
    """
    plain = pc.replace_substring_regex(normalised(texts), r"[^\pL\pM\pN]+", " ")
    if not pc.all(pc.string_is_ascii(plain)).as_py():
        plain = pc.replace_substring_regex(plain, r"([\p{Han}\p{Hiragana}\p{Katakana}])", r" \1 ")
    split = pc.utf8_split_whitespace(pc.utf8_trim_whitespace(plain)).combine_chunks()
    split = split if len(texts) else pa.array([], pa.list_(pa.large_string()))
    words = pc.list_flatten(split)
    known = words.dictionary_encode()
    filled = pc.not_equal(words, "").to_numpy(
        zero_copy_only=False
    )  # an empty text splits into one empty word
    rows = pc.list_parent_indices(split).to_numpy().astype(np.int64)[filled]
    lengths = np.bincount(rows, minlength=len(texts))
    return known.indices.to_numpy()[filled].astype(np.int64), lengths, known.dictionary.to_pylist()


def _signatures(tokens: np.ndarray, starts: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed).integers(1, 2**63, size=(HASHES, 2), dtype=np.uint64)
    found = np.empty((len(starts), HASHES), dtype=np.uint64)
    for column, (factor, shift) in enumerate(random):
        found[:, column] = np.minimum.reduceat(tokens * (factor | np.uint64(1)) + shift, starts)
    return found


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    common = len(np.intersect1d(first, second))
    return common >= NEARLY * (len(np.unique(first)) + len(np.unique(second)) - common)


def _arrow(texts: pd.Series) -> pa.ChunkedArray:
    array = pa.array(texts) if not isinstance(texts, pa.ChunkedArray) else texts
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _replaced(array: pa.ChunkedArray, mask: pa.ChunkedArray, change) -> pa.ChunkedArray:
    whole, where = array.combine_chunks(), mask.combine_chunks()
    return pa.chunked_array([pc.replace_with_mask(whole, where, change(whole.filter(where)))])
