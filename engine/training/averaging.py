"""The average of the weights over the course of a training, which is better than where the training ends."""

import torch

EVERY = 4  # steps between two weights that count: each takes a pass over all of them
LATER = 1  # how much more later weights count: as the power `LATER` of their number


class WeightAverage:
    """The mean of some weights as they were every few steps, the later ones counting more.

    Polynomial-decay averaging (Shamir and Zhang 2013, section 4), which needs not know where a training ends. Weights that
    keep moving around a minimum average to its middle (Polyak and Juditsky 1992; Izmailov et al. 2018), as they would
    otherwise come to rest there by a falling learning rate, in more rounds (docs/decisions.md).
    """

    def __init__(self, weights: dict[str, torch.Tensor]):
        """weights: by name, as they are while they change."""
        self.weights, self.mean = weights, {name: one.clone() for name, one in weights.items()}
        self.steps = torch.zeros((), dtype=torch.int64)

    @torch.no_grad()
    def step(self) -> None:
        """Take note that a step was made."""
        self.steps += 1
        counted, left = divmod(int(self.steps), EVERY)
        if not left:
            share = (LATER + 1) / (counted + LATER)
            torch._foreach_lerp_(list(self.mean.values()), [self.weights[name] for name in self.mean], share)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """All that changes, as `average.<name>` and `averaged`. Shares memory with what changes."""
        return {**{f"average.{name}": one for name, one in self.mean.items()}, "averaged": self.steps}

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        for name, one in self.mean.items():
            one.copy_(tensors[f"average.{name}"])
        self.steps.copy_(tensors["averaged"])
