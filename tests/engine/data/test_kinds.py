import pandas as pd
import pytest

from engine.data import kinds
from engine.data.kinds import is_continuous, list_separator


def column(cells: list[str]) -> pd.Series:
    return pd.Series(cells, dtype="str")


@pytest.mark.parametrize("cells, separator", [
    (["a|b", "b", "a|c", "c"], "|"), (["a, b", "b, c", "a", "c, a, b"], ","), (["a", "b", "c"], None),
    (["['a', 'b']", "['c']", "['a']"], "json"), (['{"a": 1.0, "b": 0.0}', '{"a": 0.0, "b": 1.0}'], "json"),
    (["New York, NY", "Boston, MA", "Austin, TX"], None), (["and/or", "either"], None),
    (["Sports/Football", "Sports/Tennis", "Arts/Film"], None),
    (["Arts, Crafts & Sewing", "Books", "Clothing, Shoes & Jewelry"], None), (["a", "b", "a/b"], "/"),
    (["1/2/2024", "1/3/2024", "2/3/2024", "3/1/2024"], None), (["/home/a/b", "/home/a", "/b/home", "/a"], None),
    (["[spam]", "[ham]", "[INFO]"], None), (["('a', 'b')", "('b',)", "('a',)"], "json"), (["{a,b}", "{b}", "{a}"], "json"),
    (["1,0", "1,5", "2,0", "2,5", "3,0", "3,5", "4,0", "4,5", "5,0"], None),
    (["1,0", "1,3", "1,7", "2,0", "2,3", "3,0"], None),
    (["3,19", "3", "19", "3,4", "4", "2,19", "2", "0,2", "0", "0,3,4"], ","),
])  # fmt: skip
def test_several_labels_in_a_cell(cells, separator):
    assert list_separator(column(cells * 20)) == separator


def test_blanks_without_end_take_no_time():
    assert not is_continuous(column([f"{number}{' ' * 400_000}a %" for number in range(3)]))


@pytest.mark.parametrize("cells, continuous", [
    ([f"{i / 7:.3f}" for i in range(100)], True), ([f"{i / 7:.3f}".replace(".", ",") for i in range(100)], True),
    (["1", "2", "3", "4", "5"] * 20, False), (["0.0", "0.5", "1.0"] * 30, False), (["a", "b"] * 50, False),
    ([str(i * 37 % 1000) for i in range(200)], True),
])  # fmt: skip
def test_labels_that_measure(cells, continuous):
    assert is_continuous(column(cells)) is continuous


@pytest.mark.parametrize("separator, cells, first", [
    ("|", ["a|b", " b ", "|c", ""], ["a", "b", "c", ""]),
    (",", ["3,19", "19", "0, 3"], ["3", "19", "0"]),
    ("json", ['["a", "b"]', "[]", '["c"]', "[27, 3]", "[null]"], ["a", "", "c", "27", ""]),
    ("json", ["['a', 'b']", '["it\'s", \'b\']', "['a' 'b']", "[1 2]"], ["a", "it's", "a", "1"]),
    ("json", ['{"a": 0.0, "b": 1.0}', '{"a": 0.9, "b": 0.95}', '{"a": false}', '{"a": "x"}'], ["b", "b", "", "x"]),
    ("json", ['[{"id": 28, "name": "Action"}, {"id": 3, "name": "War"}]', '{"mood": "good", "by": 3}'], ["Action", "good"]),
    ("json", ['[{"id": 1, "displayName": "good", "by": "me"}, {"name": "bad"}]'], ["good"]),
    ("json", ["('a', 'b')", "{'c'}", "{new york,b}", "{b}"], ["a", "c", "new york", "b"]),
    ("json", ["[[[", "{", "word"], ["", "", "word"]),
])  # fmt: skip
def test_the_first_label_of_a_cell(separator, cells, first):
    assert kinds.first_of(column(cells), separator).tolist() == first


def test_cells_that_hold_several():
    cells = column(["a;b", "a", "a;", "b;c;d"])
    assert kinds.holding_several(cells, ";").tolist() == [True, False, False, True]


@pytest.mark.parametrize("numbers, classes, around", [
    ([i / 10 for i in range(51)], 3, ["0", "1.6", "3.3", "5"]), (range(1, 101), 2, ["1", "50", "100"]),
    ([0] * 80 + list(range(1, 21)), 3, ["0", "0", "20"]), ([7, 7, 7], 3, []), ([], 2, []), ([1e308, -1e308], 2, []),
    ([-3.25, -1, 0, 2.5], 2, ["-3.3", "-1", "2.5"]),
    ([1e9 * i for i in range(31)], 3, ["0", "9000000000", "20000000000", "30000000000"]),
    ([5] * 80 + [i / 10 for i in range(10, 40)], 3, ["1", "4.9", "5"]),
    ([0.04] * 70 + [i / 10 for i in range(49)], 3, ["0", "0.04", "0.8", "4.8"]),
    ([1700000000000 + i for i in range(100)], 2, ["1700000000000", "1700000000049", "1700000000099"]),
    ([*range(100), 1_000_000], 2, ["0", "49", "1000000"]),
    ([i * 1e-6 for i in range(100)], 2, ["0", "0.000049", "0.000099"]), ([1e-300, 2e-300], 2, []),
])  # fmt: skip
def test_numbers_are_cut_where_about_as_many_lie_on_both_sides(numbers, classes, around):
    cells = column([repr(one) for one in numbers])
    found = kinds.bounds(cells, classes)
    assert found == around
    if found:
        assert kinds.in_ranges(cells, found).nunique() == len(found) - 1  # no range is empty


@pytest.mark.parametrize("cells, highest", [
    (["1,520", "11,360", "950"], 11_360), (["1.520", "11.360", "950"], 11_360), (["1,520,000", "2,380,000"], 2_380_000),
    (["12,345.60", "1,000.00", "7.50"], 12_345.6), (["12.345,60", "7,50"], 12_345.6), (["1'234.50", "7.5"], 1234.5),
    (["12 %", "95.5 %"], 95.5), (["€ 12", "$95"], 95), (["\u22121.5", "4"], 4),
    (["1,520", "2,380", "0,5"], 2.38), (["1,520", "2,380"], 2.38), (["1.520", "2.380"], 2.38),
])  # fmt: skip
def test_commas_and_points_before_three_digits_may_be_those_of_thousands(cells, highest):
    assert highest <= float(kinds.bounds(column(cells), 2)[-1]) < 1.1 * highest


def test_a_number_belongs_to_the_range_that_it_ends():
    cells = column(["0", "2,5", "2.51", "9", "-4", "unknown"])
    found = kinds.in_ranges(cells, ["0", "2.5", "5"]).tolist()
    assert found == ["0 to 2.5", "0 to 2.5", "2.5 to 5", "2.5 to 5", "0 to 2.5", "unknown"]
    assert kinds.in_ranges(column(["0", "3"]), ["0", "0", "5"]).tolist() == ["0", "0 to 5"]


@pytest.mark.parametrize("around", [["1", "2"], ["1", "3", "2"], ["2", "1", "3"], ["a", "b", "c"], ["0", "nan", "1"]])
def test_bounds_have_to_grow(around):
    with pytest.raises(ValueError):
        kinds.in_ranges(column(["1"]), around)
