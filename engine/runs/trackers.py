"""The course of a run, reported to a tracker as well: MLflow, Weights & Biases, TensorBoard or Trackio.

Only to the one that was chosen (engine/preferences.py); the default is none, and a variable such as MLFLOW_TRACKING_URI
alone sends nothing. A thread of its own follows the record of events, so that neither the training nor the way it ends
waits for a tracker, and what goes wrong with it is a note in that record. Each attempt at a run is reported as a whole.
"""

import importlib.util
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine import preferences
from engine.paths import Workspace, read_json
from engine.processes import complain
from engine.runs import queue
from engine.runs.events import EventLog, read_events
from engine.runs.pulse import Pulse
from engine.runs.store import Run, Status
from engine.settings import applying

if TYPE_CHECKING:  # which imports torch
    from accelerate.tracking import GeneralTracker

PROJECT = "Tuneboard"  # what runs are gathered under
LOOK_SECONDS = 2.0
CLOSING_SECONDS = 20.0  # that a tracker has at the end of a run
BEFORE = ("starting", "loading libraries")  # then the record still holds what earlier attempts did in vain
LONGEST_ERROR = 200  # letters
OF_A_STEP = ("loss", "learning_rate", "gradient")
DISCREET = {  # of what Weights & Biases would take along by itself: the output, the program, the packages, the machine
    "console": "off",
    "disable_code": True,
    "disable_git": True,
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}
NO_LETTERS = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class Kind:
    """A tracker. module: what has to be installed, by the package that brings it. place: where the reports go, which its own
    variables may say."""

    title: str
    module: str
    package: str
    place: str
    variables: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.module) is not None


KINDS = {
    "tensorboard": Kind(
        "TensorBoard",
        "tensorboard",
        "tensorboard",
        "In the folder trackers/tensorboard of the workspace; look at them with tensorboard --logdir.",
    ),
    "mlflow": Kind(
        "MLflow",
        "mlflow",
        "mlflow-skinny",
        "To the address in Settings or in MLFLOW_TRACKING_URI, else to the file trackers/mlflow.db of the workspace.",
        ("MLFLOW_TRACKING_URI",),
    ),
    "wandb": Kind(
        "Weights & Biases",
        "wandb",
        "wandb",
        "To the service at wandb.ai, as WANDB_API_KEY, WANDB_BASE_URL and WANDB_MODE say.",
        ("WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_MODE"),
    ),
    "trackio": Kind(
        "Trackio",
        "trackio",
        "trackio",
        "In the folder trackers/trackio of the workspace, or to the Space of the hub that TRACKIO_SPACE_ID names.",
        ("TRACKIO_SPACE_ID",),
    ),
}


def opened(chosen: str, workspace: Workspace, name: str, key: str) -> "GeneralTracker":
    """The tracker, ready for the reports of a run. key: of this attempt, fit for the name of a folder."""
    from accelerate import PartialState, tracking

    PartialState()  # without it some of them refuse to speak
    folder = workspace.trackers / chosen
    folder.mkdir(parents=True, exist_ok=True)
    match chosen:
        case "tensorboard":
            tracker = tracking.TensorBoardTracker(key, folder)
        case "mlflow":
            import mlflow

            address = preferences.in_force(workspace)["mlflow"].value
            mlflow.set_tracking_uri(address or f"sqlite:///{workspace.trackers / 'mlflow.db'}")
            tracker = tracking.MLflowTracker(PROJECT, logging_dir=None if address else str(folder), run_name=name)
        case "wandb":
            tracker = tracking.WandBTracker(PROJECT, name=name, dir=str(folder), settings=DISCREET)
        case "trackio":
            os.environ.setdefault("TRACKIO_DIR", str(folder))
            tracker = tracking.TrackioTracker(PROJECT, name=name)
    tracker.start()
    return tracker


def end(chosen: str, tracker: "GeneralTracker", status: Status, step: int) -> None:
    """Close the reports of a run that ended so: in the tracker's own words, where it has some."""
    match chosen:
        case "mlflow":
            import mlflow

            mlflow.end_run({Status.FINISHED: "FINISHED", Status.STOPPED: "KILLED"}.get(status, "FAILED"))
        case "wandb":
            tracker.run.finish(exit_code=int(status != Status.FINISHED))
        case _:
            tracker.log({"status": str(status)}, step=step)
            tracker.finish()


class Reporter:
    """Follows a run that this process works on: `follow` once the work begins, `close` once the run has ended."""

    def __init__(self, workspace: Workspace, run: Run):
        """To be made before another thread of the process uses the store."""
        self.workspace, self.run, self.paths = workspace, run, workspace.run(run.id)
        self.chosen = preferences.in_force(workspace)["tracker"].value
        self.offset, self.step, self.scored, self.status = 0, 0, False, Status.FAILED
        self.over = threading.Event()
        self.thread: threading.Thread | None = None
        if self.chosen == "mlflow":  # imports this in our thread: meanwhile the store could compare nothing
            importlib.import_module("sqlalchemy.orm")

    def follow(self, pulse: Pulse) -> None:
        if self.chosen == "off":
            return
        self.thread = threading.Thread(target=self._guarded, args=(pulse,), name="tracker", daemon=True)
        self.thread.start()

    def close(self, status: Status, scored: bool) -> None:
        """Report the rest; a tracker that does not answer is not waited for. status: how this attempt ended; scored: whether
        it made a model."""
        if not self.thread:
            return
        self.status, self.scored = status, scored
        self.over.set()
        self.thread.join(CLOSING_SECONDS)
        if self.thread.is_alive():
            self._note("did not answer in time; its missing reports are kept here.")

    def _guarded(self, pulse: Pulse) -> None:
        kind = KINDS[self.chosen]
        if not kind.is_installed:
            self._note(f"is not installed, so nothing was reported. To install it: pip install {kind.package}")
            return
        try:
            self._report(pulse)
        except BaseException as error:  # whatever it raises, SystemExit included, is no concern of the run
            said = f"{type(error).__name__}: {preferences.without_secrets(' '.join(str(error).split()))}"
            complain(f"The tracker: {said}")
            self._note(f"accepted no more reports; the run continues without it. It said: {said[:LONGEST_ERROR]}")

    def _report(self, pulse: Pulse) -> None:
        while pulse.name in BEFORE:
            if self.over.wait(LOOK_SECONDS) and pulse.name in BEFORE:
                return  # it failed before there was anything to report
        attempt = self.run.attempt
        name = self.run.name + (f" (attempt {attempt})" if attempt > 1 else "")
        key = f"{NO_LETTERS.sub('-', self.run.name).strip('-')[:40]}-{self.run.id}-{attempt}"
        tracker = opened(self.chosen, self.workspace, name, key)
        tracker.store_init_configuration(self._settings())
        last = False
        while not last:
            last = self.over.wait(LOOK_SECONDS)
            self._pass_on(tracker)
        if self.scored:
            tracker.log(figures("test", read_json(self.paths.metrics)["test"]), step=self.step)
        end(self.chosen, tracker, self.status, self.step)

    def _settings(self) -> dict[str, object]:
        asked = applying(queue.config_of(self.workspace, self.run.id))
        asked |= {"model": self.run.model_name, "data_set": self.run.dataset_name, "run": self.run.id}
        return {field: value for field, value in asked.items() if value is not None}

    def _pass_on(self, tracker: "GeneralTracker") -> None:
        """Report what happened since the last time."""
        events, self.offset = read_events(self.paths.events, self.offset)
        for one in events:
            if one["kind"] == "step":
                self.step = one["step"]
                tracker.log(figures("train", {name: one[name] for name in OF_A_STEP}), step=self.step)
            elif one["kind"] == "epoch":
                tracker.log({"epoch": one["epoch"], **figures("validation", one["scores"])}, step=self.step)

    def _note(self, sentence: str) -> None:
        with suppress(OSError), EventLog(self.paths.events) as events:  # a full disk was told already
            events.write("note", text=f"{KINDS[self.chosen].title} {sentence}")


def figures(group: str, found: dict[str, object]) -> dict[str, float]:
    """The numbers in `found`, as 'group/name'."""
    return {f"{group}/{name}": value for name, value in found.items() if isinstance(value, int | float)}
