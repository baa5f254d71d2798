"""Integrated gradients (Sundararajan et al. 2017): what each token of a text adds to a transformer's answer.

The way goes from a text of blanks to the text: at the start every token of content is the padding token; special tokens
and positions stay. Along the way gradients are taken at the points of Gauss and Legendre, many at a time.
docs/decisions.md has the measurements behind the number of points.
"""

from collections.abc import Callable

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from engine.errors import ModelError
from engine.models import attention
from engine.models.contributions import Contributions, margin
from engine.models.devices import pick_precision
from engine.training.layout import MOST_TOKENS

STEPS = 24  # on each piece of the way
DEEPEST = 6  # times that a piece is halved
WELL_ENOUGH = 0.01  # of all that the tokens add and take away: by how much the parts of a piece may miss
SAME = 1e-3  # logits of the same text, read by its tokens and by their vectors


def contributions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_tokens: int, text: str, target: int
) -> Contributions:
    """What each token of `text` that the model reads adds to the margin of the class at `target`.

    Raises ModelError for the few architectures that cannot be asked by the vectors of tokens.
    """
    if not tokenizer.is_fast:  # others cannot tell where a token stands in the text
        raise _unable(model)
    attention.choose(model)
    model.eval().requires_grad_(False)
    encoded = tokenizer(
        text,
        truncation=True,
        max_length=max_tokens,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
        return_tensors="pt",
    )
    ids = encoded["input_ids"].to(model.device)
    special = encoded["special_tokens_mask"][0].bool()
    vectors, blanks = _ends(model, ids, special.to(model.device), tokenizer.pad_token_id)

    def scores(rows: torch.Tensor, precision: torch.dtype = torch.float32) -> torch.Tensor:
        with torch.autocast(model.device.type, dtype=precision, enabled=precision != torch.float32):
            return margin(_logits(model, rows).float(), target)

    with torch.no_grad():
        blank, score = scores(torch.cat([blanks, vectors])).tolist()
    values = _along(scores, blanks, vectors, max(1, MOST_TOKENS[model.device.type] // ids.shape[1]))
    content = ~special.numpy()
    spans = [tuple(span) for span in encoded["offset_mapping"][0][content].tolist()]
    return Contributions(spans, values[content], score, blank)


def _along(scores: Callable[..., torch.Tensor], begin: torch.Tensor, end: torch.Tensor, at_once: int) -> np.ndarray:
    """(tokens,) float64: what each adds to `scores` on the straight way between two rows of vectors.

    Where the parts do not add up the way bends sharply, so that each half of it is walked again by itself.
    """
    from captum.attr import IntegratedGradients

    walk = IntegratedGradients(scores)
    fast = pick_precision("auto", begin.device)
    values, moved = np.zeros(begin.shape[1]), 0.0
    waiting = [(begin, end, 0)]
    while waiting:
        here, there, depth = waiting.pop()
        with torch.no_grad():
            before, after = scores(torch.cat([here, there])).tolist()
        found = walk.attribute(
            there,
            here,
            n_steps=STEPS,
            internal_batch_size=at_once,
            additional_forward_args=fast,
        )
        parts = found[0].double().sum(dim=-1).cpu().numpy()
        moved = max(moved, abs(after - before), np.abs(parts).sum() if not depth else 0.0)
        if depth < DEEPEST and abs(parts.sum() - (after - before)) > max(WELL_ENOUGH * moved, SAME):
            middle = (here + there) / 2
            waiting += [(here, middle, depth + 1), (middle, there, depth + 1)]
        else:
            values += parts
    return values


def _ends(
    model: PreTrainedModel, ids: torch.Tensor, special: torch.Tensor, padding: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """(1, tokens, width) each: the vectors of the tokens, and those of a text of blanks as long. Raises ModelError."""
    embed = model.get_input_embeddings()
    try:
        with torch.no_grad():
            vectors = embed(ids)
            blank = torch.zeros_like(vectors) if padding is None else embed(torch.full_like(ids, padding))
            by_tokens = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            same = torch.allclose(_logits(model, vectors), by_tokens, atol=SAME, rtol=SAME)
    except (
        NotImplementedError,
        TypeError,
        AttributeError,
    ) as error:  # each architecture says it in its own way
        raise _unable(model) from error
    if not same:
        raise _unable(model)
    return vectors, torch.where(special[:, None], vectors, blank)


def _logits(model: PreTrainedModel, vectors: torch.Tensor) -> torch.Tensor:
    """(texts, classes) from the vectors of their tokens, (texts, tokens, width)."""
    everywhere = torch.ones(vectors.shape[:2], dtype=torch.long, device=vectors.device)
    return model(inputs_embeds=vectors, attention_mask=everywhere).logits


def _unable(model: PreTrainedModel) -> ModelError:
    return ModelError(
        f"Why a model of the architecture {model.config.model_type!r} gives an answer cannot be told word by word.",
        "Leave out words and see what changes, or choose a model such as BERT, ModernBERT, DeBERTa or XLM-RoBERTa.",
        "no_explanation",
    )
