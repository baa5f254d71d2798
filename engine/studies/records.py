"""What was asked of several runs at once, and how far they are: kept in a file of its own, beside the runs."""

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.data.datasets import DatasetInfo
from engine.errors import RunStateError, WorkspaceError
from engine.names import tidy
from engine.paths import Workspace, no_such, read_json, write_json, writing
from engine.runs import queue
from engine.runs.store import Run, Status, now
from engine.settings import TrainingConfig
from engine.studies import progress
from engine.studies.progress import Progress

Kind = Literal["comparison", "curve", "search"]
WHY_VALIDATION = (
    "Picked by their scores on the test texts, they would be the luckiest of many, and luck would look like a real gap."
)


class Member(BaseModel):
    """One run that a study asks for. label: what sets it apart from the others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    model_name: str
    config: TrainingConfig


class Search(BaseModel):
    """What a search may change (fields), for how long its trials may train in all (seconds), and its chance (seed)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: list[str]
    seconds: float
    seed: int = 0


class Study(BaseModel):
    """Several runs that answer one question. Frozen: once asked, nothing of it changes.

    members: the runs that it asks for, in their order; of a search only the one that it starts from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    name: str
    kind: Kind
    created_at: str
    dataset_id: str
    dataset_name: str
    members: list[Member]
    search: Search | None = None

    def run_id(self, number: int) -> str:
        """The id of run `number`, from 0: always the same, so that asking twice gives one run."""
        return hashlib.sha256(f"{self.id} {number}".encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Standing:
    """How far a study is.

    runs: those that there are, in the order of the members. labels: by run id. gone: runs that somebody deleted.
    progress: of a search.
    """

    study: Study
    runs: list[Run]
    labels: dict[str, str]
    gone: int
    progress: Progress | None = None

    @property
    def live(self) -> bool:
        open_search = self.progress is not None and self.progress.status == "running"
        return open_search or any(not run.status.ended for run in self.runs)

    @property
    def status(self) -> Status:
        """As that of a run; finished where all runs that are left have ended, and at least one has a score."""
        if self.progress and not self.live:
            return Status(self.progress.status)
        if self.live:
            begun = any(run.status == Status.RUNNING or run.status.ended for run in self.runs)
            return Status.RUNNING if begun else Status.QUEUED
        if any(run.accuracy is not None for run in self.runs):
            return Status.FINISHED
        failed = any(run.status in (Status.FAILED, Status.INTERRUPTED) for run in self.runs)
        return Status.FAILED if failed else Status.STOPPED

    @property
    def ended(self) -> int:
        return sum(run.status.ended for run in self.runs)


def begin(
    workspace: Workspace,
    info: DatasetInfo,
    members: Sequence[Member],
    *,
    name: str = "",
    kind: Kind = "comparison",
    ticket: str | None = None,
) -> Study:
    """Queue all `members` as one study on the data set `info`.

    ticket: the same ticket, asked again (a double click, a refresh), gives the study that it gave before.
    """
    study = Study(
        id=ticket or queue.new_ticket(),
        name=tidy(name) or tidy(f"{len(members)} runs on {info.name}"),
        kind=kind,
        created_at=now(),
        dataset_id=info.id,
        dataset_name=info.name,
        members=list(members),
    )
    study = keep(workspace, study)
    for number in range(len(study.members)):
        submit(workspace, study, number)
    return study


def keep(workspace: Workspace, study: Study) -> Study:
    """Write down a study; one that was written down before under its id stays, and is returned."""
    workspace.may_change()
    paths = workspace.study(study.id)
    if paths.study.exists():
        return get(workspace, study.id)
    with writing(workspace.root):
        paths.folder.mkdir(parents=True, exist_ok=True)
    write_json(paths.study, study.model_dump())
    return study


def submit(workspace: Workspace, study: Study, number: int) -> Run:
    """Queue one of the study's runs, unless it was before."""
    member = study.members[number]
    return queue.submit(
        workspace,
        member.config,
        dataset_id=study.dataset_id,
        dataset_name=study.dataset_name,
        model_name=member.model_name,
        name=member.label,
        ticket=study.run_id(number),
    )


def get(workspace: Workspace, study_id: str) -> Study:
    """Raises NotFoundError when there is no such study, WorkspaceError where its file is damaged."""
    path = workspace.study(study_id).study
    if not path.exists():
        raise no_such("study", study_id)
    try:
        return Study(**read_json(path))
    except (TypeError, ValidationError) as error:
        raise WorkspaceError(
            f"The study {study_id} cannot be read; another version may have written it.",
            "Its runs are not harmed; compare them by choosing them one by one.",
            "damaged",
        ) from error


def list_studies(workspace: Workspace) -> list[Study]:
    """All studies, the newest first; a damaged one is left out, and told when it is asked for by its id."""
    found = []
    for path in workspace.studies.glob("*/study.json"):
        with suppress(WorkspaceError):
            one = get(workspace, path.parent.name)
            if one.search:
                progress.read(workspace.study(one.id))
            found.append(one)
    return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)


def standing(workspace: Workspace, study: Study) -> Standing:
    """How far the study is now. A run that was deleted counts as gone, and harms nothing."""
    there = {run.id: run for run in queue.list_runs(workspace)}
    labels = {study.run_id(number): member.label for number, member in enumerate(study.members)}
    found = None
    if study.search:
        found = progress.read(workspace.study(study.id))
        labels = {trial.run_id: trial_label(trial.number) for trial in found.trials}
    runs = [there[run_id] for run_id in labels if run_id in there]
    return Standing(study, runs, labels, len(labels) - len(runs), found)


def trial_label(number: int) -> str:
    return "Trial 1 (the preset)" if number == 0 else f"Trial {number + 1}"


def scored(workspace: Workspace, found: Standing) -> dict[str, dict]:
    """What metrics.json holds of each run that has a model and its scores, by run id; the best macro-F1 on validation first.

    That is how a few of many are chosen to be compared: those that did best on the test texts would be the lucky ones among
    them, and p-values that are corrected only for the pairs of the chosen would not know of the others.
    """
    there = {run.id: path for run in found.runs if (path := workspace.run(run.id).metrics).exists()}
    scores = {run_id: read_json(path) for run_id, path in there.items()}
    return dict(sorted(scores.items(), key=lambda one: one[1]["validation"]["macro_f1"], reverse=True))


def stop(workspace: Workspace, study: Study) -> None:
    """End a study early: what waits leaves the queue, what trains stops with its best round."""
    workspace.may_change()
    if study.search:
        with progress.changing(workspace.study(study.id)) as found:
            if found.status == "running":
                found.status, found.message = "stopped", "Stopped on request. It can be continued."
    live = [run for run in standing(workspace, study).runs if not run.status.ended]
    for run in sorted(live, key=lambda one: one.status == Status.RUNNING):  # else the next one would begin
        if run.status == Status.RUNNING and run.request:
            continue  # asked once more, it would end without its model
        with suppress(RunStateError):  # it ended a moment ago
            queue.stop(workspace, run.id)


def remove(workspace: Workspace, study_id: str) -> None:
    """Forget a study; its runs stay. Raises NotFoundError."""
    workspace.may_change()
    get(workspace, study_id)
    paths = workspace.study(study_id)
    gone = workspace.studies.with_name(f"{study_id}.part")  # what a kill leaves of it is swept
    with writing(workspace.studies):
        paths.folder.rename(gone)  # at once, though the watcher may be writing in it
    shutil.rmtree(gone, ignore_errors=True)
