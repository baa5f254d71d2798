"""Which row names the columns."""

import pytest

from engine.data.reading import Options, read_bytes
from engine.data.reading.headers import find_header

ROWS = [[f"a text of some length, number {i}", ["spam", "ham"][i % 2], str(i)] for i in range(30)]


@pytest.mark.parametrize("above, found", [
    ([["message", "kind", "nr"]], (1, 2)),
    ([["message", "spam", "nr"]], (1, 2)),  # a column named after one of its values
    ([["Nachricht", "Urteil", "Nr."]], (1, 2)),
    ([["", "v1", "v2"]], (1, 2)),
    ([["0", "1", "2"]], (1, 2)),  # a data frame's own numbers
    ([], (0, 1)),
    ([["Export of 3 May", "", ""], ["message", "kind", "nr"]], (2, 3)),
    ([["Export", "", ""], ["by the shop", "", ""], ["text", "label", "id"]], (3, 4)),
    ([["text", "label", "id"], ["string", "string", "int"]], (1, 3)),
    ([["text", "label", "id"], ["string", "discrete", "continuous"], ["meta", "class", ""]], (1, 4)),
    ([["text", "label"], ["string", "discrete"], ["meta a=b c=d", "class"]], (1, 4)),
    ([["text", "label"], ["string", "discrete"], ["a=" * 100 + "a b", "class"]], (1, 3)),  # and takes no time
    ([["text", "label", "id"], ["(of the mail)", "(spam or ham)", "[number]"]], (1, 3)),
    ([["text", "label", "id"], ["", "(spam or ham)", ""]], (1, 3)),
    ([["What is wrong?", "Which kind?", "Nr"], ["", "Response", "Open-Ended Response"]], (1, 3)),
    ([["Progress", "Q2", "Q3"], ["Progress", "Which?", "Nr?"], ['{"ImportId":"1"}', '{"ImportId":"2"}', ""]], (1, 4)),
    ([["Q1", "Q2", "Q3"], ["How?", "Which?", "Nr?"], ['{"ImportId":"1"}', '{"ImportId":"2"}', '{"ImportId":"3"}']], (1, 4)),
    ([["StartDate", "EndDate", "Q1"], ["Start Date", "End Date", "How was it?"]], (1, 3)),
    ([["Zgłoszenie", "Treść", "Nr"], ["1", "2", "3"]], (1, 3)),
    ([[f"How to fill it in, {i}", "", ""] for i in range(30)] + [["message", "kind", "nr"]], (31, 32)),
])  # fmt: skip
def test_the_row_with_the_names_and_the_first_with_data(above, found):
    assert find_header([*above, *ROWS]) == found


@pytest.mark.parametrize("row", [
    ["what is your name", "ham", "7"], ["text me later", "spam", "9"], ["so I said to the user", "ham", "1"],
])  # fmt: skip
def test_a_first_text_that_speaks_of_names_is_data(row):
    assert find_header([row, *ROWS])[0] == 0
    assert find_header([row[:2], *(one[:2] for one in ROWS)])[0] == 0


def test_a_row_that_was_said_to_be_no_header_is_data():
    content = "text,label\n" + "".join(f"some words {i},{'ab'[i % 2]}\n" for i in range(20))
    table = read_bytes(content.encode(), "x.csv", Options(names_row=0))
    assert len(table.frame) == 21
    assert table.frame.iloc[0].tolist() == ["text", "label"]
    assert len(read_bytes(content.encode(), "x.csv", Options(names_row=2)).frame) == 19
