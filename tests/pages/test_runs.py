import os
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
from safetensors.torch import load_file, save_file

from engine.paths import read_json, write_json
from engine.runs import queue
from engine.runs.store import Request, Status, Store
from engine.settings import TrainingConfig
from pages.parts import charts, costs
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, words_on


def test_without_runs_there_is_one_next_step(workspace):
    assert "No runs yet" in words_on(open_page("runs"))


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


def test_while_the_model_is_made_it_is_said_how_not_to_wait_for_it(workspace):
    store = Store(workspace)
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    store.claim("aaaaaa", worker.pid)
    workspace.run("aaaaaa").folder.mkdir()
    write_json(workspace.run("aaaaaa").config, {"dataset_id": "d", "config": TrainingConfig(model="tiny").model_dump()})
    store.request("aaaaaa", Request.STOP)
    store.beat("aaaaaa", worker.pid, Request.STOP, phase="verifying")
    workspace.watcher_log.touch()  # it is just coming up
    test = open_page("runs", run="aaaaaa")
    assert "Saving the best epoch so far as the model" in words_on(test)
    assert test.button(key="stop_aaaaaa").disabled
    assert not test.button(key="discard_aaaaaa").disabled
    worker.kill()


def test_a_finished_run_leads_on(workspace, finished):
    test = open_page("runs", run=finished.id)
    assert "finished" in words_on(test)
    assert "gave the same answers" in words_on(test).replace("\\", "")
    press(test, "to_evaluate")
    assert test.title[0].value == "Evaluate"


def test_curves_are_drawn_once_for_all_who_look(workspace, finished, monkeypatch):
    drawn, draw = [], charts.loss
    monkeypatch.setattr(charts, "loss", lambda steps: drawn.append(steps) or draw(steps))
    pages = [open_page("runs", run=finished.id) for _ in range(2)]
    assert [len(page.get("plotly_chart")) for page in pages] == [2, 2]
    assert len(drawn) == 1


def test_a_dead_run_says_so_and_goes_on(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=30)
    os.kill(wait(workspace, run.id, lambda run: run.step > 20).pid, signal.SIGKILL)
    test = open_page("runs", run=run.id)
    assert "ended unexpectedly" in words_on(test)
    press(test, "resume")
    assert wait(workspace, run.id).status == Status.FINISHED
    assert [one.id for one in queue.list_runs(workspace)] == [run.id]


def test_a_run_is_paused_and_resumed(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=200)
    wait(workspace, run.id, lambda run: run.phase == "training" and run.step > 3)
    press(open_page("runs", run=run.id), f"pause_{run.id}")
    assert wait(workspace, run.id).paused
    test = open_page("runs", run=run.id)
    assert "The progress is saved" in words_on(test)
    press(test, "resume")
    wait(workspace, run.id, lambda run: run.status == Status.RUNNING and run.phase == "training")
    press(open_page("runs", run=run.id), f"discard_{run.id}")
    stopped = wait(workspace, run.id)
    assert stopped.status == Status.STOPPED
    assert not workspace.run(run.id).metrics.exists()


def test_a_finished_run_is_trained_further(workspace, finished):
    test = open_page("runs", run=finished.id)
    rounds = queue.config_of(workspace, finished.id).epochs
    test.number_input(key=f"rounds_{finished.id}").set_value(rounds + 1).run()
    press(test, "extend")
    assert wait(workspace, finished.id).status == Status.FINISHED
    assert queue.config_of(workspace, finished.id).epochs == rounds + 1


def test_where_no_state_is_saved_it_is_said_that_training_further_begins_anew(workspace):
    store, paths = Store(workspace), workspace.run("aaaaaa")
    store.add(id="aaaaaa", name="n", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    store.claim("aaaaaa", os.getpid())
    store.end("aaaaaa", Status.FINISHED, os.getpid())
    paths.checkpoints.mkdir(parents=True)
    write_json(paths.config, {"dataset_id": "d", "config": TrainingConfig(model="tiny").model_dump()})
    assert "it starts from the beginning" in words_on(open_page("runs", run="aaaaaa"))
    write_json(paths.checkpoints / "000000009-0002.json", {})
    assert "it starts from the beginning" not in words_on(open_page("runs", run="aaaaaa"))


def test_a_run_of_as_many_rounds_as_there_may_be_is_not_trained_further(workspace, finished):
    path = workspace.run(finished.id).config
    asked = read_json(path)
    write_json(path, {**asked, "config": {**asked["config"], "epochs": 200}})
    test = open_page("runs", run=finished.id)
    assert not test.exception and not test.number_input
    assert test.button(key="clone")


def test_a_clone_opens_the_train_page_filled_in(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=7, seed=99, preset="quick").id)
    test = press(open_page("runs", run=run.id), "clone")
    assert test.title[0].value == "Train"
    test = open_page("train", like=run.id)
    assert "Filled in with the settings of" in words_on(test)
    press(test, "start")
    newest = queue.list_runs(workspace)[0]
    assert newest.id != run.id
    assert queue.config_of(workspace, newest.id) == queue.config_of(workspace, run.id)
    queue.stop(workspace, newest.id, keep=False)
    wait(workspace, newest.id)


def test_settings_of_a_run_fill_the_form_each_time_they_are_asked_for(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=7, preset="quick").id)
    test = open_page("train", like=run.id)
    press(test, "unlike")
    assert "Filled in" not in words_on(test)
    test.radio(key="preset").set_value("thorough").run()
    test.query_params["like"] = run.id  # the way back from the run
    test.switch_page("pages/train.py").run()
    assert test.radio(key="preset").value == "quick" and "Filled in with the settings of" in words_on(test)
    test.radio(key="preset").set_value("balanced").run()
    assert "Filled in" not in words_on(test)  # since these are others


def test_a_run_gets_another_name(workspace, finished):
    test = open_page("runs", run=finished.id)
    test.text_input(key=f"rename_{finished.id}_{finished.name}").set_value("for the  *board*").run()
    assert queue.get_run(workspace, finished.id).name == "for the *board*"


def test_the_queue_is_put_in_order(workspace, easy, tiny_model):
    queue.pause_queue(workspace, True)
    runs = [submit(workspace, easy, tiny_model, name=name) for name in ("one", "two", "three")]
    test = open_page("runs")
    press(test, f"first_{runs[2].id}")
    press(test, f"cancel_{runs[0].id}")
    assert [run.name for run in queue.waiting(workspace)] == ["three", "two"]
    assert queue.get_run(workspace, runs[0].id).status == Status.STOPPED
    test.toggle(key="queue_paused").set_value(False).run()
    assert not queue.is_paused(workspace)
    assert wait(workspace, runs[1].id).status == Status.FINISHED
    ended = {run.name: run.ended_at for run in queue.list_runs(workspace)}
    assert ended["three"] < ended["two"]


def test_a_notice_comes_when_a_run_has_ended(workspace, easy, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=1)
    test = open_page("data")
    wait(workspace, run.id)
    test.run()
    assert any("tiny on easy is finished, with an accuracy of" in one.value for one in test.toast)


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
    assert "Nothing here is called" in words_on(test)
    assert test.query_params["run"] == finished.id


def test_a_run_is_deleted_and_put_back(workspace, finished):
    test = press(open_page("runs", run=finished.id), "delete")
    assert queue.list_runs(workspace) == []
    press(test, f"restore_{finished.id}")
    assert queue.list_runs(workspace)[0].id == finished.id
    press(open_page("runs", run=finished.id), "delete")
    press(open_page("runs"), "empty_trash")
    assert not workspace.run(finished.id).folder.exists()


def test_looking_only_is_a_sentence_on_the_page(workspace, finished, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    test = press(open_page("runs", run=finished.id), "delete")
    assert "view\\-only" in words_on(test)
    assert queue.list_runs(workspace)[0].id == finished.id


@pytest.mark.parametrize("page", ["data", "train", "runs", "evaluate", "compare", "predict", "settings"])
def test_every_page_can_be_looked_at_where_one_may_only_look(workspace, finished, monkeypatch, page):
    monkeypatch.setattr(costs, "REST_SECONDS", 0.0)  # nor is anything measured
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    open_page(page)
    assert not (workspace.forecasts / "log.txt").exists()


def test_a_run_without_a_sign_of_life_is_said_so(workspace, finished):
    store, config = Store(workspace), workspace.run(finished.id).config
    store.add(id="aaaaaa", name="mute", dataset_id="d", dataset_name="d", model_name="m", slot="cpu")
    assert store.claim("aaaaaa", os.getpid())
    workspace.run("aaaaaa").folder.mkdir()
    shutil.copyfile(config, workspace.run("aaaaaa").config)
    assert "has not responded" not in words_on(open_page("runs", run="aaaaaa"))
    with sqlite3.connect(workspace.database) as connection:
        connection.execute("UPDATE runs SET heartbeat = heartbeat - 61 WHERE id = 'aaaaaa'")
    assert "has not responded" in words_on(open_page("runs", run="aaaaaa"))
    store.end("aaaaaa", Status.STOPPED, os.getpid())
