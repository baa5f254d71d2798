"""A search for good settings in a given time: one trial after another, each an ordinary run, scored on validation only.

The watcher takes it from step to step, so that no browser need be open; whatever dies, it goes on from what is written down.
"""

import traceback
from contextlib import suppress
from typing import TYPE_CHECKING

from engine.errors import NotFoundError, RunStateError, SettingsError, TuneboardError, WorkspaceError
from engine.figures import rounded
from engine.names import tidy
from engine.paths import Workspace, write_json, writing
from engine.processes import complain
from engine.runs import forecast, queue
from engine.runs.ending import explain
from engine.runs.events import History, seconds_at
from engine.runs.store import Run, Status, Store, now
from engine.settings import TrainingConfig
from engine.studies import progress, records
from engine.studies.progress import Progress, Trial
from engine.studies.records import Member, Search, Study

if TYPE_CHECKING:
    from engine.data.datasets import DatasetInfo
    from engine.studies.trials import Trials
    from engine.training.plan import Plan

FIELDS = ("learning_rate", "epochs", "batch_size", "layer_decay", "dropout", "label_smoothing")
LEAST_SECONDS = 30.0
MOST_FAILED = 3  # trials in a row
MOST_ATTEMPTS = 3  # of a trial whose process died
MOST_TRIALS = 200
NO_LIMIT = 10**6  # rounds
ASTRAY = ("loss_not_a_number", "out_of_memory", "no_score")  # what settings do to a run, not the machine
HOPELESS = "Stopped early: hopeless after epoch {} (macro-F1 {} on validation)."
OVER = "Stopped early: the time of the search was up."


def begin(
    workspace: Workspace,
    info: "DatasetInfo",
    plan: "Plan",
    config: TrainingConfig,
    seconds: float,
    *,
    name: str = "",
    ticket: str | None = None,
) -> Study:
    """Begin a search around `config`, which is the first trial. seconds: that its trials may train in all, without waiting.

    ticket: the same ticket, asked again, gives the search that it gave before. Raises SettingsError for too little time, and
    for word counting.
    """
    if config.counts_words:
        raise SettingsError({"model": "word counting has no settings to search; choose another model."})
    if seconds < LEAST_SECONDS:
        raise SettingsError({"time": f"a search needs at least {rounded(LEAST_SECONDS)} seconds."})
    fields = [*FIELDS, *(["balance"] if "balance" in plan.chosen.reasons else [])]
    study = Study(
        id=ticket or queue.new_ticket(),
        name=tidy(name) or tidy(f"Search with {plan.source.name} on {info.name}"),
        kind="search",
        created_at=now(),
        dataset_id=info.id,
        dataset_name=info.name,
        members=[Member(label=plan.source.name, model_name=plan.source.name, config=config)],
        search=Search(fields=fields, seconds=seconds, seed=config.seed),
    )
    workspace.may_change()
    paths = workspace.study(study.id)
    with writing(workspace.root):
        paths.folder.mkdir(parents=True, exist_ok=True)
    if not paths.progress.exists():  # before the study itself, so that there is none without it
        write_json(paths.progress, Progress(seconds=seconds).model_dump())
    study = records.keep(workspace, study)
    queue.keep_watch(workspace)
    return study


def resume(workspace: Workspace, study: Study, more_seconds: float = 0.0) -> None:
    """Let a search that ended go on, with more time where it was used up. Raises RunStateError when it goes on already."""
    workspace.may_change()
    if not study.search:
        raise RunStateError(f"The study {study.name!r} is no search.", "Resume its runs one by one.")
    with progress.changing(workspace.study(study.id)) as found:
        if found.status == "running" and not more_seconds:
            raise RunStateError(f"The search {study.name!r} goes on already.", "Nothing needs to be done.")
        found.status, found.message, found.seconds = "running", "", found.seconds + more_seconds
    queue.keep_watch(workspace)


def look_after(workspace: Workspace) -> None:
    """See to it that the watcher lives while an open search waits for its next step."""
    may = workspace.writable and workspace.changeable
    if may and any(_may_step(workspace, found) for _, found in _open(workspace)):
        queue.keep_watch(workspace)


def go_on(workspace: Workspace) -> bool:
    """Take every open search a step further; for the watcher. Returns whether something was begun."""
    if not (workspace.writable and workspace.changeable):
        return False
    begun, wrong = False, None
    for study, _ in _open(workspace):
        try:
            with progress.changing(workspace.study(study.id)) as found:
                begun |= _stepped(workspace, study, found)
        except (TuneboardError, OSError) as error:
            wrong = error  # a full disk or a locked store may be over in a moment; the others go on meanwhile
    if wrong:
        raise wrong
    return begun


def _stepped(workspace: Workspace, study: Study, found: Progress) -> bool:
    """As `_step`; what nobody foresaw ends the search."""
    try:
        return _step(workspace, study, found)
    except (TuneboardError, OSError):
        raise
    except Exception as error:  # told on the page, and the queue goes on
        complain(traceback.format_exc())
        said = explain(error)
        found.status, found.message = "failed", f"{said['message']} {said['action']}"
        return False


def _open(workspace: Workspace) -> list[tuple[Study, Progress]]:
    """Searches that go on, or whose last trial is still to be written down; a damaged one is told where it is shown."""
    found = []
    for path in workspace.studies.glob("*/progress.json"):
        with suppress(WorkspaceError, NotFoundError):
            now_at = progress.read(workspace.study(path.parent.name))
            if now_at.status == "running" or now_at.current:
                found.append((records.get(workspace, path.parent.name), now_at))
    return found


def _may_step(workspace: Workspace, found: Progress) -> bool:
    """Whether the search, and not the queue or a person, has to do something next."""
    run = _run(workspace, found.current) if found.current else None
    return run is None or (run.status.ended and not _is_held(run))


def _is_held(run: Run) -> bool:
    """Whether a person paused the trial, and may let it go on."""
    return run.paused and not run.deleted_at


def _step(workspace: Workspace, study: Study, found: Progress) -> bool:
    """Look at the present trial, or begin the next one. Returns whether one was begun."""
    current = found.current
    if current:
        run = _run(workspace, current)
        if run and not run.status.ended:
            _watch(workspace, study, found, current, run)
            return False
        if run and _is_held(run):
            return False
        if run and found.status == "running" and _can_go_on(workspace, run):
            queue.resume(workspace, run.id)
            return True
        _close(workspace, study, found, current, run)
    if found.status != "running":
        return False
    return _begin_next(workspace, study, found)


def _can_go_on(workspace: Workspace, run: Run) -> bool:
    """Whether a trial died that may go on: not too often, and it is neither in the trash nor damaged."""
    try:
        queue.config_of(workspace, run.id)
    except WorkspaceError:
        return False
    return run.status == Status.INTERRUPTED and run.attempt < MOST_ATTEMPTS and not run.deleted_at


def _watch(workspace: Workspace, study: Study, found: Progress, trial: Trial, run: Run) -> None:
    """End a trial that is hopeless, or whose time is up."""
    if run.request or run.status != Status.RUNNING:
        return
    epochs = History.read(workspace.run(run.id).events).epochs
    if found.spent + (run.seconds or 0.0) >= found.seconds:
        _stop(workspace, trial, OVER)
    elif len(epochs) > trial.rounds:
        scores = [one["scores"]["macro_f1"] for one in epochs]
        trial.rounds, trial.score = len(epochs), _kept(epochs)
        if _trials(workspace, study).report(trial.number, scores):
            _stop(workspace, trial, HOPELESS.format(len(epochs), rounded(max(scores), 3)))


def _stop(workspace: Workspace, trial: Trial, why: str) -> None:
    try:
        queue.stop(workspace, trial.run_id)
        trial.why = why
    except RunStateError:
        return  # it ended a moment ago


def _close(workspace: Workspace, study: Study, found: Progress, trial: Trial, run: Run | None) -> None:
    """Write down how a trial ended, and let the sampler learn from it."""
    epochs = History.read(workspace.run(trial.run_id).events).epochs
    trial.rounds, trial.score = len(epochs), _kept(epochs)
    trial.seconds = (run.seconds if run else None) or 0.0
    if run is None or run.status == Status.INTERRUPTED or (run.status == Status.FAILED and run.reason not in ASTRAY):
        trial.state = "failed"
    else:
        trial.state = "complete" if run.status == Status.FINISHED else "pruned"
    trials = _trials(workspace, study)
    if epochs:
        trials.report(trial.number, [one["scores"]["macro_f1"] for one in epochs])
    trials.close(trial.number, trial.state, trial.score)
    found.importance = trials.importance()
    if run and trial.why and run.status == Status.STOPPED and trial.why not in (run.message or ""):
        rest = (run.message or "").removeprefix("Stopped on request. ")
        Store(workspace).say(run.id, f"{trial.why} {rest}".strip())
    if found.status != "running":
        return
    last = found.trials[-MOST_FAILED:]
    if trial.state == "failed" and (len(found.trials) == 1 or all(one.state == "failed" for one in last)):
        said = f"{run.message} {run.action or ''}" if run else "Its runs were deleted while they trained."
        found.status, found.message = "failed", said.strip()
    elif run and run.status == Status.STOPPED and not run.attempt:
        found.status, found.message = "stopped", "Its next trial was taken out of the queue. It can be continued."


def _begin_next(workspace: Workspace, study: Study, found: Progress) -> bool:
    from engine.studies.trials import rounds_sought

    number, base = len(found.trials), study.members[0]
    fewest, _ = rounds_sought(base.config.epochs)
    fits = rounds_that_fit(workspace, study, found)
    if fits < fewest or number >= MOST_TRIALS:
        found.status, found.message = "finished", ended(found)
        return False
    values = _trials(workspace, study).ask(number, fits)
    run = queue.submit(
        workspace,
        type(base.config)(**{**base.config.model_dump(), **values}),
        dataset_id=study.dataset_id,
        dataset_name=study.dataset_name,
        model_name=base.model_name,
        name=f"{records.trial_label(number)}, {study.name}",
        ticket=study.run_id(number),
    )
    found.trials.append(Trial(number=number, run_id=run.id, values=values))
    return True


def rounds_that_fit(workspace: Workspace, study: Study, found: Progress) -> int:
    """How many rounds a trial may take so that it ends within the time that is left, by the slowest trial so far.

    Before the first has ended, by the forecast; where there is none, nothing is known and nothing is held back.
    """
    left = found.seconds - found.spent
    if left <= 0:
        return 0
    seen = [trial for trial in found.trials if trial.rounds and trial.seconds]
    if not seen:
        return _by_forecast(workspace, study, left)
    paces = [_pace(workspace, trial) for trial in seen]
    around, a_round = max(one[0] for one in paces), max(one[1] for one in paces)
    return int((left - around) / max(a_round, 1e-3))


def _by_forecast(workspace: Workspace, study: Study, left: float) -> int:
    config = study.members[0].config
    try:
        known = forecast.find(workspace, study.dataset_id, config)
    except TuneboardError:
        known = None
    if known is None:
        return NO_LIMIT
    once = known.parts["loading"] + known.parts["tokenizing"]
    return int((left - once) / max((known.seconds - once) / config.epochs, 1e-3))


def _pace(workspace: Workspace, trial: Trial) -> tuple[float, float]:
    """(seconds of a trial around its rounds, seconds of one round with its score)"""
    history = History.read(workspace.run(trial.run_id).events)
    began = next((one["at"] for one in history.phases if one["name"] == "training"), None)
    if not began or not history.epochs:
        return trial.seconds, 0.0
    learnt = max(0.0, seconds_at(history.epochs[-1]["at"]) - seconds_at(began))
    return max(0.0, trial.seconds - learnt), learnt / len(history.epochs)


def ended(found: Progress) -> str:
    """How a search came out, in a sentence or two."""
    best, first = found.best, found.trials[0] if found.trials else None
    if not best or not first:
        return "The time was not enough for one trial."
    said = f"The time is used: {len(found.trials)} trials. "
    if best.number == 0:
        return f"{said}Nothing beat the preset's settings, macro-F1 {rounded(best.score, 3)} on validation."
    by_preset = "" if first.score is None else f"; with the preset's settings it was {rounded(first.score, 3)}"
    return f"{said}The best is trial {best.number + 1}, macro-F1 {rounded(best.score, 3)} on validation{by_preset}."


def _trials(workspace: Workspace, study: Study) -> "Trials":
    from engine.studies.trials import Trials

    return Trials(workspace.study(study.id).trials, study.members[0].config, study.search.fields, study.search.seed)


def _run(workspace: Workspace, trial: Trial) -> Run | None:
    try:
        return Store(workspace).get(trial.run_id)
    except NotFoundError:
        return None


def _kept(epochs: list[dict]) -> float | None:
    """Macro-F1 on validation of the round that is kept."""
    return next((one["scores"]["macro_f1"] for one in reversed(epochs) if one["best"]), None)
