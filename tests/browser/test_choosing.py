"""What is chosen on one page is what the next one shows."""

import re

import pytest
from playwright.sync_api import expect

from engine.runs import queue
from engine.training.plan import plan
from tests.engine.runs.helpers import wait


@pytest.fixture
def older(workspace, easy):
    """The first of three runs that counted words."""
    config = plan(workspace, easy, "tfidf", "balanced").config()
    named = {"dataset_id": easy.id, "dataset_name": easy.name, "model_name": "Word counting"}
    runs = [queue.submit(workspace, config, name=f"number {number}", **named) for number in range(3)]
    for run in runs:
        wait(workspace, run.id)
    return runs[0]


@pytest.mark.parametrize(
    ("button", "page", "label"),
    [("See where it is right and wrong", "evaluate", "Run"), ("Try it", "predict", "Model")],
)
def test_a_button_leads_to_the_run_that_is_shown(visit, older, button, page, label):
    visitor = visit().open(f"runs?run={older.id}")
    visitor.press(button)
    visitor.page.wait_for_url(re.compile(rf"/{page}\?run="))
    visitor.settle()
    assert visitor.page.url.endswith(f"/{page}?run={older.id}")
    assert "number 0" in visitor.page.get_by_role("combobox", name=label, exact=True).input_value()
    visitor.leave()


def test_the_box_and_the_address_follow_each_other(visit, older):
    visitor = visit().open(f"runs?run={older.id}")
    box = visitor.page.get_by_role("combobox", name="Run", exact=True)
    assert "number 0" in box.input_value()
    box.click()
    visitor.page.get_by_role("option", name=re.compile("number 2")).click()
    visitor.page.wait_for_url(lambda address: not address.endswith(older.id))
    visitor.settle()
    shown, address = box.input_value(), visitor.page.url
    assert "number 2" in shown
    visitor.page.reload()
    visitor.settle()
    assert visitor.page.url == address and box.input_value() == shown
    visitor.leave()


def test_a_new_name_is_in_the_box_at_once(visit, older):
    visitor = visit().open(f"runs?run={older.id}")
    visitor.page.get_by_role("button", name="More").last.click()
    name = visitor.page.get_by_role("textbox", name="Name", exact=True)
    name.fill("the first")
    name.press("Enter")
    box = visitor.page.get_by_role("combobox", name="Run", exact=True)
    expect(box).to_have_value(re.compile("^the first, "))
    visitor.leave()
