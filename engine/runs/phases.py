"""How far a run is within its phase, as people read it."""

from engine.figures import whole
from engine.runs.store import Run

MAKING = ("saving", "evaluating", "verifying")  # the model of what was learnt
PART = "Part {} of {}"
COUNTED = {  # what the phases count; the others count texts
    "loading libraries": PART,
    "downloading model": "{} of {} MB",
    "loading model": PART,
    "training": "Step {} of {}",
    "saving": PART,
}


def how_far(run: Run) -> str:
    """'Step 12 of 480': in what its phase counts."""
    return COUNTED.get(run.phase, "Text {} of {}").format(whole(run.step), whole(run.steps))
