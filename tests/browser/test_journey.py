"""The main job, as a person does it, with the bundled pretrained model."""

import re
import time

import pytest
from playwright.sync_api import expect

from engine.runs import queue
from engine.runs.store import Status
from tests import words
from tests.engine.runs.helpers import submit, wait


def share_done(page) -> float:
    bar = page.get_by_role("progressbar").first
    return float(bar.get_attribute("aria-valuenow") or 0) if bar.count() else 0.0


@pytest.mark.as_users_do
def test_from_a_file_to_a_prediction(visit, workspace, tmp_path):
    file = tmp_path / "opinions.csv"
    file.write_text(words.easy_csv(400), encoding="utf-8")

    visitor = visit().open()
    visitor.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    visitor.see("Class balance")
    visitor.see("Training: 280")
    visitor.press("Save")
    visitor.press("Train a model on it")
    visitor.page.get_by_text("Quick", exact=True).click()
    visitor.see("for 4 epochs")  # what Quick takes; the field is then its own
    visitor.page.get_by_role("spinbutton", name="Epochs").fill("3")
    visitor.page.keyboard.press("Tab")
    visitor.see("for 3 epochs")
    visitor.press("Start")

    visitor.see("Stop")
    visitor.page.get_by_text(re.compile(r"Step [\d,]+ of")).wait_for(timeout=120_000)
    seen = {share_done(visitor.page)}
    deadline = time.monotonic() + 120
    while len(seen) < 3 and time.monotonic() < deadline:
        time.sleep(0.5)
        seen.add(share_done(visitor.page))
    assert len(seen) >= 3, "the progress does not rise"
    address = visitor.page.url
    visitor.leave()

    again = visit().open(address.split("/", 3)[3])
    again.page.get_by_role("button", name="See where it is right and wrong").click(timeout=120_000)
    again.see("Confusion matrix")
    run = queue.list_runs(workspace)[0]
    assert run.status == Status.FINISHED and queue.config_of(workspace, run.id).epochs == 3
    tested = 60
    again.see(f"Accuracy (test, n = {tested})")

    again.page.locator(".js-plotly-plot .heatmaplayer text").first.wait_for()
    counts = again.page.evaluate(
        """() => {
            const maps = document.querySelector('.js-plotly-plot').data.filter(one => one.type === 'heatmap');
            const [black, white] = maps.map(one => one.text.flat());  // letters
            return black.map((written, cell) => Number(written || white[cell]));
        }"""
    )
    assert sum(counts) == tested

    click_cell(again, 1, 1)
    for label in ("True label", "Predicted label"):
        expect(again.page.get_by_role("combobox", name=label)).to_have_value("good")
    again.see(f"{counts[3]} texts, the most confident first.")

    again.page.get_by_role("link", name="Predict").click()
    again.page.get_by_role("textbox", name="Your text").fill("the kettle is warm, sturdy and handy, like my coat")
    again.press("Ask the model")
    again.see("The model says")
    expect(again.page.locator(".st-key-answer").get_by_test_id("stMetricValue")).to_have_text("good")
    again.see("The last try")
    again.leave()


def click_cell(visitor, row: int, column: int) -> None:
    """Click the middle of a cell, where a person would."""
    visitor.page.locator(".js-plotly-plot").first.scroll_into_view_if_needed()
    point = visitor.page.evaluate(
        """([row, column]) => {
            const plot = document.querySelector('.js-plotly-plot');
            const area = plot._fullLayout, box = plot.getBoundingClientRect();
            return [box.x + area.xaxis._offset + area.xaxis.l2p(column), box.y + area.yaxis._offset + area.yaxis.l2p(row)];
        }""",
        [row, column],
    )
    visitor.page.mouse.click(*point)


@pytest.mark.as_users_do
def test_a_killed_server_costs_the_run_nothing(visit, server, workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=80)
    visitor = visit().open(f"runs?run={run.id}")
    visitor.page.get_by_text(re.compile(r"Step [\d,]+ of")).wait_for(timeout=120_000)
    server.kill()
    before = wait(workspace, run.id, lambda run: run.step > 0)
    wait(workspace, run.id, lambda run: run.step > before.step, seconds=20)  # it goes on with no server at all
    server.start()
    # The old tab finds the server again by itself, and a new one finds the run.
    fresh = visit().open(f"runs?run={run.id}")
    fresh.see("finished", 180)
    visitor.see("finished", 180)
    fresh.press("See where it is right and wrong")
    fresh.see("Confusion matrix")
    fresh.leave()
    assert wait(workspace, run.id).status == Status.FINISHED


def test_two_tabs_watch_the_same_run_pause_resume_and_stop_it(visit, workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, name="<b>mine</b> :red[x]", epochs=200)
    first, second = tabs = [visit().open(f"runs?run={run.id}") for _ in range(2)]
    for tab in tabs:
        tab.page.get_by_text(re.compile(r"Step [\d,]+ of")).wait_for(timeout=120_000)
    first.page.wait_for_function("document.title.includes('% <b>mine</b> :red[x]')")
    first.press("Pause")
    for tab in tabs:
        tab.see("The progress is saved", 60)
    second.press("Resume")
    for tab in tabs:
        tab.page.get_by_text(re.compile(r"Step [\d,]+ of")).wait_for(timeout=120_000)
    first.page.reload()
    first.press("Stop")
    time.sleep(4)  # while the page ticks on, the question stays
    first.press("Keep the best so far")
    for tab in tabs:
        tab.see("was kept as the model", 120)
        tab.see("<b>mine</b> :red[x] is stopped, with")  # the notice
        tab.leave()
    assert wait(workspace, run.id).status == Status.STOPPED
