"""Tables that carry their own structure: JSON, JSON lines, Parquet and Arrow."""

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from engine.data.reading.columnar import CHUNK
from engine.data.reading.encodings import Encoding
from engine.data.reading.table import Rejections
from engine.errors import DataError

LARGEST = 4 * 2**30  # bytes that a compressed table may grow to
CLASS_NAMES = b"huggingface"  # the key of a Parquet file's metadata under which the hub keeps class names

Progress = Callable[[int, int], None]


# -- JSON -------------------------------------------------------------------------------------------


def parse_json(path: Path, encoding: Encoding, progress: Progress) -> tuple[pa.Table, str, Rejections]:
    """(table, "json" or "jsonl", rejected). Raises DataError where there is JSON in it, but no table.

    Understood are a list of objects, an object of columns, a list of lists, an object with one such list in it, and one
    object per line. Of a list that breaks off, the objects before the break are read.
    """
    rejected = Rejections()
    with path.open(encoding=encoding.name, errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    if _is_object(first):
        with path.open(encoding=encoding.name, errors="replace", newline="\n") as file:
            return (
                _from_records(_records_of_lines(file, rejected, path.stat().st_size, progress)),
                "jsonl",
                rejected,
            )
    text = path.read_text(encoding=encoding.name, errors="replace")
    try:
        found = _table_in(json.loads(text))
    except (ValueError, RecursionError):
        found = _objects_before_the_break(text, rejected)
    if not isinstance(found, list) or not found:
        raise DataError(
            "This is JSON, but there is no table in it.",
            'Expected [{"text": "...", "label": "..."}, ...] or one such object per line.',
            "json_shape",
        )
    return _from_records(iter(found)), "json", rejected


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _records_of_lines(file, rejected: Rejections, size: int, progress: Progress) -> Iterator[dict]:
    for number, line in enumerate(file, start=1):
        if number % CHUNK == 0:
            progress(min(size, file.buffer.raw.tell()), size)
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            rejected.add(number, f"not a JSON object ({getattr(error, 'msg', 'too deep')})")
            continue
        if isinstance(record, dict):
            yield record
        else:
            rejected.add(number, "not a JSON object")


def _table_in(value: object) -> list[dict] | None:
    """The records of a JSON document in one of the usual shapes."""
    if isinstance(value, list):
        if value and all(isinstance(one, dict) for one in value):
            return value
        if value and all(isinstance(one, list) for one in value):
            names = value[0] if all(isinstance(cell, str) for cell in value[0]) else range(len(value[0]))
            rows = value[1:] if names is value[0] else value
            return [dict(zip(map(str, names), row, strict=False)) for row in rows]
        return None
    if not isinstance(value, dict) or not value:
        return None
    parts = list(value.values())
    if len(parts) > 1 and all(isinstance(part, list) for part in parts) and len({len(p) for p in parts}) == 1:
        return [dict(zip(value, row, strict=True)) for row in zip(*parts, strict=True)]
    if len(parts) > 1 and all(isinstance(part, dict) and part.keys() == parts[0].keys() for part in parts):
        return [{name: value[name][row] for name in value} for row in parts[0]]  # as pandas writes a frame
    inner = [found for found in map(_table_in, parts) if found]
    return max(inner, key=len) if inner else [value] if len(parts) > 1 else None


def _objects_before_the_break(text: str, rejected: Rejections) -> list[dict]:
    decoder, position, found = json.JSONDecoder(), text.find("{"), []
    while position >= 0:
        try:
            record, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            rejected.add(
                text.count("\\n", 0, position) + 1,
                f"the file breaks off or is damaged here ({getattr(error, 'msg', 'too deep')})",
            )
            break
        found.append(record)
        while position < len(text) and text[position] in ", \t\r\n":
            position += 1
        position = position if text[position : position + 1] == "{" else -1
    return found


def _from_records(records: Iterator[dict]) -> pa.Table:
    tables = []
    while chunk := list(islice(records, CHUNK)):
        names = list(dict.fromkeys(name for record in chunk for name in record))
        tables.append(
            pa.table(
                {
                    name: pa.array([as_text(record.get(name)) for record in chunk], pa.large_string())
                    for name in names
                }
            )
        )
    whole = pa.concat_tables(tables, promote_options="default") if tables else pa.table({})
    return _filled(whole)


# -- Parquet and Arrow ------------------------------------------------------------------------------


def parse_parquet(path: Path) -> pa.Table:
    """Raises DataError when the file is damaged or would grow beyond 4 GiB."""
    try:
        file = pyarrow.parquet.ParquetFile(path)
        grown = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
        if grown <= LARGEST:
            return _as_strings(file.read())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            "This looks like a Parquet file, but it is damaged.", "Export it again.", "damaged"
        ) from error
    raise DataError(
        f"Unpacked, this file would take {grown / 2**30:.0f} GiB; at most {LARGEST / 2**30:.0f} GiB can be read.",
        "Keep the text and the label column and fewer rows.",
        "too_large",
    )


def parse_arrow(path: Path) -> pa.Table:
    """Arrow's own format, also called Feather. Raises DataError when it is damaged."""
    try:
        with pa.OSFile(str(path)) as file:
            return _as_strings(pa.ipc.open_file(file).read_all())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            "This looks like an Arrow file, but it is damaged.", "Export it again.", "damaged"
        ) from error


def _as_strings(table: pa.Table) -> pa.Table:
    names = _class_names(table.schema)
    columns = [_strings(table.column(name), names.get(name)) for name in table.column_names]
    return _filled(pa.table(columns, [str(name) for name in table.column_names]))


def _strings(column: pa.ChunkedArray, names: list[str] | None) -> pa.ChunkedArray:
    kind = column.type
    if names and pa.types.is_integer(kind):
        table = pa.array(names, pa.large_string())
        return pa.chunked_array(
            [
                table.take(pc.if_else(pc.and_(pc.greater_equal(c, 0), pc.less(c, len(names))), c, None))
                for c in column.chunks
            ],
            pa.large_string(),
        )
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(pa.large_string())
    texts = [pa.array([as_text(v) for v in chunk.to_pylist()], pa.large_string()) for chunk in column.chunks]
    return pa.chunked_array(texts, pa.large_string())


def _class_names(schema: pa.Schema) -> dict[str, list[str]]:
    try:
        features = json.loads((schema.metadata or {}).get(CLASS_NAMES, b"{}"))["info"]["features"]
        return {
            name: one["names"]
            for name, one in features.items()
            if isinstance(one, dict) and one.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError):
        return {}  # a file from elsewhere, whose metadata mean something else


def _filled(table: pa.Table) -> pa.Table:
    columns = [pc.fill_null(column, "") if column.null_count else column for column in table.columns]
    return pa.table(columns, table.column_names)


def as_text(value: object) -> str:
    """A cell as text: nothing for missing values, whole numbers without '.0', JSON for lists and objects."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
