"""How the answers of a run's model are to be taken: from which confidence on, and whether its confidence is corrected."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine.paths import RunPaths, Workspace, read_json, write_json

IN_AN_EXPORT = "rules.json"  # beside the model


@dataclass(frozen=True)
class Rules:
    """threshold: below this confidence a person answers; 0: never. temperature: by which confidence is corrected; 1: not."""

    threshold: float = 0.0
    temperature: float = 1.0


def read(paths: RunPaths) -> Rules:
    return _read(paths.rules)


def read_exported(folder: Path) -> Rules:
    """Those that an exported model carries; a plain model folder has none."""
    return _read(folder / IN_AN_EXPORT)


def change(workspace: Workspace, run_id: str, **changes: float) -> None:
    """Set some of the rules of a run; they hold on pages and on the command line."""
    workspace.may_change()
    paths = workspace.run(run_id)
    write_json(paths.rules, asdict(replace(read(paths), **changes)))


def _read(path: Path) -> Rules:
    return Rules(**read_json(path)) if path.exists() else Rules()
