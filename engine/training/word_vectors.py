"""AdamW for word vectors: only those move that the batch has read.

They are half of a small model's weights and four fifths of a multilingual one's, a batch reads few of them, and a pass
over all took a sixth of the time of a step on a processor (docs/decisions.md).
"""

import torch
from torch import nn
from transformers import PreTrainedModel

SECOND, TINY = 0.999, 1e-8  # torch.optim.AdamW's beta2 and eps


def table_of(model: PreTrainedModel) -> nn.Embedding | None:
    """The word vectors of `model` where they learn and can do so by row: on a processor, looked up, and in one place."""
    table = model.get_input_embeddings()
    if type(table) is not nn.Embedding or table.weight.device.type != "cpu" or table.max_norm is not None:
        return None
    uses = sum(one is table.weight for _, one in model.named_parameters(remove_duplicate=False))
    return table if table.weight.requires_grad and uses == 1 else None


class WordVectors:
    """The weight of `table` in fp32, and what moves it.

    A row moves as in torch.optim.AdamW with betas (0, 0.999), and as if it had had zero gradients since it was last read.
    Without a first moment it goes at once the way that AdamW would spread over the following steps, and rows that no text
    has keep what pretraining gave them: weight decay, too, falls on those that are read.
    """

    def __init__(self, table: nn.Embedding, fp32: torch.Tensor, weight_decay: float, scale: float = 1.0):
        """fp32: (words, width). scale: on the learning rate."""
        table.sparse = True
        self.weight, self.fp32 = table.weight, fp32
        self.weight_decay, self.scale = weight_decay, scale
        self.squares = torch.zeros_like(fp32)  # the second moment
        self.read = torch.zeros(len(fp32), dtype=torch.int64)  # the step at which each row was last read
        self.steps = torch.zeros((), dtype=torch.int64)
        self.rows, self.gradient = torch.empty(0, dtype=torch.int64), torch.empty(0, fp32.shape[1])

    def collect(self) -> torch.Tensor:
        """Take the gradient of the batch off the parameter. Returns (rows read, width) fp32."""
        found, self.weight.grad = self.weight.grad, None
        self.rows, places = found._indices()[0].unique(return_inverse=True)
        self.gradient = torch.zeros(len(self.rows), self.fp32.shape[1])
        self.gradient.index_add_(0, places, found._values().float())
        return self.gradient

    @torch.no_grad()
    def step(self, learning_rate: float, divisor: torch.Tensor) -> None:
        """Move the rows that were read by their gradient / `divisor`."""
        rows, gradient, rate = self.rows, self.gradient / divisor, learning_rate * self.scale
        self.steps += 1
        forgotten = SECOND ** (self.steps - self.read[rows]).float()
        squares = self.squares[rows] * forgotten[:, None] + (1 - SECOND) * gradient.square()
        moved = self.fp32[rows] * (1 - rate * self.weight_decay)
        moved -= rate * gradient / ((squares / (1 - SECOND ** self.steps.float())).sqrt() + TINY)
        self.squares[rows], self.fp32[rows], self.read[rows] = squares, moved, self.steps
        self.weight[rows] = moved.to(self.weight.dtype)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """All that changes; of the second moment the rows that were read, as the others are zero. May share memory with
        what learns."""
        squares = self.squares[self.read > 0]
        return {"weight": self.fp32, "exp_avg_sq": squares, "read": self.read, "step": self.steps}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go back to a snapshot, or to a state of torch.optim.AdamW, which moved all rows in its last step.

        The second moment may also be that of all rows.
        """
        self.fp32.copy_(tensors["weight"])
        self.steps.copy_(tensors["step"])
        self.read.copy_(tensors.get("read", tensors["step"]))
        squares = tensors["exp_avg_sq"]
        self.squares.zero_()
        self.squares[self.read > 0] = squares if len(squares) < len(self.squares) else squares[self.read > 0]
        self.weight.data.copy_(self.fp32)
