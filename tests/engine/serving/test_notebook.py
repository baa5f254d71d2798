"""Notebooks are run as a person does who has no Tuneboard: their cells, in order, in a fresh process."""

import json
import re
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from engine.data.datasets import load_rows, remove, save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.errors import DataError
from engine.results.export import export
from engine.runs import queue
from engine.serving import notebook
from engine.settings import TrainingConfig
from engine.training.rows import rows_of
from tests import tiny, words
from tests.engine.runs.helpers import QUICK, submit, wait
from tests.engine.serving.made_up import run as made_up

RUN = """
import json, sys
for path in sys.argv[1:]:
    alone = {}
    for cell in json.load(open(path, encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), alone)
assert not {"engine", "pages", "streamlit"} & set(sys.modules)
"""


def accuracies(*paths):
    """[(test accuracy that the notebook printed, that of the run)] for notebooks in the same folder."""
    for path in paths:
        nbformat.validate(nbformat.read(path, as_version=4))
    command = [sys.executable, "-I", "-c", RUN, *(path.name for path in paths)]
    done = subprocess.run(command, cwd=paths[0].parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"test accuracy ([\d.]+); the run had ([\d.]+)", done.stdout)
    return [tuple(map(float, pair)) for pair in found]


def test_a_plain_run_one_with_everything_set_and_one_without_padding_are_repeated(workspace, easy, tiny_model, tmp_path):
    rich = {
        "method": "lora", "read_mean": True, "head_first": True, "frozen_layers": 1, "layer_decay": 0.9,
        "balance": "focal", "label_smoothing": 0.05, "schedule": "constant", "average_weights": True, "patience": 3,
        "learning_rate": 1e-2,
    }  # fmt: skip
    runs = [wait(workspace, submit(workspace, easy, tiny_model, epochs=6, **more).id) for more in ({}, rich)]
    unpadded = tiny.build_other("gpt2", tiny_model, tmp_path / "gpt2")
    config = TrainingConfig(**{**QUICK, "epochs": 6, "model": str(unpadded)})
    named = {"dataset_id": easy.id, "dataset_name": easy.name, "model_name": "gpt2"}
    runs.append(wait(workspace, queue.submit(workspace, config, **named).id))
    paths = [export(workspace, run.id, tmp_path / f"{run.id}.ipynb", "notebook") for run in runs]
    assert {one.name for one in tmp_path.glob(f"{runs[0].id}*")} == {
        f"{runs[0].id}.ipynb",
        f"{runs[0].id}.csv",
    }
    assert str(tiny_model) not in paths[0].read_text()  # which tells who works here
    (tmp_path / "tiny").symlink_to(tiny_model)
    for run, (found, before) in zip(runs, accuracies(*paths), strict=True):
        assert before == pytest.approx(run.accuracy, abs=1e-4)
        assert found == pytest.approx(before, abs=0.1)
    with pytest.raises(DataError, match="already exists"):
        export(workspace, runs[0].id, paths[0], "notebook")
    with pytest.raises(DataError, match="Let it end in"):
        export(workspace, runs[0].id, tmp_path / "data.csv", "notebook")
    assert not (tmp_path / "data.csv").exists()


def test_word_counting_is_repeated_exactly_with_texts_that_look_like_formulas(workspace, tmp_path):
    lines = words.easy_csv(120).splitlines()
    table = "\n".join([lines[0], *('"=' + line[1:] if i % 9 == 0 else line for i, line in enumerate(lines[1:]))])
    info = save(workspace, draft(read_bytes(table.encode(), "x.csv"), Recipe(text="text", label="label")))
    run = wait(workspace, submit(workspace, info, "tfidf").id)
    path = export(workspace, run.id, tmp_path / "words.ipynb", "notebook")
    beside = pd.read_csv(tmp_path / "words.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    texts = load_rows(workspace, info.id)["text"]
    assert texts.str.startswith("=").any() and not beside["text"].str.startswith("=").any()
    namespace = {"DATA": str(tmp_path / "words.csv"), "pd": pd}
    reading = next(cell for cell in json.loads(path.read_text())["cells"] if "read_csv" in "".join(cell["source"]))
    exec("".join(reading["source"]), namespace)
    assert namespace["rows"]["text"].tolist() == texts.tolist()
    ((found, before),) = accuracies(path)
    assert found == before == pytest.approx(run.accuracy, abs=1e-4)
    remove(workspace, info.id)
    alone = export(workspace, run.id, tmp_path / "alone.ipynb", "notebook")
    assert not (tmp_path / "alone.csv").exists()
    assert "The data set was deleted since" in alone.read_text()


def test_a_run_on_a_part_of_the_training_texts_is_repeated_on_that_part(workspace, easy, tmp_path):
    run = wait(workspace, submit(workspace, easy, "tfidf", train_share=0.5, seed=7).id)
    path = export(workspace, run.id, tmp_path / "half.ipynb", "notebook")
    beside = pd.read_csv(tmp_path / "half.csv", encoding="utf-8-sig")
    assert beside["split"].value_counts().to_dict() == {**easy.rows, "train": easy.rows["train"] / 2}
    config = TrainingConfig(model="tfidf", train_share=0.5, seed=7)
    assert beside["text"].tolist() == rows_of(workspace, easy.id, config)["text"].tolist()
    assert "50.0% of the training texts of each class; the others are not in the table" in path.read_text()
    remove(workspace, easy.id)
    alone = export(workspace, run.id, tmp_path / "alone.ipynb", "notebook").read_text()
    assert "50.0% of the training texts of each class; leave the others out" in alone


@pytest.mark.parametrize("settings", [
    {"method": "head"}, {"method": "lora", "freeze_embeddings": True}, {"balance": "weights", "kept_layers": 1},
    {"layer_decay": 0.8, "head_first": True}, {"model": "bundled", "read_mean": True},
])  # fmt: skip
def test_a_notebook_is_valid_and_its_cells_are_python_whatever_was_set(settings):
    facts, evidence = made_up(["a", "b"], 5, name="*<b>'''\n{{x}}")
    config = TrainingConfig(**{"model": "/somewhere", **settings})
    facts = type(facts)(**{**vars(facts), "settings": config.model_dump(), "reference": config.model})
    found = notebook.made(facts, evidence.setup, None)
    nbformat.validate(nbformat.from_dict(found))
    for cell in found["cells"]:
        if cell["cell_type"] == "code":
            compile("".join(cell["source"]), "cell", "exec")
    assert "\\*\\<b\\>" in "".join(found["cells"][0]["source"])
