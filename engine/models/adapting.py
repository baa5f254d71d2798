"""How much of a pretrained model learns: its size, what is frozen, LoRA, and how large the corrections are by depth."""

import copy
import re
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.errors import SettingsError
from engine.models import architectures
from engine.models.heads import head_parameters, reads_first
from engine.settings import TrainingConfig

LORA_NAME = "default"
LORA_SCALING = 2  # of its additions (alpha / rank), a usual choice
LOUD = 20.0  # the mean beside the first token's own values, which the layer adds to it
GENTLE = 0.5  # keeps the tanh of the pooler where it is nearly a line


def shape(model: PreTrainedModel, config: TrainingConfig) -> None:
    """Give `model` the layers that `config` asks for. Raises SettingsError for what this model does not have."""
    keep_layers(model, config.kept_layers)
    if config.read_mean:
        read_by_mean(model)


def adapted(model: PreTrainedModel, config: TrainingConfig) -> PreTrainedModel:
    """`model` with as many layers as asked for, of which those learn that shall, changed in place.

    Raises SettingsError for what this model does not have.
    """
    shape(model, config)
    freeze(model, config.method, config.frozen_layers, config.freeze_embeddings)
    if config.method == "lora":
        add_lora(model, config.lora_rank)
    if config.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return model


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """The encoder's layers, from the input upwards. Raises SettingsError where the architecture hides them."""
    wanted = model.config.num_hidden_layers
    for module in model.base_model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == wanted:
            return module
    raise SettingsError({"kept_layers": f"the layers of a {model.config.model_type} model cannot be identified."})


def keep_layers(model: PreTrainedModel, kept: int) -> None:
    """Cut `model` down to its first `kept` layers, in place; 0 keeps all. Raises SettingsError when it has fewer."""
    if not kept:
        return
    layers = layers_of(model)
    if kept > len(layers):
        raise SettingsError({"kept_layers": architectures.lacks_layers(len(layers), kept)})
    del layers[kept:]
    model.config.num_hidden_layers = kept
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = model.config.layer_types[:kept]


def freeze(model: PreTrainedModel, method: str, frozen_layers: int, embeddings: bool) -> None:
    """Mark which parameters learn.

    method: 'head': only what lies behind the encoder; 'full' and 'lora': all but the `frozen_layers` lowest layers with
    everything below them, and, with `embeddings`, the word vectors. Raises SettingsError when there are fewer layers, or
    when the head cannot learn alone.
    """
    if method == "head":
        if not reads_first(model):
            raise SettingsError({"method": architectures.NOT_BY_FIRST.format(model.config.model_type)})
        learning = head_parameters(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in learning)
        return
    if embeddings or frozen_layers:
        model.get_input_embeddings().requires_grad_(False)
    if not frozen_layers:
        return
    layers = layers_of(model)
    if frozen_layers > len(layers):
        raise SettingsError({"frozen_layers": architectures.lacks_layers(len(layers), frozen_layers)})
    below = getattr(model.base_model, "embeddings", model.get_input_embeddings())
    for module in (below, *layers[:frozen_layers]):
        module.requires_grad_(False)


def add_lora(model: PreTrainedModel, rank: int) -> None:
    """Put LoRA (Hu et al. 2021) beside every linear layer of the encoder, in place, and freeze those layers.

    The head learns as a whole. Raises SettingsError where no such layer learns.
    """
    from peft import LoraConfig, inject_adapter_in_model

    head = head_parameters(model)
    inside = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and f"{name}.weight" not in head and module.weight.requires_grad
    ]
    if not inside:
        raise SettingsError({"method": architectures.NONE_FOR_LORA})
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=LORA_SCALING * rank, lora_dropout=0.0, target_modules=inside), model, LORA_NAME
    )
    for parameter in head.values():
        parameter.requires_grad_(True)


def load_plain(model: PreTrainedModel, weights: dict[str, torch.Tensor]) -> None:
    """Put `weights`, one for each parameter and buffer, into the plain `model`.

    Word vectors that an encoder and a decoder share have several names there, and come under the first one.
    """
    first = {parameter: name for name, parameter in model.named_parameters()}
    every = {name: weights[first[parameter]] for name, parameter in model.named_parameters(remove_duplicate=False)}
    model.load_state_dict(weights | every)


def plain_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights of a model with LoRA as those of the plain model, the additions merged; others unchanged.

    state: name -> tensor, as in the model with LoRA.
    """
    plain = {}
    for name, tensor in state.items():
        if ".lora_" in name:
            continue
        if not name.endswith(".base_layer.weight"):
            plain[name.replace(".base_layer.", ".")] = tensor
            continue
        layer = name.removesuffix(".base_layer.weight")
        down, up = (state[f"{layer}.lora_{part}.{LORA_NAME}.weight"] for part in "AB")
        plain[f"{layer}.weight"] = tensor + LORA_SCALING * (up @ down)
    return plain


@dataclass(frozen=True)
class Group:
    """Parameters that share a weight decay and a factor on the learning rate."""

    names: list[str]
    decays: bool
    scale: float


def groups(model: PreTrainedModel, layer_decay: float) -> list[Group]:
    """The learning parameters in groups. Biases and the weights of normalisation layers do not decay.

    The head learns at the full rate, the highest layer at layer_decay times that, each below at layer_decay times the
    one above it (Howard and Ruder 2018), and whatever is below the layers at that of an imagined layer under the lowest.
    """
    depth = model.config.num_hidden_layers
    head = head_parameters(model)
    found: dict[tuple[bool, float], list[str]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        numbered = re.search(r"\.(?:layers?|h|block)\.(\d+)\.", name)
        above = 0 if name in head else depth - int(numbered[1]) if numbered else depth + 1
        found.setdefault((parameter.ndim >= 2, layer_decay**above), []).append(name)
    return [Group(names, decays, scale) for (decays, scale), names in found.items()]


@torch.no_grad()
def read_by_mean(model: PreTrainedModel) -> None:
    """Add a layer to a BERT that puts the mean of a text's last values into its first token, in place.

    Classifiers read the first token, while sentence encoders were pretrained to be read by the mean, and their first
    token alone says less. The added layer is an ordinary one: no query and key, so that all tokens get the
    same attention, values as they are, and a feed-forward part that adds nothing until it has learnt to. What is saved
    is therefore a plain BERT with one layer more. Raises SettingsError for other architectures.
    """
    if model.config.model_type != "bert":
        raise SettingsError({"read_mean": architectures.ONLY_BERT.format(model.config.model_type)})
    layers, width = layers_of(model), model.config.hidden_size
    added = copy.deepcopy(layers[-1])
    attention, eye = added.attention, torch.eye(width)
    for linear in (attention.self.query, attention.self.key, added.output.dense):
        linear.weight.zero_()
        linear.bias.zero_()
    attention.self.value.weight.copy_(eye)
    attention.output.dense.weight.copy_(LOUD * eye)
    for linear in (attention.self.value, attention.output.dense):
        linear.bias.zero_()
    for norm in (attention.output.LayerNorm, added.output.LayerNorm):
        norm.weight.fill_(1.0)
        norm.bias.zero_()
    attention.self.layer_idx = len(layers)
    attention.self.config = model.config  # a copy would not follow when attention is chosen
    layers.append(added)
    model.config.num_hidden_layers += 1
    pooler = model.base_model.pooler.dense
    pooler.weight.copy_(GENTLE * eye)
    pooler.bias.zero_()
