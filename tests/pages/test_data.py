import pytest

from engine.data.datasets import list_datasets, load_rows
from tests.pages.helpers import open_page, press, words_on
from tests.words import easy_csv


def upload(test, content, name="easy.csv", uploader="upload_main_0"):
    test.file_uploader(key=uploader).upload(
        name, content if isinstance(content, bytes) else content.encode(), "text/csv"
    ).run()
    assert not test.exception, test.exception
    return test


def box(test, role):
    return next(one for one in test.selectbox if (one.key or "").startswith(f"column_{role}_"))


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
    assert box(test, "text").value == "said"
    assert "Proposed because it is long" in words_on(test)
    box(test, "label").select("other").run()
    press(test, "save")
    assert list_datasets(workspace)[0].labels == ["x", "y"]


def test_the_shares_can_be_changed(workspace):
    test = upload(open_page("data"), easy_csv(200))
    next(one for one in test.slider if one.label.startswith("Test")).set_value(30).run()
    press(test, "save")
    assert list_datasets(workspace)[0].rows["test"] == 60


def test_a_second_file_is_the_test(workspace):
    test = upload(open_page("data"), easy_csv(100))
    test.radio[0].set_value("file").run()
    upload(test, easy_csv(30, seed=3), "test.csv", "upload_test_0")
    press(test, "save")
    info = list_datasets(workspace)[0]
    assert info.rows["test"] == 30
    assert set(load_rows(workspace, info.id, "test")["source_row"]) == set(range(1, 31))


def test_a_split_column_is_found_and_used(workspace):
    lines = easy_csv(100).splitlines()
    parts = [f"{line},{'test' if i % 4 == 0 else 'train'}" for i, line in enumerate(lines[1:])]
    test = upload(open_page("data"), "\n".join([lines[0] + ",part", *parts]))
    assert test.radio[0].value == "column"
    press(test, "save")
    assert list_datasets(workspace)[0].rows["test"] == 25


@pytest.mark.parametrize("content, sentence", [
    (b"\x00\x01\x02" * 100, "not a text table"), (b"text,label\n", "no rows below its header"),
    (b"PK\x03\x04 broken", "may be damaged"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_a_sentence_and_the_page_goes_on(workspace, content, sentence):
    test = upload(open_page("data"), content)
    assert sentence in words_on(test).replace("\\", "")
    test.run()
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
