"""Every way to adapt a model, through a whole run: it finishes, learns, and leaves a plain folder."""

import pytest
from transformers import pipeline

from engine.models.architectures import NONE_FOR_LORA
from engine.paths import read_json
from engine.runs import queue
from engine.runs.store import Status
from engine.training.plan import plan
from tests import tiny
from tests.engine.runs.helpers import submit, wait

WAYS = {
    "head": {"method": "head", "epochs": 40, "learning_rate": 0.01, "read_mean": True},
    "lora": {"method": "lora", "lora_rank": 4, "epochs": 12},
    "first layers, hard texts": {"kept_layers": 1, "balance": "focal", "epochs": 4},
    "few texts": {"frozen_layers": 1, "read_mean": True, "head_first": True, "freeze_embeddings": True, "epochs": 8},
    "careful, with little memory": {
        "layer_decay": 0.9, "label_smoothing": 0.1, "dropout": 0.0, "patience": 3, "epochs": 4, "balance": "weights",
        "accumulation": 4, "gradient_checkpointing": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_it_learns_and_leaves_a_folder_that_transformers_opens(workspace, easy, tiny_model, way):
    settings = WAYS[way]
    run = wait(workspace, submit(workspace, easy, tiny_model, **settings).id)
    assert run.status == Status.FINISHED, run.message
    metrics = read_json(workspace.run(run.id).metrics)
    assert metrics["test"]["accuracy"] > 0.85
    classify = pipeline("text-classification", str(workspace.run(run.id).model))
    assert classify("word")[0]["label"] in easy.labels
    config = read_json(workspace.run(run.id).model / "config.json")
    assert config["num_hidden_layers"] == 2 - bool(settings.get("kept_layers")) + bool(settings.get("read_mean"))


@pytest.fixture
def other(tiny_model, tmp_path):
    return lambda kind: str(tiny.build_other(kind, tiny_model, tmp_path / kind))


@pytest.mark.parametrize("changes", [{}, {"head_first": True, "freeze_embeddings": False}])
@pytest.mark.parametrize("kind", tiny.OTHERS)
def test_other_architectures_are_trained_as_well(workspace, easy, other, kind, changes):
    planned = plan(workspace, easy, other(kind), "quick")
    # A copy, as what is known of a model before its download is not enough to refuse anything.
    config = planned.config(epochs=2).model_copy(update=changes)
    run = queue.submit(workspace, config, dataset_id=easy.id, dataset_name=easy.name, model_name=kind, name=kind)
    run = wait(workspace, run.id)
    assert run.status == Status.FINISHED, run.message
    classify = pipeline("text-classification", str(workspace.run(run.id).model))
    assert {one["label"] for one in classify(["the lamp is bright", "a word"])} <= set(easy.labels)


@pytest.mark.parametrize("kind", tiny.OTHERS)
def test_a_head_that_cannot_be_used_alone_is_refused_before_the_start_and_in_the_run(workspace, easy, other, kind):
    folder = other(kind)
    planned = plan(workspace, easy, folder, "quick")
    assert planned.problems() == {} and not planned.config().head_first
    assert (planned.layers, planned.problems(frozen_layers=3).keys()) == (2, {"frozen_layers"})
    refused = planned.problems(method="head", head_first=True)
    assert refused.keys() == {"method", "head_first"}
    assert f"first token of a text; this {kind} model does not." in refused["method"]
    run = wait(workspace, submit(workspace, easy, folder, method="head").id)
    assert (run.status, run.reason) == (Status.FAILED, "settings")
    assert refused["method"] in run.message and "other settings" in run.action


def test_more_layers_than_there_are_is_said(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, kept_layers=7).id)
    assert run.status == Status.FAILED
    assert "must be at most 2, the number of layers; it is 7." in run.message
    assert "other settings" in run.action


@pytest.mark.parametrize("settings, sentence", [
    ({"kept_layers": 3}, {"kept_layers": "must be at most 2, the number of layers; it is 3."}),
    ({"kept_layers": "1", "frozen_layers": "2"}, {"frozen_layers": "must be at most 1, the number of layers; it is 2."}),
    ({"kept_layers": 1, "frozen_layers": 1}, {}),
    ({"method": "lora", "frozen_layers": 2}, {"frozen_layers": NONE_FOR_LORA}),
    ({"method": "lora", "kept_layers": 1, "frozen_layers": 1}, {"frozen_layers": NONE_FOR_LORA}),
    ({"method": "lora", "frozen_layers": 2, "read_mean": True}, {}),
])  # fmt: skip
def test_what_a_model_has_no_layers_for_is_said_before_the_start(workspace, easy, tiny_model, settings, sentence):
    assert plan(workspace, easy, str(tiny_model), "quick").problems(**settings) == sentence


def test_lora_without_a_layer_that_learns_is_a_sentence(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, method="lora", frozen_layers=2).id)
    assert (run.status, run.reason) == (Status.FAILED, "settings")
    assert NONE_FOR_LORA in run.message and "other settings" in run.action
