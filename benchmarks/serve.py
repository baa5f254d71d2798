"""The service under load: python -m benchmarks.serve [RUN] [--seconds 4] [--rounds 3] [--workspace DIR]

A run (trained first on sample:support where none is named) is served twice on loopback: by `python -m engine serve`, and by
the server of the tutorials: FastAPI and a model call per request under a lock, in fp32. 1, 8 and 64 clients ask each
of them in turn, one text at a time over a connection that stays open; every client asks again once it is answered.
Printed: requests per second (median of the rounds), the time to an answer (median, and 99% within) over all rounds, and the
ratio. Then 512 clients at once, more than the queue takes: how many of each status come back.

The clients need processor time of the same machine; both servers lose it alike.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from benchmarks.common import OFFLINE, ROOT, markdown, told

CLIENTS = (1, 8, 64)
CROWD, QUEUE = 512, 128  # clients, and texts that may wait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", help="a finished run (default: one is trained)")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--tutorial", nargs=2, metavar=("FOLDER", "PORT"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.tutorial:
        return tutorial(Path(asked.tutorial[0]), int(asked.tutorial[1]))
    with ExitStack() as stack:
        workspace = asked.workspace or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tuneboard-benchmark-")))
        run = asked.run or trained(workspace)
        ours = stack.enter_context(
            served("-m", "engine", "serve", run, "--queue", QUEUE, "--workspace", workspace, "--port")
        )
        folder = workspace / "runs" / run / "model"
        peer = stack.enter_context(served("-m", "benchmarks.serve", "--tutorial", folder))
        about = json.load(urllib.request.urlopen(f"http://127.0.0.1:{ours}/model"))
        told(f"Tuneboard answers in {about['precision']}")
        ports = {"tutorial": peer, "Tuneboard": ours}
        for port in ports.values():
            asyncio.run(ask(port, 8, 1.0, Load()))
        rows = [row for clients in CLIENTS for row in compared(ports, clients, asked.seconds, asked.rounds)]
        print(markdown(["clients", "server", "requests/s", "median", "99% within", "times"], rows))
        crowd = Load()
        asyncio.run(ask(ours, CROWD, asked.seconds, crowd))
        counts = ", ".join(f"{count:,} times {status}" for status, count in sorted(crowd.statuses.items()))
        print(f"{CROWD} clients, {QUEUE} texts may wait: {counts}; {crowd.latency(0.99)} within 99% of the 200s")


def compared(ports: dict[str, int], clients: int, seconds: float, rounds: int) -> Iterator[list[str]]:
    """A line of the table for each server."""
    found = {name: Load() for name in ports}
    for _ in range(rounds):
        for name, port in ports.items():
            asyncio.run(ask(port, clients, seconds, found[name]))
            told(f"{clients} clients, {name}: {found[name].rates[-1]:.0f} requests/s")
    ratios = [ours / peer for peer, ours in zip(*(load.rates for load in found.values()), strict=True)]
    for name, load in found.items():
        if set(load.statuses) != {200}:
            raise SystemExit(f"{name} answered {dict(load.statuses)}.")
        times = f"{statistics.median(ratios):.1f}" if name == "Tuneboard" else ""
        rate = f"{statistics.median(load.rates):.0f}"
        yield [str(clients), name, rate, load.latency(0.5), load.latency(0.99), times]


# -- the clients ------------------------------------------------------------------------------------


@dataclass
class Load:
    """seconds: of every answer with status 200. rates: such answers per second, of each round."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    rates: list[float] = field(default_factory=list)

    def latency(self, share: float) -> str:
        ranked = sorted(self.seconds)
        return f"{ranked[min(len(ranked) - 1, int(share * len(ranked)))] * 1000:.0f} ms" if ranked else "none"


async def ask(port: int, clients: int, seconds: float, found: Load) -> None:
    """Let so many clients ask for so long."""
    requests, before, began = cycle(_requests()), len(found.seconds), time.perf_counter()
    await asyncio.gather(*(_client(port, requests, began + seconds, found) for _ in range(clients)))
    found.rates.append((len(found.seconds) - before) / (time.perf_counter() - began))


async def _client(port: int, requests: Iterator[bytes], end: float, found: Load) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < end:
        began = time.perf_counter()
        writer.write(next(requests))
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        found.statuses[status] += 1
        if status == 200:
            found.seconds.append(time.perf_counter() - began)
        else:
            await asyncio.sleep(1)  # which is the least that Retry-After ever says
    writer.close()


def _requests() -> list[bytes]:
    from engine.data.samples import read_sample

    bodies = [json.dumps({"text": text}).encode() for text in read_sample("support").frame["text"]]
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    return [head.encode() + f"{len(body)}\r\n\r\n".encode() + body for body in bodies]


# -- the servers ------------------------------------------------------------------------------------


def trained(workspace: Path) -> str:
    """The id of a new run on the sample."""
    command = [sys.executable, "-m", "engine", "train", "sample:support", "--preset", "quick", "--json"]
    done = subprocess.run([*command, "--workspace", workspace], stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return json.loads(done.stdout)["run_id"]


@contextmanager
def served(*command: object) -> Iterator[int]:
    """A server as a process of its own; gives its port once it answers. The port is the command's last word."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, *map(str, command), str(port)]
    process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, **OFFLINE})
    try:
        while not _answers(port):
            if process.poll() is not None:
                raise SystemExit(f"{' '.join(words)} ended with {process.returncode}.")
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).status == 200
    except OSError:
        return False


def tutorial(folder: Path, port: int) -> None:
    """One model call per request, under a lock, as it is written everywhere."""
    import torch
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    class Asked(BaseModel):
        text: str

    app, lock = FastAPI(), threading.Lock()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()

    @app.get("/health")
    def health() -> dict:
        return {}

    @app.post("/predict")
    def predict(asked: Asked) -> dict:
        with lock, torch.no_grad():
            inputs = tokenizer(asked.text, return_tensors="pt", truncation=True)
            shares = model(**inputs).logits.softmax(dim=-1)[0]
        best = int(shares.argmax())
        return {"label": model.config.id2label[best], "confidence": float(shares[best])}

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
