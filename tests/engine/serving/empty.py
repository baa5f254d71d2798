"""A machine that has nothing but Python and a few packages: a fresh virtual environment, to which they are linked."""

import csv
import io
import os
import subprocess
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def environment(folder: Path, *packages: str) -> Path:
    """The python of a new environment with `packages`, what they require without extras, and nothing else."""
    venv.create(folder, symlinks=True, with_pip=False)
    (place,) = folder.glob("lib/python*/site-packages")
    for found in needed(packages):
        for part in {Path(str(file)).parts[0] for file in found.files or ()} - {"..", "__pycache__"}:
            source = Path(str(found.locate_file(part)))
            if source.exists() and source.suffix != ".pth" and not (place / part).exists():
                (place / part).symlink_to(source)
    return folder / "bin" / "python"


def needed(packages: tuple[str, ...]) -> list[Distribution]:
    """The distributions of these packages and of all that they require here."""
    found: dict[str, Distribution] = {}
    waiting = [canonicalize_name(name) for name in packages]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = distribution(name)
            required = map(Requirement, found[name].requires or ())
            waiting += [
                canonicalize_name(one.name) for one in required if one.marker is None or one.marker.evaluate({"extra": ""})
            ]
    return list(found.values())


def has(python: Path, module: str) -> bool:
    done = subprocess.run([python, "-I", "-c", f"import {module}"], capture_output=True, text=True)
    assert not done.returncode or "ModuleNotFoundError" in done.stderr, done.stderr
    return not done.returncode


def ask(python: Path, program: Path, *arguments: str) -> list[dict[str, str]]:
    """What the program of an export answers there, asked from another folder; to a file, which Windows begins like this."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-s", "-P", program, *arguments]
    done = subprocess.run(command, cwd=Path(sys.prefix), capture_output=True, env={**ours, "PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0, done.stderr.decode()
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
