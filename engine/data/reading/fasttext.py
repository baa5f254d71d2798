"""fastText's files: one text per line beside its labels, '__label__good fine weather'."""

import re
from pathlib import Path

import pyarrow as pa

from engine.data.reading.columnar import Columns
from engine.data.reading.encodings import Encoding
from engine.data.reading.table import Rejections

MARK = re.compile(r'(?:^|(?<=[\s"]))__label__([^\s,"]+)[\s,]*')


def is_fasttext(start: str) -> bool:
    """Whether most of the first lines of a text have such a label, and the others are no header."""
    lines = [line for line in start.splitlines()[:100] if line.strip()]
    return bool(lines) and sum(bool(MARK.search(line)) for line in lines) > 0.9 * len(lines)


def parse_fasttext(path: Path, encoding: Encoding) -> tuple[pa.Table, list[str], Rejections]:
    """(columns, their names, rejected). Several labels of a text are joined with '|'."""
    columns, rejected = Columns(2), Rejections()
    with path.open(encoding=encoding.name, errors=encoding.errors) as file:
        for number, line in enumerate(file, start=1):
            labels = MARK.findall(line)
            text = " ".join(MARK.sub("", line.strip().strip('"')).split())
            if labels and text:
                columns.add([text, "|".join(labels)])
            elif line.strip():
                rejected.add(number, "no label or no text", line.strip(), len(columns))
    return columns.table(), ["text", "label"], rejected
