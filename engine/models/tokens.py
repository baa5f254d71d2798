"""How long texts are, in the tokens that a model counts; without importing transformers."""

from collections import Counter
from pathlib import Path

import numpy as np


def count_tokens(texts: list[str], model_folder: Path) -> np.ndarray:
    """(texts,) int64: length of each text in tokens, with the special ones, uncut."""
    encoded = _whole(model_folder).encode_batch_fast(texts)
    return np.array([len(encoding.ids) for encoding in encoded], dtype=np.int64)


def count_strange(texts: list[str], model_folder: Path) -> np.ndarray:
    """(texts,) int64: words of each text that the model does not know, or knows only in pieces."""
    tokenizer = _whole(model_folder)
    unknown = getattr(tokenizer.model, "unk_token", None)
    found = np.zeros(len(texts), dtype=np.int64)
    for place, encoding in enumerate(tokenizer.encode_batch(texts)):
        pieces = Counter(word for word in encoding.word_ids if word is not None)
        words = zip(encoding.tokens, encoding.word_ids, strict=True)
        strange = {word for token, word in words if token == unknown and word is not None}
        found[place] = len(strange | {word for word, count in pieces.items() if count > 1})
    return found


def _whole(model_folder: Path):
    """The tokenizer of a model, that neither cuts nor fills up."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
