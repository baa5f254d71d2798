"""How sure a model has to be to answer by itself; kept with its run."""

from engine.paths import RunPaths, Workspace, read_json, write_json


def read(paths: RunPaths) -> float | None:
    """None where nobody has chosen one: the model answers everything."""
    return read_json(paths.threshold)["threshold"] if paths.threshold.exists() else None


def keep(workspace: Workspace, run_id: str, threshold: float) -> None:
    """threshold: 0 to 1; 0 lets it answer everything."""
    workspace.may_change()
    write_json(workspace.run(run_id).threshold, {"threshold": threshold})
