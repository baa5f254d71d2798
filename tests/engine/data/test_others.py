import pytest

from engine.data.datasets import load_others, load_rows, save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from tests import words

CHANNELS = ("mail", "phone", "chat")


def table(rows: int = 120, name: str = "mails.csv"):
    lines = words.easy_csv(rows).splitlines()
    made = [f"{lines[0]},ticket,channel,minutes,empty,note"]
    made += [f'{line},{1000 + i},{CHANNELS[i % 3]},{i * 0.5},,"a note of its own {i}"' for i, line in enumerate(lines[1:])]
    return read_bytes("\n".join(made).encode(), name)


def test_columns_that_tell_groups_apart_are_kept_and_numbers_texts_and_empty_ones_are_not(workspace):
    info = save(workspace, draft(table(), Recipe(text="text", label="label")))
    others = load_others(workspace, info.id)
    assert list(others.columns) == ["channel", "minutes"]
    assert others["minutes"].dtype.kind == "f"


def test_they_belong_to_the_same_rows(workspace):
    info = save(workspace, draft(table(), Recipe(text="text", label="label")))
    rows, others = load_rows(workspace, info.id), load_others(workspace, info.id)
    for row, channel, minutes in zip(rows["source_row"], others["channel"], others["minutes"], strict=True):
        assert channel == CHANNELS[(row - 1) % 3] and minutes == (row - 1) * 0.5


def test_rows_of_a_second_file_have_their_own(workspace):
    second = read_bytes(b"text,label,channel\nthe lamp is bright,good,post\nthe lamp is dull,bad,fax", "test.csv")
    recipe = Recipe(text="text", label="label", split_by="file")
    info = save(workspace, draft(table(), recipe, test=second))
    found = load_others(workspace, info.id)
    assert found.loc["test"]["channel"].tolist() == ["post", "fax"]
    assert found.loc["test"]["minutes"].isna().all()


@pytest.mark.parametrize("column", ["split", "source_row"])
def test_a_column_may_be_called_as_one_of_ours(workspace, column):
    made = read_bytes(table().frame.rename(columns={"channel": column}).to_csv(index=False).encode(), "t.csv")
    info = save(workspace, draft(made, Recipe(text="text", label="label")))
    assert set(load_others(workspace, info.id)[column]) == set(CHANNELS)
