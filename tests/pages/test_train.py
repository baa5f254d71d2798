import json

import pytest

from engine.runs import queue
from tests.engine.runs.helpers import wait
from tests.pages.helpers import open_page, press, words_on


def field(test, name):
    return next(
        one for one in [*test.number_input, *test.selectbox] if (one.key or "").startswith(f"{name}_")
    )


def test_without_data_there_is_one_next_step(workspace):
    assert "No data yet" in words_on(open_page("train"))


def test_presets_fill_the_settings_and_say_why(workspace, easy):
    test = open_page("train")
    epochs = field(test, "epochs").value
    test.radio(key="preset").set_value("quick").run()
    assert field(test, "epochs").value < epochs
    assert "readings in all" in words_on(test)


def test_every_setting_is_there_and_explains_itself(workspace, easy):
    test = open_page("train")
    for name in ("epochs", "learning_rate", "batch_size", "max_tokens", "warmup", "weight_decay", "schedule",
                 "gradient_clipping", "seed", "device", "precision"):  # fmt: skip
        assert len(field(test, name).help) > 30, name


@pytest.mark.parametrize("name, value, sentence", [
    ("epochs", 0, "must be at least 1"), ("learning_rate", 0.0, "must be more than 0"),
    ("max_tokens", 4000, "reads at most 512 tokens"),
])  # fmt: skip
def test_a_problem_stands_on_the_page_before_start(workspace, easy, name, value, sentence):
    test = open_page("train")
    field(test, name).set_value(value).run()
    assert sentence in words_on(test).replace("\\", "")
    assert test.button(key="start").disabled


def test_a_folder_without_a_model_is_a_sentence(workspace, easy, tmp_path):
    test = open_page("train")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(tmp_path)).run()
    assert "no Hugging Face model" in words_on(test)
    assert "start" not in {one.key for one in test.button}


def test_start_queues_exactly_what_the_form_says_and_leads_to_the_run(workspace, easy, tiny_model):
    test = open_page("train")
    test.radio(key="model_kind").set_value("folder").run()
    test.text_input(key="model_folder").set_value(str(tiny_model)).run()
    field(test, "epochs").set_value(2).run()
    field(test, "seed").set_value(7).run()
    press(test, "start")
    run = queue.list_runs(workspace)[0]
    config = queue.config_of(workspace, run.id)
    assert (config.epochs, config.seed, config.model) == (2, 7, str(tiny_model))
    assert test.title[0].value == "Runs"
    assert test.query_params["run"] == run.id
    assert wait(workspace, run.id).status == "finished"
    assert json.loads(workspace.run(run.id).config.read_text())["dataset_id"] == easy.id
