"""How long texts are, in the tokens that a model counts; without importing transformers."""

from pathlib import Path

import numpy as np


def count_tokens(texts: list[str], model_folder: Path) -> np.ndarray:
    """(texts,) int64: length of each text in tokens, with the special ones, uncut."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return np.array([len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts)], dtype=np.int64)
