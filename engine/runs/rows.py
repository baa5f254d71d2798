"""The rows that a run learns from and is judged by."""

import pandas as pd

from engine.data.datasets import load_info, load_rows
from engine.data.splitting import thinned
from engine.paths import Workspace
from engine.runs.pulse import Pulse
from engine.settings import TrainingConfig


def read_rows(workspace: Workspace, dataset_id: str, config: TrainingConfig, pulse: Pulse) -> tuple[list[str], pd.DataFrame]:
    """(the labels, the rows that the run has). Raises TuneboardError where they cannot be read, and StopAsked."""
    info = load_info(workspace, dataset_id)
    pulse.phase("reading data", 0, info.total)
    rows = rows_of(workspace, dataset_id, config)
    pulse.progress(info.total, info.total)
    return info.labels, rows


def rows_of(workspace: Workspace, dataset_id: str, config: TrainingConfig, split: str | None = None) -> pd.DataFrame:
    """The rows that a run with these settings has, of one split or all; as `load_rows`, and raises as it does."""
    return thinned(load_rows(workspace, dataset_id, split), config.train_share, config.seed)
