"""Files that are broken, hostile or of another kind: each gets a sentence, in bounded time and memory."""

import gzip
import io
import os
import resource
import struct
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
import xlsxwriter

from engine.data.reading import parquet as parquet_files
from engine.data.reading import read_bytes, read_file
from engine.errors import DataError

ROOT = Path(__file__).parents[4]
TABLE = b"text,label\n" + b"".join(b"some words %d,%d\n" % (i, i % 2) for i in range(50))


def refusal(content: bytes, name: str = "x.csv") -> DataError:
    with pytest.raises(DataError) as caught:
        read_bytes(content, name)
    assert caught.value.message and caught.value.action
    return caught.value


def book() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as workbook:
        sheet = workbook.add_worksheet()
        for number in range(50):
            sheet.write_row(number, 0, [f"some words {number}", number % 2])
    return out.getvalue()


def changed(content: bytes, member: str, old: str, new: str) -> bytes:
    """The same ZIP with another content of a member."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in parts[member]
    return zipped(**{**parts, member: parts[member].replace(old.encode(), new.encode(), 1)})


def with_cell(place: str, inside: str = "<v>1</v>") -> bytes:
    """The book with one more cell, below all others."""
    number = place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    row = f'<row r="{number}"><c r="{place}" s="0">{inside}</c></row>'
    return changed(book(), "xl/worksheets/sheet1.xml", "</sheetData>", f"{row}</sheetData>")


ODS_CELL = '<table:table-cell {}office:value-type="string"><text:p>{}</text:p></table:table-cell>'


def ods(rows: str) -> bytes:
    """With these rows below some with a text each."""
    texts = (ODS_CELL.format("", f"some words {i}") for i in range(9))
    table = "".join(f"<table:table-row>{cell}</table:table-row>" for cell in texts) + rows
    return zipped(**{
        "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": b"<manifest:manifest></manifest:manifest>",
        "content.xml": f"<table:table table:name='data'>{table}</table:table>".encode(),
    })  # fmt: skip


def parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"text": ["some words"] * 50, "label": ["a", "b"] * 25}).to_parquet(out)
    return out.getvalue()


def encrypted_office() -> bytes:
    """The beginning of an OLE file with the stream that protected workbooks have."""
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 2000


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("content, code", [
    (b"", "empty_file"), (b" \n\t\n", "empty_file"), (b"\xef\xbb\xbf", "empty_file"), (gzip.compress(b""), "empty_file"),
    (b"text,label\n", "no_rows"), (bytes(range(256)) * 40, "binary"), (b"\x7fELF" + bytes(range(32)) * 50, "binary"),
    (b"\x00\x01\x02\x03" * 50, "binary"), (b"\x80\x04\x95" + b"x" * 50, "not_a_table"), (b"%PDF-1.7\n%", "not_a_table"),
    (b"SQLite format 3\0", "not_a_table"), (b"<!DOCTYPE html><table>", "not_a_table"),
    (b"-- a dump\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `a`;\n", "not_a_table"),
    (b"INSERT INTO reviews VALUES (1, 'so it goes', 'good');\n" * 20, "not_a_table"),
    (b"<rows a='1'>\n<row><text>so</text></row>\n</rows>\n", "not_a_table"),
    (b"<rows>" + b"<row>so it goes</row>\n" * 3000 + b"</rows>", "not_a_table"),
    (b"@relation a\n@attribute text string\n@data\n'x'\n", "not_a_table"), (encrypted_office(), "encrypted"),
    (book()[:2000], "damaged"), (book()[:-40], "damaged"), (parquet()[:-20], "damaged"), (parquet()[:200], "damaged"),
    (gzip.compress(TABLE)[:-30], "damaged"), (zipped(x=TABLE)[:-30], "damaged"),
    (zipped(x=zipped(y=TABLE)), "nested_archive"),
    (",".join(f"c{i}" for i in range(10_000)).encode() + b"\n" + b"x," * 9_999 + b"y\n", "too_many_columns"),
])  # fmt: skip
def test_a_sentence_with_a_way_out(content, code):
    assert refusal(content).code == code


@pytest.mark.parametrize("many", ["/* a */ ", "// a ", "/*", "-- a\n", "/* a */;\n", "// /* "])
@pytest.mark.timeout(60)
def test_thousands_of_comments_take_no_time(many):
    for before, behind in (
        ("", "x,y\n"),
        ('[{"text": "some words", ', "x\n"),
        ('[{"text": "some words"}, ', "]"),
    ):
        with suppress(DataError):
            read_bytes((before + many * 3000 + behind).encode(), "x.json")


def test_texts_with_markup_are_no_xml():
    for texts in (["<p><b>Good</b></p>", "<p>Bad</p>"] * 20, ["<b><i>a word</i></b>", "no more"] * 20):
        content = "".join(f"{text},{'ab'[i % 2]}\n" for i, text in enumerate(texts))
        assert len(read_bytes(content.encode(), "x.csv").frame) == 40
        assert len(read_bytes("\n".join(texts).encode(), "x.txt").frame) == 40


def test_pickles_are_not_opened():
    assert "run programs" in refusal(b"\x80\x04\x95\x1e\0\0\0\0\0\0\0\x8c\x05posix").message


def test_nuls_behind_the_end_are_left_out():
    assert len(read_bytes(TABLE + b"\0" * 300, "x.csv").frame) == len(read_bytes(TABLE, "x.csv").frame)


@pytest.mark.parametrize("start, program", [
    (b"$FL2@(#) SPSS DATA", "SPSS"), (b"<stata_dta><header>", "Stata"), (b"RDX3\nX\n", "R"), (b"\x93NUMPY\x01\0", "NumPy"),
])  # fmt: skip
def test_files_of_statistics_programs_are_called_so(start, program):
    assert f"a file of {program}," in refusal(start + bytes(range(256))).message


def test_a_field_with_a_nul_is_read_without_it():
    table = read_bytes(TABLE.replace(b"words 7", b"wo\0rds 7"), "x.csv")
    assert "some words 7" in table.frame["text"].tolist()
    assert len(table.frame) == 50


def test_a_member_whose_name_leads_out_of_the_archive(tmp_path):
    error = refusal(zipped(**{"../../evil.csv": TABLE}), "x.zip")
    assert error.code == "unsafe_archive"
    assert not list(tmp_path.parent.rglob("evil*"))


def test_a_workbook_that_would_fill_the_memory():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "x")
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 2_000_000)
    content = out.getvalue()
    claimed = content.replace(struct.pack("<I", 2_000_000), struct.pack("<I", 3_000_000_000))
    assert refusal(claimed, "x.xlsx").code == "zip_bomb"


def test_a_spreadsheet_that_crashes_its_reader_is_damaged():
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as workbook:
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        workbook.add_worksheet().write_number(0, 0, -1e300, day)
    assert refusal(out.getvalue(), "x.xlsx").code == "damaged"


BOUNDED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
from engine.data.reading import read_file
from engine.errors import DataError
try:
    table = read_file(sys.argv[1])
    print("rows", len(table.frame), table.rejected_count)
except DataError as error:
    print(error.code)
"""


def in_bounds(path: Path, megabytes: int = 2500) -> str:
    """What reading says in a process that may take so much memory and two minutes of computing."""
    code = BOUNDED.format(memory=megabytes * 2**20)
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
        },  # each would set memory aside, by the machine's cores
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (120, 120)),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


LINES = {
    b"x": "no_rows",
    b"x,": "too_many_columns",
    b'"': "no_rows",
    b'",': "too_many_columns",
    b"{": "no_rows",
    b'{"a":': "json_shape",
    b"\0": "empty_file",
    "é".encode("cp1252"): "no_rows",
}


@pytest.mark.parametrize("unit", LINES, ids=repr)
def test_a_hundred_megabytes_in_one_line(tmp_path, unit):
    path = tmp_path / "line.csv"
    path.write_bytes(unit * (100 * 2**20 // len(unit)))
    assert in_bounds(path) == LINES[unit]


FAR = {
    "beside and below": with_cell("XFD1048576"),
    "below": with_cell("BA1048576"),
    "in no sheet that there is": with_cell("A4294967295"),
    "a row of ODS many times": ods(
        '<table:table-row table:number-rows-repeated="99999999">' + ODS_CELL.format("", "x") + "</table:table-row>"
    ),
    "a cell of ODS many times": ods(
        "<table:table-row>" + ODS_CELL.format('table:number-columns-repeated="99999999" ', "x") + "</table:table-row>"
    ),
    "empty cells of ODS between others": ods(
        '<table:table-row><table:table-cell table:number-columns-repeated="99999999"/><table:table-cell/></table:table-row>'
    ),
}


@pytest.mark.parametrize("where", FAR)
def test_a_cell_far_away_from_the_table_does_not_take_all_memory(tmp_path, where):
    path = tmp_path / ("far.ods" if "ODS" in where else "far.xlsx")
    path.write_bytes(FAR[where])
    assert in_bounds(path) == "too_large"


EMPTY_ROWS = (
    '<table:table-row table:number-rows-repeated="1048526">'
    '<table:table-cell table:style-name="ce1" table:number-columns-repeated="16384"/></table:table-row>'
)
NOT_FAR = {
    "a cell with a format only": (with_cell("XFD1048576", ""), 50),
    "below a few columns": (with_cell("A1048576"), 51),
    "rows of ODS with a format only": (ods(EMPTY_ROWS), 9),
    "below rows of ODS with a format only": (
        ods(EMPTY_ROWS + "<table:table-row>" + ODS_CELL.format("", "x") + "</table:table-row>"),
        10,
    ),
}


@pytest.mark.parametrize("where", NOT_FAR)
def test_a_sheet_is_read_whose_empty_cells_go_on(tmp_path, where):
    content, rows = NOT_FAR[where]
    path = tmp_path / ("far.ods" if "ODS" in where else "far.xlsx")
    path.write_bytes(content)
    assert in_bounds(path) == f"rows {rows} 0"


def test_a_bomb_of_zeros(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", 9) as file:
        for _ in range(300):
            file.write(b"\0" * 2**20)
    assert path.stat().st_size < 2**20
    assert in_bounds(path) == "zip_bomb"


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_a_text_that_comes_again_and_again_does_not_fill_the_memory(tmp_path, kind):
    path = tmp_path / f"again.{kind}"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 300_000, pa.int32()), ["so it goes" * 2000])
    table = pa.table({"text": texts, "label": ["a", "b"] * 150_000})
    if kind == "parquet":
        pyarrow.parquet.write_table(table, path, store_schema=False)
    else:
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)
    assert path.stat().st_size < 4 * 2**20
    assert in_bounds(path) == "too_large"


@pytest.mark.parametrize("new", [pa.ipc.new_file, pa.ipc.new_stream])
def test_packed_texts_of_arrow_are_counted_as_they_are_unpacked(tmp_path, monkeypatch, new):
    monkeypatch.setattr(parquet_files, "LARGEST", 10 * 2**20)
    path, part = tmp_path / "x.arrow", pa.table({"text": ["so it goes" * 500] * 500, "label": ["a", "b"] * 250})
    for parts in (2, 10):
        with new(str(path), part.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as file:
            for _ in range(parts):
                file.write_table(part)
        assert path.stat().st_size < 2**20
        if parts == 2:
            assert len(read_file(path).frame) == 1000
    assert refusal(path.read_bytes()).code == "too_large"


def test_tables_in_tables_in_tables_take_no_time(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<html><body>" + ("<table><tr><td>a" * 200 + "</td></tr></table>" * 200) * 1800)
    assert in_bounds(path) == "not_a_table"


def test_missing_cells_of_parquet_do_not_fill_the_memory(tmp_path):
    path = tmp_path / "missing.parquet"
    part = pa.table({"text": pa.nulls(5_000_000, pa.int64())})
    with pyarrow.parquet.ParquetWriter(path, part.schema) as file:
        for _ in range(110):
            file.write_table(part)
    assert path.stat().st_size < 2 * 2**20
    assert in_bounds(path) == "too_large"


def test_a_large_table_with_a_broken_line_is_read(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE + b"x" * 12_000_000 + b',1\n"never closed,0\n' + TABLE.split(b"\n", 1)[1])
    assert in_bounds(path) == "rows 101 1"


def test_what_cannot_be_opened_is_said_so(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        read_file(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match="cannot be opened"):
        read_file(tmp_path)
