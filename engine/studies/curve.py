"""Would more labels help? The same training on a part of the training rows, then on more and more of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.data.datasets import DatasetInfo
from engine.errors import DataError
from engine.figures import rounded, whole
from engine.paths import Workspace
from engine.settings import MOST_EPOCHS, TrainingConfig
from engine.studies.records import Member
from engine.training.plan import Plan
from engine.training.presets import rounds

SHARES = (0.1, 0.25, 0.5, 1.0)
LEAST_A_CLASS = 2  # texts: fewer show nothing
LEVEL = 0.01  # of accuracy: a gain that is surely smaller counts as none


@dataclass(frozen=True)
class Point:
    """rows: training texts. interval: 95%, of accuracy. counting: accuracy of word counting on the same training rows."""

    run_id: str
    rows: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    counting: float


@dataclass(frozen=True)
class Curve:
    """points: those that are there, the fewest rows first. gain: of accuracy, from the last point but one to the last,
    and gain_interval its 95% interval over the test texts; None before there are two. sentence: what that says, in words.
    """

    points: list[Point]
    gain: float | None
    gain_interval: tuple[float, float] | None
    helps: bool | None
    sentence: str


def members(info: DatasetInfo, plan: Plan, config: TrainingConfig) -> list[Member]:
    """A run for each of SHARES. All settings are the same but the rounds: fewer texts are read more often, as presets do.

    A learning rate or a batch size that changed along the way would bend the curve by itself, and the same number of rounds
    would leave the smallest share a tenth of the corrections. Raises DataError where there are too few texts.
    """
    rows, classes = info.rows["train"], len(info.labels)
    shares = [share for share in SHARES if share * rows >= LEAST_A_CLASS * classes]
    if len(shares) < 2:
        raise DataError(
            f"{whole(rows)} training texts in {classes} classes are too few to take parts of them.",
            "Label some more, then ask again.",
            "too_few_for_a_curve",
        )
    found = []
    for share in shares:
        values: dict[str, object] = {"train_share": share}
        if not config.counts_words:
            values["epochs"] = _rounds(config, rows, share, classes)
        label = f"{plan.source.name}, {share:.0%} of the texts"
        found.append(Member(label=label, model_name=plan.source.name, config=config.model_copy(update=values)))
    return found


def _rounds(config: TrainingConfig, rows: int, share: float, classes: int) -> int:
    """As many more than `config` asks for as the preset would take with so few texts."""
    few, all_of_them = (
        rounds(config.preset, max(1, round(part * rows)), config.batch_size, classes, config.average_weights)
        for part in (share, 1.0)
    )
    return min(max(config.epochs, round(config.epochs * few / all_of_them)), MOST_EPOCHS)


def of(workspace: Workspace, scores: Mapping[str, dict]) -> Curve:
    """What the runs of a curve show so far. scores: as of `records.scored`."""
    points = []
    for run_id, found in scores.items():
        points.append(
            Point(
                run_id,
                found["train_rows"],
                found["test"]["accuracy"],
                tuple(found["intervals"]["accuracy"]),
                found["test"]["macro_f1"],
                found["baseline"]["accuracy"],
            )
        )
    points.sort(key=lambda point: point.rows)
    if len(points) < 2:
        return Curve(points, None, None, None, "")
    return _judged(workspace, points)


def _judged(workspace: Workspace, points: Sequence[Point]) -> Curve:
    from engine.evaluation import predictions
    from engine.evaluation.comparing import compare

    before, last = points[-2:]
    tables = {one.run_id: predictions.read(workspace.run(one.run_id).predictions, "test") for one in (last, before)}
    pair, rows = compare(tables)[0], len(tables[last.run_id])
    low, high = pair.difference_interval
    helps = True if low > 0 else False if high < LEVEL else None
    return Curve(list(points), pair.difference, (low, high), helps, sentence(before, last, (low, high), rows))


def sentence(before: Point, last: Point, interval: tuple[float, float], tested: int) -> str:
    """Whether more labels would help, for somebody who knows no statistics. tested: test texts."""
    gain, (low, high) = last.accuracy - before.accuracy, interval
    moved = "stayed the same" if not gain else f"{'rose' if gain > 0 else 'fell'} by {rounded(abs(gain) * 100, 1)} points"
    said = (
        f"From {whole(before.rows)} to {whole(last.rows)} texts accuracy {moved} "
        f"(95% sure: {rounded(low * 100, 1)} to {rounded(high * 100, 1)})"
    )
    if low > 0:
        return f"{said}: more labels would probably help."
    if high < 0:
        return f"{said}: more of the same labels did not help here, so look at what came in with them, or try another seed."
    if high < LEVEL:
        return f"{said}: it has levelled off, and more labels would hardly help."
    could_be_luck = f"with {whole(tested)} test texts that could be luck"
    return f"{said}: {could_be_luck}, so it is unclear whether more labels would help."
