import io

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from engine.data.exports import FORMULA_STARTS, safe_csv


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_no_text_begins_a_formula(texts):
    written = safe_csv(pd.DataFrame({"=cmd": texts, "number": [-1.5] * len(texts)}))
    read = pd.read_csv(io.StringIO(written), keep_default_na=False, dtype=str, lineterminator="\n")
    assert not any(cell.startswith(FORMULA_STARTS) for cell in [*read.columns, *read.iloc[:, 0]])
    assert set(read["number"]) == {"-1.5"}
