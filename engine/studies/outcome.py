"""What a study found so far: its runs side by side."""

from dataclasses import dataclass

from engine.evaluation import LEAST_RUNS, MOST_RUNS
from engine.paths import Workspace
from engine.results import comparison
from engine.results.comparison import Comparison
from engine.studies import curve, records
from engine.studies.curve import Curve
from engine.studies.records import WHY_VALIDATION, Standing


@dataclass(frozen=True)
class Outcome:
    """comparison: of the runs with scores, of very many those that were best on validation (records.scored); None before
    there are two, and of a search, whose trials are judged on validation. intervals: 95%, of the accuracy on the test texts,
    of all runs with scores, by run id. curve: of a learning curve.
    """

    standing: Standing
    comparison: Comparison | None
    intervals: dict[str, list[float]]
    curve: Curve | None = None

    @property
    def note(self) -> str:
        """Which runs are compared, in a sentence, where not all are; else empty."""
        if len(self.intervals) <= MOST_RUNS or not self.comparison:
            return ""
        return f"Of {len(self.intervals)} runs the {MOST_RUNS} that were best on validation are compared. {WHY_VALIDATION}"


def of(workspace: Workspace, standing: Standing) -> Outcome:
    """Raises DataError where the runs were not scored on the same texts."""
    if standing.study.search:
        return Outcome(standing, None, {})
    scores = records.scored(workspace, standing)
    side_by_side = comparison.of(workspace, list(scores)[:MOST_RUNS]) if len(scores) >= LEAST_RUNS else None
    intervals = {run_id: one["intervals"]["accuracy"] for run_id, one in scores.items()}
    asked_for = curve.of(workspace, scores) if standing.study.kind == "curve" else None
    return Outcome(standing, side_by_side, intervals, asked_for)
