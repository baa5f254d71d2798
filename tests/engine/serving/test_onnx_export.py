"""A model without torch."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.evaluation import predictions
from engine.results.export import export_onnx
from engine.serving import onnx_export, rules
from engine.serving.onnx_export import Checked
from engine.serving.predictor import Predictor
from engine.serving.rules import Rules
from tests.engine.runs.helpers import submit, wait
from tests.engine.serving import empty
from tests.engine.serving.empty import ask

ROOT = Path(__file__).parents[3]


def test_it_answers_as_the_run_does_where_there_is_no_torch(workspace, easy, tiny_model, tmp_path, without_torch):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=4, read_mean=True, name="<b>mine</b>").id)
    rules.change(workspace, run.id, temperature=2.0, thresholds={"good": 0.9999})
    folder = tmp_path / "onnx"
    command = [
        sys.executable,
        "-m",
        "engine",
        "export",
        run.id,
        "--to",
        str(folder),
        "--format",
        "onnx",
        "--json",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    checked = Checked(**json.loads(done.stdout)["checked"])
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx", "model.int8.onnx", "tokenizer.json", "classifier.json", "predict_onnx.py", "README.md",
    }  # fmt: skip
    rows = predictions.read(workspace.run(run.id).predictions)
    assert checked.texts == 200 and checked.origins == {
        "test": easy.rows["test"], "validation": easy.rows["validation"], "training": 200 - len(rows),
    }  # fmt: skip
    assert checked.difference < 1e-4 and checked.equal == 1.0 and checked.small_bytes < checked.bytes
    page = (folder / "README.md").read_text()
    assert "as torch on 200 texts (30 test, 30 validation, 140 training)," in page and "    <b>mine</b>" in page
    assert "by the temperature 2" in page
    assert "| good | below 100% sure |" in page and "| every other answer | never |" in page

    absent = ("engine", "torch", "transformers", "streamlit", "pandas")
    assert not any(empty.has(without_torch, module) for module in absent)
    program = folder / "predict_onnx.py"
    texts = [*rows["text"], "🧡", ("word " * 500).strip()]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8-sig")
    found = ask(without_torch, program, "--file", str(tmp_path / "texts.txt"))
    assert [one["text"] for one in found] == texts
    wanted = Predictor(workspace.run(run.id).model).predict([one["text"] for one in found], 2.0)
    assert [one["label"] for one in found] == [one.label for one in wanted]
    assert np.allclose([float(one["confidence"]) for one in found], [one.confidence for one in wanted], atol=1e-3)
    assert all((one["to_a_person"] == "yes") == (one["label"] == "good") for one in found)
    small = ask(without_torch, program, "--int8", "--file", str(tmp_path / "texts.txt"))
    assert [one["label"] for one in small[:-1]] == [one["label"] for one in found[:-1]]
    assert ask(without_torch, program, "=1+1")[0]["text"] == "'=1+1"

    _what_says_something_else_is_not_handed_out(workspace, run, folder, tmp_path)


def _what_says_something_else_is_not_handed_out(workspace, run, folder, tmp_path):
    """With the graph that was just written, for a model that answers the other way round."""
    model, texts = (
        shutil.copytree(workspace.run(run.id).model, tmp_path / "copy"),
        {"test": ["the lamp is dull", "the lamp is bright"]},
    )

    def the_graph(_, path):
        shutil.copyfile(folder / "model.onnx", path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_export, "_to_onnx", the_graph)
        patch.setattr(onnx_export, "_to_int8", lambda full, small, by_blocks: _negated(full, small))
        checked = onnx_export.write(model, "x", Rules(), texts, tmp_path / "packed.zip")
        assert checked.small_bytes is None and checked.equal == 0.0
        assert checked.texts_said == "4 texts (2 test, 2 shortened or joined)"  # "the lamp", and both
        shutil.unpack_archive(tmp_path / "packed.zip", tmp_path)
        assert not (tmp_path / "packed" / "model.int8.onnx").exists()
        assert "There is no model.int8.onnx" in (tmp_path / "packed" / "README.md").read_text()
        patch.setattr(onnx_export, "_to_onnx", lambda _, path: _negated(folder / "model.onnx", path))
        with pytest.raises(ModelError, match="gives different answers"):
            onnx_export.write(model, "x", Rules(), texts, tmp_path / "wrong")
        assert not (tmp_path / "wrong").exists()


def _negated(source, target):
    """The same graph with its logits turned round."""
    import onnx

    graph = onnx.load(source)
    output = graph.graph.output[0].name
    for node in graph.graph.node:
        node.output[:] = ["inner" if name == output else name for name in node.output]
    graph.graph.node.append(onnx.helper.make_node("Neg", ["inner"], [output]))
    onnx.save(graph, target)


def test_word_counting_has_no_network(workspace, word_counting, tmp_path):
    with pytest.raises(ModelError, match="no network"):
        export_onnx(workspace, word_counting.id, tmp_path / "onnx")
    assert not (tmp_path / "onnx").exists()
