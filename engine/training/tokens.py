"""Texts become token ids, cut to a maximum length."""

from collections.abc import Callable

import torch
from transformers import PreTrainedTokenizerBase

CHUNK = 1000


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    texts: list[str],
    max_tokens: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[torch.Tensor]:
    """For each text its ids, (tokens,) int64 with special tokens, at most `max_tokens` long. Nothing is padded here."""
    encoded: list[torch.Tensor] = []
    for start in range(0, len(texts), CHUNK):
        ids = tokenizer(
            texts[start : start + CHUNK],
            truncation=True,
            max_length=max_tokens,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        encoded += [torch.tensor(one, dtype=torch.int64) for one in ids]
        progress(len(encoded), len(texts))
    return encoded
