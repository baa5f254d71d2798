"""The model of a run, to take away: what the run knows of itself, put into an export (engine/serving/exporting.py)."""

from pathlib import Path

from engine import settings
from engine.data.datasets import load_info
from engine.errors import NotFoundError
from engine.paths import Workspace, read_json
from engine.runs import queue
from engine.runs.store import Run
from engine.serving import exporting
from engine.serving.exporting import Facts

FORMATS = {"zip": exporting.write_zip, "folder": exporting.write_folder}


def export(workspace: Workspace, run_id: str, to: Path, form: str) -> Path:
    """Write the model of a finished run to `to`. form: one of FORMATS.

    Raises RunStateError for a run without a model, DataError when something is there already.
    """
    run = queue.get_usable(workspace, run_id)
    return FORMATS[form](workspace.run(run.id).model, _facts(workspace, run), to.expanduser().absolute())


def _facts(workspace: Workspace, run: Run) -> Facts:
    config = queue.config_of(workspace, run.id)
    try:
        rows = load_info(workspace, run.dataset_id).rows
    except NotFoundError:  # the data set was deleted since
        rows = {"train": 0}
    metrics = read_json(workspace.run(run.id).metrics)
    return Facts(
        run.name,
        config.model,
        run.model_name,
        run.dataset_name,
        {**rows, "train": metrics.get("train_rows", rows["train"])},
        metrics,
        settings.applying(config),
        (run.ended_at or run.created_at)[:10],
    )
