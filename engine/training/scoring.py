"""One pass over texts without learning: used for validation, for the test, and for every later prediction."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from transformers import PreTrainedModel

from engine.models import attention
from engine.training.layout import MOST_TOKENS, Batch, Encoded, Features, Source, pieces


@torch.inference_mode()
def probabilities(
    model: PreTrainedModel,
    texts: Source,
    precision: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] = lambda done, total: None,
    few: bool = False,
) -> np.ndarray:
    """(texts, classes) float32: the probability of each class for each text, in the order given.

    precision: what to multiply in, where the weights are in fp32; weights in bf16 are used as they are.
    few: as in engine.models.attention.choose. Leaves the model in evaluation mode.
    """
    result = np.zeros((len(texts), model.config.num_labels), dtype=np.float32)
    done = 0
    for rows, batch in _batches(model, texts, few):
        with torch.autocast(model.device.type, dtype=precision, enabled=precision != model.dtype):
            logits = batch.logits(model)
        result[rows] = torch.softmax(logits.float(), dim=-1).cpu().numpy()
        progress(done := done + len(rows), len(texts))
    return result


def features(
    model: PreTrainedModel,
    texts: Encoded,
    precision: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Features:
    """What the encoder makes of each text, (texts, 1, width) fp32, for a head that learns alone."""
    result = torch.zeros(len(texts), 1, model.config.hidden_size)  # a tensor of inference mode could not be learnt from
    done = 0
    with torch.inference_mode():
        for rows, batch in _batches(model, texts):
            with torch.autocast(model.device.type, dtype=precision, enabled=precision != model.dtype):
                result[torch.from_numpy(rows)] = batch.hidden(model).float().cpu()
            progress(done := done + len(rows), len(texts))
    return Features(result)


def _batches(model: PreTrainedModel, texts: Source, few: bool = False) -> Iterator[tuple[np.ndarray, Batch]]:
    """All texts, the longest first, as many at a time as pays."""
    model.eval()
    packs = attention.choose(model, few) == attention.PACKED
    texts = texts.to(model.device)
    for rows in pieces(texts.lengths, np.arange(len(texts)), MOST_TOKENS[model.device.type], 2**31):
        yield rows, texts.lay_out(rows, packs)
