"""ZIP and GZ files that somebody uploaded, unpacked so that nothing inside them can do harm."""

import contextlib
import errno
import io
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from unicodedata import category

from engine.data.names import split_of
from engine.data.reading.encodings import decodes
from engine.data.reading.letters import likeliest
from engine.errors import DataError, is_disk_full
from engine.figures import rounded, whole

MAX_BYTES, MAX_MEMBERS = 2 * 2**30, 200_000
MAX_LISTING = 64 * 2**20  # bytes of the list of members, which zipfile takes into memory at once
MAX_RATIO, RATIO_FROM = 200, 50 * 2**20
RESERVE = 200 * 2**20  # bytes of the disk that are left free
CHUNK, GZ_INPUT = 2**20, 2**16
GZIP = 31  # zlib's number for "with the header and the checksum of gzip"
OTHER_ARCHIVES = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")
PACKED = (b"PK", b"\x1f\x8b", b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")  # how files begin that may hold more than they weigh
FEW_MEMBERS = 1000  # which takes no time to look into
TABLES = re.compile(r"\.(csv|tsv|tab|jsonl?|ndjson|parquet|feather|arrow|xls[xm]?|ods)", re.IGNORECASE)
TEXTS = re.compile(r"(\.(txt|text|md|eml|html?|log|\d+))?", re.IGNORECASE)
# What zipfile and zlib raise on bytes that make no sense, such as a place that lies outside the file.
NONSENSE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, OSError)
REPACK = "Unpack it on your computer and make a new ZIP of the files, without a password."
Parts = Iterable[tuple[str, Iterator[bytes]]]


@dataclass(frozen=True)
class Member:
    """name: the path inside the archive, to be shown, never to be opened. path: where its bytes lie."""

    name: str
    path: Path


class _Reader(io.BufferedReader):
    """Refuses a list of members that is too long before zipfile makes objects of it."""

    def read(self, size: int = -1) -> bytes:
        if size > MAX_LISTING or (data := super().read(size)).count(b"PK\1\2") > MAX_MEMBERS:
            message = f"The archive holds too many files; at most {whole(MAX_MEMBERS)} can be read."
            raise DataError(message, "Put the texts into one table, or take fewer of them.", "too_many_files")
        return data


def is_archive(path: Path) -> str | None:
    """zip, gz or None, told from the content. A spreadsheet or an office document is none, though it is a ZIP."""
    return kind if (kind := _kind(path)) in ("zip", "gz") else None


def is_at_most(path: Path, most: int) -> bool:
    """Whether the files in an archive, a spreadsheet or an office document take at most so many bytes together.

    False where one of them is packed itself, or where there are too many to look into. True for what is none of these.
    Raises DataError or one of NONSENSE where it is damaged.
    """
    if zipfile.is_zipfile(path):
        with _Reader(io.FileIO(path)) as file:
            archive = zipfile.ZipFile(file)
            members = archive.infolist()
            if len(members) > FEW_MEMBERS or sum(one.file_size for one in members) > most:
                return False
            return is_archive(path) is None or not any(_is_packed(archive, one) for one in members)
    if is_archive(path) != "gz":
        return True
    with _Reader(io.FileIO(path)) as file:
        grown, start = 0, b""
        for chunk in _gz_chunks(file, path.name):
            grown, start = grown + len(chunk), start or chunk[:8]
            if grown > most or start.startswith(PACKED):
                return False
    return True


def _is_packed(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bool:
    """Whether a file in a ZIP is packed itself, or cannot be looked into."""
    with contextlib.suppress(*NONSENSE), archive.open(info) as file:
        return file.read(8).startswith(PACKED)
    return True


def unpack(
    path: Path,
    name: str,
    into: Path,
    limit: int = MAX_BYTES,
    progress: Callable = lambda done, total: None,
    wanted: Callable[[str], bool] = lambda shown: True,
) -> list[Member]:
    """The files in an archive, in its order, written into the empty folder `into` under names that we choose.

    name: of the uploaded file, for sentences. Folders, hidden and empty files and archives inside are left out, and
    of a ZIP the files that are not `wanted`, by their path in it.
    Raises DataError when it is damaged, protected, unsafe, empty or too large; `into` is empty then.
    """
    packed, members, code, out = path.stat().st_size, [], "empty_file", 0
    most = min(limit, max(RATIO_FROM, MAX_RATIO * packed))
    try:
        with _Reader(io.FileIO(path)) as file:
            is_zip = is_archive(path) == "zip"
            total, parts = _zip_parts(file, name, wanted) if is_zip else (0, _gz_parts(file, name))
            _check_room(name, into, total, most, total)
            for shown, chunks in parts:
                target = into / f"{len(members) + 1:06d}"
                with target.open("wb") as copy:
                    for chunk in chunks:
                        out += len(chunk)
                        _check_room(name, into, out, most)
                        copy.write(chunk)
                        progress(*((out, total) if total else (file.tell(), packed)))
                if inner := _kind(target):
                    code = "nested_archive"
                if inner or not (target.stat().st_size or "/" in shown):  # an empty text in a folder is one of its texts
                    target.unlink()
                else:
                    members.append(Member(shown, target))
        if not members:
            found = "nothing" if code == "empty_file" else "only another archive"
            message = f"{name} should hold a table or texts, but {found} is in it."
            raise DataError(message, "Unpack it first, and upload the table or the texts.", code)
    except BaseException as error:
        for rest in into.iterdir():
            rest.unlink()
        if isinstance(error, OSError) and is_disk_full(error):
            message = f"The disk has too little free space to unpack {name}."
            raise DataError(message, "Make room on the disk, then try again.", "disk_full") from error
        raise
    return members


def folders_as_classes(members: list[Member]) -> list[tuple[str, str, str, Path]] | None:
    """Rows of label, split or "", file name and path, where texts lie in one folder per class; None where not.

    The label is the innermost folder that differs. A file beside the folders, such as a README, is left out.
    """
    paths = [(PurePosixPath(member.name), member.path) for member in members]
    folders = {name.parent.parts for name, _ in paths}
    parents = {folder[:-1] for folder in folders}
    folders = {f for f in folders if not (f and split_of(f[-1]) and f in parents)}
    depth = max(map(len, folders), default=0)
    # A folder that every other one leads to or comes from is only the way to the classes.
    way = {f for f in folders if len(f) < depth and all(f[: len(g)] == g[: len(f)] for g in folders)}
    inside = [(name, path) for name, path in paths if name.parent.parts in folders - way]
    texts = [(name, path) for name, path in inside if TEXTS.fullmatch(name.suffix)]
    strange, inside = len(inside) - len(texts), texts  # a picture among them
    if strange > 0.2 * len(texts) or len(inside) < 2 or any(TABLES.fullmatch(name.suffix) for name, _ in paths):
        return None
    levels = [set(names) for names in zip(*(folders - way), strict=False)]
    usable = [i for i, names in enumerate(levels) if not all(map(split_of, names))]
    if not usable:
        return None
    level = max((i for i in usable if len(levels[i]) > 1), default=usable[-1])
    rows = []
    for name, path in inside:
        label, others = name.parts[level], (*name.parts[:level], *name.parts[level + 1 : -1])
        split = next(filter(None, map(split_of, others)), "")
        rows.append((label, split, name.name, path))
    return rows


def _check_room(name: str, into: Path, out: int, most: int, coming: int = 0) -> None:
    """out: bytes counted by us, or promised by the archive. coming: those that still need room on the disk."""
    if out > most:
        message = f"{name} unpacks to more than {rounded(most / 2**20)} MB, too much for an archive of its size."
        raise DataError(message, "Upload only the part of it that is needed, unpacked.", "zip_bomb")
    if shutil.disk_usage(into).free < coming + RESERVE:
        raise OSError(errno.ENOSPC, "the reserve is reached")


@contextlib.contextmanager
def _telling_damage(name: str) -> Iterator[None]:
    try:
        yield
    except NONSENSE as error:
        message = f"{name} should be a complete ZIP or GZ archive, but it is damaged or cut off."
        raise DataError(message, "Download or copy it again, or make a new ZIP of the files.", "damaged") from error


def _kind(path: Path) -> str | None:
    """zip, gz, other (an archive that we do not read) or None."""
    with _Reader(io.FileIO(path)) as file:
        head = file.read(512)
        if not head.startswith((b"PK\3\4", b"PK\5\6")):
            other = "other" if head.startswith(OTHER_ARCHIVES) or head[257:262] == b"ustar" else None
            return "gz" if head.startswith(b"\x1f\x8b") else other
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        office = name in (b"mimetype", b"[Content_Types].xml")
        with contextlib.suppress(DataError, *NONSENSE):
            office = office or "[Content_Types].xml" in zipfile.ZipFile(file).namelist()
        return None if office else "zip"


def _zip_parts(file: _Reader, name: str, wanted: Callable[[str], bool]) -> tuple[int, Parts]:
    """The promised size and the members that we want. Raises DataError when one cannot or must not be read."""
    with _telling_damage(name):
        archive = zipfile.ZipFile(file)
    taken = []
    for info, shown in zip(archive.infolist(), _names(archive.infolist()), strict=True):
        shown = shown.replace("\\", "/")  # some programs on Windows separate folders so
        parts = [part for part in shown.split("/") if part not in ("", ".")]
        outside = ".." in parts or re.match(r"/|[A-Za-z]:", shown) or "\0" in shown
        if outside or stat.S_ISLNK(info.external_attr >> 16):
            raise DataError(f"A path in {name} leads out of it: {shown!r:.80}.", REPACK, "unsafe_archive")
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
        is_file = parts and not hidden and not shown.endswith("/") and parts[-1].lower() != "thumbs.db"
        if is_file and wanted("/".join(parts)):
            taken.append((info, "/".join(parts)))
            if info.flag_bits & 1:
                raise DataError(f"{name} is protected with a password.", REPACK, "encrypted")
            # zipfile unpacks only these two in pieces of a bounded size.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError(f"{name} is not packed in the usual way, called Deflate.", REPACK, "damaged")
    return sum(i.file_size for i, _ in taken), ((s, _zip_chunks(archive, i, name)) for i, s in taken)


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """Windows writes names in the encoding of its language, and says nothing of it."""
    raw = [info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437", "replace") for info in infos]
    strange = b"\n".join(name for name in raw if not decodes(name))
    beyond = [category(letter) for letter in strange.decode("cp437") if not letter.isascii()]
    guess = "cp437" if {"Ll", "Lu"} >= set(beyond) else likeliest(strange * 10)
    return [name.decode("utf-8" if decodes(name) else guess, "replace") for name in raw]


def _zip_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    with _telling_damage(name), archive.open(info) as file:
        while chunk := file.read(CHUNK):
            yield chunk
        if file.tell() != info.file_size:
            raise EOFError


def _gz_parts(file: _Reader, name: str) -> Parts:
    """The one member, named as the GZ states or as the upload without .gz. Raises DataError for a tar or for no GZ."""
    head = file.read(GZ_INPUT)
    file.seek(0)
    with _telling_damage(name):
        content = zlib.decompressobj(GZIP).decompress(head, 512) if head[257:262] != b"ustar" else head
    if content[257:262] == b"ustar":
        raise DataError(f"{name} is a tar archive, which we do not read.", REPACK, "tar_archive")
    flags, extra = int.from_bytes(head[3:4], "little"), int.from_bytes(head[10:12], "little")
    at = 10 + (2 + extra if flags & 4 else 0)
    stored = head[at:].partition(b"\0")[0].decode("latin-1") if flags & 8 else ""
    with contextlib.suppress(UnicodeError):
        stored = stored.encode("latin-1").decode()
    last = stored.replace("\\", "/").rpartition("/")[2]
    return [(last if last.strip(".") else re.sub(r"(?i)(?<=.)\.gz$", "", name), _gz_chunks(file, name))]


def _gz_chunks(file: _Reader, name: str) -> Iterator[bytes]:
    with _telling_damage(name):
        data = file.read(GZ_INPUT)
        # What else follows the last member is ignored, as gzip does.
        while data[:2] in (b"\x1f", b"\x1f\x8b"):
            unzip = zlib.decompressobj(GZIP)
            while not unzip.eof:
                if not data:
                    raise EOFError
                yield unzip.decompress(data, CHUNK)
                data = unzip.unconsumed_tail or unzip.unused_data or file.read(GZ_INPUT)
