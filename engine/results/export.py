"""What a run leaves for use elsewhere, put together from what it knows of itself; the files are made in engine/serving/."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from engine.data.datasets import DatasetInfo, load_info, load_rows
from engine.data.samples import read_sample
from engine.errors import NotFoundError, RunStateError
from engine.evaluation import predictions
from engine.figures import duration
from engine.paths import Workspace, read_json
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run
from engine.serving import exporting, notebook, onnx_export, publishing, report, rules, ways
from engine.serving.exporting import Facts
from engine.serving.onnx_export import Checked
from engine.training import settings_file
from engine.training.rows import rows_of

OF_A_TRAINING = ("report", "settings", "notebook")  # which a model from elsewhere does not have


def export(workspace: Workspace, run_id: str, to: Path, form: str) -> Path:
    """Write what is left of a finished run to `to`. form: one of FORMATS.

    Raises RunStateError for a run without a model, DataError when something is there already.
    """
    run = queue.get_askable(workspace, run_id)
    if form in OF_A_TRAINING and queue.source_of(workspace, run.id):
        raise RunStateError(
            f"The model {run.name!r} was not trained here, so there is no {form} of its training.",
            "Take the model away as a ZIP or a folder.",
        )
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
        found = queue.settings_of(workspace, run.id)
        part.write_text(settings_file.text(found, run.name), encoding="utf-8")
    return to


def _notebook(workspace: Workspace, run: Run, to: Path) -> Path:
    config = queue.config_of(workspace, run.id)
    rows = rows_of(workspace, run.dataset_id, config) if _data(workspace, run) else None
    setup = History.read(workspace.run(run.id).events).setup
    return notebook.write(_facts(workspace, run), setup, rows, to)


FORMATS: dict[str, Callable[[Workspace, Run, Path], Path]] = {
    "zip": _zip,
    "folder": _folder,
    "report": _report,
    "settings": _settings,
    "notebook": _notebook,
}


def how(workspace: Workspace, run_id: str, form: str, to: Path | str) -> tuple[str, ...]:
    """Three lines on how to use what was exported to the path `to`, or sent to the hub under the name `to`."""
    what = publishing.check(str(to)) if form == "hub" else to
    return ways.use(form, what, queue.config_of(workspace, run_id).counts_words)


def export_onnx(workspace: Workspace, run_id: str, to: Path) -> Checked:
    """Write the model of a run as ONNX to the new folder, or ZIP, `to`, and tell how it was checked.

    Raises RunStateError for a run without a model, DataError when something is there already, ModelError for a model that
    ONNX cannot hold.
    """
    run = queue.get_askable(workspace, run_id)
    paths, texts = workspace.run(run.id), _texts_of(workspace, run)
    return onnx_export.write(paths.model, run.name, rules.read(paths), texts, to.expanduser().absolute())


def _texts_of(workspace: Workspace, run: Run) -> dict[str, list[str]]:
    """Texts that the model of a run can be asked, by where they are from, those that it did not learn from first."""
    path = workspace.run(run.id).predictions
    if not path.exists():  # brought from elsewhere, without data
        return {"sample": read_sample("support").frame["text"].tolist()}
    known = predictions.read(path)
    if _data(workspace, run):
        rows = load_rows(workspace, run.dataset_id)
        known = pd.concat([known, rows[rows["split"] == "train"]])
    of = known["split"].replace("train", "training")
    return {split: known.loc[of == split, "text"].tolist() for split in ("test", "validation", "training")}


def push(workspace: Workspace, run_id: str, name: str, token: str | None = None, private: bool = True) -> str:
    """Send the model of a run to the Hugging Face hub as OWNER/NAME. Returns its address there.

    token: by default that of the variable HF_TOKEN. Raises RunStateError and ModelError (engine/serving/publishing.py), and
    ReadOnlyError, since visitors shall not use the token of whoever set it up.
    """
    workspace.may_change()
    publishing.check(name)
    with tempfile.TemporaryDirectory() as place:
        folder = export(workspace, run_id, Path(place, "model"), "folder")
        return publishing.push(folder, name, token, private)


def _facts(workspace: Workspace, run: Run) -> Facts:
    data, path = _data(workspace, run), workspace.run(run.id).metrics
    metrics = read_json(path) if path.exists() else {}  # a model from elsewhere may not have been scored
    reference, settings = queue.config_of(workspace, run.id).model, queue.settings_of(workspace, run.id)
    if Path(reference).is_absolute():  # a folder, which tells who works here
        settings = {name: run.model_name if value == reference else value for name, value in settings.items()}
        reference = run.model_name
    return Facts(
        run_id=run.id,
        name=run.name,
        reference=reference,
        model_name=run.model_name,
        dataset=run.dataset_name,
        rows={**data.rows, "train": metrics.get("train_rows", data.rows["train"])} if data else {},
        metrics=metrics,
        settings=settings,
        rules=rules.read(workspace.run(run.id)),
        date=(run.ended_at or run.created_at)[:10],
        source=queue.source_of(workspace, run.id),
    )


def _data(workspace: Workspace, run: Run) -> DatasetInfo | None:
    """None where the data set was deleted since."""
    try:
        return load_info(workspace, run.dataset_id)
    except NotFoundError:
        return None
