"""A model folder on this machine: whether it is whole and safe to open, and what its config.json tells."""

import json
from pathlib import Path

from engine.errors import ModelError
from engine.models import architectures, tfidf

FIGURES = (
    "max_position_embeddings",
    "hidden_size",
    "pad_token_id",
    "vocab_size",
    "num_hidden_layers",
)  # of config.json, that we compute with


def check_folder(folder: Path, called: str | None = None) -> None:
    """Raises ModelError unless `folder` holds a Hugging Face model that is safe to open: safetensors, own code none.

    called: what a person knows it as, such as 'The ZIP model.zip'.
    """
    called = called or f"The folder {folder}"
    if tfidf.is_saved_in(folder):
        raise ModelError(
            f"{called} holds a model that counts words, which cannot be trained further.",
            "Choose another model; to count words anew, take tfidf.",
            "not_a_model",
        )
    weights = sorted(folder.glob("*.safetensors"))
    missing = [
        what
        for what, there in {
            "config.json": (folder / "config.json").is_file(),
            "a tokenizer (tokenizer.json)": (folder / "tokenizer.json").is_file(),
            "weights as *.safetensors": weights,
        }.items()
        if not there
    ]
    if missing:
        raise ModelError(
            f"{called} is no Hugging Face model that can be used: it has no {', no '.join(missing)}.",
            "Choose a folder that was written with save_pretrained.",
            "not_a_model",
        )
    config = read_config(folder, called)
    if "auto_map" in config or "auto_map" in _read_object(folder / "tokenizer_config.json", called):
        raise ModelError(
            f"{called} brings its own program code, which Tuneboard never runs.",
            "Choose a model of a standard architecture.",
            "remote_code",
        )
    architectures.check(config.get("model_type"), called)
    for file in weights:
        _check_whole(file)
    stored = sum(file.stat().st_size for file in weights)
    width, words, layers = (
        config.get(one) or 0 for one in ("hidden_size", "vocab_size", "num_hidden_layers")
    )
    if max(words * width, layers * width * width) > 2 * stored:
        # Such a model would be made in memory before its weights are found not to fit.
        raise ModelError(
            f"{called} is no model that can be used: its config.json speaks of more than its weights hold.",
            "Choose a folder that was written with save_pretrained.",
            "not_a_model",
        )


def read_config(folder: Path, called: str | None = None) -> dict:
    """config.json. Raises ModelError when it cannot be read, or its figures are none."""
    called = called or f"The folder {folder}"
    config = _read_object(folder / "config.json", called)
    for figure in FIGURES:
        if config.get(figure) is not None and type(config[figure]) is not int:
            raise _unreadable("config.json", called)
    return config


def longest_input(config: dict, otherwise: int) -> int:
    """The most tokens that a model with this config.json reads. otherwise: where it names no limit."""
    positions = config.get("max_position_embeddings") or otherwise
    if config.get("model_type") in architectures.COUNT_FROM_PADDING:
        positions -= (config.get("pad_token_id") or 0) + 1
    return positions if positions > 0 else otherwise


def _read_object(path: Path, called: str) -> dict:
    """A JSON object; empty when there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (ValueError, OSError, RecursionError) as error:
        raise _unreadable(path.name, called) from error
    if not isinstance(found, dict):
        raise _unreadable(path.name, called)
    return found


def _unreadable(file: str, called: str) -> ModelError:
    message = f"{called} is no model that can be used: its {file} cannot be read."
    return ModelError(message, "Choose another one.", "not_a_model")


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
