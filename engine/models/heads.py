"""The part of a classifier behind the encoder, used by itself."""

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from engine.models import architectures


def reads_first(model: PreTrainedModel) -> bool:
    """Whether the head of `model` answers from the first token of each text, so that it can be used by itself."""
    return architectures.reads_first(model.config.model_type, getattr(model.config, "classifier_pooling", None))


def head_logits(model: PreTrainedModel, hidden: torch.Tensor) -> torch.Tensor:
    """(texts, classes): what the head of `model` makes of hidden (texts, 1, width), the encoder's last values at the
    first token of each text, for a model that `reads_first`.

    The model's own code computes it, with an encoder that already has its answer.
    """
    base = model.base_model
    pooler = getattr(base, "pooler", None)
    answer = BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=None if pooler is None else pooler(hidden))
    base.forward = lambda *_, **__: answer
    try:
        return model(attention_mask=torch.ones(hidden.shape[:2], device=hidden.device)).logits
    finally:
        del base.forward


def head_parameters(model: PreTrainedModel) -> dict[str, torch.nn.Parameter]:
    """The parameters behind the encoder by name, a pooler included."""
    prefix = model.base_model_prefix
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if not name.startswith(f"{prefix}.") or name.startswith(f"{prefix}.pooler.")
    }
