"""What becomes of the answers of a run: from which confidence on they count, and whether it is corrected."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from engine.errors import DataError
from engine.evaluation import calibration, deferring, predictions
from engine.paths import RunPaths, Workspace
from engine.processes import complain
from engine.results import evaluations
from engine.runs.store import Run
from engine.serving import rules
from engine.serving.rules import Rules


@dataclass(frozen=True)
class Effect:
    """What rules do to the texts of a split. covered: share that the model answers by itself. accuracy: of those; None where
    there are none. texts: how many there are in all."""

    covered: float
    accuracy: float | None
    texts: int


def choose(
    workspace: Workspace,
    run: Run,
    threshold: float | None = None,
    each: Mapping[str, float] | None = None,
    corrected: bool | None = None,
) -> Rules:
    """Set some of the rules of a run; what is None stays.

    each: {answer: its own threshold}, beside those set before, which a new `threshold` forgets. corrected: whether the
    confidence is corrected, by the temperature that fits the validation texts.

    Raises DataError for an answer that the model never gives, and for a correction without validation texts.
    """
    paths, changes = workspace.run(run.id), {}
    before = rules.read(paths)
    evaluations.known(each or {}, evaluations.answers_of(paths))
    if corrected is not None:
        changes["temperature"] = _temperature(paths, corrected)
    if threshold is not None or each:
        changes["threshold"] = before.threshold if threshold is None else threshold
        changes["thresholds"] = {**(before.thresholds if threshold is None else {}), **(each or {})}
    if changes:
        rules.change(workspace, run.id, **changes)
    return rules.read(paths)


def _temperature(paths: RunPaths, corrected: bool | None) -> float:
    """That of the confidence, corrected or not; None: the one in force."""
    if corrected is None:
        return rules.read(paths).temperature
    return calibration.temperature_of(validation(paths)) if corrected else 1.0


def cheapest(
    workspace: Workspace,
    run: Run,
    costs: Mapping[str, float],
    person: float = evaluations.PERSON,
    corrected: bool | None = None,
) -> dict[str, float]:
    """For each answer the threshold that costs least on the validation texts. Sets nothing.

    costs: of a wrong answer, by answer, where it is not evaluations.MISTAKE. corrected, and DataError: as of `choose`.
    """
    paths = workspace.run(run.id)
    raw = validation(paths)
    seen = evaluations.corrected(raw, _temperature(paths, corrected))
    each = evaluations.costs_of(predictions.labels_of(raw), costs)
    return deferring.cheapest(*predictions.answers(seen), each, person)


def effect(paths: RunPaths, split: str = "test") -> Effect | None:
    """Of the rules in force; None for a model that came without data. split: test or validation."""
    if not paths.predictions.exists():
        return None
    in_force = rules.read(paths)
    table = evaluations.corrected(predictions.read(paths.predictions, split), in_force.temperature)
    found = evaluations.deferral(in_force, *predictions.answers(table))
    return Effect(found.covered, found.accuracy, len(table))


def outlive(workspace: Workspace, run_id: str) -> list[str]:
    """See to what was chosen for the model that a run had before it was trained further. Returns sentences on it.

    A correction is fitted to the new model; thresholds stay, marked as outlived, and so do the scores on further files. What
    goes wrong with either is such a sentence, with the details in the log: the new model is in its place all the same.
    """
    said = []
    for see_to in (_outlive_rules, _outlive_scores):
        try:
            said += see_to(workspace, run_id)
        except Exception as error:
            complain(traceback.format_exc())
            said.append(f"Something that was saved for the earlier model may not fit the new one: {error}")
    return said


def _outlive_rules(workspace: Workspace, run_id: str) -> list[str]:
    paths, said = workspace.run(run_id), []
    before = rules.read(paths)
    if before.temperature != 1.0:
        rules.change(workspace, run_id, temperature=calibration.temperature_of(validation(paths)))
        said.append("The correction of its confidence was fitted again to the new model.")
    if before.sends_any:
        rules.change(workspace, run_id, outlived=True)
        said.append("Its thresholds were chosen for the earlier model; please review them on the Evaluate page.")
    return said


def _outlive_scores(workspace: Workspace, run_id: str) -> list[str]:
    if not (outlived := evaluations.outlive(workspace, run_id)):
        return []
    return [f"The scores on {outlived} are for the earlier model; you can evaluate again there."]


def validation(paths: RunPaths) -> pd.DataFrame:
    """The predictions for the validation texts, as they are. Raises DataError for a model that came without any."""
    if not paths.predictions.exists():
        raise DataError(
            "This model came without data, so there are no validation texts to choose it on.",
            "Give a threshold yourself.",
            "no_validation",
        )
    return predictions.read(paths.predictions, "validation")
