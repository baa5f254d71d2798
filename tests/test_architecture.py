"""The lines of the house: imports go one way, the engine knows no browser, a page does not pay for torch."""

import ast
import importlib
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = [
    "data",
    "models",
    "training",
    "evaluation",
    "serving",
]  # each may import those before it, and the ground
GROUND = {"errors", "names", "paths", "settings", "machine", "libraries", "preferences", "figures", "access", "processes"}
RUNS_MAY = GROUND | {"runs"}
RESULTS_MAY = GROUND | {*FLOORS, "runs", "results"}
STUDIES_MAY = RESULTS_MAY | {"studies"}
WHOLE = {"workers", "cli", "__main__"}  # may import any room but each other
# A report brings its charts with it, as the text of plotly.js; no other part of the engine draws.
DRAWS = {"engine/serving/report.py"}
HEAVY = (
    "torch", "transformers", "sklearn", "scipy", "peft", "huggingface_hub", "captum", "cleanlab", "optuna", "onnx",
    "onnxruntime", "onnxscript", "accelerate", "mlflow", "fastapi",
)  # fmt: skip


def imports(file: Path, top_level: bool = False) -> set[str]:
    """The modules that a file imports, as dotted names; 'from a import b' gives a.b."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("file", files("engine"), ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_in_the_engine_go_one_way(file):
    name = file.relative_to(ROOT).as_posix()
    used = {module.split(".")[1] for module in imports(file) if module.startswith("engine.")} - {"__version__"}
    banned = ("streamlit", "pages") if name in DRAWS else ("streamlit", "pages", "plotly")
    assert not any(module.startswith(banned) for module in imports(file))
    room = name.split("/")[1].removesuffix(".py")
    if room in GROUND or room == "__init__":
        assert used <= GROUND
    elif room == "runs":
        assert used <= RUNS_MAY
    elif room == "results":
        assert used <= RESULTS_MAY
    elif room == "studies":
        assert used <= STUDIES_MAY
    elif room in WHOLE:
        assert not used & (WHOLE - {room}) or name == "engine/__main__.py"
    else:
        assert used <= GROUND | set(FLOORS[: FLOORS.index(room) + 1])


def test_no_modules_import_each_other():
    """Not in a circle either, nor inside a function."""
    modules = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files("engine") + files("pages")
    }
    used = {
        name: {found if found in modules else found.rpartition(".")[0] for found in imports(file)} & modules.keys()
        for name, file in modules.items()
    }
    TopologicalSorter(used).prepare()  # raises CycleError, with the circle


@pytest.mark.parametrize("file", [*files("pages"), ROOT / "app.py"], ids=lambda file: file.name)
def test_pages_import_the_engine_and_parts_and_never_each_other(file):
    ours = {module for module in imports(file) if module.startswith(("pages.", "app"))}
    assert all(module.startswith("pages.parts") for module in ours)
    assert not any(module.split(".")[0] in HEAVY for module in imports(file, top_level=True))


def test_no_page_pays_for_torch():
    program = "import sys; sys.path.insert(0, '.');" + "".join(
        f"import {'.'.join(file.relative_to(ROOT).with_suffix('').parts)};"
        for file in files("pages/parts")
        if file.name != "__init__.py"
    )
    modules = sorted(
        {m.rpartition(".")[0] for page in (ROOT / "pages").glob("*.py") for m in imports(page) if m.startswith("engine.")}
    )
    program += "".join(f"import {module};" for module in modules)
    program += f"print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr[-500:]


def test_nothing_unsafe_is_used():
    for file in files("engine") + files("pages"):
        source = file.read_text(encoding="utf-8")
        for harmless in (".eval()", "ast.literal_eval("):  # a model's mode; literals alone, nothing is run
            source = source.replace(harmless, "")
        for banned in (
            "import pickle",
            "torch.load(",
            "unsafe_allow_html",
            "trust_remote_code=True",
            "shell=True",
            "eval(",
        ):
            assert banned not in source, f"{file.name}: {banned}"


# A number with separators or rounded, or a date; '%{' and '{{' begin what Plotly writes, which knows the separators.
AS_PYTHON_WRITES = re.compile(r"(?<![%{])\{[^{}]*:[+,]*(?:,|\.\d+[f%])\}|:%[bBdYmH]|strftime")
NOT_FOR_THE_READER_HERE = {
    "figures.py": "the room for it",
    "exporting.py": "the card of a model, which is read anywhere",
    "tfidf.py": "its README, likewise",
    "onnx_export.py": "its README, likewise",
    "alone.py": "goes with a model",
    "alone_onnx.py": "goes with a model",
    "alone_words.py": "goes with a model",
    "notebook_cells.py": "code",
    "gate.py": "answers programs",
    "curve.py": "names of runs, which are kept",
    "processes.py": "the name of a process",
    "proof.py": "a log",
    "pulse.py": "a log",
    "why.py": "a colour",
}


@pytest.mark.parametrize("file", [*files("engine"), *files("pages")], ids=lambda file: file.name)
def test_numbers_and_dates_are_written_in_the_language_that_was_chosen(file):
    source = file.read_text(encoding="utf-8")
    found = [line.strip() for line in source.splitlines() if AS_PYTHON_WRITES.search(line)]
    assert not found or file.name in NOT_FOR_THE_READER_HERE, f"{found} (see engine/figures.py)"
    assert not re.search(r"(?:Number|Progress)Column\((?:[^()]|\([^()]*\))*\bformat=\"%", source)  # words.table, words.cells


def test_the_training_loop_fits_on_a_screen():
    loop = next(node for node in ast.parse((ROOT / "engine/training/loop.py").read_text()).body
                if isinstance(node, ast.FunctionDef) and node.name == "train")  # fmt: skip
    assert loop.end_lineno - loop.lineno <= 65


def test_the_readme_names_every_room_and_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for room in [*(ROOT / "engine").iterdir(), *(ROOT / "pages").glob("*.py")]:
        if room.name not in ("__init__.py", "__main__.py", "__pycache__"):
            assert room.name in readme, room.name
    usage = subprocess.run([sys.executable, "-m", "engine", "--help"], cwd=ROOT, capture_output=True, text=True).stdout
    commands = [line.split()[0] for line in usage.split("commands:")[1].splitlines() if line.startswith("    ")]
    assert {"train", "check", "predict"} <= set(commands)
    for command in commands:
        if command.isalpha() and command != "COMMAND":
            assert f"{command} " in readme, command


def test_every_requirement_is_pinned():
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-trackers.txt"):
        for line in (ROOT / name).read_text().splitlines():
            line = line.partition("#")[0].strip()
            assert not line or "==" in line, line
    assert "torch==2.13.0" in (ROOT / "requirements.txt").read_text()


BENCHMARKS = [f"benchmarks.{file.stem}" for file in files("benchmarks") if file.stem != "__init__"]


@pytest.mark.parametrize("script", ["docs.pictures", *BENCHMARKS])
def test_scripts_that_no_other_test_runs_still_find_what_they_import(script):
    importlib.import_module(script)
