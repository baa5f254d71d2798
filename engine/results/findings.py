"""What takes a while to find out about the answers of a run is found out once, and kept beside them."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from engine import __version__
from engine.errors import WorkspaceError
from engine.figures import language
from engine.paths import RunPaths, Workspace, file_digest, read_json, write_json, writing

Found = TypeVar("Found")


class Kept(BaseModel):
    """of: what it was found out of, in any words; it counts for nothing else."""

    of: str
    found: object


def once(
    workspace: Workspace,
    place: RunPaths,
    name: str,
    kind: type[Found],
    find: Callable[[], Found],
    *also: Path,
) -> Found:
    """What `find` gives, or gave before for the same answers, with this version and in the language that is spoken.

    place: where the answers are. kind: a dataclass. also: further files that it depends on, whether they are there or not.
    Nothing is written where nothing may be changed; a file that is damaged or of something else is written anew.
    """
    path = place.finding(name)
    files = dict.fromkeys([place.predictions, *also])
    of = " ".join([__version__, language(), *(file_digest(file) if file.exists() else "none" for file in files)])
    kept = _read(path)
    if kept and kept.of == of:
        with contextlib.suppress(ValidationError):  # written by a hand that changed what is in it
            return TypeAdapter(kind).validate_python(kept.found)
    found = find()
    if workspace.changeable:
        with contextlib.suppress(WorkspaceError), writing(path.parent):  # else it can be found out again
            path.parent.mkdir(exist_ok=True)
            write_json(path, Kept(of=of, found=TypeAdapter(kind).dump_python(found)).model_dump(mode="json"))
    return found


def _read(path: Path) -> Kept | None:
    """None where there is none, or none that is whole."""
    try:
        return Kept.model_validate(read_json(path))
    except (OSError, WorkspaceError, ValidationError):
        return None
