import pandas as pd
import pytest

from engine.data.datasets import draft, list_datasets, load_info, load_rows, ordered_labels, save
from engine.data.reading import read_bytes
from engine.errors import DataError, NotFoundError
from tests.words import easy_csv, easy_texts


def table(text=None, name="easy.csv"):
    return read_bytes((text or easy_csv(100)).encode(), name)


def test_what_is_saved_is_found_again(workspace):
    info = save(workspace, draft(table(), "text", "label"))
    assert list_datasets(workspace) == [info]
    assert info.rows == {"train": 70, "validation": 14, "test": 16} or sum(info.rows.values()) == 100
    rows = load_rows(workspace, info.id)
    assert set(zip(rows["text"], rows["label"], strict=True)) == set(easy_texts(100))
    assert sorted(rows["source_row"]) == list(range(1, 101))


def test_the_same_rows_have_the_same_id_and_the_same_test_rows(workspace):
    first, second = (save(workspace, draft(table(), "text", "label", name=name)) for name in ("one", "two"))
    assert first == second
    assert len(list_datasets(workspace)) == 1


def test_a_second_file_is_the_test_and_labels_it_alone_has_are_left_out_and_told(workspace):
    test = table(
        "text,label\nthe lamp is odd,good\nthe mug is odd,bad\nthe hat is odd,strange\n"
        + "".join(f"row {i} is here,good\n" for i in range(10)),
        "t.csv",
    )
    drafted = draft(table(), "text", "label", test=test)
    assert drafted.counts()["test"] == 12
    assert any("strange" in note for note in drafted.notes)
    assert drafted.counts()["train"] + drafted.counts()["validation"] == 100


def test_a_split_column_is_respected_and_what_it_lacks_comes_from_training():
    lines = ["text,label,part"] + [
        f"{text},{label},{'test' if i % 5 == 0 else 'train'}"
        for i, (text, label) in enumerate(
            ("x" + text.replace(",", ""), label) for text, label in easy_texts(100)
        )
    ]
    drafted = draft(table("\n".join(lines)), "text", "label", split_column="part")
    given = set(range(1, 101, 5))
    assert set(drafted.rows.loc[drafted.rows["split"] == "test", "source_row"]) == given
    assert drafted.counts()["validation"] > 0


def test_rows_without_text_or_label_are_left_out_and_told():
    drafted = draft(table(easy_csv(50) + ",good\nsome words,\n"), "text", "label")
    assert sum(drafted.counts().values()) == 50
    assert drafted.notes == ["1 rows without a text were left out.", "1 rows without a label were left out."]


@pytest.mark.parametrize(
    "text, label, code", [("text", "text", "same_column"), ("text", "nope", "no_such_column")]
)
def test_columns_that_cannot_be(text, label, code):
    with pytest.raises(DataError) as refusal:
        draft(table(), text, label)
    assert refusal.value.code == code


def test_one_label_is_refused_before_anything_is_saved(workspace):
    with pytest.raises(DataError, match="at least two different labels"):
        draft(table("text,label\n" + "".join(f"text {i} here,same\n" for i in range(30))), "text", "label")
    assert list_datasets(workspace) == []


def test_a_data_set_that_is_gone_is_said_so(workspace):
    with pytest.raises(NotFoundError, match="no data set"):
        load_info(workspace, "abcdef123456")


def test_labels_stand_in_a_natural_order():
    assert ordered_labels(pd.Series(["10", "2", "-1", "b", "a"])) == ["-1", "2", "10", "a", "b"]
