import io
import json
import zipfile

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from engine.data import writers
from engine.data.reading import read_file
from engine.errors import DataError, WorkspaceError

ODD = ["=1+1", "@cmd", "http://x.y", "007", "é\u0001 <b>&amp;</b>", "two\nlines", "x" * 40_000, ""]


def pieces():
    """Two pieces; the first holds nothing where the second has words."""
    for start, label in ((0, None), (4, "good")):
        yield pd.DataFrame({"=text": ODD[start : start + 4], "label": [label] * 4, "confidence": [0.5, np.nan, 1.0, 0.25]})


@pytest.mark.parametrize("ending", writers.FORMATS)
def test_what_is_written_can_be_read_back(tmp_path, ending):
    path = tmp_path / f"out{ending}"
    writers.write(pieces(), path)
    frame = read_file(path).frame
    assert len(frame) == 8
    assert frame["label"].tolist() == [""] * 4 + ["good"] * 4
    assert [float(cell) if cell else None for cell in frame["confidence"]] == [0.5, None, 1.0, 0.25] * 2
    texts = frame.iloc[:, 0].tolist()
    assert texts[3:6] == ["007", ODD[4], ODD[5]] or ending == ".xlsx"
    assert not list(tmp_path.glob("*.part"))


def test_no_cell_of_a_spreadsheet_is_a_formula_or_a_link(tmp_path):
    writers.write(pieces(), tmp_path / "out.xlsx")
    with zipfile.ZipFile(tmp_path / "out.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet and b"hyperlink" not in sheet
    texts = read_file(tmp_path / "out.xlsx").frame.iloc[:, 0].tolist()
    assert texts[:4] == ODD[:4] and len(texts[6]) == 32_767


def test_csv_is_safe_and_marked_json_lines_and_parquet_are_as_they_were(tmp_path):
    for ending in (".csv", ".jsonl", ".parquet"):
        writers.write(pieces(), tmp_path / f"out{ending}")
    assert (tmp_path / "out.csv").read_bytes().startswith("\ufeff'=text,label,confidence".encode())
    read = pd.read_csv(io.StringIO((tmp_path / "out.csv").read_text("utf-8-sig")), keep_default_na=False)
    assert read.iloc[:2, 0].tolist() == ["'=1+1", "'@cmd"]
    first = json.loads((tmp_path / "out.jsonl").read_text().splitlines()[0])
    assert first == {"=text": "=1+1", "label": None, "confidence": 0.5}
    assert pyarrow.parquet.read_table(tmp_path / "out.parquet").column("=text").to_pylist() == ODD


def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="in which format"):
        writers.write(pieces(), tmp_path / "out.pdf")
    with pytest.raises(WorkspaceError) as found:
        writers.write(pieces(), tmp_path / "nowhere" / "out.csv")
    assert found.value.action == "Make this folder, or choose another place."
    monkeypatch.setattr(writers, "SHEET_ROWS", 5)
    (tmp_path / "out.xlsx").write_text("old")
    with pytest.raises(DataError, match="at most 5 rows"):
        writers.write(pieces(), tmp_path / "out.xlsx")
    assert (tmp_path / "out.xlsx").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.xlsx"]
