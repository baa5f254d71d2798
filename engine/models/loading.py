"""Open a pretrained model and its tokenizer for classification."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.initialization import no_init_weights
from transformers.utils import logging

from engine.errors import ModelError, is_out_of_memory, panics_caught
from engine.models import catalogue, folders, hub
from engine.models.catalogue import ModelSource

SAFE = {"local_files_only": True, "trust_remote_code": False}


def fetch(source: ModelSource, downloads: Path, told: Callable[[int], None] = lambda done: None) -> Path:
    """The folder of the model, downloaded first where it has to be, and checked. told: as of hub.download."""
    if source.kind == "bundled":
        catalogue.check_bundled_weights()
    if source.folder:
        folders.check_folder(source.folder)
        return source.folder
    folder = hub.download(source.reference, source.revision, downloads, told)
    _make_tokenizer_json(folder)
    folders.check_folder(folder, source.reference)
    hub.mark_complete(folder)
    return folder


def _make_tokenizer_json(folder: Path) -> None:
    """Older models have their words in vocab.txt or in a file of SentencePiece; all else here reads tokenizer.json."""
    if (folder / "tokenizer.json").exists():
        return
    tokenizer = load_tokenizer(folder, folder.name.partition("@")[0].replace("--", "/"))
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=".part") as written:
        tokenizer.save_pretrained(written)
        for path in sorted(Path(written).iterdir(), key=lambda path: path.name == "tokenizer.json"):
            path.replace(folder / path.name)  # that one last: where it is, all is


def load_tokenizer(folder: Path, called: str | None = None) -> PreTrainedTokenizerBase:
    """Raises ModelError when it cannot be opened. called: what a person knows the model as."""
    try:
        with panics_caught():
            return AutoTokenizer.from_pretrained(folder, **SAFE)
    except Exception as error:  # whatever it makes of files that came from outside
        if is_out_of_memory(error):
            raise
        raise ModelError(
            f"The tokenizer of {called or f'the model in {folder}'} cannot be read.",
            "Choose another model.",
            "no_tokenizer",
        ) from error


def fill_up(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> None:
    """Let both know the token that short texts are filled up with, and on which side, as all that asks the model will.

    Models that were made to go on writing, as GPT-2, often name none. Raises ModelError where there is nothing to take.
    """
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ModelError(
                "The tokenizer of the model names no token to fill up short texts with.",
                "Choose another model.",
                "no_padding",
            )
        tokenizer.pad_token = tokenizer.eos_token
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id


def load_classifier(folder: Path, called: str) -> PreTrainedModel:
    """A model that was trained as a classifier elsewhere. Raises ModelError when it is none, or cannot be opened.

    called: what a person knows it as.
    """
    model, told = _opened(folder, output_loading_info=True)
    if told["missing_keys"] or told["mismatched_keys"]:
        raise ModelError(
            f"{called} is not a finished classifier: its weights lack {', '.join(sorted(told['missing_keys'])[:3])}.",
            "Train it here first: choose it as the model on the Train page.",
            "not_trained",
        )
    return model.eval()


def load_model(folder: Path, labels: list[str] | None = None) -> PreTrainedModel:
    """A sequence classifier in fp32, in evaluation mode.

    labels: for training: the head is made for these, newly where the folder's own does not fit.
    None: the folder's own labels and head are used.
    Raises ModelError when the files cannot be opened.
    """
    head = (
        {}
        if labels is None
        else {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
            "ignore_mismatched_sizes": True,
            "problem_type": "single_label_classification",
        }
    )
    return _opened(folder, **head).eval()


def _opened(folder: Path, **more: object):
    """What transformers makes of the folder, in fp32. Raises ModelError when the files cannot be opened."""
    verbosity, shows_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # a new head is what we ask for, not a warning
    logging.disable_progress_bar()
    try:
        _check_memory(folder)
        with panics_caught():
            return AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, **more, **SAFE
            )
    except ModelError:
        raise
    except Exception as error:  # whatever it makes of files that came from outside
        if is_out_of_memory(error):
            raise
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(
            f"The model in {folder} cannot be opened: {why}",
            "Choose another model.",
            "not_a_model",
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if shows_bars:
            logging.enable_progress_bar()


def _check_memory(folder: Path) -> None:
    """Raises ModelError where the model is larger than its weights, as check_folder does where it can tell that cheaply."""
    config = AutoConfig.from_pretrained(folder, **SAFE)
    with no_init_weights(), torch.device("meta"):
        parameters = AutoModelForSequenceClassification.from_config(config).num_parameters()
    if parameters > 2 * folders.bytes_of_weights(folder):
        raise folders.refused(f"The folder {folder}", folders.TOO_MUCH)
