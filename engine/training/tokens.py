"""Texts become token ids, cut to a maximum length."""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from engine.training.layout import Encoded

CHUNK = 1000


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    max_tokens: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Encoded:
    """Each text with its special tokens, at most `max_tokens` tokens long. Nothing is padded here."""
    parts, lengths = [np.zeros(0, dtype=np.int32)], []
    for start in range(0, len(texts), CHUNK):
        ids = tokenizer(
            texts[start : start + CHUNK],
            truncation=True,
            max_length=max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        lengths += [len(one) for one in ids]
        parts += [np.array(one, dtype=np.int32) for one in ids]
        progress(len(lengths), len(texts))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Encoded(torch.from_numpy(np.concatenate(parts)), starts, tokenizer.pad_token_id or 0)
