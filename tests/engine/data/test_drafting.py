"""A table and a recipe become rows with a split."""

import numpy as np
import pandas as pd
import pytest

from engine.data.drafting import draft, labelled, ordered_labels
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.errors import DataError
from tests.words import easy_csv, easy_texts

RECIPE = Recipe(text="text", label="label")


def table(text=None, name="easy.csv"):
    return read_bytes((text or easy_csv(100)).encode(), name)


def recipe(**changes):
    return Recipe(**{"text": "text", "label": "label", **changes})


def with_column(name, values, count=100):
    """The easy texts with one more column."""
    texts, labels = zip(*easy_texts(count), strict=True)
    rows = pd.DataFrame({"text": texts, "label": labels, name: values})
    return table(rows.to_csv(index=False))


def test_a_second_file_is_the_test_and_labels_it_alone_has_are_left_out_and_told():
    test = table(
        "text,label\nthe lamp is odd,good\nthe mug is odd,bad\nthe hat is odd,strange\n"
        + "".join(f"row {i} is here,good\n" for i in range(10)),
        "t.csv",
    )
    drafted = draft(table(), recipe(split_by="file"), test=test)
    assert drafted.counts()["test"] == 12
    left_out = next(one for one in drafted.problems if one.code == "unknown_test_labels")
    assert (left_out.count, left_out.examples[0]["label"]) == (1, "strange")
    assert drafted.counts()["train"] + drafted.counts()["validation"] == 100


@pytest.mark.parametrize("label", ["{new}", "{rows}", "{", "{}"])
def test_braces_in_a_label_are_shown_as_they_are(label):
    test = table(f"text,label\nthe hat is odd,{label}\n" + easy_csv(12, seed=3).partition("\n")[2], "t.csv")
    found = {problem.code: problem for problem in draft(table(), recipe(split_by="file"), test=test).problems}
    assert found["unknown_test_labels"].sentence.startswith("1 row of the test")
    assert f"({label})" in found["unknown_test_labels"].sentence


def test_a_text_that_is_also_in_the_test_is_named_and_can_be_left_out_of_training():
    test = table(easy_csv(12), "t.csv")
    found = {problem.code: problem for problem in draft(table(), recipe(split_by="file"), test=test).problems}
    assert found["leaked_test_rows"].count == 12
    cured = draft(table(), recipe(split_by="file", remedies=["drop_leaked"]), test=test)
    assert cured.counts()["test"] == 12
    assert sum(cured.counts().values()) == 100
    assert "duplicates" not in {problem.code for problem in cured.problems}
    training = cured.rows[cured.rows["split"] != "test"]
    assert not set(training["text"]) & set(cured.rows.loc[cured.rows["split"] == "test", "text"])


def test_a_split_column_is_respected_and_what_it_lacks_comes_from_training():
    drafted = draft(
        with_column("part", ["test" if i % 5 == 0 else "train" for i in range(100)]),
        recipe(split_by="column", split_column="part"),
    )
    assert set(drafted.rows.loc[drafted.rows["split"] == "test", "source_row"]) == set(range(1, 101, 5))
    assert drafted.counts()["validation"] > 0
    assert any("Validation rows were taken from the training rows" in note for note in drafted.notes)


def test_a_class_that_only_validation_has_beside_the_test_is_left_out_and_told():
    rows = pd.DataFrame([*easy_texts(100), ("the hat is odd", "c"), ("the mug is odd", "c")], columns=["text", "label"])
    rows["part"] = ["val" if i % 5 == 0 else "test" if i % 5 == 1 else "train" for i in range(102)]
    drafted = draft(table(rows.to_csv(index=False)), recipe(split_by="column", split_column="part"))
    assert drafted.labels == ["bad", "good"]
    assert drafted.counts() == {"train": 60, "validation": 20, "test": 20}
    found = {problem.code: problem for problem in drafted.problems}
    assert found["unknown_test_labels"].sentence == (
        "2 rows of the validation and the test with a label that never occurs in training (c)."
    )


def test_rows_of_one_customer_stay_in_one_split():
    customers = [f"c{i % 23}" for i in range(100)]
    drafted = draft(with_column("customer", customers), recipe(group_column="customer"))
    of_row = drafted.rows["source_row"].map(lambda row: customers[row - 1])
    assert (drafted.rows.groupby(of_row)["split"].nunique() == 1).all()
    assert min(drafted.counts().values()) >= 8


def test_copies_of_a_text_stay_in_one_split():
    texts = [f"text number {i % 40}" for i in range(120)]
    rows = pd.DataFrame({"text": texts, "label": ["a", "b"] * 60}).to_csv(index=False)
    drafted = draft(table(rows), RECIPE)
    assert (drafted.rows.groupby("text")["split"].nunique() == 1).all()


def test_texts_of_several_columns_are_joined():
    drafted = draft(with_column("title", ["", *(f"title {i}" for i in range(1, 100))]), recipe(text=["title", "text"]))
    first, second = drafted.rows["text"][:2]
    assert first == easy_texts(100)[0][0]
    assert second == f"title 1\n{easy_texts(100)[1][0]}"


def test_labels_get_names_are_merged_and_left_out_by_name():
    drafted = draft(table(), recipe(label_names={"good": "praise"}))
    assert drafted.labels == ["bad", "praise"]
    numbers = table("text,label\n" + "".join(f"text {i} here,{i % 3}\n" for i in range(60)))
    merged = draft(numbers, recipe(label_names={"0": "low", "1": "low", "2": "high"}))
    assert merged.rows["label"].value_counts().to_dict() == {"low": 40, "high": 20}
    fewer = draft(numbers, recipe(label_names={"1": ""}))
    assert fewer.labels == ["0", "2"]
    assert fewer.notes == ["20 rows were left out on request."]


def test_labels_are_corrected_and_rows_left_out_by_hand():
    drafted = draft(table(), recipe(edits={1: "praise", 2: "praise", 3: ""}))
    by_row = drafted.rows.set_index("source_row")["label"]
    assert (by_row[1], by_row[2], 3 in by_row.index) == ("praise", "praise", False)
    assert drafted.notes == ["2 rows were corrected by hand.", "1 row was left out on request."]
    assert draft(table(), recipe(edits={3: ""})).notes == ["1 row was left out on request."]


@pytest.mark.parametrize("unsaid, told", [
    (1, "1 row was left out, where 'part' names no split."), (2, "2 rows were left out, where 'part' names no split."),
])  # fmt: skip
def test_rows_whose_split_is_not_said_are_left_out_and_told(unsaid, told):
    parts = ["later"] * unsaid + ["test" if i % 5 == 0 else "train" for i in range(100 - unsaid)]
    drafted = draft(with_column("part", parts), recipe(split_by="column", split_column="part"))
    assert sum(drafted.counts().values()) == 100 - unsaid
    assert told in drafted.notes


def test_a_correction_by_hand_does_not_touch_the_test_file():
    drafted = draft(table(), recipe(split_by="file", edits={1: ""}), test=table(easy_csv(30, seed=3), "t.csv"))
    assert drafted.counts()["test"] == 30


def test_a_remedy_never_leaves_out_a_row_of_a_given_test():
    test = table("text,label\n" + "the same words,good\n" * 8 + "other words,bad\n" * 8, "t.csv")
    drafted = draft(table(), recipe(split_by="file", remedies=["drop_duplicates"]), test=test)
    assert drafted.counts()["test"] == 16
    assert "duplicates" not in {problem.code for problem in drafted.problems}  # those of the test are not counted


def test_so_few_test_texts_that_they_say_little_are_told():
    found = {problem.code: problem for problem in draft(table(easy_csv(20)), RECIPE).problems}
    assert found["few_test_rows"].count < 8 and "points off" in found["few_test_rows"].sentence
    assert "few_test_rows" not in {problem.code for problem in draft(table(), RECIPE).problems}


def test_the_same_recipe_gives_the_same_rows_and_another_seed_another_test():
    first, again, other = (draft(table(), recipe(seed=seed)).rows for seed in (0, 0, 1))
    assert first.equals(again)
    assert not np.array_equal(first["split"], other["split"])


@pytest.mark.parametrize("changes, code", [
    ({"label": "text"}, "same_column"), ({"label": "nope"}, "no_such_column"), ({"text": ["nope"]}, "no_such_column"),
    ({"group_column": "nope"}, "no_such_column"), ({"split_by": "column", "split_column": "label"}, "split_column"),
])  # fmt: skip
def test_columns_that_cannot_be(changes, code):
    with pytest.raises(DataError) as refusal:
        draft(table(), recipe(**changes))
    assert refusal.value.code == code


def test_a_further_table_is_made_as_the_data_set_was_and_loses_no_row():
    further = table("text,label\nfine <b>words</b>,0\nfine words,0\n,1\n")
    made = labelled(further, recipe(label_names={"0": "bad"}, remedies=["strip_html", "drop_duplicates"]))
    assert made.to_numpy().tolist() == [["fine words", "bad"], ["fine words", "bad"], ["", "1"]]


def test_labels_stand_in_a_natural_order():
    labels = ["10", "2", "-1", "b", "a", "10 to 20", "2.5 to 10", "0.5 to 2.5"]
    ordered = ["-1", "0.5 to 2.5", "2", "2.5 to 10", "10", "10 to 20", "a", "b"]
    assert ordered_labels(pd.Series(labels)) == ordered


def test_columns_that_mark_one_class_each_become_the_label():
    texts, labels = zip(*easy_texts(60), strict=True)
    marks = {name: [int(label == name) for label in labels] for name in ("good", "bad")}
    table = read_bytes(pd.DataFrame({"text": texts, **marks}).to_csv(index=False).encode(), "marks.csv")
    made = draft(table, Recipe(text="text", label="good + bad"))
    assert made.labels == ["bad", "good"]
    assert made.rows["label"].tolist() == list(labels)
    with pytest.raises(DataError, match="no column 'good \\+ worse'"):
        draft(table, Recipe(text="text", label="good + worse"))
    with pytest.raises(DataError, match="cannot both come"):
        draft(table, Recipe(text="good", label="good + bad"))
