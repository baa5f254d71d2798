import time

import pytest

from engine.data.datasets import deleted, list_datasets, load_rows
from engine.data.reading.archives import TABLES
from engine.runs import queue
from pages.parts.words import FILE_TYPES
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, words_on
from tests.words import easy_csv, easy_texts


def upload(test, content, name="easy.csv", uploader="upload_main_0"):
    test.file_uploader(key=uploader).upload(
        name, content if isinstance(content, bytes) else content.encode(), "text/csv"
    ).run()
    assert not test.exception, test.exception
    return test


def box(test, name):
    """The widget for a choice about the upload."""
    kinds = (test.selectbox, test.multiselect, test.radio, test.slider, test.number_input, test.text_input)
    return next(one for kind in kinds for one in kind if (one.key or "").startswith(f"{name}_"))


def test_the_first_visit_offers_a_file_and_samples(workspace):
    test = open_page("data")
    assert "Start with a file or a sample" in words_on(test)
    assert {"sample_support", "sample_reviews"} <= {one.key for one in test.button}


@pytest.mark.parametrize("name", ["support", "reviews"])
def test_a_sample_is_looked_at_and_saved(workspace, name):
    test = press(open_page("data"), f"sample_{name}")
    assert "Class balance" in words_on(test)
    press(test, "save")
    assert [info.name for info in list_datasets(workspace)] == [name]
    assert "to_train" in {one.key for one in test.button}


def test_an_upload_has_its_columns_proposed_and_they_can_be_changed(workspace):
    rows = "\n".join(
        f"{i},the {'fine' if i % 2 else 'poor'} thing number {i} was sold,"
        f"{'up' if i % 2 else 'down'},{'x' if i % 3 else 'y'}"
        for i in range(60)
    )
    test = upload(open_page("data"), "id,said,trend,other\n" + rows)
    assert box(test, "text").value == ["said"]
    assert "Proposed because it is long" in words_on(test)
    box(test, "label").select("other").run()
    press(test, "save")
    assert list_datasets(workspace)[0].labels == ["x", "y"]


def test_the_shares_can_be_changed(workspace):
    test = upload(open_page("data"), easy_csv(200))
    box(test, "test_share").set_value(30).run()
    press(test, "save")
    assert list_datasets(workspace)[0].rows["test"] == 60


def test_a_second_file_is_the_test(workspace):
    test = upload(open_page("data"), easy_csv(100))
    box(test, "split_by").set_value("file").run()
    upload(test, easy_csv(30, seed=3), "test.csv", "upload_test_0")
    press(test, "save")
    info = list_datasets(workspace)[0]
    assert info.rows["test"] == 30
    assert set(load_rows(workspace, info.id, "test")["source_row"]) == set(range(1, 31))


def test_a_split_column_is_found_and_used(workspace):
    lines = easy_csv(100).splitlines()
    parts = [f"{line},{'test' if i % 4 == 0 else 'train'}" for i, line in enumerate(lines[1:])]
    test = upload(open_page("data"), "\n".join([lines[0] + ",part", *parts]))
    assert box(test, "split_by").value == "column"
    press(test, "save")
    assert list_datasets(workspace)[0].rows["test"] == 25


@pytest.mark.parametrize("content, sentence", [
    (b"\x00\x01\x02" * 100, "not a text table"), (b"text,label\n", "no rows below its header"),
    (b"PK\x03\x04 broken", "damaged or cut off"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_a_sentence_and_the_page_goes_on(workspace, content, sentence):
    test = upload(open_page("data"), content)
    assert sentence in words_on(test).replace("\\", "")
    press(test, "start_over")
    assert "sample_support" in {one.key for one in test.button}


def test_one_class_only_blocks_saving(workspace):
    test = upload(open_page("data"), "text,label\n" + "".join(f"some words {i},same\n" for i in range(30)))
    box(test, "label").select("label").run()
    assert "at least two different labels" in words_on(test)
    assert "save" not in {one.key for one in test.button}


def test_markup_in_a_file_is_shown_as_it_is(workspace):
    test = upload(
        open_page("data"),
        easy_csv(40).replace("label", "**label** :red[x] <b>", 1),
        "![x](http://evil)<script>.csv",
    )
    shown = "\n".join(str(one.value) for one in [*test.markdown, *test.caption])
    for live in ("![x](http", "<script>", ":red[x]"):
        assert live not in shown


def test_a_refresh_in_another_tab_loses_no_choice(workspace):
    test = upload(open_page("data"), "a,b,c\n" + "".join(f"text {i} about it,{i % 2},{i % 3}\n" for i in range(60)))
    box(test, "label").select("c").run()
    again = open_page("data", upload=test.query_params["upload"])
    assert box(again, "label").value == "c"


def test_how_it_was_read_can_be_changed_and_the_preview_follows(workspace):
    test = upload(open_page("data"), "text,label\n" + "".join(f"it is a; b {i},{'xy'[i % 2]}\n" for i in range(40)))
    assert list(test.dataframe[0].value.columns) == ["text", "label"]
    box(test, "separator").set_value(";").run()
    assert list(test.dataframe[0].value.columns) != ["text", "label"]
    box(test, "separator").set_value("comma").run()
    assert list(test.dataframe[0].value.columns) == ["text", "label"]
    box(test, "names_row").set_value(0).run()
    assert list(test.dataframe[0].value.columns) == ["Column 1", "Column 2"]


def dirty() -> str:
    rows = [f"{text},{label}" for text, label in ((t.replace(",", ""), n) for t, n in easy_texts(60))]
    return "\n".join(
        [
            "text,label",
            *rows,
            rows[0],
            rows[1],
            "it is <b>fine</b> here,Good",
            "another fine one,Good",
            ",bad",
        ]
    )


def table_of_names(test):
    return next(one.value for one in test.dataframe if "label in the file" in one.value)


def test_a_remedy_is_a_click_is_undone_by_a_click_and_is_recorded(workspace):
    test = upload(open_page("data"), dirty())
    assert "2 rows with the same text as an earlier row" in words_on(test)
    press(test, "fix_drop_duplicates")
    press(test, "fix_merge_spellings")
    assert "Good" in set(table_of_names(test)["label in the file"])
    assert set(table_of_names(test)["name"]) == {"bad", "good"}  # what they are called now
    assert "2 repeated rows were left out" in words_on(test)
    press(test, "undo_drop_duplicates")
    assert "2 rows with the same text as an earlier row" in words_on(test)
    press(test, "fix_drop_duplicates")
    press(test, "save")
    info = list_datasets(workspace)[0]
    assert info.labels == ["bad", "good"]
    assert info.total == 62
    assert any("2 repeated rows" in note for note in info.notes)
    assert set(info.recipe["remedies"]) == {"merge_spellings", "drop_duplicates"}


def test_what_stands_in_the_way_has_a_click_for_each_way_out(workspace):
    lines = easy_csv(60).splitlines()
    several = [line.replace(",good", ",good;loud").replace(",bad", ",bad;loud") for line in lines[:21]]
    test = upload(open_page("data"), "\n".join([*several, *lines[21:]]))
    assert "20 cells hold several labels" in words_on(test)
    press(test, "fix_drop_several:;")
    assert "20 rows with several labels were left out" in words_on(test)
    press(test, "undo_drop_several:;")
    press(test, "fix_first_label:;")
    press(test, "save")
    info = list_datasets(workspace)[0]
    assert (info.labels, info.total) == (["bad", "good"], 60)


def test_columns_that_mark_a_class_each_are_saved_as_the_label(workspace):
    lines = [f"{text.replace(',', '')},{label == 'good':d},{label == 'bad':d}" for text, label in easy_texts(60)]
    test = upload(open_page("data"), "\n".join(["text,good,bad", *lines]))
    assert "2 columns, one of which is marked in each row" in words_on(test).replace("\\", "")
    press(test, "save")
    assert list_datasets(workspace)[0].labels == ["bad", "good"]


def test_another_column_of_labels_forgets_what_was_made_of_the_first(workspace):
    lines = [f"{line},{i * 0.37:.2f},{i % 2}" for i, line in enumerate(easy_csv(60).splitlines()[1:])]
    test = upload(open_page("data"), "\n".join(["text,label,score,other", *lines]))
    chosen = next(one for one in test.selectbox if one.label == "Column with the labels")
    chosen.select("score").run()
    assert "These labels are measurements" in words_on(test)
    button = next(one for one in test.button if one.label.startswith("Make 3 classes"))
    press(test, button.key)
    assert "grouped into 3 classes" in words_on(test)
    next(one for one in test.selectbox if one.label == "Column with the labels").select("label").run()
    assert not test.exception
    assert "grouped into" not in words_on(test)


def test_a_second_version_points_at_the_first_and_keeps_its_test_rows(workspace):
    test = upload(open_page("data"), dirty())
    press(test, "save")
    first = list_datasets(workspace)[0]
    press(test, "new_version")
    press(test, "fix_drop_duplicates")
    press(test, "save")
    second = list_datasets(workspace)[0]
    assert (second.parent, second.version, second.name) == (first.id, 2, first.name)
    assert second.total < first.total
    before, after = (set(load_rows(workspace, one.id, "test")["text"]) for one in (first, second))
    assert after <= before


def test_data_sets_are_renamed_and_deleted(workspace, easy):
    test = open_page("data")
    field = next(one for one in test.text_input if one.label == "Name")
    field.set_value("new name")
    next(one for one in test.button if one.label == "Save").click().run()
    assert [info.name for info in list_datasets(workspace)] == ["new name"]
    press(test, "delete_dataset")
    assert list_datasets(workspace) == []
    assert "Trash: 1 data set" in [one.label for one in test.expander]
    press(test, f"restore_{easy.id}")
    assert [info.name for info in list_datasets(workspace)] == ["new name"]
    assert not [one for one in test.expander if one.label.startswith("Trash")]
    press(test, "delete_dataset")
    press(test, "empty_trash")
    assert list_datasets(workspace) == deleted(workspace) == []


def test_a_data_set_that_a_run_still_needs_is_not_deleted(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=50)
    test = open_page("data")
    assert "1 run on it has not finished yet. Stop it first, or wait." in words_on(test)
    assert "delete_dataset" not in {one.key for one in test.button}
    queue.stop(workspace, run.id)
    wait(workspace, run.id)
    assert "1 run used it" in words_on(open_page("data"))


def test_rows_are_pasted_from_a_spreadsheet(workspace):
    test = open_page("data")
    next(one for one in test.text_area if one.key == "pasted").set_value(easy_csv(40).replace(",", "\t", 1)).run()
    press(test, "paste")
    assert "pasted" in words_on(test)


def test_a_data_set_of_the_hub_says_its_size_before_it_is_downloaded(workspace, hub_server):
    test = open_page("data")
    next(one for one in test.text_input if one.key == "hub_name").set_value("me/reviews").run()
    press(test, "hub_look_up")
    assert not any("resolve" in path for path, *_ in hub_server.asked)
    fetch = next(one for one in test.button if one.key == "hub_fetch")
    assert fetch.label.startswith("Download ") and fetch.label.endswith("KB")
    press(test, "hub_fetch")
    end = time.monotonic() + 60
    while "Class balance" not in words_on(test):
        assert time.monotonic() < end
        test.run()
    press(test, "save")
    assert list_datasets(workspace)[0].rows["test"] == 20


def test_a_name_that_the_hub_does_not_know_is_a_sentence(workspace, hub_server):
    test = open_page("data")
    next(one for one in test.text_input if one.key == "hub_name").set_value("me/nothing").run()
    press(test, "hub_look_up")
    assert "knows no data set" in words_on(test)


def test_columns_stay_when_it_is_read_in_another_way_and_back(workspace):
    test = upload(open_page("data"), "text,label\n" + "".join(f"it is so {i},{'xy'[i % 2]}\n" for i in range(40)))
    box(test, "separator").set_value(";").run()
    assert "There is only one column" in words_on(test)
    press(test, "automatic")
    assert (box(test, "text").value, box(test, "label").value) == (["text"], "label")
    press(test, "save")
    assert list_datasets(workspace)[0].total == 40


def test_choices_can_be_forgotten(workspace):
    test = upload(open_page("data"), dirty())
    assert "forget" not in {one.key for one in test.button}
    press(test, "fix_drop_duplicates")
    box(test, "name").set_value("another name").run()
    press(test, "forget")
    assert "2 rows with the same text as an earlier row" in words_on(test)
    assert box(test, "name").value == "easy"


def test_no_address_from_a_file_becomes_a_link(workspace):
    rows = "".join(f"some words {i},{('http://evil.example/x', 'me@evil.example')[i % 2]}\n" for i in range(40))
    test = upload(open_page("data"), "text,label\n" + rows, "www.evil.example see.csv")
    shown = "\n".join(str(one.value) for one in [*test.markdown, *test.caption])
    for live in ("www.evil", "http\\:", "me\\@evil"):
        assert live not in shown


@pytest.mark.parametrize(
    "kind",
    ["csv", "tsv", "tab", "json", "jsonl", "ndjson", "parquet", "feather", "arrow", "xls", "xlsx", "ods"],
)
def test_what_is_a_table_in_an_archive_can_be_chosen_by_itself(kind):
    assert TABLES.fullmatch(f".{kind}") and kind in FILE_TYPES
