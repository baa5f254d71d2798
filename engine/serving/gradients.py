"""Integrated gradients (Sundararajan et al. 2017): what each token of a text adds to a transformer's answer.

The way goes from a text of blanks to the text: at the start every token of content is the padding token; special tokens
and positions stay. Along the way gradients are taken at the points of Gauss and Legendre, many at a time.
docs/decisions.md has the measurements behind the number of points.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from engine.errors import ModelError
from engine.models import attention
from engine.models.contributions import Contributions, completeness_error, margin
from engine.models.devices import pick_precision
from engine.training.layout import MOST_TOKENS

STEPS = 24  # on each piece of the way
MOST_PIECES = 24  # that the way is cut into
WELL_ENOUGH = 0.01  # completeness error
LONG, WELL_ENOUGH_LONG = 64, 0.02  # tokens, from which on a piece takes long: that error has to do
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
    values = along(scores, blanks, vectors, max(1, MOST_TOKENS[model.device.type] // ids.shape[1]))
    content = ~special.numpy()
    spans = [tuple(span) for span in encoded["offset_mapping"][0][content].tolist()]
    return Contributions(spans, values[content], score, blank)


@dataclass(frozen=True)
class _Piece:
    """A piece of the way between two rows of vectors. parts: (tokens,) float64. moved: the score, from `begin` to `end`."""

    begin: torch.Tensor
    end: torch.Tensor
    parts: np.ndarray
    moved: float

    @property
    def missed(self) -> float:
        return abs(float(self.parts.sum()) - self.moved)


def along(scores: Callable[..., torch.Tensor], begin: torch.Tensor, end: torch.Tensor, at_once: int) -> np.ndarray:
    """(tokens,) float64: what each adds to `scores` on the straight way between two rows of vectors, (1, tokens, width).

    scores: (rows,) from (rows, tokens, width) and the precision to compute in. at_once: rows. Where the parts do not add up
    the way bends sharply somewhere: the piece that misses most is halved, and each half walked by itself, until all together
    miss little enough (global adaptive quadrature: Piessens et al. 1983). bf16 is for the first pass only; what it misses
    may be what it rounds.
    """
    from captum.attr import IntegratedGradients

    walk = IntegratedGradients(scores)

    def piece(here: torch.Tensor, there: torch.Tensor, precision: torch.dtype = torch.float32) -> _Piece:
        with torch.no_grad():
            before, after = scores(torch.cat([here, there])).tolist()
        found = walk.attribute(there, here, n_steps=STEPS, internal_batch_size=at_once, additional_forward_args=precision)
        return _Piece(here, there, found[0].double().sum(dim=-1).cpu().numpy(), after - before)

    whole = piece(begin, end, pick_precision("auto", begin.device))
    pieces = [whole]
    enough = WELL_ENOUGH if begin.shape[1] < LONG else WELL_ENOUGH_LONG
    while len(pieces) < MOST_PIECES:
        if completeness_error(sum(one.missed for one in pieces), whole.moved) <= enough:
            break
        pieces.sort(key=lambda one: one.missed)
        worst = pieces.pop()
        middle = (worst.begin + worst.end) / 2
        pieces += [piece(worst.begin, middle), piece(middle, worst.end)]
    return np.sum([one.parts for one in pieces], axis=0)


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
        f"Answers of a model of the architecture {model.config.model_type!r} cannot be explained word by word.",
        "Leave out words and see what changes, or choose a model such as BERT, ModernBERT, DeBERTa or XLM-RoBERTa.",
        "no_explanation",
    )
