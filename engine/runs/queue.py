"""Submit, watch, stop and delete runs. Everything a page or the command line may do with a run goes through here."""

import secrets
import shutil

import psutil

from engine import machine
from engine.errors import NotFoundError, RunStateError
from engine.paths import Workspace, read_json, write_json
from engine.runs.processes import start_apart
from engine.runs.store import STALE_SECONDS, Run, Status, Store, clock
from engine.settings import TrainingConfig

LEAST_TOKENS = 32  # fewer say too little


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
    store, run_id = Store(workspace), ticket or new_ticket()
    try:
        return store.get(run_id)
    except NotFoundError:
        pass  # the usual case: it is new
    paths = workspace.run(run_id)
    paths.folder.mkdir(parents=True, exist_ok=True)
    write_json(paths.config, {"dataset_id": dataset_id, "config": config.model_dump()})
    store.add(
        id=run_id,
        name=name or f"{model_name} on {dataset_name}",
        dataset_id=dataset_id,
        dataset_name=dataset_name,
        model_name=model_name,
        slot=machine.device_slot(config.device),
    )
    launch_waiting(workspace)
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
    list_runs(workspace)
    return Store(workspace).get(run_id)


def list_runs(workspace: Workspace) -> list[Run]:
    """All runs, the newest first, with the dead told from the living and the waiting ones set going."""
    if not workspace.database.exists():
        return []
    store = Store(workspace)
    found = store.all()
    died = [
        run for run in found if run.status == Status.RUNNING and not is_alive(run) and _close_dead(store, run)
    ]
    if any(run.status == Status.QUEUED for run in found):
        launch_waiting(workspace)
    return store.all() if died else found


def is_alive(run: Run) -> bool:
    """Whether the process that claimed the run still exists: same pid, same start time (pids are used again)."""
    try:
        process = psutil.Process(run.pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - run.pid_started) < 1.0
    except psutil.NoSuchProcess:
        return False


def is_silent(run: Run) -> bool:
    """Whether a running run has given no sign of life for a minute."""
    return run.status == Status.RUNNING and clock() - (run.heartbeat or 0) > STALE_SECONDS


def stop(workspace: Workspace, run_id: str) -> Run:
    """Ask a run to stop. Raises RunStateError when it has ended already."""
    run = get_run(workspace, run_id)
    if run.status.ended:
        raise RunStateError(
            f"The run {run.name!r} is not running; it is {run.status}.", "Nothing needs to be stopped."
        )
    Store(workspace).request_stop(run_id)
    return Store(workspace).get(run_id)


def remove(workspace: Workspace, run_id: str) -> None:
    """Delete a run with its model. Raises RunStateError while it is queued or running."""
    run = get_run(workspace, run_id)
    if not run.status.ended:
        raise RunStateError(f"The run {run.name!r} is {run.status}.", "Stop it first, then delete it.")
    Store(workspace).remove(run_id)
    shutil.rmtree(workspace.run(run_id).folder, ignore_errors=True)


def config_of(workspace: Workspace, run_id: str) -> TrainingConfig:
    return TrainingConfig(**read_json(workspace.run(run_id).config)["config"])


def milder(config: TrainingConfig, reason: str) -> tuple[str, TrainingConfig] | None:
    """What to try after a run failed for `reason`, in words and as settings; None where nothing milder helps."""
    if reason == "loss_not_a_number":
        rate = float(f"{config.learning_rate / 3:.1e}")
        return f"Try a learning rate of {rate:g}", config.model_copy(update={"learning_rate": rate})
    if reason == "out_of_memory" and config.max_tokens > LEAST_TOKENS:
        tokens = max(LEAST_TOKENS, config.max_tokens // 2)
        return f"Read {tokens} tokens of each text", config.model_copy(update={"max_tokens": tokens})
    return None


def launch_waiting(workspace: Workspace) -> None:
    """Start a worker for every waiting run whose device is free."""
    for run_id in Store(workspace).next_to_launch():
        _launch(workspace, run_id)


def _launch(workspace: Workspace, run_id: str) -> None:
    start_apart(workspace.run(run_id).log, "engine.runs.worker", workspace.root, run_id)


def _close_dead(store: Store, run: Run) -> bool:
    return store.end(
        run.id,
        Status.INTERRUPTED,
        run.pid,
        reason="worker_died",
        message=f"The training process ended without a word while {run.phase or 'starting'}. "
        "It was killed, the machine was restarted, or memory ran out.",
        action="Look at the log, then start it again.",
    )
