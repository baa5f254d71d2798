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
CELL = 8  # bytes that a cell takes at least


def parse_parquet(path: Path) -> pa.Table:
    """Raises DataError when the file is damaged or would grow beyond 4 GiB."""
    try:
        file = pyarrow.parquet.ParquetFile(path)
        _check_size(_promised(file))
        try:
            table = _packed(path, file)
        except pa.ArrowCapacityError:  # more than 2 GiB of texts that are not the same
            table = file.read()
        return _as_strings(table)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError("This looks like a Parquet file, but it is damaged.", "Export it again.", "damaged") from error


def parse_arrow(path: Path, stream: bool) -> pa.Table:
    """Arrow's own format, also called Feather; stream: as `datasets` keeps it.

    Raises DataError when it is damaged or would grow beyond 4 GiB.
    """
    opened = pa.ipc.open_stream if stream else pa.ipc.open_file
    try:
        with pa.OSFile(str(path)) as file:
            reader = opened(file)
            batches = reader if stream else map(reader.get_batch, range(reader.num_record_batches))
            kept, grown = [], 0
            for batch in batches:  # unpacked one by one, so that no more than one is too much
                grown += sum(map(_own_bytes, batch.columns))
                _check_size(grown)
                kept.append(batch)
            return _as_strings(pa.Table.from_batches(kept, reader.schema))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError("This looks like an Arrow file, but it is damaged.", "Export it again.", "damaged") from error


def is_at_most(path: Path, most: int) -> bool:
    """Whether the table in a Parquet file takes at most so many bytes, with each text as often as it comes."""
    file = pyarrow.parquet.ParquetFile(path)
    if _promised(file) > most:
        return False
    table = _packed(path, file)
    return table.nbytes + sum(map(_unpacked, table.columns)) <= most


def _promised(file: pyarrow.parquet.ParquetFile) -> int:
    """Bytes that a Parquet file says to take, where a text that comes again counts once."""
    known = file.metadata
    grown = sum(known.row_group(i).total_byte_size for i in range(known.num_row_groups))
    return max(grown, known.num_rows * known.num_columns * CELL)


def _packed(path: Path, file: pyarrow.parquet.ParquetFile) -> pa.Table:
    """Its table, in which a text that comes again is written once, and kept so until the size of all is known."""
    texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
    return pyarrow.parquet.ParquetFile(path, read_dictionary=texts).read()


def _own_bytes(column: pa.Array) -> int:
    """Without the texts of a dictionary, which all parts of a table share."""
    return (column.indices if pa.types.is_dictionary(column.type) else column).nbytes


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


def _check_size(grown: int) -> None:
    if grown > LARGEST:
        raise DataError(
            f"Unpacked, this file would take {rounded(grown / 2**30)} GiB; at most "
            f"{rounded(LARGEST / 2**30)} GiB can be read.",
            "Keep the text and the label column and fewer rows.",
            "too_large",
        )


def _as_strings(table: pa.Table) -> pa.Table:
    _check_size(sum(map(_unpacked, table.columns)))
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


def _unpacked(column: pa.ChunkedArray) -> int:
    """Bytes of the texts of a dictionary, each as often as it comes."""
    if not pa.types.is_dictionary(column.type) or not _is_text(column.type.value_type):
        return 0
    sizes = (pc.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks)
    return sum(pc.sum(each).as_py() or 0 for each in sizes)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = pa.large_string() if _is_text(kind.value_type) else kind.value_type
        chunks = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in column.chunks]
        column = pa.chunked_array(chunks, kind)
    if _is_text(kind) or pa.types.is_integer(kind):
        column = column.cast(pa.large_string())
        try:
            column.validate(full=True)
            return column
        except pa.ArrowInvalid:  # not UTF-8
            column = column.cast(pa.large_binary())
    values = column.to_pylist()
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):  # 0.1, not 0.10000000149011612
        values = [None if value is None else float(str(np.float32(value))) for value in values]
    if pa.types.is_nested(kind):
        values = single_labels(values)
    return pa.chunked_array([pa.array(map(as_text, values), pa.large_string())])
