"""Attention as it pays here, registered with transformers so that the models' code stays the library's.

`tuneboard`: padded rows, a few at a time. On a processor this beats scaled_dot_product_attention, whose fused kernel is
slow in bf16 on short rows, and unlike the library's own eager function it keeps the scores of only a few rows at a
time in the caches. docs/decisions.md has the measurements.
`tuneboard_packed`: texts one behind another in a single row, without any padding. On an NVIDIA card torch's varlen
kernel, anywhere else a plain reference, one text at a time.
Neither drops attention weights in training; dropout after each layer stays.
"""

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import bidirectional_mask_function, eager_mask

from engine.models import first_token
from engine.models.heads import reads_first

PADDED, PACKED = "tuneboard", "tuneboard_packed"
CHUNK_BYTES = 4_000_000  # of scores at a time: about what the second-level caches of two cores hold


def choose(model: PreTrainedModel, few: bool = False) -> str:
    """Let `model` attend in the way that is fastest on its device, and only where it matters; returns which one it is.

    few: texts of any length come a few at a time, so that on a processor, too, their padding costs more than attending to
    one after another. PACKED there, and on an NVIDIA card with bf16 weights, which its kernel wants, if the first token of
    a text is all that its answer needs; else PADDED; "" where the architecture has its own attention and keeps it.
    """
    if not model._supports_attention_backend:
        return ""
    on_card = model.device.type == "cuda" and model.dtype == torch.bfloat16
    fits = on_card or (few and model.device.type == "cpu")
    chosen = PACKED if fits and reads_first(model) else PADDED
    if model.config._attn_implementation != chosen:
        model.set_attn_implementation(chosen)
    first_token.compute_only(model)
    return chosen


def padded(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """query, key, value: (rows, heads, tokens, width). attention_mask: None, or added to the scores, broadcastable to
    (rows, heads, tokens, tokens). Returns (rows, tokens, heads, width)."""
    rows, heads, tokens, width = query.shape
    scaling = width**-0.5 if scaling is None else scaling
    size = max(1, CHUNK_BYTES // (heads * tokens * tokens * query.element_size()))
    parts = []
    for start in range(0, rows, size):
        chosen = slice(start, start + size)
        scores = torch.matmul(query[chosen] * scaling, key[chosen].transpose(2, 3))
        if attention_mask is not None:
            scores = scores + attention_mask[chosen]
        parts.append(torch.matmul(scores.softmax(dim=-1), value[chosen]).transpose(1, 2))
    return (torch.cat(parts) if len(parts) > 1 else parts[0].contiguous()), None


def padding_mask(
    *, mask_function: Callable, attention_mask: torch.Tensor | None, dtype: torch.dtype, **shape: object
) -> torch.Tensor | None:
    """(rows, 1, 1, tokens) to add to the scores, or None where nothing is padded. Attention that is limited in other
    ways, as in ModernBERT's local layers, gets the library's full mask."""
    if mask_function is not bidirectional_mask_function:
        return eager_mask(mask_function=mask_function, attention_mask=attention_mask, dtype=dtype, **shape)
    if attention_mask is None or attention_mask.all():
        return None
    bias = torch.zeros(attention_mask.shape, dtype=dtype, device=attention_mask.device)
    return bias.masked_fill_(attention_mask == 0, torch.finfo(dtype).min)[:, None, None, :]


def packed(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    *,
    cu_seq_lens_q: torch.Tensor,
    cu_seq_lens_k: torch.Tensor,
    max_length_q: int,
    max_length_k: int,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """query, key, value: (1, heads, tokens, width), the texts one behind another.

    cu_seq_lens_q, _k: (texts + 1,) int32, where the queries, and the keys, of each text begin and the last one ends.
    max_length_q, _k: of the longest text. sliding_window: how far a token sees, plus one, as transformers counts it, where
    all tokens ask. Returns (1, tokens that ask, heads, width).
    """
    # Not [0], whose backward pass copies the gradients into zeros.
    q, k, v = (part.squeeze(0).transpose(0, 1) for part in (query, key, value))
    reach = -1 if sliding_window is None else sliding_window - 1
    if query.is_cuda:
        out = varlen_attn(
            q.contiguous(), k.contiguous(), v.contiguous(), cu_seq_lens_q, cu_seq_lens_k, max_length_q, max_length_k,
            scale=scaling, window_size=(reach, reach),
        )  # fmt: skip
        return out[None], None
    parts = []
    for asking, asked in zip(_spans(cu_seq_lens_q), _spans(cu_seq_lens_k), strict=True):
        place = torch.arange(asked.stop - asked.start, device=query.device)
        seen = None if reach < 0 else (place[:, None] - place).abs() <= reach
        one = (query[:, :, asking], key[:, :, asked], value[:, :, asked])
        parts.append(nn.functional.scaled_dot_product_attention(*one, attn_mask=seen, scale=scaling))
    return torch.cat(parts, dim=2).transpose(1, 2), None


def _spans(starts: torch.Tensor) -> list[slice]:
    return [slice(*bounds) for bounds in itertools.pairwise(starts.tolist())]


def hidden_of_packed(
    model: PreTrainedModel,
    input_ids: torch.Tensor,
    position_ids: torch.Tensor,
    starts: torch.Tensor,
    longest: int,
) -> torch.Tensor:
    """(texts, 1, width): the encoder's last values at the first token of texts that lie one behind another.

    input_ids, position_ids: (1, tokens) int64; starts: (texts + 1,) int32, where each begins and the last one ends.
    """
    bounds = {
        "cu_seq_lens_q": starts,
        "cu_seq_lens_k": starts,
        "max_length_q": longest,
        "max_length_k": longest,
    }
    positions = position_ids + first_position(model)
    hidden = model.base_model(input_ids=input_ids, position_ids=positions, **bounds).last_hidden_state
    if hidden.shape[1] == input_ids.shape[1]:  # else it holds the first tokens only
        hidden = hidden.index_select(1, starts[:-1].long())
    return hidden.transpose(0, 1)


def first_position(model: PreTrainedModel) -> int:
    """The number of a text's first position: 0, but behind the padding's for RoBERTa and its relatives."""
    table = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return 0 if padding is None else padding + 1


AttentionInterface.register(PADDED, padded)
AttentionMaskInterface.register(PADDED, padding_mask)
AttentionInterface.register(PACKED, packed)
AttentionMaskInterface.register(PACKED, lambda *_, **__: None)
