import json
import shutil

import pytest

from engine.errors import ModelError
from engine.models import catalogue
from engine.models.catalogue import check_bundled_weights, find_model
from engine.models.tokens import count_tokens


def test_the_bundled_model_is_there_and_unchanged():
    source = find_model("bundled")
    assert source.kind == "bundled"
    assert source.bytes > 90e6
    assert source.download_bytes == 0
    check_bundled_weights()


def test_damaged_weights_are_noticed(tmp_path, monkeypatch):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(catalogue, "bundled_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="not the original"):
        check_bundled_weights()


def test_a_folder(tiny_model):
    assert find_model(str(tiny_model)).kind == "folder"


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_something_says_what(tiny_model, tmp_path, missing):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(
        ModelError, match=missing.split(".")[0] if missing != "model.safetensors" else "safetensors"
    ):
        find_model(str(folder))


def test_pickled_weights_are_not_taken(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        find_model(str(folder))


def test_a_model_with_its_own_code_is_refused(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {"auto_map": {"AutoModel": "evil.py--Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="own program code"):
        find_model(str(folder))


@pytest.mark.parametrize("figure", ["vocab_size", "hidden_size", "num_hidden_layers"])
def test_a_config_that_would_fill_the_memory_is_refused(tiny_model, tmp_path, figure):
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text()) | {figure: 10**9}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="more than its weights hold"):
        find_model(str(folder))


@pytest.mark.parametrize(
    "reference", ["no such thing", "../nothing/here", "a/b/c", "https://example.com/model", "/nowhere/at/all"]
)
def test_what_is_neither_folder_nor_name(reference):
    with pytest.raises(ModelError, match="neither a folder"):
        find_model(reference)


def test_lengths_count_the_special_tokens_and_are_not_cut():
    lengths = count_tokens(["", "hello", "word " * 1000], find_model("bundled").folder)
    assert lengths.tolist() == [2, 3, 1002]
