"""Several runs asked for at once, and the page that follows them."""

from engine.runs import queue
from engine.studies import records


def test_several_runs_are_started_together_and_their_page_follows_by_itself(visit, workspace, easy, tiny_model):
    queue.pause_queue(workspace, True)
    visitor = visit().open("train")
    visitor.page.get_by_text("Several runs to compare", exact=True).click()
    box = visitor.page.get_by_role("combobox", name="Models to try")
    box.press("Backspace")  # word counting
    box.press("Backspace")  # the bundled model
    visitor.see("Choose at least one model")
    visitor.choose("Models to try", "Word counting (TF-IDF)")
    visitor.settle()
    box.fill(str(tiny_model))
    box.press("Enter")
    box.press("Escape")
    visitor.press("Start 2 runs")
    visitor.see("0 of 2 runs ended")
    (study,) = records.list_studies(workspace)
    assert f"study={study.id}" in visitor.page.url
    for number in range(2):
        queue.cancel(workspace, study.run_id(number))
    visitor.see("2 of 2 runs ended")  # nothing was pressed
    visitor.leave()
