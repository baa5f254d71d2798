"""What the tests share. Every test has a workspace of its own; nothing reaches the person's own data or the internet."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from engine.data.datasets import DatasetInfo, save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.paths import Workspace
from tests import forked, tiny, words
from tests.hub_standin import hub_server, model_hub  # noqa: F401 (fixtures for all)

os.environ.update(HF_HUB_OFFLINE="", HF_HUB_DISABLE_TELEMETRY="1", TOKENIZERS_PARALLELISM="false", GOMP_SPINCOUNT="5000")

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes are named by their place: those of an archive hold the time, and both processes must call a test the same."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setenv("TUNEBOARD_HOME", str(tmp_path / "workspace"))
    return Workspace.open()


@pytest.fixture(autouse=True)
def as_users_do(request, monkeypatch) -> bool:
    """Whether this test starts the engine's processes as users do; else they start in a moment (tests/forked.py)."""
    if request.node.get_closest_marker("as_users_do"):
        return True
    for module, name, value in forked.substitutes():
        monkeypatch.setattr(module, name, value)
    return False


@pytest.fixture
def meanwhile(monkeypatch):
    """meanwhile(module, work): as soon as `module` writes something down, another thread begins with `work`, which is given
    a moment to get in between. Returns that thread."""

    def begin(module: ModuleType, work: Callable[[], object]) -> Thread:
        write_json, other = module.write_json, Thread(target=work)

        def and_meanwhile(path, value):
            if not other.ident:
                other.start()
                other.join(0.2)  # it waits for its turn
            write_json(path, value)

        monkeypatch.setattr(module, "write_json", and_meanwhile)
        return other

    return begin


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """The folder of a small transformer with random weights."""
    return tiny.build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def easy_csv(tmp_path) -> Path:
    """200 made-up texts in two classes that even a tiny model can learn."""
    path = tmp_path / "easy.csv"
    path.write_text(words.easy_csv(200), encoding="utf-8")
    return path


@pytest.fixture
def easy(workspace, easy_csv) -> DatasetInfo:
    """The same texts as a saved data set."""
    return save(workspace, draft(read_file(easy_csv), Recipe(text="text", label="label")))


@pytest.fixture
def real_data() -> Path:
    """Public data sets that lie beside the project on some machines, and are never part of it."""
    if not REAL_DATA.is_dir():
        pytest.skip("the folder with public data sets is not beside the project")
    return REAL_DATA


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 40 MB; making one needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(folder)], capture_output=True)
    if made.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
