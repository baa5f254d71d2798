"""The rows that a training learns from and is judged by."""

import pandas as pd

from engine.data.datasets import load_rows
from engine.data.splitting import thinned
from engine.paths import Workspace
from engine.settings import TrainingConfig


def rows_of(workspace: Workspace, dataset_id: str, config: TrainingConfig, split: str | None = None) -> pd.DataFrame:
    """The rows that a run with these settings has, of one split or all; as `load_rows`, and raises as it does."""
    return thinned(load_rows(workspace, dataset_id, split), config.train_share, config.seed)
