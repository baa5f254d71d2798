import pytest

from pages.parts import cached
from tests.pages.helpers import open_page, press, words_on


def test_without_a_model_there_is_one_next_step(workspace):
    assert "No model to ask yet" in words_on(open_page("predict"))


def ask(test, text):
    test.text_area(key="text").set_value(text).run()
    assert not test.exception, test.exception
    return {one.label: one.value for one in test.metric}.get("The model says")


def test_a_text_gets_an_answer_with_all_probabilities(workspace, finished):
    test = open_page("predict", run=finished.id)
    assert ask(test, "the lamp is bright, calm and tidy, like my mug") == "good"
    assert ask(test, "the lamp is rude, cold and noisy, like my mug") == "bad"
    assert len(test.get("plotly_chart")) == 1


def test_examples_are_one_click_away(workspace, finished):
    test = press(open_page("predict", run=finished.id), "example_0")
    assert test.text_area(key="text").value
    assert "The model says" in {one.label for one in test.metric}


def test_the_last_ten_tries_are_kept_even_for_a_new_visitor(workspace, finished):
    test = open_page("predict", run=finished.id)
    for number in range(12):
        ask(test, f"text number {number}")
    again = open_page("predict", run=finished.id)
    assert again.dataframe[0].value["text"].tolist() == [
        f"text number {number}" for number in range(11, 1, -1)
    ]


def test_what_was_proven_of_the_model_stands_beside_the_download(workspace, finished):
    said = words_on(open_page("predict", run=finished.id))
    assert "Checked in a fresh process: same answers on 32 texts within 0.0001." in said


def test_markup_is_only_text(workspace, finished):
    test = open_page("predict", run=finished.id)
    ask(test, "<script>alert(1)</script> **bold** :red[x] $x^2$")
    assert not any("<script>" in str(one.value) for one in test.markdown)


@pytest.mark.parametrize("form, name, inside", [
    ("report", "mine.html", b"<!doctype html>"), ("settings", "mine.yaml", b"# The settings of the run"),
    ("notebook", "mine.ipynb", b"PK"), ("zip", "mine.zip", b"PK"),
])  # fmt: skip
def test_what_a_run_leaves_can_be_downloaded(workspace, finished, form, name, inside):
    assert cached.exported(str(workspace.root), finished.id, form, name).startswith(inside)


def test_each_thing_that_a_run_leaves_has_its_button(workspace, finished):
    for page, labels in {
        "predict": {"Report (HTML)", "Settings (YAML)", "Notebook (with its data)"},
        "evaluate": {"Report (HTML)"},
    }.items():
        shown = {one.proto.label for one in open_page(page, run=finished.id).get("download_button")}
        assert labels <= shown
