"""The Hugging Face hub: how large is a model, is it safe, fetch it at an exact revision."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from engine.errors import ModelError, is_disk_full
from engine.models import architectures

WEIGHTS = "*.safetensors"
# One of these sets is enough to make a tokenizer of.
TOKENIZERS = (
    {"tokenizer.json"},
    {"vocab.txt"},
    {"vocab.json", "merges.txt"},
    {"spm.model"},
    {"spiece.model"},
    {"sentencepiece.bpe.model"},
)
WANTED = [
    "config.json",
    WEIGHTS,
    "*.safetensors.index.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    *sorted(set().union(*TOKENIZERS)),
]
# The hub's own program offers weights of older models as safetensors in a proposal that nobody may have taken up.
CONVERTER, OFFER = "SFconvertbot", "Adding `safetensors` variant of this model"
TIMEOUT = 15  # seconds of silence
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


def is_wanted(file: str) -> bool:
    """Whether a file of this name, beside config.json, belongs to a model as we open it."""
    return any(fnmatchcase(file, pattern) for pattern in WANTED)


def look_up(name: str, revision: str | None = None) -> HubModel:
    """Ask the hub about a model without downloading it.

    Raises ModelError when the hub cannot be reached, does not know the name, wants an agreement first, or
    has no safetensors weights, no tokenizer that we can read, or needs code of its own.
    """
    from huggingface_hub import HfApi

    api = HfApi()

    def asked(revision: str | None):
        return _asked(name, lambda: api.model_info(name, revision=revision, files_metadata=True, timeout=TIMEOUT))

    info = asked(revision)
    if info.gated:
        _asked(name, lambda: api.auth_check(name))
    if not revision and not _has_weights(info) and (offer := _asked(name, lambda: _offered(api, name))):
        info = asked(offer)
    if not _has_weights(info):
        raise ModelError(
            f"{name} has no weights in the safetensors format, and Tuneboard opens no other.",
            "Choose another model.",
            "no_safetensors",
        )
    files = _files(info)
    config = info.config or {}
    if "auto_map" in config:
        raise ModelError(
            f"{name} brings its own program code, which Tuneboard never runs.",
            "Choose a model of a standard architecture.",
            "remote_code",
        )
    if "config.json" not in files or not any(tokenizer <= files.keys() for tokenizer in TOKENIZERS):
        missing = "config.json" if "config.json" not in files else "tokenizer that Tuneboard can read"
        raise ModelError(f"{name} has no {missing}.", "Choose another model.", "no_tokenizer")
    if config.get("model_type"):
        architectures.check(config["model_type"], name)
    licence = (info.card_data or {}).get("license") if info.card_data else None
    return HubModel(name, info.sha, sum(size for file, size in files.items() if is_wanted(file)), licence)


def downloaded(name: str, revision: str, downloads: Path) -> Path | None:
    """The folder of a model that was fetched completely before."""
    folder = _folder(name, revision, downloads)
    return folder if (folder / "complete").exists() else None


def download(name: str, revision: str, downloads: Path, told: Callable[[int], None] = lambda done: None) -> Path:
    """Fetch a model at an exact revision; what was fetched before a break is not fetched again.

    told: hears, in any thread, how many bytes are there. It counts as downloaded once `mark_complete` was called.
    """
    from huggingface_hub import snapshot_download

    folder = _folder(name, revision, downloads)
    chosen = {"allow_patterns": WANTED, "ignore_patterns": ["*/*"]}  # nothing of its folders
    bar = _silent_bar(sum(path.stat().st_size for path in folder.glob("*") if path.is_file()), told)
    _asked(name, lambda: snapshot_download(name, revision=revision, local_dir=folder, tqdm_class=bar, **chosen))
    return folder


def mark_complete(folder: Path) -> None:
    (folder / "complete").touch()


def _silent_bar(there: int, told: Callable[[int], None]) -> type:
    """A progress bar of the hub's own kind that draws nothing. there: bytes that need not be fetched."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *given: object, name: str = "", **options: object):
            # Of its bars one counts what is written, another what is received, the third whole files.
            self.done = there if name == "huggingface_hub.snapshot_download" else None
            super().__init__(*given, name=name, **{**options, "disable": True})

        def update(self, more: float | None = 1) -> None:
            if self.done is not None:
                with self.get_lock():  # several files are fetched at once
                    self.done += int(more or 0)
                    told(self.done)

    return Bar


def _files(info) -> dict[str, int]:
    """{name: bytes} of the files that lie in no folder."""
    return {file.rfilename: file.size or 0 for file in info.siblings or [] if "/" not in file.rfilename}


def _has_weights(info) -> bool:
    return any(fnmatchcase(file, WEIGHTS) for file in _files(info))


def _offered(api, name: str) -> str | None:
    """Where the hub's own program put weights as safetensors; proposals of others are not looked at."""
    from huggingface_hub import errors

    asked = {"author": CONVERTER, "discussion_type": "pull_request", "discussion_status": "open"}
    try:
        for proposal in api.get_repo_discussions(name, **asked):
            if proposal.author == CONVERTER and proposal.title == OFFER:
                return proposal.git_reference
    except errors.HfHubHTTPError:
        pass  # its owner turned proposals off
    return None


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
    except errors.OfflineModeIsEnabled as error:
        raise ModelError(
            f"Tuneboard is set to work offline, so the hub is not asked for {name}.",
            "Change that in Settings, or take the bundled model.",
            "offline",
        ) from error
    except (errors.HTTPError, OSError, ValueError) as error:  # ValueError: not the hub's answer
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise ModelError(
                f"The Hugging Face hub does not let you read {name}.",
                "Check your token, or choose another model.",
                "not_allowed",
            ) from error
        if status:
            raise ModelError(
                f"The Hugging Face hub answered with error {status} about {name}.",
                "Try again in some minutes.",
                "hub_error",
            ) from error
        if is_disk_full(error):
            raise  # the disk, not the hub
        raise ModelError(
            f"The Hugging Face hub cannot be reached, so nothing is known of {name}.",
            "Check the connection, or take the bundled model.",
            "hub_unreachable",
        ) from error
