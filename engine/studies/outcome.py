"""What a study found so far: its runs side by side."""

from dataclasses import dataclass

from engine.evaluation.comparing import LEAST, MOST
from engine.paths import Workspace
from engine.runs import comparison
from engine.runs.comparison import Comparison
from engine.studies.records import Standing


@dataclass(frozen=True)
class Outcome:
    """comparison: of the runs with scores, the best of them where there are very many; None before there are two."""

    standing: Standing
    comparison: Comparison | None


def of(workspace: Workspace, standing: Standing) -> Outcome:
    """Raises DataError where the runs were not scored on the same texts."""
    chosen = comparable(workspace, standing)
    return Outcome(standing, comparison.of(workspace, chosen) if len(chosen) >= LEAST else None)


def comparable(workspace: Workspace, standing: Standing) -> list[str]:
    """Ids of runs that can be compared with one another: those with scores, at most as many as can be."""
    scored = [run for run in standing.runs if workspace.run(run.id).metrics.exists()]
    return [run.id for run in sorted(scored, key=lambda one: one.accuracy or 0.0, reverse=True)[:MOST]]
