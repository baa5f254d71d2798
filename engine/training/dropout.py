"""Dropout whose masks are cut out of one that was drawn beforehand.

Drawing a fresh mask for every layer took 23% of the time of a step on a processor (docs/decisions.md).
"""

import torch
from torch import nn

DRAWN = 2**23  # mask values, read from a random place each time


class Dropout(nn.Module):
    """As torch.nn.Dropout: in training each value is zero with probability `p`, the others grow by 1 / (1 - p)."""

    def __init__(self, p: float, seed: int = 0):
        super().__init__()
        self.p, self.seed, self.drawn = p, seed, torch.empty(0)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.p:
            return values
        size = max(DRAWN, 2 * values.numel())
        if self.drawn.dtype != values.dtype or len(self.drawn) < size:
            # From a generator of their own, a longer draw begins with the shorter: a resumed run finds the same masks.
            random = torch.rand(size, generator=torch.Generator().manual_seed(self.seed))
            self.drawn = (random >= self.p).to(values.dtype) / (1 - self.p)
        start = int(torch.randint(size - values.numel(), ()))
        return values * self.drawn[start : start + values.numel()].view_as(values)


def use_dropout(model: nn.Module, p: float, seed: int = 0) -> None:
    """Let `model` drop values with probability `p` wherever it has dropout, in place.

    On a processor by masks, drawn from `seed`, that all its places share; on a graphics card drawing is cheap.
    """
    shared = Dropout(p, seed)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, (nn.Dropout, Dropout)):
                if next(model.parameters()).device.type == "cpu":
                    setattr(module, name, shared)
                else:
                    child.p = p
