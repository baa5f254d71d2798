import os
import shutil
import signal

from safetensors.torch import load_file, save_file

from engine.runs import queue
from engine.runs.store import Status
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, words_on


def test_without_runs_there_is_one_next_step(workspace):
    assert "Nothing was trained yet" in words_on(open_page("runs"))


def test_a_live_run_shows_its_progress_and_can_be_stopped(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=200)
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 3)
    test = open_page("runs", run=run.id)
    assert "running" in words_on(test)
    assert "is training" not in words_on(test)
    press(test, f"stop_{run.id}")
    assert wait(workspace, run.id).status == Status.STOPPED
    test.run()
    assert "stopped" in words_on(test)


def test_a_finished_run_leads_on(workspace, finished):
    test = open_page("runs", run=finished.id)
    assert "finished" in words_on(test)
    assert "gave the same answers" in words_on(test).replace("\\", "")
    press(test, "to_evaluate")
    assert test.title[0].value == "Evaluate"


def test_a_dead_run_says_so_and_can_be_started_again(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=200)
    os.kill(wait(workspace, run.id, lambda run: run.phase == "training").pid, signal.SIGKILL)
    test = open_page("runs", run=run.id)
    assert "ended without a word" in words_on(test)
    press(test, "again")
    newest = queue.list_runs(workspace)[0]
    assert newest.id != run.id
    queue.stop(workspace, newest.id)
    wait(workspace, newest.id)


def test_a_run_that_went_astray_offers_a_lower_learning_rate(workspace, easy, tiny_model, tmp_path):
    run = submit(workspace, easy, broken(tiny_model, tmp_path), learning_rate=3e-3)
    assert wait(workspace, run.id).reason == "loss_not_a_number"
    test = open_page("runs", run=run.id)
    assert "no longer a number" in words_on(test)
    press(test, "milder")
    newest = queue.list_runs(workspace)[0]
    assert newest.id != run.id
    assert queue.config_of(workspace, newest.id).learning_rate == 1e-3
    wait(workspace, newest.id)


def broken(folder, into):
    """A copy of the model with a weight that is no number."""
    copy = shutil.copytree(folder, into / "broken")
    weights = load_file(copy / "model.safetensors")
    weights["bert.encoder.layer.0.output.dense.weight"][0, 0] = float("nan")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def test_an_address_that_leads_nowhere_is_said_so(workspace, finished):
    test = open_page("runs", run="../../etc/passwd")
    assert "There is nothing here called" in words_on(test)
    assert test.query_params["run"] == finished.id


def test_a_run_is_deleted_after_asking(workspace, finished):
    press(open_page("runs", run=finished.id), "delete")
    assert queue.list_runs(workspace) == []
    assert not workspace.run(finished.id).folder.exists()
