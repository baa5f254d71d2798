"""The hub's client, against a server on this machine that answers as the hub does."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from engine.errors import ModelError
from engine.models import hub
from engine.models.catalogue import find_model
from engine.models.loading import fetch, load_model

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_server(tiny_model, monkeypatch):
    """Serves the tiny model as me/tiny, a pickled one as me/pickled, one with code as me/code, a gated one as me/gated."""

    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    repos = {
        "me/tiny": {"files": files, "config": {}},
        "me/pickled": {"files": {"config.json": b"{}", "pytorch_model.bin": b"x"}, "config": {}},
        "me/code": {"files": files, "config": {"auto_map": {"AutoModel": "model.py"}}},
    }

    class Hub(BaseHTTPRequestHandler):
        downloads: list[str] = []

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            path = self.path.partition("?")[0]
            if path.startswith("/api/models/"):
                name = "/".join(path.split("/")[3:5])
                if name == "me/gated":
                    return self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
                if name not in repos:
                    return self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
                siblings = [
                    {"rfilename": one, "size": len(data)} for one, data in repos[name]["files"].items()
                ]
                info = {"id": name, "modelId": name, "sha": SHA, "siblings": siblings, "config": repos[name]["config"],
                        "tags": [], "downloads": 0, "likes": 0, "private": False}  # fmt: skip
                if "/tree/" in path:
                    tree = [{"type": "file", "path": one, "size": len(data), "oid": "0" * 40}
                            for one, data in repos[name]["files"].items()]  # fmt: skip
                    return self.reply(200, json.dumps(tree).encode(), {}, body)
                return self.reply(200, json.dumps(info).encode(), {}, body)
            owner, name, _, revision, file = path.strip("/").split("/", 4)
            data = repos[f"{owner}/{name}"]["files"][file]
            if body:
                Hub.downloads.append(file)
            self.reply(200, data, {"ETag": f'"{file}"', "X-Repo-Commit": revision}, body)

        def reply(self, code, data, headers, body):
            self.send_response(code)
            for key, value in {
                "Content-Length": str(len(data)),
                "Content-Type": "application/json",
                **headers,
            }.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_to(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    yield Hub
    server.shutdown()


def point_to(endpoint, monkeypatch):
    import huggingface_hub
    from huggingface_hub import constants, file_download, hf_api

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    for module in (hf_api, file_download, huggingface_hub):
        if hasattr(module, "ENDPOINT"):
            monkeypatch.setattr(module, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )


def test_the_size_is_told_before_anything_is_downloaded(hub_server, tiny_model, tmp_path):
    source = find_model("me/tiny", downloads=tmp_path)
    assert source.revision == SHA
    assert source.download_bytes == source.bytes >= (tiny_model / "model.safetensors").stat().st_size
    assert hub_server.downloads == []
    assert list(tmp_path.iterdir()) == []


def test_a_model_is_fetched_once_and_opens(hub_server, tmp_path):
    folder = fetch(find_model("me/tiny", downloads=tmp_path), tmp_path)
    assert load_model(folder, ["a", "b", "c"]).num_labels == 3
    fetched = len(hub_server.downloads)
    again = find_model("me/tiny", SHA, tmp_path)
    assert again.download_bytes == 0
    assert fetch(again, tmp_path) == folder
    assert len(hub_server.downloads) == fetched


@pytest.mark.parametrize("name, code", [("me/pickled", "no_safetensors"), ("me/code", "remote_code"),
                                        ("me/gated", "gated"), ("me/nothing", "no_such_model")])  # fmt: skip
def test_what_the_hub_refuses_or_we_do_is_a_sentence(hub_server, name, code):
    with pytest.raises(ModelError) as refusal:
        hub.look_up(name)
    assert refusal.value.code == code
    assert name in refusal.value.message


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch):
    point_to("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(ModelError, match="cannot be reached"):
        hub.look_up("me/tiny")
