"""What a study found so far: its runs side by side."""

from dataclasses import dataclass

from engine.evaluation import LEAST_RUNS, MOST_RUNS
from engine.paths import Workspace
from engine.results import comparison
from engine.results.comparison import Comparison
from engine.studies import curve, records
from engine.studies.curve import Curve
from engine.studies.records import Standing


@dataclass(frozen=True)
class Outcome:
    """comparison: of the runs with scores, the best of them where there are very many; None before there are two, and of a
    search, whose trials are judged on validation. curve: of a learning curve.
    """

    standing: Standing
    comparison: Comparison | None
    curve: Curve | None = None


def of(workspace: Workspace, standing: Standing) -> Outcome:
    """Raises DataError where the runs were not scored on the same texts."""
    if standing.study.search:
        return Outcome(standing, None)
    chosen = [run.id for run in records.scored(workspace, standing)[:MOST_RUNS]]
    side_by_side = comparison.of(workspace, chosen) if len(chosen) >= LEAST_RUNS else None
    return Outcome(standing, side_by_side, curve.of(workspace, standing) if standing.study.kind == "curve" else None)
