"""A model folder on this machine: whether it is whole and safe to open, and what its config.json tells."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError, panics_caught
from engine.models import architectures, hub, tfidf

ADAPTER = "adapter_config.json"  # where there is one, transformers merges other weights into the model, and says nothing
WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")  # by which a size is multiplied at least
LAYERS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers")
# Of config.json, that we compute with.
FIGURES = ("max_position_embeddings", "n_positions", "pad_token_id", "vocab_size", *WIDTHS, *LAYERS)
TRIED = "Where is my parcel?"
CODE = (
    "brings its own program code, which Tuneboard never runs.",
    "Choose a model of a standard architecture.",
    "remote_code",
)
QUANTIZED = (
    "has weights of fewer digits, made for a library that is not installed here.",
    "Choose the model as it was before it was quantized.",
    "quantized",
)
ELSEWHERE = (
    "names files of weights other than its own.",
    "Choose a folder that was written with save_pretrained.",
    "not_a_model",
)
REFUSED = {
    "auto_map": CODE,
    "quantization_config": QUANTIZED,
    "transformers_weights": ELSEWHERE,
}  # in config.json
TOO_MUCH = (
    "is no model that can be used: its config.json speaks of more than its weights hold.",
    "Choose a folder that was written with save_pretrained.",
    "not_a_model",
)


def check_folder(folder: Path, called: str | None = None) -> None:
    """Raises ModelError unless `folder` holds a Hugging Face model that is safe to open: safetensors of its own, no code.

    called: what a person knows it as, such as 'The ZIP model.zip'.
    """
    called = called or f"The folder {folder}"
    if tfidf.is_saved_in(folder):
        raise ModelError(
            f"{called} holds a model that counts words, which cannot be trained further.",
            "Choose another model; to count words again, choose tfidf.",
            "not_a_model",
        )
    weights = sorted(folder.glob("*.safetensors"))
    missing = [
        what
        for what, there in {
            "config.json": (folder / "config.json").is_file(),
            "tokenizer.json": (folder / "tokenizer.json").is_file(),
            "*.safetensors": weights,
        }.items()
        if not there
    ]
    if missing:
        raise ModelError(
            f"{called} is no Hugging Face model that can be used. It lacks: {', '.join(missing)}.",
            "Choose a folder that was written with save_pretrained.",
            "not_a_model",
        )
    if (folder / ADAPTER).exists():
        raise ModelError(
            f"{called} holds an adapter as well as a model.",
            "Merge the two, then choose the folder that was written with save_pretrained.",
            "not_a_model",
        )
    config = read_config(folder, called)
    for field, refusal in REFUSED.items():
        if field in config:
            raise refused(called, refusal)
    if "auto_map" in _read_object(folder / "tokenizer_config.json", called):
        raise refused(called, CODE)
    architectures.check(config.get("model_type"), called)
    _check_words(folder, called)
    for file in weights:
        _check_whole(file)
    for index in folder.glob("*.safetensors.index.json"):
        _check_index(index, {file.name for file in weights}, called)
    _check_sizes(config, bytes_of_weights(folder), called)


def check_to_ask(folder: Path, called: str | None = None) -> None:
    """Raises ModelError unless `folder` holds a model that can be asked: one that counts words will do, too."""
    if tfidf.is_saved_in(folder):
        tfidf.load(folder, called)
    else:
        check_folder(folder, called)


def is_part(file: str) -> bool:
    """Whether a file of this name is of any use to a model in its folder, or tells that it cannot be used."""
    return hub.is_wanted(file) or file in (ADAPTER, tfidf.WORDS)


def read_config(folder: Path, called: str | None = None) -> dict:
    """config.json. Raises ModelError when it cannot be read, or its figures are none."""
    called = called or f"The folder {folder}"
    config = _read_object(folder / "config.json", called)
    for figure in FIGURES:
        if config.get(figure) is not None and type(config[figure]) is not int:
            raise _unreadable("config.json", called)
    return config


def longest_input(config: dict, otherwise: int) -> int:
    """The most tokens that a model with this config.json, or this configuration as a dict, reads.

    otherwise: where it names no limit, as T5 has none.
    """
    positions = config.get("max_position_embeddings") or config.get("n_positions") or otherwise
    if config.get("model_type") in architectures.COUNT_FROM_PADDING:
        positions -= (config.get("pad_token_id") or 0) + 1
    return positions if positions > 0 else otherwise


@dataclass(frozen=True)
class Shape:
    """tokens: the most that a model reads. width: of a token's vector. layers: how many it has."""

    tokens: int
    width: int
    layers: int


USUAL = Shape(512, 768, 12)  # of a model that tells no better, or not before its download


def shape_of(config: dict) -> Shape:
    """What a config.json tells, by whichever names its architecture has for it; what it leaves open is as in USUAL."""
    width, layers = (next(filter(None, map(config.get, names)), None) for names in (WIDTHS, LAYERS))
    return Shape(longest_input(config, USUAL.tokens), width or USUAL.width, layers or USUAL.layers)


def bytes_of_weights(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def refused(called: str, refusal: tuple[str, str, str]) -> ModelError:
    """refusal: what is wrong, what to do, and a code."""
    message, action, code = refusal
    return ModelError(f"{called} {message}", action, code)


def _read_object(path: Path, called: str) -> dict:
    """A JSON object; empty when there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (ValueError, OSError, RecursionError) as error:
        raise _unreadable(path.name, called) from error
    if not isinstance(found, dict):
        raise _unreadable(path.name, called)
    return found


def _unreadable(file: str, called: str, code: str = "not_a_model") -> ModelError:
    message = f"{called} is no model that can be used: its {file} cannot be read."
    return ModelError(message, "Choose another one.", code)


def _check_words(folder: Path, called: str) -> None:
    from tokenizers import Tokenizer

    try:
        with panics_caught():
            Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TRIED)  # some fail only when they are used
    except Exception as error:  # it raises nothing narrower, whatever is wrong with the file
        raise _unreadable("tokenizer.json", called, "no_tokenizer") from error


def _check_index(index: Path, weights: set[str], called: str) -> None:
    """Which file holds which tensor; transformers opens whatever it names."""
    named = _read_object(index, called).get("weight_map")
    if not isinstance(named, dict):
        raise _unreadable(index.name, called)
    if not all(isinstance(file, str) and file in weights for file in named.values()):
        raise refused(called, ELSEWHERE)


def _check_sizes(config: dict, stored: int, called: str) -> None:
    """Such a model would be made in memory before its weights are found not to fit. stored: bytes of these."""
    figures = dict(_figures(config))
    width = max((figures.get(name, 1) for name in WIDTHS), default=1)
    layers = max((figure for name, figure in figures.items() if "layer" in name), default=0)
    if max(layers * width, *figures.values(), 0) * width > 2 * stored:
        raise refused(called, TOO_MUCH)


def _figures(value: object, name: str = "") -> Iterator[tuple[str, int]]:
    """(name, figure) of whatever may be a size: the number of a token is none, nor is the base of rotating places."""
    if type(value) is int and not name.endswith(("_id", "theta")):
        yield name, value
    elif isinstance(value, dict):
        for inner, one in value.items():
            yield from _figures(one, f"{name}.{inner}".strip("."))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from _figures(one, f"{name}.{place}")


def _check_whole(weights: Path) -> None:
    """Reads only the header, which tells how long the file must be."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"The weights in {weights.name} are damaged or not complete.",
            "Download or copy the model again; a file of Git LFS must be fetched with git lfs pull.",
            "damaged",
        ) from error
