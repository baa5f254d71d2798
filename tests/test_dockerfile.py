"""The Dockerfile, as far as it can be checked without Docker: what it copies is there, what it runs is understood."""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from engine.cli.arguments import parser

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """[(instruction, the rest)], with continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def only(steps, instruction):
    return [rest for name, rest in steps if name == instruction]


def test_all_that_is_copied_is_there_and_not_ignored(steps):
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {source for rest in only(steps, "COPY") for source in rest.split()[:-1]}
    assert copied == allowed and all((ROOT / one).exists() for one in copied)


def test_torch_for_processors_is_the_one_that_is_pinned(steps):
    found = re.search(r"\$\((grep .*? requirements\.txt)\)\+cpu", " ".join(only(steps, "RUN")))[1]
    said = subprocess.run(found, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(r"torch==\d+\.\d+\.\d+\n", said)


def test_it_runs_as_nobody_special_and_holds_no_secret(steps):
    assert only(steps, "USER") == ["tuneboard"]
    names = [name for name, _ in steps]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))
    assert not re.search(r"(KEY|PASSWORD|TOKEN|SECRET)\s*=", " ".join(rest for name, rest in steps if name != "RUN"))


def test_its_command_is_understood_and_its_health_check_asks_where_it_listens(steps, monkeypatch):
    command = [*json.loads(only(steps, "ENTRYPOINT")[0]), *json.loads(only(steps, "CMD")[0])]
    assert command[:3] == ["python", "-m", "engine"]
    asked = parser().parse_args(command[3:])
    assert (asked.command, asked.host) == ("serve", "0.0.0.0")
    check = json.loads(only(steps, "HEALTHCHECK")[0].split("CMD ")[1])
    seen = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, **_: seen.append(url))
    exec(check[2])
    assert seen == [f"http://127.0.0.1:{asked.port}/health"]
    assert only(steps, "EXPOSE") == [str(asked.port)]
    failed = subprocess.run([sys.executable, *check[1:]], capture_output=True)
    assert failed.returncode != 0  # nothing listens here
