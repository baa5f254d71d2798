"""From a mistake to its reason, to a corrected label, to a better model."""

import random
import re

import pytest

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.evaluation import predictions
from engine.runs import queue
from engine.runs.store import Status
from engine.serving import rules
from engine.serving.predictor import Predictor
from tests import words
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def mistaken(workspace, tiny_model):
    """A run on easy texts of which some have the wrong label, so that it is right where the data are not."""
    lines = words.easy_csv(200).splitlines()
    for place in random.Random(1).sample(range(1, len(lines)), 30):
        text, label = lines[place].rsplit(",", 1)
        lines[place] = f"{text},{'good' if label == 'bad' else 'bad'}"
    table = read_bytes("\n".join(lines).encode(), "easy.csv")
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    return wait(workspace, submit(workspace, info, tiny_model, epochs=4).id)


def test_from_a_mistake_to_a_reason_to_a_corrected_label_to_two_runs_compared(visit, workspace, mistaken):
    visitor = visit().open("")
    visitor.page.get_by_role("link", name="Evaluate").first.click()
    visitor.settle()
    visitor.see("Confusion matrix")
    click_cell(visitor, "good", "bad")
    assert chosen_cell(visitor) == ("good", "bad")
    pick_row(visitor, "Texts of the chosen cell")
    visitor.unfold("Why?")
    visitor.see("What speaks for and against")
    visitor.see(re.compile(r"The contributions of the words add up (exactly )?to the total"))
    visitor.unfold("Is its label right?")
    visitor.see("Its label is good. The model says bad")
    visitor.press("Correct the label")
    visitor.see("Decided: label bad.")

    visitor.unfold("Which labels may be wrong?")
    visitor.see("1 label corrected")
    visitor.press("Create it and train again")
    visitor.page.get_by_role("button", name="See where it is right and wrong").click(timeout=120_000)
    visitor.settle()
    newest = queue.list_runs(workspace)[0]
    assert newest.id != mistaken.id and newest.status == Status.FINISHED

    visitor.page.get_by_role("link", name="Compare").first.click()
    visitor.settle()
    visitor.see("test texts that both versions have, with the labels of version 2")
    visitor.see("Is the gap real?")
    visitor.unfold("Ask all models")
    visitor.page.get_by_role("textbox", name="Your text").fill("the lamp is bright")
    sure = [
        Predictor(workspace.run(one.id).model).predict(["the lamp is bright"])[0].confidence for one in (newest, mistaken)
    ]
    table = visitor.page.get_by_test_id("stDataFrame").filter(has_text="confidence").last
    table.wait_for()  # without Enter: the answers follow a pause
    cells = table.locator("[role=gridcell]").all_text_contents()
    shown = [float(cell) for cell in cells if re.fullmatch(r"[01]\.\d+", cell)]
    assert sorted(shown) == pytest.approx(sorted(sure), abs=0.02)  # the page may compute in bf16
    visitor.leave()


def test_the_threshold_of_one_answer_is_set_by_hand(visit, workspace, mistaken):
    visitor = visit().open(f"evaluate?run={mistaken.id}")
    visitor.unfold("When some mistakes cost more than others")
    grid = visitor.page.get_by_test_id("stDataFrame").filter(has_text="Threshold (% confidence)")
    told = visitor.page.get_by_text("with these thresholds,").first
    before = told.inner_text()
    for _ in range(5):  # what is typed while the page is drawn once more is lost
        visitor.settle()
        grid.click(position={"x": grid.bounding_box()["width"] - 60, "y": 54})
        visitor.page.keyboard.press("Enter")
        visitor.page.locator("input.gdg-input").wait_for()
        visitor.page.keyboard.press("Control+a")
        visitor.page.keyboard.type("87.5", delay=30)
        visitor.page.keyboard.press("Enter")
        visitor.page.wait_for_timeout(1000)  # the table waits whether more is typed before it says so
        visitor.settle()
        if told.inner_text() != before:
            break
    visitor.press("Use these thresholds")
    visitor.see("one for each answer, below")
    assert rules.read(workspace.run(mistaken.id)).thresholds["bad"] == 0.875
    visitor.leave()


def test_what_was_chosen_last_is_shown_and_the_keyboard_does_it_too(visit, workspace, mistaken):
    table = predictions.read(workspace.run(mistaken.id).predictions, "test")
    visitor = visit().open(f"evaluate?run={mistaken.id}")
    pick_row(visitor, "Kinds of mistakes, the most frequent first")
    listed = chosen_cell(visitor)
    assert listed[0] != listed[1]
    click_cell(visitor, "good", "good")
    assert chosen_cell(visitor) == ("good", "good")
    click_cell(visitor, "bad", "bad")
    assert chosen_cell(visitor) == ("bad", "bad")

    visitor.choose_below("True label")
    assert chosen_cell(visitor) == ("good", "bad")
    texts = predictions.cell(table, "good", "bad")["text"]
    visitor.choose_below("Text")
    closer = visitor.page.locator(".st-key-closer")
    closer.wait_for()
    assert any(text in closer.inner_text() for text in texts)
    visitor.leave()


def click_cell(visitor, actual: str, said: str) -> None:
    """Of the matrix of two classes, in the order of the alphabet."""
    place = ["bad", "good"].index(actual) * 2 + ["bad", "good"].index(said)
    point = visitor.page.locator(".scatterlayer path.point").nth(place)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    visitor.page.mouse.move(at[0] - 3, at[1] - 3)
    visitor.page.mouse.move(*at, steps=3)
    visitor.page.wait_for_timeout(200)  # until the chart knows what lies below the pointer
    visitor.page.mouse.click(*at)
    visitor.page.wait_for_timeout(300)
    visitor.settle()


def chosen_cell(visitor) -> tuple[str, str]:
    return tuple(visitor.page.get_by_role("combobox", name=name).input_value() for name in ("True label", "Predicted label"))


def pick_row(visitor, table: str) -> None:
    """Tick the first row of a table that is drawn on a canvas."""
    frame = visitor.page.get_by_test_id("stDataFrame").filter(has=visitor.page.get_by_label(table)).first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    visitor.page.mouse.click(box["x"] + 14, box["y"] + 54)
    visitor.settle()
