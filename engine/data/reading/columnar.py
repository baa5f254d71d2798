"""Rows of text cells become columns, a chunk at a time, so that memory holds little more than the text itself."""

import numpy as np
import pandas as pd
import pyarrow as pa

CHUNK = 20_000
TEXT = pd.StringDtype("pyarrow", na_value=np.nan)  # what pandas calls "str"


class Columns:
    """Collects rows of `width` cells each."""

    def __init__(self, width: int):
        self.names = [f"c{i}" for i in range(width)]
        self.rows: list[list[str]] = []
        self.chunks: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return sum(map(len, self.chunks)) + len(self.rows)

    def add(self, cells: list[str]) -> bool:
        """True when a chunk is full: a good moment to say how far one is."""
        self.rows.append(cells)
        if len(self.rows) < CHUNK:
            return False
        self._pack()
        return True

    def table(self) -> pa.Table:
        self._pack()
        schema = pa.schema([(name, pa.large_string()) for name in self.names])
        return pa.Table.from_batches(self.chunks, schema)

    def _pack(self) -> None:
        if self.rows:
            arrays = [pa.array(column, pa.large_string()) for column in zip(*self.rows, strict=True)]
            self.chunks.append(pa.RecordBatch.from_arrays(arrays, self.names))
            self.rows = []


def as_series(column: pa.ChunkedArray) -> pd.Series:
    """The same memory. column: large_string without nulls."""
    return pd.Series(column, dtype=TEXT)


def as_frame(table: pa.Table, names: list[str]) -> pd.DataFrame:
    """A frame over the same memory. table: columns of large_string without nulls."""
    return table.rename_columns(names).to_pandas(types_mapper=lambda kind: TEXT)
