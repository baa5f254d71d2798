"""Every way to adapt a model, through a whole run: it finishes, learns, and leaves a plain folder."""

import pytest
from transformers import pipeline

from engine.paths import read_json
from engine.runs.store import Status
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
    assert config["num_hidden_layers"] == 2 - bool(settings.get("kept_layers")) + bool(
        settings.get("read_mean")
    )


def test_more_layers_than_there_are_is_said(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, kept_layers=7).id)
    assert run.status == Status.FAILED
    assert "this model has 2 layers" in run.message
