"""Data sets of the Hugging Face hub: what is in one, and a file of the parts that somebody wants.

Only tables are read: no program, no pickle. The hub keeps a Parquet copy of nearly every data set; where there
is none, the Parquet, CSV or JSONL files of the data set itself are taken.
"""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.data.names import split_of
from engine.data.reading import read_file
from engine.data.reading.parquet import as_names, class_names, named_type
from engine.errors import DataError, is_disk_full
from engine.figures import rounded

PARQUET_COPY = "refs/convert/parquet"
COPIED = re.compile(r"(?P<config>.+)/(?P<partial>partial-)?(?P<split>[^/]+?)(-part\d+)?/[^/]+\.parquet")
ADDRESS = re.compile(r"(?:\w+://)?(?:[^/]+/)?datasets/([^?#]+)")
SUBPAGES = {"viewer", "tree", "blob", "resolve", "raw", "discussions", "settings", "commits"}
OWN_FORMATS = (".parquet", ".csv", ".jsonl")
TIMEOUT = 15  # seconds of silence
TRIES = 3
CHUNK = 2**18  # bytes
ROWS = 4096  # that are in memory at a time
ROOM = 16 * 2**20  # bytes to leave free on the disk
SENTENCES = {  # what is wrong. What to do.
    "bad_name": "{name!r} is no name of a data set on the hub. Expected is owner/name, such as stanfordnlp/sst2.",
    "no_such_dataset": "The hub knows no data set {name}, or it is private. Check the spelling, or sign in with a token.",
    "gated": "{name} is only for people who agreed to its terms. Agree on huggingface.co and sign in with a token.",
    "not_allowed": "The Hugging Face hub does not let you read {name}. Check your token.",
    "hub_error": "The Hugging Face hub answered with error {status} about {name}. Try again in some minutes.",
    "hub_unreachable": "The Hugging Face hub cannot be reached, so nothing is known of {name}. Check the connection.",
    "offline": "Tuneboard is set to work offline, so the hub is not asked for {name}. Change that in Settings.",
    "no_table": "{name} holds no table that can be read, such as Parquet, CSV or JSONL. Choose another data set.",
    "no_such_split": "{name} has no {asked} in {config!r}. There is: {there}.",
    "disk_full": "The disk has no room for {name}; {needed} MB are needed. Make room, or take fewer splits.",
    "download_broken": "The download of {name} broke off in {file}. Check the connection and try again.",
    "damaged": "A file of {name} is damaged. Try again, or choose another data set.",
    "mixed_columns": "Columns of one name differ in kind between the files of {name}. Take fewer splits.",
}


@dataclass(frozen=True)
class HubPart:
    """A split. files: paths on the hub. bytes: of all files. partial: the hub converted only the start of it."""

    config: str
    split: str
    files: tuple[str, ...]
    bytes: int
    partial: bool


@dataclass(frozen=True)
class HubDataset:
    """revision: the exact commit that was looked at."""

    name: str
    revision: str
    parts: tuple[HubPart, ...]

    @property
    def configs(self) -> list[str]:
        return list(dict.fromkeys(part.config for part in self.parts))

    def splits(self, config: str) -> list[str]:
        return [part.split for part in self.parts if part.config == config]

    def bytes(self, config: str, splits: Sequence[str]) -> int:
        """What fetch would download. Raises DataError (no_such_split)."""
        return sum(part.bytes for part in self.chosen(config, splits))

    def chosen(self, config: str, splits: Sequence[str]) -> list[HubPart]:
        """Raises DataError (no_such_split) when one of them is not there, or none is asked for."""
        there = self.splits(config)
        if missing := [split for split in splits if split not in there] or ([] if splits else ["split"]):
            known = ", ".join(there or self.configs)
            raise _problem("no_such_split", self.name, asked=", ".join(missing), config=config, there=known)
        return [part for part in self.parts if part.config == config and part.split in splits]


def look_up(name: str) -> HubDataset:
    """Ask the hub what is in a data set, without downloading any of it. name: 'owner/name', or its address.

    Raises DataError: bad_name, no_such_dataset, gated, not_allowed, hub_error, hub_unreachable, offline, no_table.
    """
    from huggingface_hub import HfApi, errors

    api, name, info, parts = HfApi(), _name_in(name), None, []
    with _hub_problems(name):
        try:
            info = api.dataset_info(name, revision=PARQUET_COPY, files_metadata=True, timeout=TIMEOUT)
            parts = _copied_parts({file.rfilename: file.size or 0 for file in info.siblings or []})
        except errors.RevisionNotFoundError:
            pass  # it was not converted
        if not parts:
            info = api.dataset_info(name, files_metadata=True, timeout=TIMEOUT)
            parts = _own_parts({file.rfilename: file.size or 0 for file in info.siblings or []})
        if info.gated:
            api.auth_check(name, repo_type="dataset")
    if not parts:
        raise _problem("no_table", name)
    return HubDataset(info.id, info.sha, tuple(parts))


def fetch(
    found: HubDataset,
    config: str,
    splits: Sequence[str],
    target: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Download these splits and write them as one Parquet file; the column `split` says where a row is from.

    progress: bytes done, bytes in all. Class numbers become names; pictures and sounds are left out. Where there
    is a `split` already, ours is `hub_split`. Raises DataError, with nothing left behind: as look_up, and
    no_such_split, disk_full, download_broken, damaged, mixed_columns.
    """
    parts, total, done = found.chosen(config, splits), found.bytes(config, splits), 0
    target.parent.mkdir(parents=True, exist_ok=True)
    needed = 2 * total + ROOM  # the downloads, and what is written out of them
    full = _problem("disk_full", found.name, needed=rounded(needed / 1e6))
    if shutil.disk_usage(target.parent).free < needed:
        raise full

    def arrived(size: int) -> None:
        progress(min(done + size, total), total)

    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".hub-", ignore_cleanup_errors=True) as folder:
        files, whole = [], Path(folder, "whole")
        try:
            for split, file in [(part.split, file) for part in parts for file in part.files]:
                path = Path(folder, str(len(files)))  # a name from the hub never becomes a path
                with _hub_problems(found.name):
                    _download(found, file, path, arrived)
                done += path.stat().st_size
                if not file.endswith(".parquet"):
                    table = pa.Table.from_pandas(read_file(path, name=file).frame, preserve_index=False)
                    pq.write_table(table, path, compression="zstd")
                files.append((split, path))
            _write_together(found.name, files, whole)
            whole.replace(target)
        except OSError as error:
            if is_disk_full(error):
                raise full from error
            raise


def _problem(code: str, name: str, **facts: object) -> DataError:
    message, _, action = SENTENCES[code].partition(". ")
    return DataError(message.format(name=name, **facts) + ".", action.format(name=name, **facts), code)


# -- what the hub says ------------------------------------------------------------------------------


def _name_in(text: str) -> str:
    """'https://huggingface.co/datasets/owner/name/viewer' -> 'owner/name'."""
    if not (address := ADDRESS.match(text.strip())):
        return text.strip()
    owner, *rest = address[1].strip("/").split("/")
    return owner if not rest or rest[0] in SUBPAGES else f"{owner}/{rest[0]}"


def _copied_parts(sizes: dict[str, int]) -> list[HubPart]:
    """sizes: {path: bytes}, where a path is CONFIG/SPLIT/0000.parquet, CONFIG/partial-SPLIT/... or CONFIG/SPLIT-part1/..."""
    groups: dict[tuple[str, str], list[re.Match]] = {}
    for place in filter(None, map(COPIED.fullmatch, sizes)):
        groups.setdefault((place["config"], place["split"]), []).append(place)
    return [
        HubPart(*key, tuple(p[0] for p in ps), sum(sizes[p[0]] for p in ps), any(p["partial"] for p in ps))
        for key, ps in groups.items()
    ]


def _own_parts(sizes: dict[str, int]) -> list[HubPart]:
    """The files of the first format that there is: the same rows are often given in several."""
    kind = next((kind for kind in OWN_FORMATS if any(file.endswith(kind) for file in sizes)), None)
    splits: dict[str, list[str]] = {}
    for file in (file for file in sizes if kind and file.endswith(kind)):
        words = re.split("[^a-z]+", file.lower())
        splits.setdefault(next(filter(None, map(split_of, reversed(words))), "train"), []).append(file)
    return [HubPart("default", s, tuple(fs), sum(sizes[f] for f in fs), False) for s, fs in splits.items()]


@contextmanager
def _hub_problems(name: str) -> Iterator[None]:
    """A refusal of the hub as a DataError."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError as error:
        raise _problem("bad_name", name) from error
    except errors.GatedRepoError as error:
        raise _problem("gated", name) from error
    except errors.RepositoryNotFoundError as error:
        raise _problem("no_such_dataset", name) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise _problem("not_allowed" if status in (401, 403) else "hub_error", name, status=status) from error
    except errors.OfflineModeIsEnabled as error:
        raise _problem("offline", name) from error
    except (errors.HTTPError, ConnectionError, ValueError) as error:  # ValueError: not the hub's answer
        raise _problem("hub_unreachable", name) from error


# -- the files --------------------------------------------------------------------------------------


def _download(found: HubDataset, file: str, path: Path, arrived: Callable[[int], None]) -> None:
    """Streamed by ourselves, so that no cache grows anywhere.

    arrived: is told how many bytes of the file are here. After a break it goes on from there.
    """
    from huggingface_hub import errors, get_session, hf_hub_url, hf_raise_for_status
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(found.name, file, repo_type="dataset", revision=found.revision)
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    with path.open("wb") as out:
        for left in reversed(range(TRIES)):
            headers |= {"Range": f"bytes={out.tell()}-"} if out.tell() else {}
            arrived(out.tell())
            try:
                with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT) as answer:
                    hf_raise_for_status(answer)
                    if answer.status_code != 206:  # the whole file again
                        out.seek(0)
                        out.truncate()
                    for chunk in answer.iter_bytes(CHUNK):
                        out.write(chunk)
                        arrived(out.tell())
                return
            except errors.HfHubHTTPError:
                raise
            except errors.HTTPError as error:
                if not left:
                    raise _problem("download_broken", found.name, file=file) from error
                time.sleep(1)


def _write_together(name: str, files: list[tuple[str, Path]], whole: Path) -> None:
    """files: (split, Parquet file), each removed once it is written to `whole`."""
    try:
        shapes = [_shape(pq.read_schema(path)) for _, path in files]
        try:
            shape = pa.unify_schemas(shapes, promote_options="permissive")
        except pa.ArrowException as error:
            raise _problem("mixed_columns", name) from error
        if not shape.names:
            raise _problem("no_table", name)
        column = "split"
        while column in shape.names:
            column = f"hub_{column}"
        shape = shape.append(pa.field(column, pa.string()))
        with pq.ParquetWriter(whole, shape, compression="zstd") as writer:
            for split, path in files:
                for rows in _pieces(path):
                    rows = rows.append_column(column, pa.repeat(split, rows.num_rows))
                    writer.write_batch(_fitted(rows, shape))
                path.unlink()
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None):
            raise  # the disk, not the file
        raise _problem("damaged", name) from error


def _fitted(rows: pa.RecordBatch, shape: pa.Schema) -> pa.RecordBatch:
    """With null in the columns that this file does not have."""
    there = dict(zip(rows.schema.names, rows.columns, strict=True))
    none = pa.nulls(rows.num_rows)
    return pa.record_batch([there.get(field.name, none).cast(field.type) for field in shape], shape)


def _shape(schema: pa.Schema) -> pa.Schema:
    """The columns that _pieces gives of a file with this schema."""
    classes = class_names(schema)
    kept = [field for field in schema if not _is_media(field.type)]
    return pa.schema([pa.field(f.name, named_type(f.type) if f.name in classes else f.type) for f in kept])


def _pieces(path: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(path, memory_map=True) as file:
        classes, shape = class_names(file.schema_arrow), _shape(file.schema_arrow)
        for rows in file.iter_batches(ROWS, columns=shape.names):
            columns = {name: rows.column(name) for name in shape.names}
            named = [as_names(c, classes[name]) if name in classes else c for name, c in columns.items()]
            yield pa.record_batch(named, shape)


def _is_media(kind: pa.DataType) -> bool:
    """A picture or a sound, {bytes, path}, or a list of them."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _is_media(kind.value_type)
    inner = [kind.field(i).type for i in range(kind.num_fields)] if pa.types.is_struct(kind) else []
    return any(pa.types.is_binary(one) or pa.types.is_large_binary(one) for one in inner)
