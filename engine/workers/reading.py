"""The first phase of a run: reading its rows."""

import pandas as pd

from engine.data.datasets import load_info
from engine.paths import Workspace
from engine.runs.pulse import Pulse
from engine.settings import TrainingConfig
from engine.training.rows import rows_of


def read_rows(workspace: Workspace, dataset_id: str, config: TrainingConfig, pulse: Pulse) -> tuple[list[str], pd.DataFrame]:
    """(the labels, the rows that the run has). Raises TuneboardError where they cannot be read, and StopAsked."""
    info = load_info(workspace, dataset_id)
    pulse.phase("reading data", 0, info.total)
    rows = rows_of(workspace, dataset_id, config)
    pulse.progress(info.total, info.total)
    return info.labels, rows
