"""The reports of real runs: to a tracker of ours always, to TensorBoard and MLflow where they are installed."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from accelerate.tracking import GeneralTracker

from engine import preferences
from engine.errors import RunStateError
from engine.evaluation import predictions
from engine.paths import read_json
from engine.runs import queue, trackers
from engine.runs.events import History
from engine.runs.store import Status
from engine.workers import worker
from tests.engine.runs.helpers import submit

ROOT = Path(__file__).parents[3]
EXTRA = os.environ.get("TRACKERS_PATH", "")  # a folder that pip install --target filled, or several


class Memory(GeneralTracker):
    """Keeps what it is told. breaks: the name of a method that fails; hangs: until then."""

    name, requires_logging_directory, main_process_only = "memory", False, False

    def __init__(self, breaks="", hangs: threading.Event | None = None):
        super().__init__()
        self.settings, self.logged, self.finished = {}, [], False
        self.breaks, self.hangs = breaks, hangs

    @property
    def tracker(self):
        return self.logged

    def store_init_configuration(self, values):
        self.settings = values

    def log(self, values, step=None, **_):
        if self.hangs:
            self.hangs.wait(60)
        if self.breaks == "log":
            raise ConnectionError("https://me:secret@example.org does not answer")
        self.logged.append((step, values))

    def finish(self):
        self.finished = True


@pytest.fixture
def carried_out(workspace, easy, tiny_model, monkeypatch):
    """Carries out a run in this process, with `tracker` in the place of one that would have to be installed."""
    monkeypatch.setattr(queue, "start_apart", lambda *_: None)

    def carry_out(tracker=None, model=tiny_model, installed=True, **settings):
        opened = []
        monkeypatch.setattr(trackers, "opened", lambda *asked: opened.append(asked) or tracker)
        monkeypatch.setattr(trackers.Kind, "is_installed", installed)
        run = submit(workspace, easy, model, name="To be told", **settings)
        assert worker.main(str(workspace.root), run.id) == 0
        return queue.get_run(workspace, run.id), opened

    return carry_out


def notes(workspace, run):
    return " ".join(History.read(workspace.run(run.id).events).notes)


def test_a_tracker_that_was_chosen_hears_the_whole_course_and_no_text(workspace, carried_out):
    preferences.choose(workspace, {"tracker": "tensorboard"})
    memory = Memory()
    run, [(chosen, _, name, key)] = carried_out(memory, epochs=3)
    assert run.status == Status.FINISHED
    assert (chosen, name, key) == ("tensorboard", "To be told", f"To-be-told-{run.id}-1")
    assert memory.settings["epochs"] == 3
    assert memory.settings["model"] == "tiny"  # not its folder, which tells who works here
    history = History.read(workspace.run(run.id).events)
    losses = [(step, values["train/loss"]) for step, values in memory.logged if "train/loss" in values]
    assert losses == [(one["step"], one["loss"]) for one in history.steps]
    assert all(values["train/learning_rate"] >= 0 for _, values in memory.logged if "train/loss" in values)
    scores = [values["validation/macro_f1"] for _, values in memory.logged if "epoch" in values]
    assert scores == [one["scores"]["macro_f1"] for one in history.epochs]
    assert memory.logged[-1] == (history.steps[-1]["step"], {"status": "finished"})
    step, tested = memory.logged[-2]
    assert step == history.steps[-1]["step"]
    assert tested["test/accuracy"] == run.accuracy
    assert memory.finished
    assert [step for step, _ in memory.logged] == sorted(step for step, _ in memory.logged)
    told = f"{memory.settings} {memory.logged}"
    assert not any(text in told for text in predictions.read(workspace.run(run.id).predictions)["text"])


def test_a_run_that_is_stopped_is_told_as_one(workspace, carried_out, monkeypatch):
    class Impatient(Memory):
        def log(self, values, step=None, **_):
            super().log(values, step)
            if "epoch" in values and not any("status" in one for _, one in self.logged[:-1]):
                with suppress(RunStateError):
                    queue.stop(workspace, queue.list_runs(workspace)[0].id)

    preferences.choose(workspace, {"tracker": "tensorboard"})
    monkeypatch.setattr(trackers, "LOOK_SECONDS", 0.01)
    memory = Impatient()
    run, _ = carried_out(memory, epochs=100)
    assert run.status == Status.STOPPED
    assert memory.logged[-1][1] == {"status": "stopped"} and memory.finished


def test_nothing_is_reported_unless_a_tracker_was_chosen(workspace, carried_out, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    memory = Memory()
    run, opened = carried_out(memory)
    assert run.status == Status.FINISHED
    assert (opened, memory.logged) == ([], [])
    assert not workspace.trackers.exists()


def test_a_tracker_that_fails_is_a_note_and_no_harm(workspace, carried_out):
    preferences.choose(workspace, {"tracker": "mlflow"})
    run, _ = carried_out(Memory(breaks="log"))
    assert run.status == Status.FINISHED
    said = notes(workspace, run)
    assert "MLflow accepted no more reports" in said
    assert "does not answer" in said
    assert "secret" not in said


def test_a_tracker_that_hangs_is_not_waited_for(workspace, carried_out, monkeypatch):
    preferences.choose(workspace, {"tracker": "wandb"})
    monkeypatch.setattr(trackers, "CLOSING_SECONDS", 0.5)
    go_on = threading.Event()
    began = time.monotonic()
    run, _ = carried_out(Memory(hangs=go_on))
    go_on.set()
    assert run.status == Status.FINISHED
    assert time.monotonic() - began < 30
    assert "Weights & Biases did not answer in time" in notes(workspace, run)


def test_what_is_not_installed_is_said_with_what_to_do(workspace, carried_out):
    preferences.choose(workspace, {"tracker": "mlflow"})
    run, opened = carried_out(installed=False)
    assert (run.status, opened) == (Status.FINISHED, [])
    assert "pip install mlflow-skinny" in notes(workspace, run)


def test_a_run_that_counts_words_and_one_that_goes_on_are_reported_too(workspace, carried_out):
    preferences.choose(workspace, {"tracker": "tensorboard"})
    memory = Memory()
    run, _ = carried_out(memory, model="tfidf")
    assert [next(iter(values)).split("/")[0] for _, values in memory.logged] == ["test", "status"]
    first = Memory()
    run, _ = carried_out(first, epochs=2)
    queue.resume(workspace, run.id, epochs=4)
    second = Memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trackers, "opened", lambda *asked: second)
        assert worker.main(str(workspace.root), run.id) == 0
    steps = [step for step, values in second.logged if "train/loss" in values]
    assert steps == list(range(1, steps[-1] + 1))  # the whole course, each step once
    assert steps[-1] == 2 * first.logged[-1][0]
    assert [values["epoch"] for _, values in second.logged if "epoch" in values] == [1, 2, 3, 4]


def test_the_store_can_be_used_while_mlflow_is_imported(workspace, easy, tiny_model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "start_apart", lambda *_: None)
        run = submit(workspace, easy, tiny_model)
    preferences.choose(workspace, {"tracker": "mlflow"})
    program = """
import importlib, sys, threading
from engine.paths import Workspace
from engine.runs import queue, trackers
from engine.runs.store import Status, runs
workspace = Workspace.open(sys.argv[1])
trackers.Reporter(workspace, queue.get_run(workspace, sys.argv[2]))
sys.setswitchinterval(1e-5)
other = threading.Thread(target=importlib.import_module, args=("sqlalchemy.orm.session",))
other.start()
while True:
    going = other.is_alive()
    assert str(runs.c.status == Status.RUNNING)
    if not going:
        break
"""
    subprocess.run([sys.executable, "-c", program, workspace.root, run.id], cwd=ROOT, check=True, timeout=100)


# -- trackers that have to be installed -----------------------------------------------------------------


def trained(workspace, easy, tiny_model, chosen, **environment):
    """A run, carried out as a process that finds the trackers in EXTRA, after those of our own environment."""
    module = trackers.KINDS[chosen].module
    found = importlib.util.find_spec(module) or any(
        (Path(folder) / module).is_dir() for folder in EXTRA.split(os.pathsep) if folder
    )
    if not found:
        pytest.skip(f"{module} is not installed; see requirements-trackers.txt")
    preferences.choose(workspace, {"tracker": chosen})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(queue, "start_apart", lambda *_: None)
        run = submit(workspace, easy, tiny_model, name="Told <b>to</b> others/../x", epochs=3)
    program = (
        "import sys; sys.path += sys.argv[3].split(':'); from engine.workers import worker; worker.main(*sys.argv[1:3])"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(workspace.root), run.id, EXTRA],
        cwd=ROOT,
        env={**os.environ, **environment},
        check=True,
        timeout=170,
    )
    run = queue.get_run(workspace, run.id)
    assert run.status == Status.FINISHED, run.message
    assert "accepted no more" not in notes(workspace, run)
    return run, History.read(workspace.run(run.id).events)


def looked_up(program, *arguments):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path += sys.argv[1].split(':');{program}",
            EXTRA,
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_tensorboard_finds_the_run(workspace, easy, tiny_model):
    run, history = trained(workspace, easy, tiny_model, "tensorboard")
    [folder] = (workspace.trackers / "tensorboard").iterdir()
    assert folder.name == f"Told-b-to-b-others-x-{run.id}-1"
    program = (
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator as E;"
        "e = E(sys.argv[2]); e.Reload();"
        "print(len(e.Scalars('train/loss')), e.Scalars('test/accuracy')[0].value)"
    )
    steps, accuracy = looked_up(program, str(folder))
    assert int(steps) == len(history.steps)
    assert float(accuracy) == pytest.approx(run.accuracy)


@pytest.mark.parametrize(
    ("chosen", "variables"), [("wandb", {"WANDB_MODE": "offline"}), ("trackio", {"HF_HUB_OFFLINE": "1"})]
)
def test_the_others_take_the_reports_and_keep_them_here(workspace, easy, tiny_model, chosen, variables):
    trained(workspace, easy, tiny_model, chosen, **variables)
    kept = [path for path in (workspace.trackers / chosen).rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) > 1000


def test_mlflow_finds_the_run_in_its_sqlite_file(workspace, easy, tiny_model):
    run, history = trained(workspace, easy, tiny_model, "mlflow", MLFLOW_TRACKING_URI="")
    program = (
        "from mlflow import MlflowClient as C; c = C('sqlite:///' + sys.argv[2]);"
        "[one] = c.search_runs([c.get_experiment_by_name('Tuneboard').experiment_id]);"
        "print(one.info.status, one.data.params['epochs'], one.data.metrics['test/accuracy'],"
        "len(c.get_metric_history(one.info.run_id, 'train/loss')), one.info.run_name)"
    )
    status, epochs, accuracy, steps, *name = looked_up(program, str(workspace.trackers / "mlflow.db"))
    assert (status, epochs, int(steps)) == ("FINISHED", "3", len(history.steps))
    assert float(accuracy) == pytest.approx(read_json(workspace.run(run.id).metrics)["test"]["accuracy"])
    assert " ".join(name) == run.name


@pytest.mark.parametrize(("ended", "told"), [(Status.STOPPED, "KILLED"), (Status.FAILED, "FAILED")])
def test_mlflow_knows_a_run_that_did_not_finish(workspace, ended, told):
    if not any((Path(folder) / "mlflow").is_dir() for folder in EXTRA.split(os.pathsep) if folder):
        pytest.skip("mlflow is not installed; see requirements-trackers.txt")
    program = (
        "sys.path.insert(0, sys.argv[2]);"
        "from engine.paths import Workspace; from engine.runs import trackers; from engine.runs.store import Status;"
        "w = Workspace.open(); t = trackers.opened('mlflow', w, 'x', 'x');"
        "trackers.end('mlflow', t, Status(sys.argv[3]), 1);"
        "from mlflow import MlflowClient as C; c = C('sqlite:///' + str(w.trackers / 'mlflow.db'));"
        "print(c.search_runs([c.get_experiment_by_name('Tuneboard').experiment_id])[0].info.status)"
    )
    assert looked_up(program, str(ROOT), str(ended))[-1] == told
