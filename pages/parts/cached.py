"""What is expensive to read, kept under a bounded cache with a key that changes when the thing changes."""

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from engine.data.columns import Roles, propose
from engine.data.reading import Table
from engine.data.samples import read_sample
from engine.data.uploads import read_upload
from engine.evaluation import predictions
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_tokens
from engine.paths import Workspace, read_json
from engine.training.plan import Plan, plan

MEASURED_TEXTS = 2000


@st.cache_data(max_entries=4, show_spinner="Reading the table …")
def source(origin: tuple[str, str], root: str) -> tuple[Table, Roles]:
    """The table of ('sample', name) or ('upload', key) with its proposed roles."""
    kind, name = origin
    table = read_sample(name) if kind == "sample" else read_upload(Workspace(Path(root)), name)
    return table, propose(table.frame)


@st.cache_data(max_entries=8, show_spinner="Measuring the texts …")
def token_lengths(origin: tuple[str, str], column: str, root: str) -> np.ndarray:
    """Lengths of the first 2,000 texts of a column, in tokens of the bundled model."""
    table, _ = source(origin, root)
    return count_tokens(table.frame[column].head(MEASURED_TEXTS).tolist(), bundled_folder())


@st.cache_data(max_entries=16, show_spinner="Measuring the texts …")
def planned(root: str, dataset_id: str, model: str, preset: str, _info: object) -> Plan:
    """_info: the data set's; not part of the key, since the id is the hash of its content."""
    return plan(Workspace(Path(root)), _info, model, preset)


@st.cache_data(max_entries=8, show_spinner=False)
def metrics(path: str, modified: float) -> dict:
    return read_json(Path(path))


@st.cache_data(max_entries=4, show_spinner=False)
def predicted(path: str, modified: float, split: str) -> pd.DataFrame:
    return predictions.read(Path(path), split)


@st.cache_resource(max_entries=2, show_spinner="Opening the model …")
def predictor(folder: str, modified: float):
    from engine.serving.predictor import Predictor

    return Predictor(Path(folder))
