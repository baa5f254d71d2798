"""One pass over texts without learning: used for validation, for the test, and for every later prediction."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from engine.training.batches import scoring_batches


@torch.inference_mode()
def probabilities(
    model: PreTrainedModel,
    encoded: Sequence[torch.Tensor],
    pad_id: int,
    precision: torch.dtype = torch.float32,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """(texts, classes) float32: the probability of each class for each text, in the order given.

    Leaves the model in evaluation mode.
    """
    model.eval()
    result = np.zeros((len(encoded), model.config.num_labels), dtype=np.float32)
    done = 0
    for batch in scoring_batches(encoded, pad_id):
        batch = batch.to(model.device)
        with torch.autocast(model.device.type, dtype=precision, enabled=precision != torch.float32):
            logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask).logits
        result[batch.rows] = torch.softmax(logits.float(), dim=-1).cpu().numpy()
        progress(done := done + len(batch), len(encoded))
    return result
