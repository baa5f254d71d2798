"""AdamW on fp32 weights, whatever the model computes in, and how its learning rate changes."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.models.adapting import groups


@dataclass(frozen=True)
class Stepped:
    """norm: of the gradient before clipping. finite: () bool; where it is not, the step was skipped."""

    norm: torch.Tensor
    finite: torch.Tensor


class MasterWeights:
    """The weights of `model` in fp32, and what moves them.

    With bf16 the model computes on rounded copies, since a small correction would vanish in their eight binary digits
    (Micikevicius et al. 2018, section 3.1); with fp32 the copies are the weights themselves.
    """

    def __init__(
        self, model: PreTrainedModel, precision: torch.dtype, weight_decay: float, layer_decay: float = 1.0
    ):
        named = dict(model.named_parameters())
        self.model = model
        self.fp32 = {name: parameter.data.float() for name, parameter in named.items()}
        for parameter in named.values():
            parameter.data = parameter.data.to(precision)
        self.learning = {name: p for name, p in named.items() if p.requires_grad}
        self.apart = precision != torch.float32
        self.moved = {
            name: nn.Parameter(self.fp32[name]) if self.apart else parameter
            for name, parameter in self.learning.items()
        }
        self.fp32.update({name: parameter.data for name, parameter in self.moved.items()})
        self.optimizer = torch.optim.AdamW(
            [
                {
                    "params": [self.moved[name] for name in group.names],
                    "weight_decay": weight_decay if group.decays else 0.0,
                    "scale": group.scale,
                }
                for group in groups(model, layer_decay)
            ],
            fused=True,
        )

    def step(self, learning_rate: float, clipping: float) -> Stepped:
        """Apply the gradients and clear them. clipping: the longest gradient allowed; 0 turns it off.

        A gradient that is not a number changes nothing. Waits for nothing on a graphics card.
        """
        if self.apart:
            for name, parameter in self.learning.items():
                self.moved[name].grad = None if parameter.grad is None else parameter.grad.float()
                parameter.grad = None
        norm = nn.utils.clip_grad_norm_(self.moved.values(), clipping or float("inf"), foreach=True)
        finite = norm.isfinite()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["scale"]
        self.optimizer.found_inf = (~finite).float()  # as torch.amp's GradScaler tells it
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.apart:
            torch._foreach_copy_(
                [parameter.data for parameter in self.learning.values()],
                [parameter.data for parameter in self.moved.values()],
            )
        return Stepped(norm, finite)

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of all weights in fp32 on the processor, by name."""
        wanted = self.model.state_dict().keys()
        return {
            name: tensor.detach().to("cpu", torch.float32, copy=True).contiguous()
            for name, tensor in {**dict(self.model.named_buffers()), **self.fp32}.items()
            if name in wanted
        }

    def snapshot(self) -> dict[str, torch.Tensor]:
        """What learns, in fp32, and what AdamW knows of it, on the processor, as `weight.<name>`, `exp_avg.<name>` ..."""
        found = {}
        for name, parameter in self.moved.items():
            for kind, tensor in {"weight": parameter.data, **self.optimizer.state[parameter]}.items():
                found[f"{kind}.{name}"] = tensor.detach().to("cpu").contiguous()
        return found

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go back to a snapshot of the same model."""
        for name, parameter in self.moved.items():
            parameter.data.copy_(tensors[f"weight.{name}"])
            self.learning[name].data.copy_(parameter.data)
            kinds = ("step", "exp_avg", "exp_avg_sq")
            known = {kind: tensors[f"{kind}.{name}"] for kind in kinds if f"{kind}.{name}" in tensors}
            self.optimizer.state[parameter] = {kind: one.to(parameter.device) for kind, one in known.items()}


def learning_rate_at(step: int, steps: int, peak: float, warmup: float, schedule: str) -> float:
    """The learning rate of step `step` (from 0) of `steps`: up to `peak` over the warm-up, then by the schedule.

    Linear and cosine fall to zero one step after the last, so that no step is wasted.
    """
    rising = math.ceil(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    if schedule == "constant":
        return peak
    left = (steps - step) / max(1, steps - rising)
    return peak * (left if schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left)))
