"""What is expensive to read, kept under a bounded cache with a key that changes when the thing changes."""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from engine import libraries, machine, preferences
from engine.data.datasets import first_rows
from engine.data.health import MEASURED, Problem, too_long
from engine.data.health.texts import languages as languages_of
from engine.data.revising import row_name
from engine.data.workbench import sample_rows
from engine.errors import NotFoundError, TuneboardError
from engine.evaluation import predictions
from engine.models.catalogue import bundled_folder
from engine.models.tokens import count_tokens
from engine.paths import BatchPaths, RunPaths, Workspace, read_json, write_json
from engine.processes import ROOT, command
from engine.runs import space
from engine.runs.store import Run
from engine.serving import batch
from engine.serving.batch import Result
from engine.serving.explaining import Explanation
from engine.serving.rules import Rules
from engine.training.plan import Plan, plan

ASKED_FOR_LANGUAGE = 2000  # texts
ENDED = (
    "Writing the model as ONNX was ended from outside; perhaps the memory was full.",
    "Close other programs, then try again.",
)


@st.cache_data(max_entries=8, show_spinner="Measuring the texts …")
def lengths(folder: str, rows: int) -> tuple[np.ndarray, list[Problem]]:
    """(lengths of 1,000 texts of a draft, in tokens of the bundled model; what the limit cuts). folder: its step's, named
    after its content. rows: of the draft."""
    sample = sample_rows(Path(folder), MEASURED)
    tokens = count_tokens(sample["text"].tolist(), bundled_folder())
    return tokens, too_long(sample, tokens, rows)


def planned(root: str, dataset_id: str, model: str, preset: str, info: object) -> Plan:
    decided = preferences.of_new_runs(Workspace(Path(root)))
    return _planned(root, dataset_id, model, preset, decided, info)


@st.cache_data(max_entries=16, show_spinner="Measuring the texts …")
def _planned(root: str, dataset_id: str, model: str, preset: str, decided: dict, _info: object) -> Plan:
    """decided: for all new runs. _info: the data set's; not part of the key, since the id is the hash of its content."""
    return plan(Workspace(Path(root)), _info, model, preset)


@st.cache_data(max_entries=16, show_spinner="Looking at the languages …")
def languages(root: str, dataset_id: str) -> list[Problem]:
    """What there is to say of the languages of a data set, by its first texts."""
    return languages_of(first_rows(Workspace(Path(root)), dataset_id, ASKED_FOR_LANGUAGE))


@st.cache_data(max_entries=8, show_spinner="Looking at the scores …")
def scores(folder: str, modified: float) -> dict:
    """What metrics.json holds. folder: of a run, or of its answers to a further file. modified: when it was written."""
    paths = RunPaths(Path(folder))
    found = read_json(paths.metrics)
    if all("intervals" in found[split] for split in ("validation", "test") if split in found):
        return found
    from engine.results.evaluations import scores as completed  # of an older version; needs scipy

    return completed(paths)


def further(root: str, run_id: str) -> list:
    """Further files that a run was judged on; without importing what judges them as long as there are none."""
    workspace = Workspace(Path(root))
    if not workspace.run(run_id).furthers.exists():
        return []
    from engine.results.evaluations import further as found

    return found(workspace, run_id)


@st.cache_data(max_entries=32, show_spinner=False)
def order(labels: list[str], counts: list[list[int]], by: str) -> list[int]:
    from engine.evaluation.confusions import order as found

    return found(labels, counts, by)


@st.cache_data(max_entries=32, show_spinner=False)
def mistakes(labels: list[str], counts: list[list[int]]) -> list:
    from engine.evaluation.confusions import mistakes as found

    return found(labels, counts)


@st.cache_resource(max_entries=16, show_spinner="Looking closer …")
def closeup(path: str, modified: float, split: str, temperature: float, label: str):
    """path: of the predictions. The curves are those of the scores, the examples as sure as they are shown elsewhere."""
    from engine.results.evaluations import closeup as found

    return found(predicted(path, modified, split), temperature, label)


@st.cache_resource(max_entries=8, show_spinner="Looking for weak spots …")
def weakness(root: str, run_id: str, texts: str, modified: float, language: str):
    from engine.results.evaluations import find_weakness
    from engine.runs import queue

    workspace = Workspace(Path(root))
    return find_weakness(workspace, queue.get_run(workspace, run_id), texts)


@st.cache_data(max_entries=8, show_spinner=False)
def predicted(path: str, modified: float, split: str, temperature: float = 1.0) -> pd.DataFrame:
    """The predictions of one split, with corrected probabilities."""
    found = predictions.read(Path(path), split)
    if temperature == 1.0:
        return found
    from engine.results.evaluations import corrected  # needs scipy

    return corrected(found, temperature)


@st.cache_data(max_entries=8, show_spinner=False)
def corrected_log_loss(path: str, modified: float, split: str, temperature: float) -> tuple[float, list[float]]:
    """(log loss of the corrected confidence, its 95% interval). path: of the predictions."""
    from engine.evaluation.judging import corrected_log_loss as found

    return found(predicted(path, modified, split), temperature)


def exported(root: str, run_id: str, form: str, name: str) -> bytes:
    """What a run leaves for use elsewhere, made when it is wanted; a notebook as a ZIP of a folder with its data.

    name: of the file that is written.
    """
    from engine.results.export import export

    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, f"{Path(name).stem}-{form}")
        inside.mkdir()
        made = export(Workspace(Path(root)), run_id, inside / name, form)
        if form != "notebook":
            return made.read_bytes()
        return Path(shutil.make_archive(str(inside), "zip", folder, inside.name)).read_bytes()


@st.cache_resource(max_entries=4, show_spinner="Measuring this machine …")
def abilities(device: str):
    from engine.models import devices

    return devices.abilities(device)


def make_onnx(root: str, run_id: str) -> None:
    """Keep the model as ONNX with its run, made in a process of its own, since it takes much memory for a moment. It is as
    old as the model and the rules that it was made of, so that it is outdated where these change meanwhile.

    Raises TuneboardError with what that process said.
    """
    workspace = Workspace(Path(root))
    workspace.may_change()
    paths = workspace.run(run_id)
    with tempfile.TemporaryDirectory(dir=paths.folder) as place:
        to, began = Path(place, paths.onnx.name), Path(place).stat().st_mtime_ns  # by the same clock as theirs
        asked = ("export", run_id, "--to", to, "--format", "onnx", "--workspace", root, "--json")
        done = subprocess.run(
            command("engine", *asked),
            cwd=ROOT,
            env=machine.sharing(os.environ),
            capture_output=True,
            text=True,
        )
        if done.returncode:
            told = json.loads(done.stdout)["error"] if done.stdout else None  # on stderr libraries warn of this and that
            raise TuneboardError(*((told["message"], told["action"]) if told else ENDED))
        os.utime(to, ns=(began, began))
        to.replace(paths.onnx)
    write_json(paths.onnx_check, json.loads(done.stdout)["checked"])


def pushed(root: str, run_id: str, name: str, token: str, private: bool) -> str | TuneboardError:
    """Where a model is on the hub now, or why it is not."""
    from engine.results.export import push

    try:
        return push(Workspace(Path(root)), run_id, name, token, private)
    except TuneboardError as error:
        return error


@st.cache_data(max_entries=2, ttl=60, show_spinner=False)
def workspace_bytes(root: str) -> int:
    return space.taken(Path(root))


@st.cache_data(max_entries=16, show_spinner="Counting the answers …")
def batch_summary(folder: str, begun: str, rules: Rules) -> Result:
    """folder, begun: of a job that is done."""
    return batch.summary(BatchPaths(Path(folder)), rules)


def model_of(paths: RunPaths) -> tuple[str, float]:
    """(folder of the run's model, when it was written). Raises NotFoundError where it was removed meanwhile."""
    try:
        return str(paths.model), paths.model.stat().st_mtime
    except FileNotFoundError:
        raise NotFoundError("This model is no longer there; it was removed.", "Choose another one.") from None


@st.cache_resource(max_entries=12, show_spinner="Opening the model …")  # ten are compared at once
def predictor(folder: str, modified: float):
    with libraries.loading():
        from engine.serving.predictor import Predictor

    return Predictor(Path(folder))


@st.cache_resource(max_entries=32, show_spinner="Weighing the words …")
def explanation(folder: str, modified: float, text: str, label: str) -> Explanation:
    return predictor(folder, modified).explain(text, label)


@st.cache_resource(max_entries=4, show_spinner="Looking at its confidence …")
def calibration(root: str, run_id: str, texts: str, modified: float):
    from engine.results.evaluations import confidence
    from engine.runs import queue

    workspace = Workspace(Path(root))
    return confidence(workspace, queue.get_run(workspace, run_id), texts)


@st.cache_resource(max_entries=4, show_spinner="Looking for doubtful labels …")
def doubts(path: str, modified: float, temperature: float) -> dict[str, pd.DataFrame]:
    """The lists of engine/evaluation/doubts.py, with the name of each row; not to be changed."""
    from engine.evaluation.doubts import judge, ranked
    from engine.results.evaluations import corrected

    judged = judge(corrected(predictions.read(Path(path)), temperature))
    names = [row_name(*row) for row in zip(judged["split"], judged["source_row"], strict=True)]
    return {kind: ranked(judged.assign(row=names), kind) for kind in ("labels", "confident", "uncertain")}


@st.cache_resource(max_entries=4, show_spinner="Comparing …")
def comparison(root: str, run_ids: tuple[str, ...], modified: tuple[float, ...], names: tuple[str, ...]):
    """modified: when the scores of each were written, names: what they are called now; both may change."""
    from engine.results.comparison import of

    return of(Workspace(Path(root)), run_ids)


@st.cache_data(max_entries=4, show_spinner="Comparing …")
def learning_curve(root: str, _scores: dict[str, dict], run_ids: tuple[str, ...], modified: tuple[float, ...]):
    """_scores: of the runs that have some; run_ids and modified: these runs, and when their scores were written."""
    from engine.studies.curve import of

    return of(Workspace(Path(root)), _scores)


def settings_that_differ(root: str, runs: list[Run]) -> dict[str, dict[str, object]]:
    from engine.results.comparison import differing_settings

    return differing_settings(Workspace(Path(root)), runs)


@st.cache_data(max_entries=4, show_spinner=False)
def disagreements(_comparison: object, run_ids: tuple[str, ...], modified: tuple[float, ...]) -> pd.DataFrame:
    from engine.results.comparison import disagreements as found

    return found(_comparison)
