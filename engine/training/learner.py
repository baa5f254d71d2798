"""One step of learning: from the rows of a batch to corrected weights, within the memory that there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from engine.errors import TrainingError, is_out_of_memory
from engine.models import adapting, attention
from engine.training.dropout import use_dropout
from engine.training.layout import MOST_TOKENS, Source, pieces
from engine.training.losses import make_loss
from engine.training.optimizer import MasterWeights

MOST_ROWS = "most_rows"


@dataclass(frozen=True)
class Learnt:
    """loss: () mean in nats per text. gradient: () norm before clipping. finite: () whether the step counted."""

    loss: torch.Tensor
    gradient: torch.Tensor
    finite: torch.Tensor


class Learner:
    """A model that learns, batch after batch.

    A batch is worked through in pieces whose gradients add up to the batch's. When memory runs out the pieces become half
    as large, and the same batch starts again: the corrections stay what they would have been.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        texts: Source,
        labels: Sequence[int],
        precision: torch.dtype,
        *,
        weight_decay: float = 0.01,
        layer_decay: float = 1.0,
        clipping: float = 1.0,
        dropout: float = 0.1,
        balance: str = "none",
        label_smoothing: float = 0.0,
        accumulation: int = 1,
        seed: int = 0,
        on_less_memory: Callable[[int], None] = lambda rows: None,
    ):
        """labels: (texts,) class numbers. on_less_memory: told the rows of a piece after they were halved."""
        self.model, self.clipping = model, clipping
        self.texts, self.lengths = texts.to(model.device), texts.lengths
        self.labels = torch.as_tensor(labels).to(model.device)
        self.weights = MasterWeights(model, precision, weight_decay, layer_decay)
        self.loss_of = make_loss(np.asarray(labels), model.config.num_labels, balance, label_smoothing).to(
            model.device
        )
        self.accumulation, self.on_less_memory = accumulation, on_less_memory
        self.most_rows, self.most_tokens = 2**31, MOST_TOKENS[model.device.type]
        use_dropout(model, dropout, seed)

    def learn(self, rows: np.ndarray, learning_rate: float) -> Learnt:
        """One correction from the texts at `rows`. Raises TrainingError when the memory is not enough for one text."""
        self.model.train()
        packs = attention.choose(self.model) == attention.PACKED
        while True:
            try:
                loss = torch.zeros((), device=self.model.device)
                most_rows = min(self.most_rows, -(-len(rows) // self.accumulation))
                for piece in pieces(self.lengths, rows, self.most_tokens, most_rows):
                    logits = self.texts.lay_out(piece, packs).logits(self.model)
                    costs = self.loss_of(logits.float(), self.labels[torch.from_numpy(piece)])
                    part = costs.sum() / len(rows)
                    part.backward()
                    loss += part.detach()
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._halve(len(rows))
        stepped = self.weights.step(learning_rate, self.clipping)
        return Learnt(loss, stepped.norm, stepped.finite & loss.isfinite())

    def _halve(self, rows: int) -> None:
        self.model.zero_grad(set_to_none=True)
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        most = min(self.most_rows, rows, max(1, self.most_tokens // int(self.lengths.max())))
        if most == 1:
            raise TrainingError(
                "The memory of this machine is not enough for a single text at a time.",
                "Read fewer tokens of each text, or choose a smaller model.",
                "out_of_memory",
            )
        self.most_rows = most // 2
        self.on_less_memory(self.most_rows)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """All that changes while it learns, on the processor. Shares memory with what learns there."""
        return {**self.weights.snapshot(), MOST_ROWS: torch.tensor(self.most_rows)}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go back to a snapshot."""
        self.weights.restore(tensors)
        self.most_rows = int(tensors[MOST_ROWS])

    def state(self) -> dict[str, torch.Tensor]:
        """The weights as the plain model has them, in fp32 on the processor, by name."""
        return adapting.plain_state(self.weights.state())
