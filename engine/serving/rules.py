"""How the answers of a run's model are to be taken: from which confidence on, and whether its confidence is corrected."""

from collections.abc import Iterable
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from engine.errors import ModelError
from engine.evaluation.deferring import ALWAYS_A_PERSON
from engine.figures import percent
from engine.names import in_markdown
from engine.paths import RunPaths, Workspace, read_json, write_json, writing

IN_AN_EXPORT = "rules.json"  # beside the model
CHOSEN_BEFORE = "These thresholds were chosen before the model was trained further or its confidence correction changed."
OUTLIVED = f"{CHOSEN_BEFORE} Please review them."
OTHERS = "every other answer"


def _reached(threshold: float) -> float:
    """1 is taken for ALWAYS_A_PERSON, since some answers are as sure."""
    return ALWAYS_A_PERSON if threshold >= 1 else threshold


Confidence = Annotated[float, Field(ge=0, le=ALWAYS_A_PERSON), AfterValidator(_reached)]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Rules:
    """threshold: below this confidence a person answers; 0: never. thresholds: {answer: another one for it}.
    ALWAYS_A_PERSON in either: whatever the confidence.
    temperature: by which confidence is corrected; 1: not. outlived: the thresholds were chosen for other confidences, before
    the model was trained further or its correction was changed."""

    threshold: Confidence = 0.0
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    thresholds: dict[str, Confidence] = field(default_factory=dict)
    outlived: bool = False

    def least(self, label: str) -> float:
        """The confidence from which on the model gives this answer by itself."""
        return self.thresholds.get(label, self.threshold)

    def to_a_person(self, label: str, confidence: float) -> bool:
        return confidence < self.least(label)

    @property
    def sends_all(self) -> bool:
        """Whether every answer goes to a person."""
        return not self.thresholds and self.threshold == ALWAYS_A_PERSON

    @property
    def sends_any(self) -> bool:
        """Whether any answer may go to a person."""
        return bool(self.threshold or any(self.thresholds.values()))

    def told(self, labels: Iterable[str]) -> dict[str, str]:
        """{answer: when it goes to a person} of the answers with a threshold of their own, then of OTHERS, if there are any.

        labels: those that the model gives.
        """
        found = {label: when(least) for label, least in self.thresholds.items()}
        return found if set(labels) <= self.thresholds.keys() else {**found, OTHERS: when(self.threshold)}

    def exported(self) -> dict:
        """What a model that is taken away carries of them."""
        return {
            "threshold": self.threshold,
            "thresholds": self.thresholds,
            "temperature": self.temperature,
        }


def when(threshold: float) -> str:
    """When an answer goes to a person: 'always', 'never', 'below 80% sure' or 'below 80.5% sure'."""
    if threshold >= 1:
        return "always"
    digits = 0 if round(threshold * 100, 1).is_integer() else 1
    return f"below {percent(threshold, digits)} sure" if threshold else "never"


def described(rules: Rules, labels: Iterable[str], program: str, file: str) -> str:
    """What the `program` that goes with a model does with its answers, by the rules in `file`; in Markdown."""
    found = []
    if rules.sends_all:
        found.append("every answer is marked for a person")
    elif rules.thresholds and rules.sends_any:
        found.append("answers are marked for a person as listed below")
    elif rules.threshold:
        found.append(f"answers {when(rules.threshold)} are marked for a person")
    if rules.temperature != 1.0:
        found.append(f"its confidence is corrected: the logits are divided by the temperature {rules.temperature:.3g}")
    if not found:
        return f"No threshold is set, and its confidence is not corrected ({file})."
    said = f"In {program}, as set in {file}: {'; '.join(found)}."
    said += f" {CHOSEN_BEFORE}" if rules.outlived else ""
    if rules.thresholds and rules.sends_any:
        rows = [f"| {in_markdown(answer)} | {sent} |" for answer, sent in rules.told(labels).items()]
        said += "\n\n" + "\n".join(["| answer | marked for a person |", "| --- | --- |", *rows])
    return said


def read(paths: RunPaths) -> Rules:
    return _read(paths.rules)


def read_exported(folder: Path) -> Rules:
    """Those that an exported model carries; a plain model folder has none."""
    return _read(folder / IN_AN_EXPORT)


def change(workspace: Workspace, run_id: str, **changes: object) -> None:
    """Set some of the rules of a run; they hold on pages and on the command line."""
    workspace.may_change()
    paths = workspace.run(run_id)
    with writing(paths.folder), FileLock(paths.lock):  # of two who change them at once, none loses anything
        kept = read(paths)
        if {"threshold", "thresholds"} & changes.keys():
            changes = {"outlived": False, **changes}
        elif changes.get("temperature", kept.temperature) != kept.temperature:
            changes = {"outlived": kept.sends_any, **changes}
        write_json(paths.rules, asdict(replace(kept, **changes)))


def _read(path: Path) -> Rules:
    """Raises ModelError where they cannot be understood."""
    try:
        return TypeAdapter(Rules).validate_python(read_json(path)) if path.exists() else Rules()
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ModelError(
            f"The file {path.name} in {path.parent} cannot be used ({wrong}).",
            "Fix it, or delete it: then no threshold or correction applies.",
            "wrong_rules",
        ) from error
