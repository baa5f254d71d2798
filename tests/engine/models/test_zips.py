import io
import json
import stat
import zipfile

import pytest

from engine.errors import DataError, ModelError
from engine.models.catalogue import find_model
from engine.models.zips import unpack_model, uploaded_models


@pytest.fixture(scope="session")
def files(tiny_model):
    return {path.name: path.read_bytes() for path in tiny_model.iterdir()}


@pytest.fixture
def archive(tmp_path):
    def write(files, name="My model (2).zip"):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            for one, content in files.items():
                made.writestr(one, content)
        (tmp_path / name).write_bytes(out.getvalue())
        return tmp_path / name

    return write


@pytest.fixture
def refused(archive, tmp_path):
    """Unpacks what must be refused; returns what is said. Nothing of it may remain."""

    def check(files):
        path = archive(files)
        with pytest.raises((ModelError, DataError)) as caught:
            unpack_model(path, path.name, tmp_path / "into")
        assert caught.value.action and str(tmp_path) not in caught.value.message
        assert list((tmp_path / "into").iterdir()) == []
        return caught.value.message

    return check


@pytest.mark.parametrize("place", ["", "model/", "a/b/"])
def test_a_zip_becomes_a_folder_of_the_workspace_once(archive, files, place, workspace):
    path = archive({f"{place}{name}": content for name, content in files.items()})
    source = find_model(str(path), downloads=workspace.downloads)
    assert source.kind == "folder" and source.name.startswith("my-model-2-")
    assert source.folder.is_relative_to(workspace.downloads)
    assert {one.name: one.read_bytes() for one in source.folder.iterdir()} == files
    path.rename(path.with_name("the same again.zip"))
    again = find_model(str(path.with_name("the same again.zip")), downloads=workspace.downloads)
    assert again == source
    assert uploaded_models(source.folder.parent) == [source.folder]


def test_only_what_belongs_to_a_model_is_unpacked(archive, files, tmp_path):
    more = {"run.py": b"raise SystemExit", "pytorch_model.bin": b"\x80\x04.", "training_args.bin": b"x", ".git/config": b"x",
            "1_Pooling/config.json": b"{}", "checkpoint-5/model.safetensors": b"x", "a b.safetensors": b"x"}  # fmt: skip
    path = archive({**files, **more})
    assert {one.name for one in unpack_model(path, path.name, tmp_path / "into").iterdir()} == set(files)


@pytest.mark.parametrize("name", ["../config.json", "/etc/model.safetensors", "a/../../vocab.txt", "C:\\model.safetensors"])
def test_paths_that_lead_out(refused, files, name):
    assert "leads out" in refused({**files, name: b"x"})


def test_links(refused, files):
    link = zipfile.ZipInfo("vocab.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert "leads out" in refused({**files, link: b"/etc/passwd"})


def test_what_unpacks_to_far_more_than_its_size(refused, files):
    assert "too much for an archive" in refused({**files, "model.safetensors": bytes(80 * 2**20)})


def test_pickled_weights(refused, files):
    content = {**files, "pytorch_model.bin": b"\x80\x04."}
    del content["model.safetensors"]
    assert "It lacks: *.safetensors" in refused(content)


def test_code_of_its_own(refused, files):
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoModel": "evil.Model"}}
    assert "own program code" in refused({**files, "config.json": json.dumps(config)})
    assert "own program code" in refused({**files, "tokenizer_config.json": '{"auto_map": {}}'})


def test_weights_that_are_not_its_own(refused, files):
    index = json.dumps({"weight_map": {"a": "../outside.bin"}})
    assert "other than its own" in refused({**files, "model.safetensors.index.json": index})
    assert "adapter as well as a model" in refused({**files, "adapter_config.json": "{}"})


@pytest.mark.parametrize("content", [b"[]", b"\xff", b"[" * 100_000, b'{"model_type": "bert", "hidden_size": "wide"}'])
def test_a_config_that_is_none(refused, files, content):
    assert "cannot be read" in refused({**files, "config.json": content})


def test_an_architecture_that_is_no_classifier(refused, files):
    assert "'whisper'" in refused({**files, "config.json": b'{"model_type": "whisper"}'})


@pytest.mark.parametrize("weights", [b"version https://git-lfs.github.com/spec/v1\n", b"", b"\xff" * 64])
def test_weights_that_are_not_there(refused, files, weights):
    refused({**files, "model.safetensors": weights})
    refused({**files, "model.safetensors": files["model.safetensors"][:-10]})


def test_what_holds_no_model_or_several(refused, files):
    assert "no config.json" in refused({"a.csv": b"text,label\n"})
    assert "no config.json" in refused({"model.safetensors": b"x"})
    assert "2 models" in refused({f"{place}/{name}": data for place in "ab" for name, data in files.items()})
    with pytest.warns(UserWarning, match="Duplicate"):
        assert "same name" in _twice(refused, files)


def _twice(refused, files):
    """A ZIP in which config.json is there twice, which a dict cannot say."""
    again = zipfile.ZipInfo("config.json")
    return refused({**files, again: b"{}"})


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off", b"\x1f\x8b\x08 gz"])
def test_what_is_no_zip(tmp_path, content):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises((ModelError, DataError)):
        unpack_model(path, path.name, tmp_path / "into")
