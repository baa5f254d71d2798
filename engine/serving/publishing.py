"""A model's folder, sent to the Hugging Face hub. The token is used and forgotten: it is in no file and in no sentence."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from engine.errors import ModelError

NAME = re.compile(r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}", re.ASCII)
TOKEN = re.compile(r"[\w.-]{1,500}", re.ASCII)
VARIABLE = "HF_TOKEN"  # the name of the variable
THERE_ALREADY = {".gitattributes"}  # in a repository that holds nothing yet
Answer = TypeVar("Answer")


def push(folder: Path, name: str, token: str | None = None, private: bool = True) -> str:
    """Make the model repository `name` (OWNER/NAME) with all files of `folder`. Returns its address.

    token: with the right to write; by default that of the variable HF_TOKEN. Raises ModelError when the hub cannot be
    reached, does not let us, or holds something under that name, which is left alone.
    """
    name = check(name)
    token = (token or os.environ.get(VARIABLE) or "").strip()
    if not token:
        raise ModelError(
            "To send a model to the Hugging Face hub, a token with the right to write is needed.",
            f"Make one at huggingface.co/settings/tokens, and set the variable {VARIABLE} or type it on the page.",
            "no_token",
        )
    if not TOKEN.fullmatch(token):
        raise ModelError("What was given as a token is none.", "A token begins with hf_ and has no spaces.", "bad_token")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token)

    def create() -> None:
        try:
            api.create_repo(name, private=private)
        except HfHubHTTPError as error:
            # What broke off before may be sent again.
            if error.response.status_code != 409 or set(api.list_repo_files(name)) - THERE_ALREADY:
                raise

    _asked(name, create)
    _asked(name, lambda: api.upload_folder(repo_id=name, folder_path=folder, commit_message="Add the model"))
    return f"{api.endpoint}/{name}"


def check(name: str) -> str:
    """OWNER/NAME as it was written, without what surrounds it. Raises ModelError when it is none."""
    plain = name.strip().removeprefix("hub:")
    if not NAME.fullmatch(plain) or ".." in plain or "--" in plain or plain.endswith((".git", ".ipynb")):
        raise ModelError(
            f"{plain!r} cannot be a model's name on the Hugging Face hub.",
            "Write OWNER/NAME: your name there, then letters, figures and hyphens.",
            "bad_name",
        )
    return plain


def _asked(name: str, question: Callable[[], Answer]) -> Answer:
    """The hub's answer, or its refusal as a sentence; never the error itself, which knows what was sent."""
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        return question()
    except HfHubHTTPError as error:
        status = error.response.status_code
    except (HTTPError, OSError, ValueError, RuntimeError):  # the last two: not the hub's answer
        status = None
    raise ModelError(*_refusal(status, name))


def _refusal(status: int | None, name: str) -> tuple[str, str, str]:
    owner = name.partition("/")[0]
    match status:
        case None:
            return (
                f"The Hugging Face hub cannot be reached, or broke off; {name} is not complete there.",
                "Check the connection, then send it again.",
                "hub_unreachable",
            )
        case 401:
            return (
                "The Hugging Face hub does not know this token.",
                "Copy it again from huggingface.co/settings/tokens.",
                "not_allowed",
            )
        case 403:
            return (
                f"This token may not write for {owner}.",
                "Take one with the right to write, or write your own name before the slash.",
                "not_allowed",
            )
        case 409:
            return (
                f"There is a model called {name} on the Hugging Face hub already.",
                "Choose another name; nothing there was changed.",
                "name_taken",
            )
        case _:
            return (
                f"The Hugging Face hub answered with error {status} about {name}.",
                "Try again in some minutes.",
                "hub_error",
            )
