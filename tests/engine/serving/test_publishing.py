"""A model is sent to a server on this machine that answers as the hub does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import cli
from engine.cli import commands
from engine.errors import ModelError, ReadOnlyError
from engine.results.export import push
from engine.serving import publishing, ways
from tests.hub_standin import point_to

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tiny_model, tmp_path):
    place = tmp_path / "model"
    place.mkdir()
    for path in tiny_model.iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    (place / "README.md").write_text("---\nlibrary_name: transformers\n---\n# A model\n")
    return place


def sent(model_hub, name):
    return {file: data for file, data in model_hub.repos[name]["files"].items() if file != ".gitattributes"}


def test_what_arrives_is_what_lay_there_for_nobody_else_to_see(model_hub, folder):
    address = publishing.push(folder, "hub:me/new", "writer")
    assert address == f"{model_hub.address}/me/new"
    assert sent(model_hub, "me/new") == {path.name: path.read_bytes() for path in folder.iterdir()}
    assert model_hub.repos["me/new"]["visibility"] == "private"
    publishing.push(folder, "me/open", "writer", private=False)
    assert model_hub.repos["me/open"]["visibility"] == "public"


def test_a_name_that_is_taken_is_left_alone(model_hub, folder):
    before = dict(model_hub.repos["me/tiny"]["files"])
    with pytest.raises(ModelError, match="already") as refusal:
        publishing.push(folder, "me/tiny", "writer")
    assert refusal.value.code == "name_taken"
    assert model_hub.repos["me/tiny"]["files"] == before


def test_what_broke_off_can_be_sent_again_under_the_same_name(model_hub, folder):
    model_hub.breaks = True
    with pytest.raises(ModelError):
        publishing.push(folder, "me/later", "writer")
    assert sent(model_hub, "me/later") == {}
    model_hub.breaks = False
    publishing.push(folder, "me/later", "writer")
    assert "model.safetensors" in sent(model_hub, "me/later")


@pytest.mark.parametrize("name, token, code", [
    ("me/new", "hf_wrongTOKEN", "not_allowed"), ("other/new", "writer", "not_allowed"), ("me/new", "a b\nc", "bad_token"),
    ("new", "writer", "bad_name"), ("me/../new", "writer", "bad_name"), ("me/new", "", "no_token"),
])  # fmt: skip
def test_a_refusal_is_a_sentence_without_the_token(model_hub, folder, monkeypatch, name, token, code):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ModelError) as refusal:
        publishing.push(folder, name, token)
    assert refusal.value.code == code
    assert not token or token not in str(refusal.value)
    assert refusal.value.__cause__ is None and refusal.value.action
    assert "me/new" not in model_hub.repos


def test_visitors_who_may_only_look_send_nothing(model_hub, workspace, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    monkeypatch.setenv("HF_TOKEN", "writer")
    with pytest.raises(ReadOnlyError):
        push(workspace, "aaaaaa", "me/new")
    assert "me/new" not in model_hub.repos


def test_no_network_is_a_sentence(folder, monkeypatch):
    point_to("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(ModelError, match="cannot be reached"):
        publishing.push(folder, "me/new", "writer")


def test_at_a_terminal_the_token_is_asked_for_and_never_shown(model_hub, workspace, word_counting, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(commands, "getpass", lambda prompt: "writer")
    assert cli.main(["push", word_counting.id, "me/asked"]) == 0
    shown = capsys.readouterr()
    assert "Sent to" in shown.out and "writer" not in shown.out + shown.err
    assert "word_counting.safetensors" in sent(model_hub, "me/asked")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)  # a script is told, and does not wait
    assert cli.main(["push", word_counting.id, "me/again"]) == 2


def test_the_command_sends_what_export_writes_and_tells_no_token(model_hub, workspace, word_counting):
    told = subprocess.run(
        [sys.executable, "-m", "engine", "push", word_counting.id, "me/counted", "--json"],
        cwd=ROOT, env={**os.environ, "HF_TOKEN": "writer", "HF_HUB_DISABLE_XET": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(told.stdout) == {
        "pushed": word_counting.id, "to": f"{model_hub.address}/me/counted", "private": True,
        "how": list(ways.use("hub", "me/counted", counts_words=True)),
    }  # fmt: skip
    assert "writer" not in told.stdout + told.stderr
    assert {"README.md", "word_counting.safetensors"} <= set(sent(model_hub, "me/counted"))
    assert not [path for path in workspace.root.rglob("*") if path.is_file() and b"Bearer" in path.read_bytes()]
