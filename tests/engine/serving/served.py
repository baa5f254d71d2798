"""A service as a process of its own, and requests to it over real HTTP."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Served:
    port: int
    process: subprocess.Popen
    key: str | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: object = None, method: str | None = None, **headers: str | bytes) -> Reply:
        """By default GET, or POST where there is a body; what is no bytes is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        if self.key:
            headers = {"Authorization": f"Bearer {self.key}".encode(), **headers}
        if body is not None and not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def meter(self, line: str) -> float:
        """The figure behind `line` in /metrics; 0 where it is not there yet."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.ask("/metrics").body.decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def leave(self) -> tuple[int, str]:
        """Exit code and standard output after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        out, _ = self.process.communicate(timeout=30)
        return self.process.returncode, out


HURRIED = "import sys; from engine import cli; from engine.serving import gate; gate.BODY_SECONDS = 1; sys.exit(cli.main())"


@contextmanager
def serving(log: Path, *arguments: object, key: str | None = None, hurried: bool = False) -> Iterator[Served]:
    """`python -m engine serve` with these arguments, once it answers. log: where its stderr goes.

    hurried: it waits no longer than a second for a body.
    """
    program = ["-c", HURRIED] if hurried else ["-m", "engine"]
    with log.open("w+") as file:
        process = subprocess.Popen(
            [sys.executable, *program, "serve", *map(str, arguments), "--port", "0", "--json"],
            cwd=ROOT,
            env={**os.environ, **({"TUNEBOARD_API_KEY": key} if key else {})},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
        try:
            while not (found := re.search(r"Ready at \S+:(\d+)\n", log.read_text())):
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            served = Served(int(found[1]), process, key)
            until(lambda: _listens(served))
            yield served
            assert "Traceback" not in log.read_text()
        finally:
            process.kill()
            process.wait()


def until(holds, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def _listens(served: Served) -> bool:
    try:
        return served.ask("/health").status == 200
    except OSError:
        return False
