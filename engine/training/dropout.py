"""Dropout whose masks are cut out of one that was drawn beforehand.

Drawing a fresh mask for every layer took 23% of the time of a step on a processor (docs/decisions.md).
"""

import torch
from torch import nn

DRAWN = 2**23  # mask values, read from a random place each time


class Dropout(nn.Module):
    """As torch.nn.Dropout: in training each value is zero with probability `p`, the others grow by 1 / (1 - p)."""

    def __init__(self, p: float):
        super().__init__()
        self.p, self.drawn = p, torch.empty(0)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.p:
            return values
        if self.drawn.dtype != values.dtype or len(self.drawn) < 2 * values.numel():
            size = max(DRAWN, 2 * values.numel())
            self.drawn = (torch.rand(size) >= self.p).to(values.dtype) / (1 - self.p)
        start = int(torch.randint(len(self.drawn) - values.numel(), ()))
        return values * self.drawn[start : start + values.numel()].view_as(values)


def use_dropout(model: nn.Module, p: float) -> None:
    """Let `model` drop values with probability `p` wherever it has dropout, in place.

    On a processor by masks that all its places share; on a graphics card drawing is cheap.
    """
    shared = Dropout(p)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, (nn.Dropout, Dropout)):
                if next(model.parameters()).device.type == "cpu":
                    setattr(module, name, shared)
                else:
                    child.p = p
