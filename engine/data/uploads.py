"""Files that somebody dropped onto a page, kept on disk under the hash of their content until they are saved or replaced."""

import hashlib
import time

from engine.data.reading import Table, read_bytes
from engine.errors import DataError, NotFoundError
from engine.paths import Workspace, read_json, write_json

KEPT_SECONDS = 24 * 3600
MAX_BYTES = 200 * 2**20


def keep_upload(workspace: Workspace, content: bytes, name: str) -> str:
    """Store an upload; returns its key. name: only remembered, never used as a path. Uploads of yesterday are removed.

    Raises DataError when it is too large.
    """
    if len(content) > MAX_BYTES:
        raise DataError(
            f"{name} has {len(content) / 2**20:.0f} MB; at most {MAX_BYTES / 2**20:.0f} MB can be uploaded.",
            "Leave out columns that are not needed, or use the command line.",
            "too_large",
        )
    key = hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:16]
    paths = workspace.upload(key)
    paths.parent.mkdir(exist_ok=True)
    for old in paths.parent.glob("*"):
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            old.unlink(missing_ok=True)
    paths.write_bytes(content)
    write_json(paths.with_suffix(".json"), {"name": name})
    return key


def read_upload(workspace: Workspace, key: str) -> Table:
    """Raises NotFoundError when it is gone, DataError when it holds no table."""
    path = workspace.upload(key)
    try:
        content, name = path.read_bytes(), read_json(path.with_suffix(".json"))["name"]
    except FileNotFoundError as error:
        raise NotFoundError("The uploaded file is no longer kept.", "Upload it again.") from error
    return read_bytes(content, name)
