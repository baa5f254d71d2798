"""The service as a real process, over real HTTP."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.errors import ModelError
from engine.models import tfidf
from engine.models.loading import load_model, load_tokenizer
from engine.runs import queue
from engine.serving import rules
from engine.serving.batching import Limits
from engine.serving.gate import Refused
from engine.serving.opened import Source
from engine.serving.predictor import Predictor
from engine.serving.server import hosts_of
from engine.serving.service import Service
from tests.engine.runs.helpers import submit, wait
from tests.engine.serving.served import serving, until
from tests.words import easy_texts

LABELS = ["no", "yes", "<b>maybe</b>"]
TEXTS = [text for text, _ in easy_texts(64, seed=3)]


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "three"
    load_model(tiny_model, LABELS).save_pretrained(folder)
    load_tokenizer(tiny_model).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def answers(folder):
    """What the model says about TEXTS, asked without the service."""
    return {one.text: asdict(one) for one in Predictor(folder).predict(TEXTS)}


@pytest.fixture(scope="module")
def service(folder, tmp_path_factory):
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serving(log, folder, f"again={folder}", "--queue", 300, "--workspace", log.parent) as served:
        yield served


def same(found, expected):
    assert (found["text"], found["label"]) == (expected["text"], expected["label"])
    assert found["probabilities"] == pytest.approx(expected["probabilities"], abs=2e-3)


# -- what it answers ------------------------------------------------------------------------------------


def test_one_text_and_many_are_answered_as_on_the_command_line(service, answers):
    one = service.ask("/predict", {"text": TEXTS[0]})
    assert one.status == 200 and set(one.json) == {"model", "version", "predictions"}
    assert set(one.json["predictions"][0]) == {"text", "label", "confidence", "probabilities", "to_a_person"}
    many = service.ask("/models/again/predict", {"texts": TEXTS}).json
    assert many["model"] == "again"
    for found, text in zip(many["predictions"], TEXTS, strict=True):
        same(found, answers[text])
    same(one.json["predictions"][0], answers[TEXTS[0]])


def test_it_says_what_it_serves(service):
    about = service.ask("/model").json
    assert (about["name"], about["labels"]) == ("three", LABELS)
    assert (about["threshold"], about["temperature"], about["scores"]) == (0.0, 1.0, None)
    assert about["precision"] in ("fp32", "bf16") and about["written_at"].startswith("20")
    both = service.ask("/models").json["models"]
    assert [one["name"] for one in both] == ["three", "again"]
    assert both[0]["version"] == both[1]["version"]  # the same files
    assert service.ask("/models/again").json == both[1]
    missing = service.ask("/models/other/predict", {"text": "x"})
    assert (missing.status, missing.json["code"]) == (404, "no_such_model")
    assert "three, again" in missing.json["action"]


def test_64_clients_at_once_each_get_their_own_answer_from_common_passes(service, answers):
    passes = service.meter('tuneboard_batch_texts_count{model="three"}')

    def client(text):
        for _ in range(4):
            same(service.ask("/predict", {"text": text}).json["predictions"][0], answers[text])

    with ThreadPoolExecutor(64) as clients:
        list(clients.map(client, TEXTS))
    assert service.meter('tuneboard_batch_texts_count{model="three"}') - passes < 4 * 64 / 2


def test_overload_is_429_with_a_time_to_come_back_and_nothing_else(service):
    asked = {"texts": ["word " * 120] * 60}
    with ThreadPoolExecutor(64) as clients:
        replies = list(clients.map(lambda _: service.ask("/predict", asked), range(128)))
    assert set(Counter(reply.status for reply in replies)) == {200, 429}
    for reply in replies:
        if reply.status == 429:
            assert int(reply.headers["retry-after"]) >= 1
            assert reply.json["code"] == "queue_full"
        else:
            assert len(reply.json["predictions"]) == 60
    assert service.ask("/predict", {"text": "x"}).status == 200


HOSTILE = {
    "not json": (b"{", {}, 400),
    "no utf-8": (b'{"text": "\xff\xfe"}', {}, 400),
    "deep": (b"[" * 200_000, {}, 400),
    "deep in a field": (b'{"text": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", {}, 400),
    "too large": (b'{"text": "' + b"x" * 5_000_000 + b'"}', {}, 413),
    "half a character": (b'{"text": "\\ud800"}', {}, 422),
    "half a character as a name": (b'{"\\ud800": "x"}', {}, 422),
    "not a number": (b'{"text": NaN}', {}, 422),
    "wrong type": (b'{"text": 5}', {}, 422),
    "no object": (b"[]", {}, 422),
    "null": (b"null", {}, 422),
    "nothing": (b"", {}, 422),
    "no texts": (b'{"texts": []}', {}, 422),
    "both": (b'{"text": "a", "texts": ["b"]}', {}, 422),
    "too long": (json.dumps({"text": "x" * 20_001}).encode(), {}, 422),
    "too many": (json.dumps({"texts": ["x"] * 257}).encode(), {}, 422),
    "a form": (b"text=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "a huge number": (b'{"text": ' + b"9" * 100_000 + b"}", {}, 400),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_whatever_is_sent_is_refused_in_a_sentence(service, name):
    body, headers, status = HOSTILE[name]
    reply = service.ask("/predict", body, **{"Content-Type": "application/json", **headers})
    assert reply.status == status, reply.body
    assert set(reply.json) == {"code", "message", "action"} and reply.json["message"].endswith(".")


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "\ufffe", "🧡" * 5000, " ", "\u202e", "=1+1"])
def test_any_text_is_answered_and_comes_back_as_it_was(service, text):
    reply = service.ask("/predict", {"text": text})
    assert reply.status == 200 and reply.json["predictions"][0]["text"] == text


def test_a_wrong_method_is_told_as_one(service):
    for path, method, right in (("/predict", "GET", "POST"), ("/models", "DELETE", "GET")):
        reply = service.ask(path, method=method)
        assert (reply.status, reply.headers["allow"]) == (405, right)
        assert (reply.json["code"], reply.json["message"]) == (
            "wrong_method",
            "This address is not asked that way.",
        )
        assert reply.json["action"].startswith(f"Use {right}. ")
    assert service.ask("/no/such/place").json["code"] == "no_such_address"


# -- what is known of it ----------------------------------------------------------------------------------


def test_health_and_figures_for_prometheus(service):
    assert service.ask("/health").json == {"status": "ok", "models": ["three", "again"]}
    assert service.ask("/health/live").status == 200
    for path in ("/health", "/health/live"):  # as load balancers ask
        asked, reply = service.ask(path), service.ask(path, method="HEAD")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers["content-length"] == asked.headers["content-length"]
    service.ask("/predict", {"texts": ["a", "b", "c"]})
    service.ask("/no/such/place")
    reply = service.ask("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {one.name: one for one in text_string_to_metric_families(reply.body.decode())}
    assert found["tuneboard_request_seconds"].type == found["tuneboard_batch_texts"].type == "histogram"
    assert {one.labels["model"] for one in found["tuneboard_queue_texts"].samples} == {"three", "again"}
    requests = {(one.labels["path"], one.labels["status"]): one.value for one in found["tuneboard_requests"].samples
                if one.name.endswith("_total")}  # fmt: skip
    assert requests["/predict", "200"] >= 1 and requests["other", "404"] >= 1
    assert "/no/such/place" not in reply.body.decode()


def test_the_first_page_shows_every_address_and_fetches_nothing(service):
    page, described = service.ask("/"), service.ask("/openapi.json").json
    html = page.body.decode()
    for path in described["paths"]:
        assert f"{service.url}{path}" in html
    assert "<script" not in html and not re.search(r'(src|href)="(https?:)?//', html)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for gone in ("/docs", "/redoc"):  # FastAPI's own, with scripts from elsewhere
        assert service.ask(gone).status == 404
    example = described["components"]["schemas"]["Many"]["examples"][0]
    assert len(service.ask("/predict", example).json["predictions"]) == 2


def explored(served, folder, *options):
    """As Schemathesis sees it: texts and bodies that fit, and that do not, at every address.

    [(address, status)] of all that it asked; it finds that each answer is as the description says.
    """
    program, found = Path(sys.executable).with_name("schemathesis"), folder / "asked.har"
    options = ["--seed", "1", "--no-color", "--report-har-path", found, *options]
    command = [program, "run", f"{served.url}/openapi.json", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"(\d+) generated, \1 passed", done.stdout)
    asked = [(one["request"]["url"], one["response"]["status"]) for one in json.loads(found.read_text())["log"]["entries"]]
    return [(url.removeprefix(served.url).partition("?")[0], status) for url, status in asked]


def test_it_does_what_its_description_says(service, tmp_path):
    phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--max-time", "12"]
    assert {status for _, status in explored(service, tmp_path, *phases)} > {200, 400, 404, 422}


def test_with_a_key_it_does_so_too_and_without_one_nothing_at_all(tmp_path):
    texts, labels = zip(*easy_texts(60), strict=True)
    tfidf.save(tfidf.fit(texts, labels, ["bad", "good"]), tmp_path / "counted")
    phases = ["--phases", "examples,coverage"]
    with serving(tmp_path / "log.txt", tmp_path / "counted", "--workspace", tmp_path, key="secret") as served:
        asked = explored(served, tmp_path, *phases, "--header", "Authorization: Bearer secret")
        assert {path for path, status in asked if status == 200} > {
            "/predict",
            "/metrics",
            "/models",
            "/reload",
        }
        asked = explored(served, tmp_path, *phases)
        assert {status for path, status in asked if not path.startswith("/health")} == {401, 405}
        served.key = None
        for body, about, _ in HOSTILE.values():  # of which nothing is read
            sent = served.ask("/predict", body, **{"Content-Type": "application/json", **about})
            assert sent.status == 401, body[:50]
        assert {path for path, _ in asked} > {"/predict", "/metrics", "/models", "/reload"}


def test_it_answers_only_to_its_own_names(service):
    for host, status in {
        "evil.example.org": 400,
        "127.0.0.1.evil.example.org": 400,
        "": 400,
        "LOCALHOST:1": 200,
        "[::1]:8502": 200,
        f"127.0.0.1:{service.port}": 200,
    }.items():
        assert service.ask("/models", Host=host).status == status, host
    assert hosts_of("0.0.0.0") == ["*"]
    assert {"texts.example.org", "127.0.0.1"} <= set(hosts_of("0.0.0.0", ["texts.example.org"]))


@pytest.fixture
def two(tmp_path):
    """A service of two models that count words, in this process."""
    texts, labels = zip(*easy_texts(60), strict=True)
    sources = [Source(name, tmp_path / name) for name in ("one", "two")]
    for source in sources:
        tfidf.save(tfidf.fit(texts, labels, ["bad", "good"]), source.folder)
    return Service(sources, Limits(waiting_texts=10))


def apart(awaited):
    """What it gives, from a loop in a thread of its own: a browser of other tests keeps one in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, awaited).result()


def test_either_all_models_are_opened_again_or_none(two, tmp_path, monkeypatch):
    before = {name: served.opened for name, served in two.models.items()}
    (tmp_path / "one" / "rules.json").write_text('{"threshold": 0.5}')
    (tmp_path / "two" / "rules.json").write_text('{"threshold": "high"}')
    with pytest.raises(ModelError, match="cannot be used"):
        apart(two.reload())
    assert {name: served.opened for name, served in two.models.items()} == before
    (tmp_path / "two" / "rules.json").unlink()
    assert set(apart(two.reload())) == {"one", "two"}
    assert two.models["one"].opened.rules.threshold == 0.5

    def surprised(source):
        raise KeyError("weight")

    monkeypatch.setattr("engine.serving.service.Opened", surprised)
    with pytest.raises(ModelError, match=r"KeyError.*Those from before go on"):
        apart(two.reload())


def test_rules_hold_from_the_next_answer_on_and_damaged_ones_change_nothing(two, tmp_path):
    file = tmp_path / "one" / "rules.json"

    async def scene() -> list[tuple[str, bool]]:
        await two.start()
        found = []
        for written in ('{"threshold": 1.0}', '{"threshold": "high"}', '{"threshold": 0.0}', None):
            for _ in range(2):
                reply = await two.predict("one", ["a bright lamp"])
                found.append((reply["version"], reply["predictions"][0]["to_a_person"]))
            if written:
                file.write_text(written)
        await two.close()
        return found

    none, strict, damaged, never = zip(*[iter(apart(scene()))] * 2, strict=True)
    assert none == never == (none[0],) * 2 and not none[0][1]
    assert strict == damaged == (strict[0],) * 2 and strict[0][1]
    assert none[0][0] != strict[0][0]


def test_who_is_refused_is_told_of_all_that_waits_for_the_same_thread(two):
    async def scene() -> str:
        await two.start()
        for served in two.models.values():
            served.batcher.waiting, served.batcher._seconds_per_text = 10, 0.3
        with pytest.raises(Refused) as refused:
            await two.predict("two", ["x"])
        await two.close()
        return refused.value.headers["Retry-After"]

    assert apart(scene()) == "6"


# -- keys, reloading, leaving -----------------------------------------------------------------------------


@pytest.fixture
def run(workspace, easy, tiny_model):
    return wait(workspace, submit(workspace, easy, tiny_model, name="a run").id)


def test_a_run_is_served_with_its_rules_reloaded_under_load_and_left_with_nothing_lost(workspace, run, tmp_path):
    rules.change(workspace, run.id, temperature=2.0)
    log = tmp_path / "log.txt"
    with serving(log, f"easy={run.id}", key="né cret") as served:
        for key in ("", "ne cret", "né cre"):
            reply = served.ask("/predict", {"text": "x"}, Authorization=f"Bearer {key}".encode())
            assert (reply.status, reply.json["code"]) == (401, "no_key")
        for path in ("/model", "/models", "/metrics"):
            assert served.ask(path, Authorization="Basic eDp5").status == 401
        assert served.ask("/health", Authorization="").status == 200
        about = served.ask("/model").json
        assert about["scores"]["accuracy"] == pytest.approx(run.accuracy)
        assert (about["name"], about["temperature"], about["threshold"]) == ("easy", 2.0, 0.0)
        (expected,) = Predictor(workspace.run(run.id).model).predict(TEXTS[:1], 2.0)
        (found,) = served.ask("/predict", {"text": TEXTS[0]}).json["predictions"]
        assert found["confidence"] == pytest.approx(expected.confidence, abs=0.02)
        assert not found["to_a_person"]

        stop, versions = threading.Event(), Counter()

        def client(text):
            while not stop.is_set():
                reply = served.ask("/predict", {"text": text})
                versions[reply.status, reply.json["version"], reply.json["predictions"][0]["to_a_person"]] += 1

        with ThreadPoolExecutor(8) as clients:
            asking = [clients.submit(client, text) for text in TEXTS[:8]]
            rules.change(workspace, run.id, threshold=1.0)
            second = served.ask("/reload", b"").json["versions"]["easy"]
            until(lambda: (200, second, True) in versions)
            rules.change(workspace, run.id, threshold=0.0, thresholds={"good": 1.0})
            os.kill(served.process.pid, signal.SIGHUP)
            until(lambda: len({version for _, version, _ in versions}) == 3)
            stop.set()
            for one in asking:
                one.result()  # no connection was broken
        assert {status for status, _, _ in versions} == {200}
        assert {(version, sent) for _, version, sent in versions} >= {
            (about["version"], False),
            (second, True),
        }
        until(lambda: "Opened again: easy" in log.read_text())

        config = workspace.run(run.id).model / "config.json"
        config.rename(config.with_name("away"))
        broken = served.ask("/reload", b"")
        assert (broken.status, broken.json["code"]) == (409, "not_a_model")
        assert served.ask("/predict", {"text": "x"}).status == 200
        config.with_name("away").rename(config)

        passed = served.meter('tuneboard_requests_total{path="/predict",status="200"}')
        with ThreadPoolExecutor(24) as clients:
            texts = ["word " * 30] * 40
            flying = [clients.submit(served.ask, "/predict", {"texts": texts}) for _ in range(24)]
            until(lambda: served.meter('tuneboard_queue_texts{model="easy"}') > 100)
            code, out = served.leave()
            assert [len(one.result().json["predictions"]) for one in flying] == [40] * 24
        assert code == 0
        assert json.loads(out)["requests"] >= passed + 24
        with pytest.raises(OSError):
            served.ask("/health")


def test_whoever_does_not_finish_asking_does_not_keep_it_from_leaving(folder, tmp_path):
    with (
        serving(tmp_path / "log.txt", folder, "--workspace", tmp_path, hurried=True) as served,
        socket.create_connection(("127.0.0.1", served.port)) as client,
    ):
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        client.sendall(head + b"\r\n{")
        assert served.ask("/predict", {"text": "x"}).status == 200  # it was heard by now
        served.process.send_signal(signal.SIGTERM)
        assert b" 408 " in client.recv(1000)
        assert served.process.wait(60) == 0


def test_without_a_key_nobody_reloads_over_http(service):
    assert service.ask("/reload", b"").status == 403


def test_what_cannot_be_served_is_a_sentence(workspace, service, folder, easy, tiny_model, capsys):
    from engine import cli

    queue.pause_queue(workspace, True)
    waiting = submit(workspace, easy, tiny_model)
    for arguments, said in (
        (["nosuchrun"], "no run"),
        ([waiting.id], "no model yet"),
        ([str(folder), str(folder)], "the same name"),
        ([f"a/b={folder}"], "no name for a model"),
        ([str(folder), "--port", str(service.port)], "listens there already"),
        ([str(folder), "--port", "99999"], "nobody can listen"),
        ([str(folder), "--queue", "0"], "1 or more"),
    ):
        assert cli.main(["serve", *arguments]) == 2
        assert said in capsys.readouterr().err, arguments
