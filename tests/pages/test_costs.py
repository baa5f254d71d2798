"""Time and memory on the Train page, really measured in the background."""

import time

import pytest

from engine import machine
from engine.paths import write_json
from engine.runs import forecast, measurements, queue
from pages.parts import costs
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, words_on
from tests.pages.test_train import field


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(costs, "REST_SECONDS", 0.0)


def open_with(model):
    test = open_page("train")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(model)).run()
    return test


def until_told(test, seconds=120):
    """The page once it says what the run takes, drawn again and again as a browser would."""
    end = time.monotonic() + seconds
    while "of memory" not in words_on(test):
        assert time.monotonic() < end, words_on(test)
        time.sleep(0.5)
        test.run()
        assert not test.exception
    return test


def test_what_a_run_takes_is_measured_while_start_stays_free_and_advice_is_one_click(
    workspace, easy, tiny_model, at_once, monkeypatch
):
    test = open_with(tiny_model)
    assert "Running a few steps" in words_on(test)
    assert not test.button(key="start").disabled
    told = words_on(until_told(test))
    assert "About" in told and "seconds" in told
    assert "does not fit" not in told

    field(test, "seed").set_value(7).run()  # this costs nothing new, so nothing is measured
    assert "of memory" in words_on(test)

    monkeypatch.setattr(machine, "memory_bytes", lambda: 10**6)
    test.run()
    assert "does not fit into the memory" in words_on(test)
    advised = next(one.key for one in test.button if one.key.startswith("advice_method"))
    press(test, advised)
    assert field(test, "method").value == "head"


def test_nothing_is_measured_while_the_settings_still_change(workspace, easy, tiny_model):
    assert "Running a few steps" in words_on(open_with(tiny_model))
    assert not forecast.is_measuring(workspace)
    assert not (workspace.forecasts / "log.txt").exists()  # which a launch opens


def test_a_failed_measurement_is_one_quiet_sentence(workspace, easy, tiny_model, at_once, monkeypatch):
    def fail(workspace, dataset_id, config):
        write_json(workspace.forecast(measurements.key(dataset_id, config)), {"problem": "No.", "action": ""})

    monkeypatch.setattr(forecast, "launch", fail)  # what its process leaves behind
    test = open_with(tiny_model).run()
    assert "could not be estimated" in words_on(test)
    assert not test.button(key="start").disabled and not test.error


def test_a_measurement_that_dies_is_not_started_again_and_again(workspace, easy, tiny_model, at_once, monkeypatch):
    launched = []
    monkeypatch.setattr(forecast, "launch", lambda *asked: launched.append(asked))
    monkeypatch.setattr(costs, "LAUNCH_SECONDS", 0.0)
    test = open_with(tiny_model).run()
    test.run()
    assert "could not be estimated" in words_on(test)
    assert len(launched) == len(set(launched))


def test_it_waits_while_a_run_trains(workspace, easy, tiny_model, at_once):
    run = submit(workspace, easy, tiny_model, epochs=200)
    test = open_with(tiny_model)
    assert "once the current training has ended" in words_on(test)
    wait(workspace, run.id, lambda one: one.phase == "training")
    assert not forecast.is_measuring(workspace)
    queue.stop(workspace, run.id)
    wait(workspace, run.id)


def test_a_model_that_is_not_here_is_not_downloaded_for_it(workspace, easy, model_hub, at_once):
    test = open_page("train")
    test.radio(key="model_kind").set_value("hub").run()
    box = test.selectbox(key="model_hub")
    box.options.append("me/tiny")
    box.set_value("me/tiny").run()
    assert "once the model is on this machine" in words_on(test)
    assert model_hub.downloads == []
