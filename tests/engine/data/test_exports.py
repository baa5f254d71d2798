import io
import re

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from engine.data.exports import FORMULA_STARTS, safe_csv
from engine.data.reading import read_bytes

PLAIN = re.compile(r"[+-]\d+(\.\d+)?", re.ASCII)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_no_text_begins_a_formula(texts):
    written = safe_csv(pd.DataFrame({"=cmd": texts, "number": [-1.5] * len(texts)}))
    read = pd.read_csv(io.StringIO(written), keep_default_na=False, dtype=str, lineterminator="\n")
    cells = [*read.columns, *read.iloc[:, 0]]
    assert not any(cell.startswith(FORMULA_STARTS) and not PLAIN.fullmatch(cell) for cell in cells)
    assert set(read["number"]) == {"-1.5"}


def test_labels_that_are_plain_numbers_come_back_as_they_were():
    labels = ["-1", "+1", "-0.5", "+12.25"]
    frame = pd.DataFrame({"text": [f"the text number {i}" for i in range(4)], "label": labels})
    assert read_bytes(safe_csv(frame).encode(), "out.csv").frame["label"].tolist() == labels


def test_what_only_begins_like_a_number_is_no_number():
    cells = ["-1+1", "+1;=2", "-1|x", "-", "+.5", "-1.", "-1\n=2", "-١", "+1e5", "-2*A1", "+1 "]
    cells += ["＝1+1", "＋1", "－1", "＠SUM(1)", "\n=1+1"]
    read = pd.read_csv(io.StringIO(safe_csv(pd.DataFrame({"cell": cells}))), dtype=str)
    assert read["cell"].tolist() == [f"'{cell}" for cell in cells]
