"""How a run ends that does not end by itself."""

from engine.errors import SettingsError, TuneboardError, is_disk_full, is_out_of_memory
from engine.paths import Workspace
from engine.runs import outcome
from engine.runs.store import Request, Run, Status, Store

PAUSED = {
    "reason": "paused",
    "message": "Paused. The progress is saved.",
    "action": "Resume it to continue from there.",
}
STOPPED = {
    "reason": "stopped",
    "message": "Stopped without a model. The last saved state of the training is kept.",
    "action": "Resume it to continue from there, or delete it.",
}
NOT_SAVED = "It ended, but its latest progress could not be saved. Earlier saved states are kept."
OTHER_SETTINGS = "Start a new run with other settings."  # of this one nothing changes once it is queued


def died(workspace: Workspace, store: Store, run: Run) -> bool:
    """Close a run whose process is gone; what a person had asked of it still holds. Returns whether it was open.

    A model that cannot be brought into its place keeps neither this run open nor the others waiting.
    """
    why = "It was killed, the machine was restarted, or memory ran out."
    action = "Resume it to continue from the last saved state. The log may tell more."
    try:
        outcome.settle(workspace.run(run.id))
    except OSError as error:
        why = f"The model that it had made cannot be moved into place ({error.strerror}: {error.filename})."
        action = "Remove what stands in the way, then resume it."
    else:
        if run.requested is not None:
            return by_force(workspace, store, run)
    return store.end(
        run.id,
        Status.INTERRUPTED,
        run.pid,
        reason="worker_died",
        message=f"The training process ended unexpectedly while {run.phase or 'starting'}. {why}",
        action=action,
    )


def by_force(workspace: Workspace, store: Store, run: Run, again: bool = True) -> bool:
    """Close a run whose process did not answer a request and is being ended. Returns whether it was open.

    To be stopped with a model, it waits for one more attempt, which makes the model from the last saved state.
    again: False where this was that attempt.
    """
    saved = sorted(workspace.run(run.id).checkpoints.glob("*.json"))
    if again and run.request == Request.STOP and saved:
        return store.queue_again(run, first=True, request=run.request)
    kept = (
        f"It will continue from step {int(saved[-1].name.split('-')[0])}, the last that was saved."
        if saved
        else "Nothing was saved yet, so it will start from the beginning."
    )
    reason = "paused" if run.request == Request.PAUSE else "stopped"
    message = f"{reason.capitalize()} in the middle of a long step. {kept}"
    return store.end(run.id, Status.STOPPED, run.pid, reason=reason, message=message, action="Resume it to continue.")


def explain(error: Exception) -> dict[str, str]:
    """reason, message and action for a person, from what was raised."""
    if isinstance(error, TuneboardError):
        action = OTHER_SETTINGS if isinstance(error, SettingsError) else error.action
        return {"reason": error.code, "message": error.message, "action": action}
    if is_out_of_memory(error):
        return {
            "reason": "out_of_memory",
            "message": "This machine ran out of memory.",
            "action": "Try a smaller batch size, or fewer tokens per text.",
        }
    if is_disk_full(error):
        return {
            "reason": "disk_full",
            "message": "The disk is full.",
            "action": "Make room, then resume the run: it continues from the last saved state.",
        }
    return {
        "reason": "unexpected",
        "message": f"An unexpected error occurred: {type(error).__name__}: {error}",
        "action": "The log has the details; please report it with them.",
    }
