"""Servers on this machine that answer as the Hugging Face hub does: one with a few data sets, one with a few models."""

import base64
import hashlib
import io
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.data import hub
from tests.words import easy_texts

ROOT = Path(__file__).parents[3]
MAIN, COPY = "1" * 40, "2" * 40
CONVERTED = "refs/convert/parquet"


def parquet(features=None, **columns) -> bytes:
    table = pa.table(columns)
    if features:
        noted = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        table = table.replace_schema_metadata(noted)
    content = io.BytesIO()
    pq.write_table(table, content, row_group_size=2)
    return content.getvalue()


MOOD = {
    "label": {"names": ["sad", "glad"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["x"], "_type": "ClassLabel"}, "_type": "List"},
    "text": {"dtype": "string", "_type": "Value"},
}


def mood(texts, labels) -> bytes:
    return parquet(
        MOOD,
        text=texts,
        label=pa.array(labels, pa.int64()),
        tags=pa.array([[0]] * len(texts), pa.list_(pa.int64())),
    )


PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
BIG = os.urandom(3 * 2**20).hex()
REPOS = {
    "me/mood": {
        CONVERTED: {
            ".gitattributes": b"",
            "default/test/0000.parquet": mood(["t"], [-1]),
            "default/train/0000.parquet": mood(["a", "b", "c"], [0, 1, None]),
            "default/train/0001.parquet": mood(["d"], [1]),
            "long/partial-train/0000.parquet": mood(["e"], [1]),
            "long/train-part1/0000.parquet": mood(["f"], [0]),
            "long/index.duckdb": b"x",
        },
        "main": {"train.csv": b"not,asked\n"},
    },
    "me/own": {
        "main": {
            "README.md": b"",
            "data/train.jsonl": b'{"text": "a", "label": 1}\n{"text": "b", "label": 2}\n',
            "data/dev.jsonl": b'{"text": "c", "label": 3, "note": "n"}\n',
            "data/more.jsonl": b'{"text": "d", "label": 4}\n',
            "run.py": b"raise SystemExit",
        }
    },
    "me/both": {"main": {"train.csv": b"text\na\n", "test-00000-of-00001.parquet": parquet(text=["a"])}},
    "me/words": {"main": {f"data/{word}.csv": f"text\n{word}\n".encode() for word in ("training", "eval", "holdout")}},
    "me/split": {CONVERTED: {"default/train/0000.parquet": parquet(text=["a"], split=["fold 1"])}},
    "me/pictures": {
        CONVERTED: {
            "default/train/0000.parquet": parquet(
                text=["a"],
                image=pa.array([{"bytes": b"x", "path": "p"}], PICTURE),
                frames=pa.array([[]], pa.list_(PICTURE)),
            ),
            "only/train/0000.parquet": parquet(image=pa.array([{"bytes": b"x", "path": "p"}], PICTURE)),
        }
    },
    "me/unlike": {
        CONVERTED: {
            "default/train/0000.parquet": parquet(text=["a"], label=pa.array([1], pa.int32()), more=["m"]),
            "default/test/0000.parquet": parquet(text=["b"], label=pa.array([2], pa.int64())),
            "default/odd/0000.parquet": parquet(text=["b"], label=[["list"]]),
        }
    },
    "me/big": {CONVERTED: {"default/train/0000.parquet": parquet(text=[BIG])}},
    "me/damaged": {CONVERTED: {"default/train/0000.parquet": b"PAR1 no such thing"}},
    "me/programs": {"main": {"run.py": b"raise SystemExit", "weights.pkl": b"x"}},
    "me/gated": {CONVERTED: {"default/train/0000.parquet": parquet(text=["a"])}, "gated": "manual"},
}
REPOS["me/reviews"] = {
    CONVERTED: {
        f"default/{split}/0000.parquet": parquet(
            MOOD,
            text=[text for text, _ in rows],
            label=pa.array([int(label == "good") for _, label in rows], pa.int64()),
        )
        for split, rows in (("train", easy_texts(80)), ("test", easy_texts(20, seed=5)))
    }
}
REFUSED = {
    "me/closed": (403, {"X-Error-Code": "GatedRepo"}),
    "me/nothing": (401, {"X-Error-Code": "RepoNotFound"}),
    "me/badtoken": (401, {"X-Error-Message": "Invalid credentials in Authorization header"}),
    "me/down": (500, {}),
}


@pytest.fixture
def hub_server(monkeypatch):
    """As the hub does, it sends the reader of a large file to another address, where the token has no business."""

    class Hub(BaseHTTPRequestHandler):
        asked: list[tuple[str, str, str | None]] = []
        cut: set[int] = set()  # the downloads (first: 1) that break off half way
        ranges = True
        count = 0

        def do_GET(self):
            path = unquote(self.path.partition("?")[0])
            Hub.asked.append((path, self.headers["Host"], self.headers["Authorization"]))
            if path.startswith("/api/datasets/"):
                return self.tell(*path.split("/", 5)[3:])
            if path.startswith("/datasets/"):
                other = f"http://localhost:{self.server.server_port}/elsewhere{self.path}"
                return self.reply(302, b"", {"Location": other})
            owner, name, _, commit, file = path.removeprefix("/elsewhere/datasets/").split("/", 4)
            self.send(REPOS[f"{owner}/{name}"][{MAIN: "main", COPY: CONVERTED}[commit]][file])

        def tell(self, owner, name, rest=""):
            repo = f"{owner}/{name}"
            if repo in REFUSED:
                return self.reply(REFUSED[repo][0], b"{}", REFUSED[repo][1])
            if rest == "auth-check":
                allowed = self.headers["Authorization"] == "Bearer agreed"
                return self.reply(200 if allowed else 403, b"{}", {} if allowed else {"X-Error-Code": "GatedRepo"})
            revision = rest.removeprefix("revision/") or "main"
            if revision == CONVERTED and CONVERTED not in REPOS[repo]:
                return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            files = REPOS[repo].get(revision, {})
            siblings = [{"rfilename": file, "size": len(content)} for file, content in files.items()]
            info = {"id": repo, "sha": MAIN if revision == "main" else COPY, "siblings": siblings, "tags": [],
                    "downloads": 0, "likes": 0, "private": False, "gated": REPOS[repo].get("gated", False)}  # fmt: skip
            self.reply(200, json.dumps(info).encode(), {"Content-Type": "application/json"})

        def send(self, content):
            Hub.count += 1
            start = int((self.headers["Range"] or "bytes=0-")[6:-1]) if Hub.ranges else 0
            half = (len(content) - start) // 2 if Hub.count in Hub.cut else None
            self.reply(206 if start else 200, content[start:], {}, half)

        def reply(self, code, content, headers, sent=None):
            self.send_response(code)
            for key, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(content[:sent])
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.handle_error = lambda *_: None  # a reader that stops in the middle is part of the tests
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Hub.address = f"http://127.0.0.1:{server.server_port}"
    point_to(Hub.address, monkeypatch)
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: None)
    yield Hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def model_hub(tiny_model, monkeypatch):
    """A hub of models. `repos`: {name: {files, config, gated, offers}}; an offer is {author, title, files}, open for taking.

    `downloads`: the files that were fetched. Whoever has the token "writer" may make repositories of "me" and commit to
    them. `breaks`: sending large files does not work.
    """
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    pickled = {name: data for name, data in files.items() if name != "model.safetensors"}
    pickled["pytorch_model.bin"] = b"\x80\x04."
    weights = {"model.safetensors": files["model.safetensors"]}
    offer = {
        "author": "SFconvertbot",
        "title": "Adding `safetensors` variant of this model",
        "files": weights,
    }

    class Hub(BaseHTTPRequestHandler):
        downloads: list[str] = []
        breaks = False
        large: dict[str, bytes] = {}  # {SHA-256: content} of files that are sent before their commit
        repos: dict[str, dict] = {
            "me/tiny": {"files": {**files, "README.md": b"", "onnx/model.safetensors": b"another"}},
            "me/pickled": {"files": pickled, "offers": [{**offer, "author": "stranger"}]},
            "me/offered": {"files": pickled, "offers": [{**offer, "title": "Hello"}, offer]},
            "me/code": {"files": files, "config": {"auto_map": {"AutoModel": "model.py"}}},
            "me/hidden_code": {
                "files": {
                    **files,
                    "tokenizer_config.json": b'{"auto_map": {"AutoTokenizer": ["evil.Tokenizer"]}}',
                }
            },
            "me/wordless": {"files": {name: files[name] for name in ("config.json", "model.safetensors")}},
            "me/speech": {"files": files, "config": {"model_type": "whisper"}},
            "me/gated": {"files": files, "gated": "manual"},
        }

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            path = unquote(self.path.partition("?")[0])
            if not path.startswith("/api/models/"):
                owner, name, _, revision, file = path.strip("/").split("/", 4)
                if body:
                    Hub.downloads.append(file)
                data = self.files_at(f"{owner}/{name}", revision)[file]
                return self.reply(200, data, {"ETag": f'"{file}"', "X-Repo-Commit": revision}, body)
            owner, name, *rest = path.removeprefix("/api/models/").split("/", 3)
            repo, what = f"{owner}/{name}", rest[0] if rest else ""
            if repo in REFUSED:
                return self.reply(REFUSED[repo][0], b"{}", REFUSED[repo][1], body)
            if repo not in Hub.repos:
                return self.reply(401, b"{}", {"X-Error-Code": "RepoNotFound"}, body)
            if what == "auth-check":
                return self.reply(403, b"{}", {"X-Error-Code": "GatedRepo"}, body)
            if what == "discussions":
                return self.reply(200, json.dumps(self.discussions(repo)).encode(), {}, body)
            revision = "/".join(rest[1:]) if rest else "main"
            found = self.files_at(repo, revision)
            if found is None:
                return self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
            if what == "tree":
                told = [{"type": "file", "path": one, "size": len(data), "oid": "0" * 40} for one, data in found.items()]
            else:
                offered = revision.startswith("refs/pr/") or revision == COPY
                told = {"id": repo, "sha": COPY if offered else MAIN, "tags": [], "downloads": 0, "likes": 0,
                        "private": False, "siblings": [{"rfilename": one, "size": len(data)} for one, data in found.items()],
                        "gated": Hub.repos[repo].get("gated", False),
                        "config": {"model_type": "bert", **Hub.repos[repo].get("config", {})}}  # fmt: skip
            self.reply(200, json.dumps(told).encode(), {}, body)

        def do_POST(self):
            """As huggingface_hub asks: hf_api.create_repo, _commit_api.py, lfs.post_lfs_batch_info."""
            path = unquote(self.path.partition("?")[0])
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Authorization"] != "Bearer writer":
                return self.reply(401, b"{}", {"X-Error-Message": "Invalid credentials in Authorization header"}, True)
            if path == "/api/repos/create":
                told, code = self.create(json.loads(content))
                return self.reply(code, json.dumps(told).encode(), {}, True)
            if path == "/api/validate-yaml":
                return self.reply(200, b'{"errors": [], "warnings": []}', {}, True)
            if path.endswith(".git/info/lfs/objects/batch"):
                objects = [
                    {**one, "actions": {"upload": {"href": f"{Hub.address}/large/{one['oid']}"}}}
                    for one in json.loads(content)["objects"]
                ]
                return self.reply(200, json.dumps({"transfer": "basic", "objects": objects}).encode(), {}, True)
            owner, name, what, _ = path.removeprefix("/api/models/").split("/", 3)
            if what == "preupload":
                files = [
                    {"path": one["path"], "shouldIgnore": False,
                     "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular"}
                    for one in json.loads(content)["files"]
                ]  # fmt: skip
                return self.reply(200, json.dumps({"files": files}).encode(), {}, True)
            for line in map(json.loads, content.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    Hub.repos[f"{owner}/{name}"]["files"][value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    Hub.repos[f"{owner}/{name}"]["files"][value["path"]] = Hub.large[value["oid"]]
            told = {
                "commitOid": MAIN,
                "commitUrl": f"{Hub.address}/{owner}/{name}/commit/{MAIN}",
                "success": True,
            }
            self.reply(200, json.dumps(told).encode(), {}, True)

        def create(self, asked):
            repo = f"{asked['organization']}/{asked['name']}"
            if asked["organization"] != "me":
                return {"error": "You don't have the rights to create a model under this namespace"}, 403
            if repo in Hub.repos:
                return {"error": "You already created this model repo"}, 409
            Hub.repos[repo] = {"files": {".gitattributes": b"x"}, "visibility": asked.get("visibility")}
            return {"url": f"{Hub.address}/{repo}", "name": repo}, 200

        def do_PUT(self):
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if Hub.breaks:
                return self.reply(400, b"{}", {}, True)
            Hub.large[hashlib.sha256(content).hexdigest()] = content
            self.reply(200, b"", {}, True)

        def files_at(self, repo, revision):
            """Of a branch or a commit; a proposal has those of main and its own. COPY is the commit of the last one."""
            main, offers = Hub.repos[repo]["files"], Hub.repos[repo].get("offers", [])
            if revision in ("main", MAIN):
                return main
            if revision == COPY:
                return {**main, **offers[-1]["files"]}
            number = int(revision.removeprefix("refs/pr/")) if revision.startswith("refs/pr/") else 0
            return {**main, **offers[number - 1]["files"]} if 0 < number <= len(offers) else None

        def discussions(self, repo):
            offers = Hub.repos[repo].get("offers", [])
            told = [{"num": number, "title": one["title"], "author": {"name": one["author"]}, "status": "open",
                     "isPullRequest": True, "createdAt": "2024-01-01T00:00:00.000Z",
                     "repo": {"name": repo, "type": "model"}}
                    for number, one in enumerate(offers, start=1)]  # fmt: skip
            return {"count": len(told), "start": 0, "discussions": told}

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
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    Hub.address = f"http://127.0.0.1:{server.server_port}"
    point_to(Hub.address, monkeypatch)
    yield Hub
    server.shutdown()
    server.server_close()


def point_to(endpoint, monkeypatch):
    from huggingface_hub import constants

    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setenv("HF_ENDPOINT", endpoint)  # for processes that are started
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its own protocol, which only the real hub speaks
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
