"""Thousands of damaged real files: each gives a table or a sentence, and none takes longer than its size explains."""

import gzip
import io
import json
import time
import zipfile

import pandas as pd
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.reading import read_bytes
from engine.data.samples import FOLDER
from engine.errors import DataError
from tests.conftest import REAL_DATA

EXAMPLES = 5000
HEAD = 6000  # bytes of a text file that are enough to get something wrong
SECONDS, SECONDS_PER_MEGABYTE = 1.0, 10.0  # of computing time
TRIES = 3
SPECIAL = [
    b"\x00", b'"', b'""', b"\n", b"\r", b"\r\n", b",", b";", b"\t", b"|", b"\xff", b"\xfe", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\x1a", b"{", b"}", b"[", b"]", b":", b"\\", b"'", b"__label__", b"PK\x03\x04", b"PAR1", b"\x1f\x8b", b"sep=;\n",
    b"=1+1", b"#", b"<html>", "ü".encode(), "ü".encode("cp1252"), "好".encode("gb18030"), "\u2028".encode(),
]  # fmt: skip


def originals() -> list[bytes]:
    """The beginnings of real text files, and small files of every other format made of a sample."""
    frame = pd.read_csv(FOLDER / "support.csv", dtype=str).head(30)
    text = frame.to_csv(index=False)
    book, archive, parquet = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with xlsxwriter.Workbook(book) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate([list(frame.columns), *frame.to_numpy().tolist()]):
            sheet.write_row(number, 0, row)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("train.csv", text)
        packed.writestr("test.csv", text[:900])
        packed.writestr("a/1.txt", "a text")
    frame.to_parquet(parquet)
    records = json.loads(frame.to_json(orient="records"))
    made = [
        text.encode(), text.encode("utf-16"), text.replace(",", ";").encode("cp1252", "replace"), book.getvalue(),
        archive.getvalue(), gzip.compress(text.encode()), parquet.getvalue(), json.dumps(records).encode(),
        "\n".join(map(json.dumps, records)).encode(), frame.to_json(orient="split").encode(),
        "".join(f"__label__{label} {one}\n" for one, label in frame.to_numpy()).encode(),
        frame.to_html(index=False).encode(),
        "".join(f"{label}\t{one.replace('. ', chr(10))}\r\n" for one, label in frame.to_numpy()).encode(),
    ]  # fmt: skip
    real = sorted((REAL_DATA / "messy").glob("*.[ctj]*")) if REAL_DATA.is_dir() else []
    return made + [path.read_bytes()[:HEAD] for path in real]


ORIGINALS = originals()
places = st.floats(0, 1, exclude_max=True)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("put"), places, st.one_of(st.sampled_from(SPECIAL), st.binary(min_size=1, max_size=6))),
        st.tuples(st.just("replace"), places, st.one_of(st.sampled_from(SPECIAL), st.binary(min_size=1, max_size=6))),
        st.tuples(st.just("drop"), places, st.integers(1, 400)),
        st.tuples(st.just("repeat"), places, st.integers(1, 200)),
        st.tuples(st.just("cut"), places, st.none()),
        st.tuples(st.just("follow"), places, st.sampled_from(ORIGINALS)),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


def changed(content: bytes, change: tuple) -> bytes:
    what, place, with_what = change
    at = int(place * (len(content) + 1))
    match what:
        case "put":
            return content[:at] + with_what + content[at:]
        case "replace":
            return content[:at] + with_what + content[at + len(with_what) :]
        case "drop":
            return content[:at] + content[at + with_what :]
        case "repeat":
            return content[: at + with_what] + content[at:]
        case "cut":
            return content[:at]
    return content[:at] + with_what[-2000:]


@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(ORIGINALS), changes)
def test_a_damaged_file_is_a_table_or_a_sentence(content, damage):
    for change in damage:
        content = changed(content, change)
    allowed = SECONDS + SECONDS_PER_MEGABYTE * len(content) / 1e6
    # A file that is slow is so every time; whatever else the process had to do meanwhile is not.
    assert any(seconds(content) < allowed for _ in range(TRIES))


def seconds(content: bytes) -> float:
    """Computing time of one reading, which must end with a table or with a sentence."""
    start = time.process_time()
    try:
        table = read_bytes(content, "damaged.csv")
    except DataError as refusal:
        assert refusal.message and refusal.code != "data"
    else:
        assert len(table.frame) and len(table.frame.columns)
        assert len(set(table.columns)) == len(table.columns)
        assert table.rejected_count >= len(table.rejected)
        assert not any("\x00" in name for name in table.columns)
    return time.process_time() - start
