"""A model folder that came as a ZIP: taken for hostile, checked, and unpacked into the workspace.

From then on it is a folder like any other, so that a run on it can be repeated when the ZIP is gone.
"""

import hashlib
import re
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from engine.data.reading import archives
from engine.errors import DataError, ModelError
from engine.models import tfidf
from engine.models.folders import check_folder, is_part
from engine.paths import may_change

MARKS = ("config.json", tfidf.WORDS)  # that tell where in the ZIP a model lies
MAX_BYTES = 20 * 2**30  # of all files together, unpacked
PLAIN_NAME = re.compile(r"[\w.-]{1,120}")  # of a file inside; with nothing that any system reads as more than a name
SAVE_AS = "Make a ZIP of one folder that was written with save_pretrained."


def unpack_model(archive: Path, name: str, into: Path, check: Callable[[Path, str], None] = check_folder) -> Path:
    """The folder of the model in `archive`; the same content is unpacked only once.

    name: of the uploaded file, for sentences and, as far as it is plain letters, for the folder's name.
    check: raises ModelError for a folder that is of no use, given what a person knows it as.
    Raises ModelError when no model that is safe to open is in it, DataError when the ZIP is damaged or unsafe, and
    ReadOnlyError where one may only look and it is not unpacked yet.
    """
    with archive.open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:10]
    if known := next(into.glob(f"*-{key}"), None):
        return known
    may_change()
    into.mkdir(parents=True, exist_ok=True)
    if archives.is_archive(archive) != "zip":
        raise ModelError(f"{name} is neither a folder nor a ZIP of one.", SAVE_AS, "not_a_model")
    with tempfile.TemporaryDirectory(dir=into, prefix=".", suffix=".part") as temporary:
        parts, model = Path(temporary, "parts"), Path(temporary, "model")
        parts.mkdir()
        model.mkdir()
        for file_name, part in _files_of_the_model(_unpacked(archive, name, parts), name).items():
            part.rename(model / file_name)
        check(model, f"The ZIP {name}")
        plain = re.sub(r"[^a-z0-9]+", "-", Path(name).stem.lower()).strip("-")[:40] or "model"
        return model.rename(into / f"{plain}-{key}")


def uploaded_models(into: Path) -> list[Path]:
    """The folders that were unpacked, the newest first."""
    there = [folder for folder in into.glob("[!.]*") if folder.is_dir()] if into.is_dir() else []
    return sorted(there, key=lambda folder: -folder.stat().st_mtime)


def _unpacked(archive: Path, name: str, parts: Path) -> list[archives.Member]:
    try:
        return archives.unpack(archive, name, parts, MAX_BYTES, wanted=_is_wanted)
    except DataError as error:
        if error.code not in ("empty_file", "nested_archive"):
            raise
        raise ModelError(f"There is no model in {name}: it has no config.json.", SAVE_AS, "not_a_model") from error


def _is_wanted(path: str) -> bool:
    file = PurePosixPath(path).name
    return bool(PLAIN_NAME.fullmatch(file)) and is_part(file)


def _files_of_the_model(members: list[archives.Member], name: str) -> dict[str, Path]:
    """{file name: where it lies} of the folder in the ZIP that holds a model, the outermost if there are several."""
    paths = [PurePosixPath(member.name) for member in members]
    places = sorted({path.parent for path in paths if path.name in MARKS}, key=lambda place: len(place.parts))
    outermost = [place for place in places if len(place.parts) == len(places[0].parts)]
    if not outermost:
        raise ModelError(f"There is no model in {name}: it has no config.json.", SAVE_AS, "not_a_model")
    if len(outermost) > 1:
        raise ModelError(
            f"There are {len(outermost)} models in {name}: {', '.join(map(str, outermost[:5]))}.",
            SAVE_AS,
            "not_a_model",
        )
    files = [(path.name, member.path) for path, member in zip(paths, members, strict=True) if path.parent == outermost[0]]
    if len({file.lower() for file, _ in files}) < len(files):
        raise ModelError(f"{name} holds two files of the same name.", SAVE_AS, "not_a_model")
    return dict(files)
