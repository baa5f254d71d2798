"""What is expensive to read, kept under a bounded cache with a key that changes when the thing changes."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from engine.data.health import MEASURED, Problem, too_long
from engine.data.workbench import sample_rows
from engine.evaluation import predictions
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_tokens
from engine.paths import Workspace, read_json
from engine.runs.store import Run
from engine.training.plan import Plan, plan


@st.cache_data(max_entries=8, show_spinner="Measuring the texts …")
def lengths(folder: str, rows: int) -> tuple[np.ndarray, list[Problem]]:
    """(lengths of 1,000 texts of a draft, in tokens of the bundled model; what the limit cuts). folder: its step's, named
    after its content. rows: of the draft."""
    sample = sample_rows(Path(folder), MEASURED)
    tokens = count_tokens(sample["text"].tolist(), bundled_folder())
    return tokens, too_long(sample, tokens, rows)


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


def exported(root: str, run_id: str, form: str, name: str) -> bytes:
    """What a run leaves for use elsewhere, made when it is wanted; a notebook with its data as a ZIP. name: of the file."""
    from engine.runs.export import export

    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder) / "inside"
        inside.mkdir()
        made = export(Workspace(Path(root)), run_id, inside / name, form)
        if form != "notebook":
            return made.read_bytes()
        return Path(shutil.make_archive(str(Path(folder) / "all"), "zip", inside)).read_bytes()


@st.cache_resource(max_entries=2, show_spinner="Opening the model …")
def predictor(folder: str, modified: float):
    from engine.serving.predictor import Predictor

    return Predictor(Path(folder))


@st.cache_resource(max_entries=4, show_spinner="Looking at its confidence …")
def calibration(path: str, modified: float):
    from engine.evaluation.calibration import judge

    return judge(predictions.read(Path(path)))


def tempered(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 1.0:
        return probabilities
    from engine.evaluation.calibration import temper

    return temper(probabilities, temperature)


@st.cache_resource(max_entries=4, show_spinner="Comparing …")
def comparison(root: str, run_ids: tuple[str, ...], modified: tuple[float, ...]):
    """modified: when the scores of each were written, so that a run that was trained further is read anew."""
    from engine.runs.comparison import of

    return of(Workspace(Path(root)), run_ids)


def settings_that_differ(root: str, runs: list[Run]) -> dict[str, dict[str, object]]:
    from engine.runs.comparison import differing_settings

    return differing_settings(Workspace(Path(root)), runs)


@st.cache_data(max_entries=4, show_spinner=False)
def disagreements(_comparison: object, run_ids: tuple[str, ...], modified: tuple[float, ...]) -> pd.DataFrame:
    from engine.runs.comparison import disagreements as found

    return found(_comparison)
