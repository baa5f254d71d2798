"""The model of a run, to take away: what the run knows of itself, put into an export (engine/serving/exporting.py)."""

import tempfile
from pathlib import Path

from engine.data.datasets import load_info
from engine.data.samples import read_sample
from engine.errors import NotFoundError
from engine.evaluation import predictions
from engine.paths import Workspace, read_json
from engine.runs import queue
from engine.runs.store import Run
from engine.serving import exporting, onnx_export, publishing, rules
from engine.serving.exporting import Facts
from engine.serving.onnx_export import Checked

FORMATS = {"zip": exporting.write_zip, "folder": exporting.write_folder}


def export(workspace: Workspace, run_id: str, to: Path, form: str) -> Path:
    """Write the model of a finished run to `to`. form: one of FORMATS.

    Raises RunStateError for a run without a model, DataError when something is there already.
    """
    run = queue.get_askable(workspace, run_id)
    return FORMATS[form](workspace.run(run.id).model, _facts(workspace, run), to.expanduser().absolute())


def export_onnx(workspace: Workspace, run_id: str, to: Path) -> Checked:
    """Write the model of a run as ONNX to the new folder, or ZIP, `to`, and tell how it was checked.

    Raises RunStateError for a run without a model, DataError when something is there already, ModelError for a model that
    ONNX cannot hold.
    """
    run = queue.get_askable(workspace, run_id)
    paths = workspace.run(run.id)
    if paths.predictions.exists():
        known = predictions.read(paths.predictions).sort_values(
            "split", kind="stable"
        )  # test before validation
    else:  # brought from elsewhere, without data
        known = read_sample("support").frame
    texts = known["text"].tolist()
    return onnx_export.write(paths.model, run.name, rules.read(paths), texts, to.expanduser().absolute())


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
    config = queue.config_of(workspace, run.id)
    try:
        rows = load_info(workspace, run.dataset_id).rows
    except NotFoundError:  # the data set was deleted since
        rows = {"train": 0}
    metrics = workspace.run(run.id).metrics
    return Facts(
        run.name,
        config.model,
        run.model_name,
        run.dataset_name,
        rows,
        read_json(metrics) if metrics.exists() else {},
        queue.settings_of(workspace, run.id),
        (run.ended_at or run.created_at)[:10],
        queue.source_of(workspace, run.id),
    )
