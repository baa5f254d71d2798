"""Answers while one types, and a spreadsheet that comes back with them."""

import io

import pandas as pd
import xlsxwriter

from engine.data.reading import read_file
from tests.engine.runs.helpers import submit, wait

TYPED = "the lamp is bright, calm and tidy, like my mug"


def test_the_answer_follows_the_typing_and_a_spreadsheet_comes_back_scored(visit, workspace, easy, tmp_path):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    visitor = visit().open(f"predict?run={run.id}")
    box = visitor.page.get_by_role("textbox", name="Your text")
    box.press_sequentially(TYPED, delay=60)
    visitor.page.locator(".st-key-answer").get_by_text("good", exact=True).first.wait_for()
    assert box.input_value() == TYPED  # no letter is lost to an answer that came while typing
    box.press("Control+a")
    box.press_sequentially("the lamp is rude, cold and noisy", delay=10)
    visitor.page.locator(".st-key-answer").get_by_text("bad", exact=True).first.wait_for()
    visitor.see("The last 2 tries")
    visitor.unfold("A whole file")
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        {"name": "mails.xlsx", "mimeType": "application/octet-stream", "buffer": sheet()}
    )
    visitor.press("Predict 3 rows")
    with visitor.page.expect_download(timeout=60_000) as begun:
        visitor.press("Excel")
    begun.value.save_as(tmp_path / "scored.xlsx")
    frame = read_file(tmp_path / "scored.xlsx").frame
    assert frame["id"].tolist() == ["7", "8", "9"]
    assert frame["label"].tolist() == ["good", "", "bad"]
    assert frame["problem"].tolist() == ["", "The text is empty.", ""]
    assert 0.5 < float(pd.to_numeric(frame["confidence"])[0]) <= 1
    visitor.leave()


def test_a_click_that_comes_with_the_leaving_of_the_box_is_not_lost(visit, workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    visitor = visit().open(f"predict?run={run.id}")
    visitor.page.wait_for_selector("[data-sends]")
    visitor.page.get_by_role("textbox", name="Your text").press_sequentially(TYPED)
    visitor.page.locator("summary", has_text="A whole file").click()
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").wait_for(state="attached")
    visitor.page.locator(".st-key-answer").get_by_text("good", exact=True).first.wait_for()
    visitor.leave()


def sheet() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        page = book.add_worksheet()
        rows = [
            ["id", "text"],
            [7, "a bright, calm and tidy coat"],
            [8, ""],
            [9, "a rude, cold and noisy coat"],
        ]
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    return out.getvalue()
