"""The last layer of an encoder, computed for the first token of each text alone.

Classifiers read no other, so ten twelfths of that layer need not be computed for the rest: only its keys and values are.
"""

from types import MethodType

import torch
from torch import nn
from transformers import AttentionInterface, PreTrainedModel

from engine.models.adapting import layers_of

# Built like BERT, with a head that reads the first token.
ALIKE = {"bert", "roberta", "xlm-roberta", "camembert", "electra"}


def compute_only(model: PreTrainedModel) -> None:
    """Let the last layer of `model` answer for first tokens alone, in place; what it says of a text stays the same.

    Other architectures stay as they are. The encoder then gives (rows, 1, width) for padded texts, and (1, texts, width)
    for packed ones. Weights and their names do not change. To be called again after layers were added or taken away.
    """
    if model.config.model_type not in ALIKE or model.config.is_decoder:
        return
    *lower, last = layers_of(model)
    for layer in lower:
        vars(layer).pop("forward", None)
    last.forward = MethodType(_first_tokens, last)


def _first_tokens(
    layer: nn.Module,
    hidden: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    *_: object,
    cu_seq_lens_k: torch.Tensor | None = None,
    max_length_k: int = 0,
    **__: object,
) -> torch.Tensor:
    """As the library's forward of a layer, whose arguments these are; the queries are the first tokens'."""
    attention, bounds = layer.attention.self, {}
    if cu_seq_lens_k is None:
        first = hidden[:, :1]
    else:
        first = hidden.index_select(1, cu_seq_lens_k[:-1].long())
        each = torch.arange(len(cu_seq_lens_k), dtype=torch.int32, device=hidden.device)
        bounds = {"cu_seq_lens_q": each, "max_length_q": 1}
        bounds |= {"cu_seq_lens_k": cu_seq_lens_k, "max_length_k": max_length_k}
    if attention_mask is not None:
        attention_mask = attention_mask[..., :1, :]
    heads = (len(hidden), -1, attention.num_attention_heads, attention.attention_head_size)
    query, key, value = (
        linear(values).view(heads).transpose(1, 2)
        for linear, values in ((attention.query, first), (attention.key, hidden), (attention.value, hidden))
    )
    attend = AttentionInterface()[attention.config._attn_implementation]
    attended, _ = attend(attention, query, key, value, attention_mask, scaling=attention.scaling, **bounds)
    attended = layer.attention.output(attended.flatten(2), first)
    return layer.feed_forward_chunk(attended)
