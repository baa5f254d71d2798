"""Submit, watch, stop and delete runs. Everything a page or the command line may do with a run goes through here."""

import secrets

from filelock import FileLock, Timeout

from engine import machine
from engine.errors import NotFoundError, RunStateError, SettingsError, WorkspaceError
from engine.figures import significant
from engine.names import tidy
from engine.paths import Workspace, read_json, write_json, writing
from engine.processes import is_elsewhere, is_there, kill, start_apart
from engine.runs import ending, space
from engine.runs.store import LAUNCH_SECONDS, STALE_SECONDS, Request, Run, Status, Store, clock, now
from engine.settings import TrainingConfig, applying, problems

LEAST_TOKENS = 32  # fewer say too little
UNANSWERED_SECONDS = 8.0  # after a request; the worker itself ends what does not answer a little earlier
MUTE_SECONDS = 4.0  # without a heartbeat: not even the worker's own clock runs


def submit(
    workspace: Workspace,
    config: TrainingConfig,
    *,
    dataset_id: str,
    dataset_name: str,
    model_name: str,
    name: str = "",
    ticket: str | None = None,
) -> Run:
    """Freeze what is asked into a run and queue it.

    ticket: the same ticket, submitted again (a double click, a refresh), gives the run that it gave before.
    """
    workspace.may_change()
    store, run_id = Store(workspace), ticket or new_ticket()
    try:
        return store.get(run_id)
    except NotFoundError:
        pass  # the usual case: it is new
    paths = workspace.run(run_id)
    with writing(paths.folder):
        paths.folder.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, {"dataset_id": dataset_id, "config": config.model_dump()})
    store.add(
        id=run_id,
        name=tidy(name) or tidy(f"{model_name} on {dataset_name}"),
        dataset_id=dataset_id,
        dataset_name=dataset_name,
        model_name=model_name,
        slot=machine.device_slot(config.device),
    )
    launch_waiting(workspace, asked=True)
    return store.get(run_id)


def new_ticket() -> str:
    """A run id that nobody has used."""
    return secrets.token_hex(5)


def get_run(workspace: Workspace, run_id: str) -> Run:
    """The run as it is now. Raises NotFoundError."""
    workspace.run(run_id)  # refuses what is no id
    run = Store(workspace).get(run_id)
    if run.status.ended:
        return run
    look_after(workspace)
    return Store(workspace).get(run_id)


def peek(workspace: Workspace, run_id: str) -> Run:
    """The run as the store has it: cheap enough for every tick of a page, since the watcher looks after the queue.

    Raises NotFoundError.
    """
    return Store(workspace).get(run_id)


def list_runs(workspace: Workspace) -> list[Run]:
    """All runs, the newest first, with the dead told from the living and the waiting ones set going."""
    if not workspace.database.exists():
        return []
    store = Store(workspace)
    found = store.all()
    if all(run.status.ended for run in found):
        return found
    look_after(workspace)
    return store.all()


def live(workspace: Workspace) -> list[Run]:
    """What waits or trains, the newest first, looked after as by `list_runs`, and as quick beside a thousand ended runs."""
    if not (workspace.database.exists() and Store(workspace).live()):
        return []
    look_after(workspace)
    return sorted(Store(workspace).live(), key=lambda run: run.created_at, reverse=True)


def usable(workspace: Workspace) -> list[Run]:
    """All runs that have a model and its scores, the newest first."""
    return [run for run in list_runs(workspace) if workspace.run(run.id).metrics.exists()]


def askable(workspace: Workspace) -> list[Run]:
    """All runs that have a model, scored or brought from elsewhere without data, the newest first."""
    return [run for run in list_runs(workspace) if _is_askable(workspace, run)]


def get_askable(workspace: Workspace, run_id: str) -> Run:
    """A run that has a model. Raises NotFoundError and RunStateError."""
    run = get_run(workspace, run_id)
    return run if _is_askable(workspace, run) else get_usable(workspace, run_id)


def _is_askable(workspace: Workspace, run: Run) -> bool:
    return run.status == Status.FINISHED or workspace.run(run.id).metrics.exists()


def get_usable(workspace: Workspace, run_id: str, lacks: str = "model yet") -> Run:
    """A run that has a model and its scores. Raises NotFoundError, and RunStateError that says what it `lacks`."""
    run = get_run(workspace, run_id)
    if not workspace.run(run.id).metrics.exists():
        raise RunStateError(f"The run {run.name!r} has no {lacks}; it is {run.status}.", "Choose a finished run.")
    return run


def look_after(workspace: Workspace) -> bool:
    """Close what has died, end what does not answer, start what is next. Returns whether anything is left to look after."""
    if not (workspace.database.exists() and workspace.writable and workspace.changeable):
        return False
    store = Store(workspace)
    live = store.live()
    for run in live:
        if run.status == Status.RUNNING and not is_alive(run):
            ending.died(workspace, store, run)
        elif run.status == Status.RUNNING and _is_stuck(run):
            kill(run.pid, run.process)
            ending.died(workspace, store, run)
    waits, paused = any(run.status == Status.QUEUED for run in store.live()), store.queue_paused()
    if waits:
        launch_waiting(workspace)
    left = any(run.status == Status.RUNNING for run in live) or (waits and not paused)
    if left:
        keep_watch(workspace)
    return left


def is_alive(run: Run) -> bool:
    """Whether the process that claimed the run still exists (numbers of processes are used again).

    Of a process on another machine that shares the workspace only its signs of life can be seen.
    """
    if is_elsewhere(run.process):
        return not is_silent(run)
    return is_there(run.pid, run.process)


def is_silent(run: Run) -> bool:
    """Whether a running run has given no sign of life for a minute; a clock that was set back does not count."""
    return run.status == Status.RUNNING and abs(clock() - (run.heartbeat or 0)) > STALE_SECONDS


def _is_stuck(run: Run) -> bool:
    """Whether a request stays unanswered and the worker's own watch over it does not run either."""
    return (
        run.requested is not None
        and not is_elsewhere(run.process)
        and abs(clock() - run.requested) > UNANSWERED_SECONDS
        and abs(clock() - run.heartbeat) > MUTE_SECONDS
    )


def stop(workspace: Workspace, run_id: str, keep: bool = True) -> Run:
    """Ask a run to stop. keep: make a model of the best round so far; asked again meanwhile, it ends without one.

    Raises RunStateError when it has ended already.
    """
    return _ask(workspace, run_id, Request.STOP if keep else Request.DISCARD)


def cancel(workspace: Workspace, run_id: str) -> Run:
    """Take a waiting run out of the queue. Raises RunStateError when it has begun, or ended, already."""
    workspace.may_change()
    run = get_run(workspace, run_id)
    if not Store(workspace).cancel(run_id):
        raise RunStateError(f"The run {run.name!r} has already started.", "Stop or pause it instead.")
    return Store(workspace).get(run_id)


def pause(workspace: Workspace, run_id: str) -> Run:
    """Ask a run to save its state and make room; `resume` goes on from there. Raises RunStateError when it has ended."""
    return _ask(workspace, run_id, Request.PAUSE)


def _ask(workspace: Workspace, run_id: str, what: Request) -> Run:
    workspace.may_change()
    run = get_run(workspace, run_id)
    if run.status.ended:
        raise RunStateError(f"The run {run.name!r} is not running; it is {run.status}.", "Nothing needs to be stopped.")
    Store(workspace).request(run_id, what)
    return Store(workspace).get(run_id)


def resume(workspace: Workspace, run_id: str, epochs: int | None = None) -> Run:
    """Let a run that ended go on from its last saved state, or from its beginning where there is none.

    epochs: in all, more than it was asked for before; the way to train a finished run further.
    Raises RunStateError for a run that has not ended, or that is complete; SettingsError for more rounds than there may be.
    """
    workspace.may_change()
    get_run(workspace, run_id)  # closes what has died
    config_of(workspace, run_id)  # and where that is gone, its folder stays as it is
    paths = workspace.run(run_id)
    with writing(paths.folder), FileLock(paths.lock):  # of two at once, the second one finds it queued
        _queue_again(workspace, run_id, epochs)
    launch_waiting(workspace, asked=True)
    return Store(workspace).get(run_id)


def _queue_again(workspace: Workspace, run_id: str, epochs: int | None) -> None:
    run, config = Store(workspace).get(run_id), config_of(workspace, run_id)
    if run.imported:
        raise RunStateError(
            f"The model of {run.name!r} was trained elsewhere, so there is nothing to continue from.",
            "Start a new run from it: choose its folder as the model.",
        )
    if not run.status.ended:
        raise RunStateError(f"The run {run.name!r} is {run.status}.", "It need not be resumed.")
    if config.counts_words and (epochs or run.status == Status.FINISHED):
        raise RunStateError("Word counting has no epochs.", "Start a new run instead.")
    if epochs is not None and epochs <= config.epochs:
        raise RunStateError(
            f"The run {run.name!r} already has {config.epochs} epochs; it cannot be extended to {epochs}.",
            f"Ask for {config.epochs + 1} or more.",
        )
    if epochs is None and run.status == Status.FINISHED:
        raise RunStateError(
            f"The run {run.name!r} is finished after {config.epochs} epochs.",
            f"To train it further, give the total number of epochs: {config.epochs + 1} or more.",
        )
    if run.deleted_at:
        raise RunStateError(f"The run {run.name!r} is in the trash.", "Take it out first.")
    path, queued = workspace.run(run_id).config, False
    asked = read_json(path)
    if epochs is not None:  # before a worker may read it
        longer = {**config.model_dump(), "epochs": epochs}
        if wrong := problems(**longer):
            raise SettingsError(wrong)
        write_json(path, {**asked, "config": longer})
    try:
        queued = Store(workspace).queue_again(run)
    finally:
        if epochs is not None and not queued:
            write_json(path, asked)
    if not queued:
        happened = "deleted" if Store(workspace).get(run_id).deleted_at else "resumed"
        raise RunStateError(f"The run {run.name!r} was {happened} a moment ago.", "Nothing more needs to be done.")


def has_saved_state(workspace: Workspace, run_id: str) -> bool:
    """Whether there is a state of its training to go on from; if not, it begins anew when it is resumed."""
    return any(workspace.run(run_id).checkpoints.glob("*.json"))


def clone(
    workspace: Workspace,
    run: Run,
    config: TrainingConfig,
    name: str = "",
    *,
    dataset: tuple[str, str] | None = None,
    ticket: str | None = None,
) -> Run:
    """Queue a new run with the model and the data of another.

    dataset: (id, name) of a data set to take instead; the run is then named after it. ticket: as of `submit`.
    """
    dataset_id, dataset_name = dataset or (run.dataset_id, run.dataset_name)
    return submit(
        workspace,
        config,
        dataset_id=dataset_id,
        dataset_name=dataset_name,
        model_name=run.model_name,
        name=name or ("" if dataset else run.name),
        ticket=ticket,
    )


def rename(workspace: Workspace, run_id: str, name: str) -> None:
    """Give a run another name."""
    workspace.may_change()
    Store(workspace).change(run_id, name=tidy(name) or get_run(workspace, run_id).name)


def move(workspace: Workspace, run_id: str, to: str) -> None:
    """Move a waiting run in the queue. to: 'first', 'up', 'down' or 'last'."""
    workspace.may_change()
    Store(workspace).move(run_id, to)


def pause_queue(workspace: Workspace, paused: bool) -> None:
    """While the queue is paused no waiting run begins; what trains goes on."""
    workspace.may_change()
    Store(workspace).pause_queue(paused)
    launch_waiting(workspace, asked=True)


def is_paused(workspace: Workspace) -> bool:
    return workspace.database.exists() and Store(workspace).queue_paused()


def waiting(workspace: Workspace) -> list[Run]:
    """What waits, the next one first."""
    return Store(workspace).waiting() if workspace.database.exists() else []


def remove(workspace: Workspace, run_id: str) -> None:
    """Put a run with its model into the trash. Raises RunStateError while it is queued or running."""
    workspace.may_change()
    get_run(workspace, run_id)  # closes what has died
    if not Store(workspace).trash(run_id):
        run = Store(workspace).get(run_id)
        raise RunStateError(f"The run {run.name!r} is {run.status}.", "Stop it first, then delete it.")
    space.empty_trash(workspace, older_than=space.TRASH_DAYS)


def deleted(workspace: Workspace) -> list[Run]:
    """What is in the trash, the last deleted first."""
    return Store(workspace).all(deleted=True) if workspace.database.exists() else []


def restore(workspace: Workspace, run_id: str) -> Run:
    """Take a run out of the trash. Raises NotFoundError when it is gone for good."""
    workspace.may_change()
    Store(workspace).restore(run_id)
    return get_run(workspace, run_id)


def config_of(workspace: Workspace, run_id: str) -> TrainingConfig:
    """What the run was asked to do. Raises WorkspaceError where its record is gone or damaged."""
    path = workspace.run(run_id).config
    if not path.exists():
        raise WorkspaceError(f"The settings of run {run_id} are gone: {path}.", "Delete the run, or bring its folder back.")
    try:
        return TrainingConfig(**read_json(path)["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise WorkspaceError(
            f"The settings of run {run_id} cannot be read; another version may have written them.",
            "Start a new run instead.",
            "damaged",
        ) from error


def source_of(workspace: Workspace, run_id: str) -> str | None:
    """Where a model came from that was not trained here; None for all others."""
    path = workspace.run(run_id).config
    return read_json(path).get("imported") if path.exists() else None


def settings_of(workspace: Workspace, run_id: str) -> dict[str, object]:
    """The settings of a run that mean something for its model. Raises WorkspaceError as `config_of`."""
    config, source = config_of(workspace, run_id), source_of(workspace, run_id)
    if not source:
        return applying(config)
    return {"model": source, **({} if config.counts_words else {"max_tokens": config.max_tokens})}


def milder(config: TrainingConfig, reason: str) -> tuple[str, TrainingConfig] | None:
    """What to try after a run failed for `reason`, in words and as settings; None where nothing milder helps."""
    if reason == "loss_not_a_number":
        rate = float(f"{config.learning_rate / 3:.1e}")
        return f"Try a learning rate of {significant(rate)}", config.model_copy(update={"learning_rate": rate})
    if reason == "out_of_memory" and config.max_tokens > LEAST_TOKENS:
        tokens = max(LEAST_TOKENS, config.max_tokens // 2)
        return f"Read {tokens} tokens of each text", config.model_copy(update={"max_tokens": tokens})
    return None


def launch_waiting(workspace: Workspace, asked: bool = False) -> None:
    """Start a worker for every waiting run whose device is free, and somebody to look after them.

    A run for which none can be started fails; but where a person has `asked` for a start just now, WorkspaceError is raised.
    """
    store = Store(workspace)
    launched, wrong = store.next_to_launch(), None
    for run_id in launched:
        paths = workspace.run(run_id)
        try:
            with writing(paths.folder):
                pid = start_apart(paths.log, "engine.workers.worker", workspace.root, run_id)
            store.launched(run_id, pid)
        except WorkspaceError as error:  # the others shall start all the same
            if asked:
                wrong = error
            else:
                said = {"reason": error.code, "message": error.message, "action": error.action}
                store.change(run_id, status=Status.FAILED, ended_at=now(), **said)
    if launched:
        keep_watch(workspace)
    if wrong:
        raise wrong


def keep_watch(workspace: Workspace) -> None:
    """Start the watcher, which goes on when nobody looks, unless it lives (it holds the lock) or is just coming up."""
    log = workspace.watcher_log
    if log.exists() and 0 <= clock() - log.stat().st_mtime < LAUNCH_SECONDS:
        return
    try:
        with FileLock(workspace.watcher_lock).acquire(timeout=0):
            pass
    except Timeout:
        return
    with writing(workspace.root):
        log.touch()
        start_apart(log, "engine.workers.watcher", workspace.root)
