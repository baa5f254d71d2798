"""What a run leaves for use elsewhere, put together from what it knows of itself; the files are made in engine/serving/."""

from collections.abc import Callable
from pathlib import Path

from engine import settings
from engine.data.datasets import DatasetInfo, load_info, load_rows
from engine.errors import NotFoundError
from engine.evaluation import predictions
from engine.paths import Workspace, read_json
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run
from engine.serving import exporting, notebook, report, rules
from engine.serving.exporting import Facts
from engine.terminal import duration
from engine.training import settings_file


def export(workspace: Workspace, run_id: str, to: Path, form: str) -> Path:
    """Write what is left of a finished run to `to`. form: one of FORMATS.

    Raises RunStateError for a run without a model, DataError when something is there already.
    """
    run = queue.get_usable(workspace, run_id)
    return FORMATS[form](workspace, run, to.expanduser().absolute())


def _zip(workspace: Workspace, run: Run, to: Path) -> Path:
    return exporting.write_zip(workspace.run(run.id).model, _facts(workspace, run), to)


def _folder(workspace: Workspace, run: Run, to: Path) -> Path:
    return exporting.write_folder(workspace.run(run.id).model, _facts(workspace, run), to)


def _report(workspace: Workspace, run: Run, to: Path) -> Path:
    paths = workspace.run(run.id)
    evidence = report.Evidence(
        predictions.read(paths.predictions),
        _data(workspace, run),
        History.read(paths.events).setup,
        duration(run.seconds),
    )
    return report.write(_facts(workspace, run), evidence, to)


def _settings(workspace: Workspace, run: Run, to: Path) -> Path:
    with exporting.new_file(to) as part:
        found = settings.applying(queue.config_of(workspace, run.id))
        part.write_text(settings_file.text(found, run.name), encoding="utf-8")
    return to


def _notebook(workspace: Workspace, run: Run, to: Path) -> Path:
    rows = load_rows(workspace, run.dataset_id) if _data(workspace, run) else None
    setup = History.read(workspace.run(run.id).events).setup
    return notebook.write(_facts(workspace, run), setup, rows, to)


FORMATS: dict[str, Callable[[Workspace, Run, Path], Path]] = {
    "zip": _zip,
    "folder": _folder,
    "report": _report,
    "settings": _settings,
    "notebook": _notebook,
}


def how(workspace: Workspace, run_id: str, form: str, to: Path) -> str:
    """What to do with an export, in a line or two."""
    if form in ("zip", "folder"):
        if queue.config_of(workspace, run_id).counts_words:
            return f"Its README.md says how to use it; here: predict {to if form == 'folder' else 'FOLDER'} --text TEXT"
        ask = (
            f"python {to / 'predict.py'} TEXT"
            if form == "folder"
            else f"unzip it, then: python {to.stem}/predict.py TEXT"
        )
        return f"To use it anywhere: pip install torch transformers\n{ask}"
    return {
        "report": "It opens in any browser, without a network, and prints to PDF.",
        "settings": f"To train with them: train DATA --config {to}",
        "notebook": "To run it: pip install jupyterlab torch transformers pandas scikit-learn",
    }[form]


def _facts(workspace: Workspace, run: Run) -> Facts:
    config, data = queue.config_of(workspace, run.id), _data(workspace, run)
    metrics = read_json(workspace.run(run.id).metrics)
    return Facts(
        run.id,
        run.name,
        config.model,
        run.model_name,
        run.dataset_name,
        {**data.rows, "train": metrics.get("train_rows", data.rows["train"])} if data else {},
        metrics,
        settings.applying(config),
        rules.read(workspace.run(run.id)),
        (run.ended_at or run.created_at)[:10],
    )


def _data(workspace: Workspace, run: Run) -> DatasetInfo | None:
    """None where the data set was deleted since."""
    try:
        return load_info(workspace, run.dataset_id)
    except NotFoundError:
        return None
