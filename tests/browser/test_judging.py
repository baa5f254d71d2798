"""From a mistake to its reason, to a corrected label, to a better model."""

from engine.runs import queue
from engine.runs.store import Status
from tests.engine.runs.helpers import submit, wait


def test_from_a_cell_to_a_reason_to_a_corrected_label_to_two_runs_compared(
    visit, workspace, easy, tiny_model
):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=3).id)
    visitor = visit().open(f"evaluate?run={run.id}")
    visitor.choose("True label", "good")
    visitor.choose("The model said", "good")
    visitor.settle()
    pick_row(visitor, "Texts of the chosen cell")
    unfold(visitor, "Why?")
    visitor.see("What speaks for and against")
    visitor.see("The parts of the words add up to the whole")
    unfold(visitor, "Is its label right?")
    visitor.see("Correct the label")
    visitor.settle()
    visitor.choose("Right label", "bad")
    visitor.settle()
    visitor.press("Correct the label")
    visitor.see("Decided: label bad.")

    unfold(visitor, "Which labels may be wrong?")
    visitor.see("1 label corrected")
    visitor.press("Make it and train again")
    visitor.page.get_by_role("button", name="See where it is right and wrong").click(timeout=120_000)
    visitor.settle()
    newest = queue.list_runs(workspace)[0]
    assert newest.id != run.id and newest.status == Status.FINISHED

    visitor.open(f"compare?runs={run.id},{newest.id}")
    visitor.see("they are compared on the 30 test texts that both have, by the labels of version 2")
    visitor.see("Is the gap real?")
    visitor.leave()


def pick_row(visitor, table: str) -> None:
    """Tick the first row of a table that is drawn on a canvas."""
    frame = visitor.page.get_by_test_id("stDataFrame").filter(has=visitor.page.get_by_label(table)).first
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    visitor.page.mouse.click(box["x"] + 14, box["y"] + 54)
    visitor.settle()


def unfold(visitor, title: str) -> None:
    visitor.page.locator("summary", has_text=title).first.click()
    visitor.settle()
