"""One step of learning: from the rows of a batch to corrected weights, within the memory that there is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from engine.errors import TrainingError, is_out_of_memory
from engine.models import adapting, attention
from engine.settings import TrainingConfig
from engine.training.dropout import use_dropout
from engine.training.layout import MOST_TOKENS, Batch, Packed, Source, pieces, send
from engine.training.losses import make_loss
from engine.training.optimizer import MasterWeights
from engine.training.replaying import RECORDED, Replays

MOST_ROWS = "most_rows"
# Tokens: pieces of more keep a graphics card busy for longer than the processor takes to start their kernels.
MOST_RECORDED = 16_384


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
        config: TrainingConfig,
        on_less_memory: Callable[[int], None] = lambda rows: None,
    ):
        """labels: (texts,) class numbers. precision: what the model computes in. on_less_memory: told the rows of a piece
        after they were halved."""
        self.model, self.config, self.on_less_memory = model, config, on_less_memory
        self.texts, self.lengths = texts.to(model.device), texts.lengths
        self.labels = torch.as_tensor(labels).to(model.device)
        self.weights = MasterWeights(model, precision, config.weight_decay, config.layer_decay, config.average_weights)
        loss_of = make_loss(np.asarray(labels), model.config.num_labels, config.balance, config.label_smoothing)
        self.loss_of = loss_of.to(model.device)
        self.most_rows, self.most_tokens = 2**31, MOST_TOKENS[model.device.type]
        self.loss = torch.zeros((), device=model.device)  # of the batch, as far as it was worked through
        # What a gradient checkpoint computes again depends on random states that a recording cannot ask for.
        records = model.device.type == "cuda" and not model.is_activation_checkpointing
        self.replays = Replays() if records and model.config.model_type in RECORDED else None
        use_dropout(model, config.dropout, config.seed)

    def learn(self, rows: np.ndarray, learning_rate: float) -> Learnt:
        """One correction from the texts at `rows`. Raises TrainingError when the memory is not enough for one text."""
        if not self.model.training:
            self.model.train()
        packs = attention.choose(self.model) == attention.PACKED
        part = -(-len(rows) // self.config.accumulation)
        while True:
            try:
                self.loss.zero_()
                for piece in pieces(self.lengths, rows, self.most_tokens, min(self.most_rows, part)):
                    self._learn_from(piece, 1 / len(rows), packs)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            self._make_room(part)
        stepped = self.weights.step(learning_rate, self.config.gradient_clipping)
        return Learnt(self.loss.clone(), stepped.norm, stepped.finite & self.loss.isfinite())

    def _learn_from(self, piece: np.ndarray, share: float, packs: bool) -> None:
        """Add up the gradients of some texts, each of which counts `share`."""
        batch = self.texts.lay_out(piece, packs)
        labels = self.labels[send(piece, self.labels.device)]
        shares = torch.full_like(labels, share, dtype=torch.float32)
        if self.replays and isinstance(batch, Packed) and batch.input_ids.shape[1] <= MOST_RECORDED:
            batch = batch.filled()
            more = (0, len(batch) - len(piece))
            labels, shares = nn.functional.pad(labels, more), nn.functional.pad(shares, more)
            tensors = (batch.input_ids, batch.position_ids, batch.starts, labels, shares)
            self.replays.run(self._learn_packed, *tensors, longest=batch.longest)
        else:
            self._add_gradients(batch, labels, shares)

    def _learn_packed(self, input_ids, position_ids, starts, labels, shares, longest: int) -> None:
        self._add_gradients(Packed(input_ids, position_ids, starts, longest), labels, shares)

    def _add_gradients(self, batch: Batch, labels: torch.Tensor, shares: torch.Tensor) -> None:
        """labels, shares: (texts,), what each text counts."""
        costs = self.loss_of(batch.logits(self.model).float(), labels)
        loss = (costs * shares).sum()
        loss.backward()
        self.loss += loss.detach()

    def rest(self) -> None:
        """Give back what only makes steps faster: somebody else needs the memory."""
        if self.replays:
            self.replays.forget()
        self.weights.rest()
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    def _make_room(self, rows: int) -> None:
        """After the memory ran out: take half as many texts at a time. rows: of the part that was to be worked through."""
        self.weights.clear()
        self.rest()
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
