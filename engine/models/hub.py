"""The Hugging Face hub: how large is a model, is it safe, fetch it at an exact revision."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from engine.errors import ModelError

WANTED = [
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "added_tokens.json",
]
Answer = TypeVar("Answer")
NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


@dataclass(frozen=True)
class HubModel:
    """revision: the exact commit. bytes: what would be downloaded."""

    name: str
    revision: str
    bytes: int
    licence: str | None


def is_name(reference: str) -> bool:
    return bool(NAME.fullmatch(reference)) and ".." not in reference


def look_up(name: str, revision: str | None = None) -> HubModel:
    """Ask the hub about a model without downloading it.

    Raises ModelError when the hub cannot be reached, does not know the name, wants an agreement first, or
    has no safetensors weights or needs code of its own.
    """
    from huggingface_hub import HfApi

    info = _asked(name, lambda: HfApi().model_info(name, revision=revision, files_metadata=True, timeout=15))
    files = {file.rfilename: file.size or 0 for file in info.siblings or [] if "/" not in file.rfilename}
    wanted = {
        file: size for file, size in files.items() if any(Path(file).match(pattern) for pattern in WANTED)
    }
    if not any(file.endswith(".safetensors") for file in wanted):
        raise ModelError(
            f"{name} has no weights in the safetensors format, and Tuneboard opens no other.",
            "Choose another model.",
            "no_safetensors",
        )
    if "auto_map" in (info.config or {}):
        raise ModelError(
            f"{name} brings its own program code, which Tuneboard never runs.",
            "Choose a model of a standard architecture.",
            "remote_code",
        )
    licence = (info.card_data or {}).get("license") if info.card_data else None
    return HubModel(name, info.sha, sum(wanted.values()), licence)


def downloaded(name: str, revision: str, downloads: Path) -> Path | None:
    """The folder of a model that was fetched completely before."""
    folder = _folder(name, revision, downloads)
    return folder if (folder / "complete").exists() else None


def download(name: str, revision: str, downloads: Path) -> Path:
    """Fetch a model at an exact revision; what was fetched before a break is not fetched again."""
    from huggingface_hub import snapshot_download

    folder = _folder(name, revision, downloads)
    _asked(name, lambda: snapshot_download(name, revision=revision, local_dir=folder, allow_patterns=WANTED))
    (folder / "complete").touch()
    return folder


def _folder(name: str, revision: str, downloads: Path) -> Path:
    return downloads / f"{name.replace('/', '--')}@{revision}"


def _asked(name: str, question: Callable[[], Answer]) -> Answer:
    """The hub's answer, or its refusal as a sentence."""
    from huggingface_hub import errors

    try:
        return question()
    except errors.GatedRepoError as error:
        raise ModelError(
            f"{name} is only for people who agreed to its terms on huggingface.co.",
            "Agree there and sign in, or choose another model.",
            "gated",
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelError(
            f"The Hugging Face hub knows no public model called {name!r}.",
            "Check the spelling.",
            "no_such_model",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(
            f"{name} has no such version.", "Leave the version empty for the newest.", "no_such_revision"
        ) from error
    except (errors.HTTPError, OSError) as error:
        raise ModelError(
            f"The Hugging Face hub cannot be reached, so nothing is known of {name}.",
            "Check the connection, or take the bundled model.",
            "hub_unreachable",
        ) from error
