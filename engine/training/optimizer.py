"""AdamW on fp32 weights, whatever the model computes in, and how its learning rate changes."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.models.adapting import groups
from engine.training.averaging import WeightAverage
from engine.training.replaying import Replays
from engine.training.word_vectors import WordVectors, table_of


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
        self,
        model: PreTrainedModel,
        precision: torch.dtype,
        weight_decay: float,
        layer_decay: float = 1.0,
        averages: bool = False,
    ):
        """averages: whether the average of the weights is what counts, not where they are."""
        named = dict(model.named_parameters())
        self.model = model
        self.fp32 = {name: parameter.data.float() for name, parameter in named.items()}
        for parameter in named.values():
            parameter.data = parameter.data.to(precision)
        table = table_of(model)
        by_row = {name for name, parameter in named.items() if table and parameter is table.weight}
        self.learning = {name: p for name, p in named.items() if p.requires_grad and name not in by_row}
        self.apart = precision != torch.float32
        self.moved = {
            name: nn.Parameter(self.fp32[name]) if self.apart else parameter for name, parameter in self.learning.items()
        }
        self.fp32.update({name: parameter.data for name, parameter in self.moved.items()})
        self.vectors: dict[str, WordVectors] = {}
        dense = []
        for group in groups(model, layer_decay):
            decay = weight_decay if group.decays else 0.0
            for name in by_row.intersection(group.names):
                self.vectors[name] = WordVectors(table, self.fp32[name], decay, group.scale)
            moved = [self.moved[name] for name in group.names if name not in by_row]
            dense.append({"params": moved, "weight_decay": decay, "scale": group.scale})
        self.optimizer = torch.optim.AdamW(dense, fused=True, capturable=model.device.type == "cuda")
        self.norm = torch.zeros((), device=model.device)
        self.finite = torch.ones((), device=model.device, dtype=torch.bool)
        self.divisor = torch.ones((), device=model.device)
        changing = {name: self.fp32[name] for name in (*self.moved, *self.vectors)}
        self.average = WeightAverage(changing) if averages else None
        self.replays = Replays() if model.device.type == "cuda" else None
        if self.replays:
            for group in self.optimizer.param_groups:
                group["lr"] = torch.zeros((), device=model.device)

    def step(self, learning_rate: float, clipping: float) -> Stepped:
        """Apply the gradients and clear them. clipping: the longest gradient allowed; 0 turns it off.

        A gradient that is not a number changes nothing. Waits for nothing on a graphics card.
        """
        for group in self.optimizer.param_groups:
            rate = learning_rate * group["scale"]
            group["lr"] = group["lr"].fill_(rate) if self.replays else rate
        if self.replays:
            self.replays.run(self._correct, clipping=clipping)
        else:
            self._correct(clipping)
        for vectors in self.vectors.values():
            if self.finite:
                vectors.step(learning_rate, self.divisor)
        if self.average:
            self.average.step()
        return Stepped(self.norm.clone(), self.finite.clone())

    def _correct(self, clipping: float) -> None:
        """All of a step but the word vectors that move by row. Leaves the gradient's norm, and whether it is a number."""
        if self.apart:
            self._take_gradients()
        gradients = [parameter.grad for parameter in self.moved.values() if parameter.grad is not None]
        gradients += [vectors.collect() for vectors in self.vectors.values()]
        self.norm.copy_(nn.utils.get_total_norm(gradients, foreach=True))
        self.finite.copy_(self.norm.isfinite())
        self.divisor.copy_((self.norm / clipping).clamp(min=1.0) if clipping else torch.ones_like(self.norm))
        # As torch.amp's GradScaler tells it, so that clipping and skipping cost no pass of their own.
        self.optimizer.grad_scale, self.optimizer.found_inf = self.divisor, (~self.finite).float()
        self.optimizer.step()
        if self.apart:
            torch._foreach_copy_(
                [parameter.data for parameter in self.learning.values()],
                [parameter.data for parameter in self.moved.values()],
            )
        self.clear()

    def _take_gradients(self) -> None:
        """Give those of the model's copies to the weights in fp32."""
        learnt = [name for name, parameter in self.learning.items() if parameter.grad is not None]
        for name in learnt:
            if self.moved[name].grad is None:
                self.moved[name].grad = torch.empty_like(self.moved[name])
        torch._foreach_copy_([self.moved[name].grad for name in learnt], [self.learning[name].grad for name in learnt])

    def clear(self) -> None:
        """Forget the gradients. On a graphics card they stay where they are, since recordings know their places."""
        if self.replays:
            if given := [one.grad for one in self.learning.values() if one.grad is not None]:
                torch._foreach_zero_(given)
        else:
            for parameter in (*self.learning.values(), *self.moved.values()):
                parameter.grad = None
        for vectors in self.vectors.values():
            vectors.weight.grad = None

    def rest(self) -> None:
        """Drop the recordings of a graphics card."""
        if self.replays:
            self.replays.forget()

    def state(self) -> dict[str, torch.Tensor]:
        """All weights that count, in fp32 on the processor, by name; of those that learn a copy."""
        wanted, changing = self.model.state_dict().keys(), self.moved.keys() | self.vectors.keys()
        weights = {**self.fp32, **(self.average.mean if self.average else {})}
        return {
            name: tensor.detach().to("cpu", torch.float32, copy=name in changing).contiguous()
            for name, tensor in {**dict(self.model.named_buffers()), **weights}.items()
            if name in wanted
        }

    @contextmanager
    def at_average(self) -> Iterator[None]:
        """Within it the model computes with the weights that count."""
        if not self.average:
            yield
            return
        parameters = dict(self.model.named_parameters())
        used = [parameters[name].data for name in self.average.mean]
        kept = [one.clone() for one in used]
        torch._foreach_copy_(used, list(self.average.mean.values()))
        try:
            yield
        finally:
            torch._foreach_copy_(used, kept)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """What learns, in fp32, its average and what AdamW knows of it, on the processor, as `weight.<name>` ..."""
        found = {}
        for name, parameter in self.moved.items():
            for kind, tensor in {"weight": parameter.data, **self.optimizer.state[parameter]}.items():
                found[f"{kind}.{name}"] = tensor.detach().to("cpu").contiguous()
        for name, vectors in self.vectors.items():
            found |= {f"{kind}.{name}": tensor for kind, tensor in vectors.snapshot().items()}
        if self.average:
            found |= {name: tensor.detach().cpu() for name, tensor in self.average.snapshot().items()}
        return found

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go back to a snapshot of the same model."""
        for name, parameter in self.moved.items():
            parameter.data.copy_(tensors[f"weight.{name}"])
            self.learning[name].data.copy_(parameter.data)
            kinds = ("step", "exp_avg", "exp_avg_sq")
            known = {kind: tensors[f"{kind}.{name}"] for kind in kinds if f"{kind}.{name}" in tensors}
            # A copy in any case: what was read from a file may be that file, which is removed some states later.
            self.optimizer.state[parameter] = {kind: one.to(parameter.device, copy=True) for kind, one in known.items()}
        self.rest()
        for name, vectors in self.vectors.items():
            kinds = (kind for kind in vectors.snapshot() if f"{kind}.{name}" in tensors)
            vectors.restore({kind: tensors[f"{kind}.{name}"] for kind in kinds})
        if self.average:
            self.average.restore(tensors)


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
