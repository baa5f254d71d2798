"""From a doubtful label to a run on the corrected data, by clicks alone."""

from engine.data import revising
from engine.data.datasets import family
from engine.runs import queue
from tests.engine.runs.helpers import submit, wait


def test_a_corrected_label_leads_to_a_run_on_the_new_version(visit, workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    visitor = visit().open(f"evaluate?run={run.id}")
    visitor.page.get_by_text("Which labels may be wrong?").click()
    visitor.page.get_by_text("Least sure", exact=True).click()
    visitor.see("60 in this list, 60 not looked at yet")
    visitor.press("Leave the text out")
    visitor.see("60 in this list, 59 not looked at yet")
    visitor.page.reload()
    visitor.settle()
    visitor.page.get_by_text("Which labels may be wrong?").click()
    visitor.see("1 text left out")
    visitor.press("Make it and train again")
    visitor.see("finished", 120)
    again = queue.list_runs(workspace)[0]
    assert f"run={again.id}" in visitor.page.url
    newer = family(workspace, easy.id)[-1]
    assert (again.dataset_id, newer.version, newer.total) == (newer.id, 2, 199)
    assert revising.read(workspace, easy.id).left_out == 1
    visitor.leave()
