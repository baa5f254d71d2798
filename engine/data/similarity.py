"""Which texts are the same, apart from case and white space, and which are nearly so."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from engine.data import scan

# share of words and word pairs in common (Jaccard index) from which two texts are nearly the same
NEARLY = 0.8
COMPARED = 20_000  # texts up to which each is compared with each
DRAWN, PAIRS = 200_000, 2_000  # texts at the start of a larger table, and pairs of them, that are looked at
LEAST = 40  # bytes of a text that is worth comparing by how it begins or ends
HASHES, BANDS = 24, 8  # texts with an index of 0.8 meet in a band with probability 0.997
PRIME_ODD = np.uint64(0x9E3779B97F4A7C15)


def normalised(texts: pd.Series | pa.ChunkedArray) -> pa.ChunkedArray:
    """Lower case, white space collapsed."""

    def look(piece: pa.Array) -> pa.Array:
        lower = pc.utf8_trim_whitespace(pc.utf8_lower(piece))
        uneven = scan.unevenly_spaced(pa.chunked_array([lower]))
        if not uneven.any():
            return lower
        even = pc.replace_substring_regex(lower.filter(pa.array(uneven)), r"\s+", " ")
        return pc.replace_with_mask(lower, pa.array(uneven), even)

    return pa.chunked_array([found for _, found in scan.map_pieces(texts, look)], pa.large_string())


def codes(texts: pd.Series) -> np.ndarray:
    """A number for each text, (rows,) int64: the same where texts are the same but for case and white space; new ones in
    order of appearance. texts: trimmed."""
    array = scan.as_arrow(texts)
    if not len(array):
        return np.zeros(0, dtype=np.int64)
    special = scan.beyond_ascii(array) | scan.unevenly_spaced(array)
    signature = scan.signatures(array)
    if special.any():
        signature[special] = scan.signatures(normalised(array.filter(special)))
    found = pd.factorize(signature)[0]
    again = np.bincount(found)[found] > 1
    if again.any():  # only these can be equal; whether they are, their texts tell
        alike = normalised(array.filter(again))
        exact = alike.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
        pairs = pd.factorize(found[again] * (exact.max() + 1) + exact)[0]
        if pairs.max() + 1 > len(np.unique(found[again])):
            found[again] = pairs + len(found)
            found = pd.factorize(found)[0]
    return found


def first_of_each(known: np.ndarray) -> np.ndarray:
    """Positions where each text comes for the first time, (n,) int64. known: codes."""
    so_far = np.maximum.accumulate(known)
    return np.flatnonzero(np.diff(so_far, prepend=-1) > 0)


def near_copies(texts: pd.Series, known: np.ndarray | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the texts that nearly repeat an earlier one, and of the first that each repeats, (n,) int64 each.

    Exact copies are not among them.

    known: codes of the texts, if at hand. Up to 20,000 texts, MinHash with banding (Broder 1997; Leskovec, Rajaraman,
    Ullman: Mining of Massive Datasets, 3.4) proposes pairs. Of more, those of the first 200,000 are looked at that begin
    or end alike, 2,000 pairs at most. Pairs are then compared in full.
    """
    known = codes(texts) if known is None else known
    positions = first_of_each(known)
    none = np.zeros(0, dtype=np.int64)
    if len(positions) < 2:
        return none, none
    if len(positions) > COMPARED:
        first, second = _alike_at_an_end(texts, positions, seed)
        if not len(first):
            return none, none
        positions, places = np.unique(np.concatenate([first, second]), return_inverse=True)
        first, second = places[: len(first)], places[len(first) :]
        tokens, starts = shingles(scan.take(texts, positions))
    else:
        tokens, starts = shingles(scan.take(texts, positions))
        first, second = _alike_in_a_band(tokens, starts, seed)
    near = _jaccard(tokens, starts, first, second) >= NEARLY
    later, earlier = np.maximum(first, second)[near], np.minimum(first, second)[near]
    order = np.lexsort((earlier, later))
    copies, begins = np.unique(later[order], return_index=True)
    return positions[copies], positions[earlier[order][begins]]


def shingles(texts: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """(hashes of all words and word pairs, uint64; where those of each text begin, int64)."""
    words, lengths, _ = words_of(texts)
    lengths = lengths + 1  # a mark before each text: none is empty, and no pair reaches over an edge
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
    filled = pc.not_equal(words, "").to_numpy(zero_copy_only=False)  # an empty text splits into one empty word
    rows = pc.list_parent_indices(split).to_numpy().astype(np.int64)[filled]
    lengths = np.bincount(rows, minlength=len(texts))
    return known.indices.to_numpy()[filled].astype(np.int64), lengths, known.dictionary.to_pylist()


def _alike_in_a_band(tokens: np.ndarray, starts: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of texts, each (n,) int64, with the same hashes in one band."""
    random = np.random.default_rng(seed).integers(1, 2**63, size=(HASHES, 2), dtype=np.uint64)
    signature = np.empty((len(starts), HASHES), dtype=np.uint64)
    for column, (factor, shift) in enumerate(random):
        signature[:, column] = np.minimum.reduceat(tokens * (factor | np.uint64(1)) + shift, starts)
    pairs = []
    for band in signature.reshape(len(starts), BANDS, -1).transpose(1, 0, 2):
        mixed = (band * random[: band.shape[1], 0]).sum(axis=1, dtype=np.uint64)
        order = np.argsort(mixed, kind="stable")
        same = mixed[order[1:]] == mixed[order[:-1]]
        pairs.append(np.stack([order[:-1][same], order[1:][same]]))
    found = np.unique(np.sort(np.concatenate(pairs, axis=1), axis=0), axis=1)
    return found[0], found[1]


def _alike_at_an_end(texts: pd.Series, positions: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of those at `positions`, each (n,) int64, with the same 32 bytes at the start or at the end."""
    positions = positions[: int(np.searchsorted(positions, DRAWN))]
    texts = texts.iloc[:DRAWN]  # copies mostly lie near each other
    lengths = pc.binary_length(scan.as_arrow(texts)).to_numpy()[positions]
    pairs = []
    for part in ("start", "end"):
        signature = scan.signatures(texts, part=part)[positions]
        long = np.flatnonzero(lengths >= LEAST)
        order = long[np.argsort(signature[long])]
        same = np.flatnonzero(np.diff(signature[order]) == 0)
        first, second = order[same], order[same + 1]
        longer = np.maximum(lengths[first], lengths[second])
        close = np.abs(lengths[first] - lengths[second]) <= (1 - NEARLY) * longer
        pairs.append(positions[np.stack([first[close], second[close]])])
    found = np.concatenate(pairs, axis=1)
    if found.shape[1] > PAIRS:
        found = found[:, np.sort(np.random.default_rng(seed).choice(found.shape[1], PAIRS, replace=False))]
    return found[0], found[1]


def _jaccard(tokens: np.ndarray, starts: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of the sets of tokens of each pair, (pairs,) float."""
    numbers = pd.factorize(tokens)[0]
    lengths = np.diff(np.append(starts, len(tokens)))
    kinds = int(numbers.max(initial=0)) + 1
    owners = np.repeat(np.arange(len(starts)), lengths)
    sets = np.unique(owners * kinds + numbers)  # each token of a text once
    owners, sets = sets // kinds, sets % kinds
    sizes = np.bincount(owners, minlength=len(starts))
    begins = np.cumsum(sizes) - sizes

    def of_pairs(texts: np.ndarray) -> np.ndarray:
        """(pair, token) as one number, for all tokens of one text of each pair."""
        pair = np.repeat(np.arange(len(texts)), sizes[texts])
        within = np.arange(len(pair)) - np.repeat(np.cumsum(sizes[texts]) - sizes[texts], sizes[texts])
        return pair * kinds + sets[np.repeat(begins[texts], sizes[texts]) + within]

    both = np.intersect1d(of_pairs(first), of_pairs(second), assume_unique=True)
    common = np.bincount(both // kinds, minlength=len(first))
    return common / np.maximum(sizes[first] + sizes[second] - common, 1)
