"""Parquet and Arrow files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from engine.data.reading.cells import as_text, single_labels
from engine.errors import DataError
from engine.figures import rounded

LARGEST = 4 * 2**30  # bytes that a compressed table may grow to


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
        f"Unpacked, this file would take {rounded(grown / 2**30)} GiB; at most {rounded(LARGEST / 2**30)} GiB can be read.",
        "Keep the text and the label column and fewer rows.",
        "too_large",
    )


def parse_arrow(path: Path, stream: bool) -> pa.Table:
    """Arrow's own format, also called Feather; stream: as `datasets` keeps it. Raises DataError when it is damaged."""
    opened = pa.ipc.open_stream if stream else pa.ipc.open_file
    try:
        with pa.OSFile(str(path)) as file:
            return _as_strings(opened(file).read_all())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(
            "This looks like an Arrow file, but it is damaged.", "Export it again.", "damaged"
        ) from error


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """{column of whole numbers, or of lists of them: the names that they stand for}, as the hub notes it in the file."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {}
        for field in schema:
            noted = features.get(field.name)
            noted = noted[0] if isinstance(noted, list) else (noted or {}).get("feature", noted)
            numbers = field.type.value_type if pa.types.is_list(field.type) else field.type
            if noted and noted.get("_type") == "ClassLabel" and pa.types.is_integer(numbers):
                found[field.name] = [str(each) for each in noted["names"]]
        return found
    except (ValueError, LookupError, TypeError, AttributeError):
        return {}  # a file from elsewhere, whose metadata mean something else


def named_type(kind: pa.DataType) -> pa.DataType:
    """The type of a column once its numbers are names."""
    return pa.list_(pa.string()) if pa.types.is_list(kind) else pa.string()


def as_names(numbers: pa.Array, names: list[str]) -> pa.Array:
    """-1, which the hub writes where nobody told, becomes null, as does any number without a name."""
    if pa.types.is_list(numbers.type):
        table = dict(enumerate(names))
        cells = [cell and [table.get(number) for number in cell] for cell in numbers.to_pylist()]
        return pa.array(cells, named_type(numbers.type))
    known = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names)))
    return pa.array(names, pa.string()).take(pc.if_else(known, numbers, pa.scalar(None, numbers.type)))


def _as_strings(table: pa.Table) -> pa.Table:
    classes = class_names(table.schema)
    names = [str(name) for name in table.column_names]
    columns = []
    for column, name in zip(table.columns, names, strict=True):
        if name in classes:
            chunks = [as_names(chunk, classes[name]) for chunk in column.chunks]
            column = pa.chunked_array(chunks, named_type(column.type))
        strings = _strings(column)
        columns.append(pc.fill_null(strings, "") if strings.null_count else strings)
    return pa.table(columns, names)


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind):
        return column.cast(pa.large_string())
    values = column.to_pylist()
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):  # 0.1, not 0.10000000149011612
        values = [None if value is None else float(str(np.float32(value))) for value in values]
    if pa.types.is_nested(kind):
        values = single_labels(values)
    return pa.chunked_array([pa.array(map(as_text, values), pa.large_string())])
