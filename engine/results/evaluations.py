"""The scores of a run: on its validation and test texts, and on further labelled files that somebody gave it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from engine.data import others, similarity
from engine.data.datasets import load_info, load_others, rows_digest
from engine.data.drafting import labelled
from engine.data.reading import Table
from engine.data.recipe import Recipe
from engine.errors import DataError, NotFoundError
from engine.evaluation import baseline, calibration, deferring, predictions, weakness
from engine.evaluation.closeup import CloseUp, examples, look
from engine.evaluation.confusions import mistakes
from engine.evaluation.judging import corrected_log_loss, judge, judge_counting
from engine.evaluation.metrics import wilson
from engine.figures import whole
from engine.models import tfidf
from engine.models.folders import read_config
from engine.models.tokens import count_strange
from engine.paths import ID, RunPaths, Workspace, folder_aside, read_json, replace_folder, write_json
from engine.results.findings import once
from engine.runs import queue
from engine.runs.store import Run
from engine.serving import rules
from engine.serving.predictor import Predictor
from engine.training.rows import rows_of

OWN = ("test", "validation")
MISTAKE, PERSON = 5.0, 1.0  # what a wrong answer and a person cost, as long as nobody says
MOST_POINTS = 100  # of a curve that is told in figures


@dataclass(frozen=True)
class Further:
    """A further file that a run was judged on.

    key: of its content. rows: texts that were scored. left_out: rows without a text, or with a label that the model does not
    know. learnt: of the scored texts, how many the model learnt from; validated: of the others, how many are among the
    validation texts, by which its training was judged. Case and white space do not count. created_at: UTC, ISO 8601.
    outlived: the scores are those of the model that the run had before it was trained further.
    """

    key: str
    name: str
    rows: int
    left_out: int
    learnt: int
    created_at: str
    outlived: bool = False
    validated: int = 0

    @property
    def too_good(self) -> str:
        """Why the scores are too good, in a sentence; empty where they are not, as far as that is known."""
        if self.learnt:
            chose = f" and validated on {whole(self.validated)} more" if self.validated else ""
            return f"The model was trained on {whole(self.learnt)} of these texts{chose}, so the scores are too good."
        if self.validated:
            return f"The model was validated on {whole(self.validated)} of these texts, so the scores are a little too good."
        return ""


def scores(paths: RunPaths) -> dict:
    """What metrics.json holds. Scores that an older version did not compute yet are added from the predictions."""
    found = read_json(paths.metrics)
    older = [split for split in ("validation", "test") if split in found and "intervals" not in found[split]]
    for split in older:
        found[split] = judge(predictions.read(paths.predictions, split))
    if older:
        found["intervals"] = found["test"]["intervals"]
    return found


def corrected(table: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Predictions with their probabilities as everybody is to see them: corrected by the temperature of a run's rules."""
    if temperature == 1.0:
        return table
    names = [predictions.PROBABILITY + label for label in predictions.labels_of(table)]
    tempered = calibration.temper(predictions.probabilities_of(table), temperature)
    return table.assign(**dict(zip(names, tempered.T, strict=True)))


def further(workspace: Workspace, run_id: str) -> list[Further]:
    """The further files that a run was judged on, the newest first."""
    kept = workspace.run(run_id).furthers.glob("*/metrics.json")
    whole = [path for path in kept if ID.fullmatch(path.parent.name)]  # a killed process leaves others
    found = [Further(**read_json(path)["further"]) for path in whole]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def judge_further(
    workspace: Workspace,
    run: Run,
    table: Table,
    text: str | None = None,
    label: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Further, dict]:
    """Let a run answer a further labelled table, and score that. It is kept with the run, where anything may be changed.

    text, label: columns; by default those of the data set. progress: called with (texts done, texts in all). Returns what it
    was and its scores: `test` as in metrics.json, `intervals`, and `baseline` while the data set is there.
    Raises DataError for a table without these columns, or without a label that the model knows; WorkspaceError when there is
    no place for the scores.
    """
    recipe = _recipe(workspace, run, table, text, label)
    rows, labels = labelled(table, recipe), answers_of(workspace.run(run.id))
    fit = (rows["label"].isin(labels) & (rows["text"] != "")).to_numpy(dtype=bool)
    if not fit.any():
        raise DataError(
            f"No row of {table.name} has one of the labels that the model knows.",
            f"It knows: {', '.join(labels)}.",
            "no_known_label",
        )
    chosen = rows[fit].assign(split="test", source_row=np.flatnonzero(fit) + 1)
    key = rows_digest(chosen[["text", "label"]])
    about = Further(key, table.name, len(chosen), int((~fit).sum()), 0, "")
    return _scored(workspace, run, about, chosen, labels, others.of(table, recipe, chosen), progress)


def judge_again(
    workspace: Workspace,
    run: Run,
    key: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Further, dict]:
    """Let the model that the run has now answer a further file that an earlier one was judged on. As `judge_further`."""
    place = workspace.run(run.id).further(key)
    about, kept = Further(**read_json(place.metrics)["further"]), predictions.read(place.predictions, "test")
    labels, beside = predictions.labels_of(kept), _beside(place, kept)
    return _scored(workspace, run, about, kept, labels, beside, progress)


def outlive(workspace: Workspace, run_id: str) -> str:
    """Mark the scores on further files as those of the model before. Returns which files they are, in words."""
    workspace.may_change()
    found = further(workspace, run_id)
    for one in found:
        path = workspace.run(run_id).further(one.key).metrics
        write_json(path, {**read_json(path), "further": asdict(replace(one, outlived=True))})
    return ", ".join(one.name for one in found)


def _scored(
    workspace: Workspace,
    run: Run,
    about: Further,
    rows: pd.DataFrame,
    labels: list[str],
    beside: pd.DataFrame,
    progress: Callable[[int, int], None],
) -> tuple[Further, dict]:
    """Score `rows` and keep that. about: with nothing yet of what is found here. beside: the other columns of the rows."""
    paths = workspace.run(run.id)
    predicted = predictions.table(rows, labels, Predictor(paths.model).probabilities(rows["text"].tolist(), progress))
    found = judge(predicted)
    own, learnt, validated = _own(workspace, run), 0, 0
    result: dict = {"test": found, "intervals": found["intervals"]}
    if own is not None:
        training = own[own["split"] == "train"]
        learnt, validated = _known(rows["text"], own)
        result["baseline"] = judge_counting(training, predicted, labels)
        result["most_frequent"] = baseline.most_frequent(training["label"])
    about = replace(
        about,
        learnt=learnt,
        validated=validated,
        created_at=datetime.now(UTC).isoformat(),
        outlived=False,
    )
    if workspace.changeable:
        place = paths.further(about.key)
        with folder_aside(place.folder.with_name(f"{about.key}.part")) as part:
            predicted.to_parquet(part / place.predictions.name, index=False)
            if len(beside.columns):
                beside.to_parquet(part / place.others.name, index=False)
            write_json(part / place.metrics.name, {**result, "further": asdict(about)})
            replace_folder(part, place.folder)
    return about, result


@dataclass(frozen=True)
class Weakness:
    """groups: the weakest first. sentences: one for each. least: texts that a group has to have."""

    groups: list[weakness.Group]
    sentences: list[str]
    least: int


def find_weakness(workspace: Workspace, run: Run, texts: str = "test") -> Weakness:
    """Where a run is weak, found out once. texts: test, validation, or the key of a further file."""
    place, name = _place(workspace.run(run.id), texts), f"weak-{_split(texts)}"
    beside = (workspace.dataset(run.dataset_id) if texts in OWN else place).others
    return once(workspace, place, name, Weakness, lambda: _weakness(workspace, run, texts), beside)


def _weakness(workspace: Workspace, run: Run, texts: str) -> Weakness:
    paths, own = workspace.run(run.id), texts in OWN
    table = _answers(paths, texts)
    asked = table["text"].tolist()
    counts_words = tfidf.is_saved_in(paths.model)
    strange = tfidf.load(paths.model).count_strange(asked) if counts_words else count_strange(asked, paths.model)
    properties = weakness.of_texts(table["text"], strange)
    beside = _others(workspace, run, table) if own else _beside(paths.further(texts), table)
    properties = pd.concat([properties, beside.drop(columns=properties.columns, errors="ignore")], axis=1)
    found = weakness.groups((table["label"] != table["predicted"]).to_numpy(), properties)
    return Weakness(found, [weakness.sentence(one) for one in found], weakness.LEAST_TEXTS)


def closeup(table: pd.DataFrame, temperature: float, label: str) -> CloseUp:
    """One class in detail; its examples are as sure as the corrected model is, its curves those of the scores."""
    found, shown = look(table, label), corrected(table, temperature)
    good, bad = examples(shown, label)
    return replace(found, good=good, bad=bad)


def confidence(workspace: Workspace, run: Run, texts: str = "test") -> calibration.Judged:
    """Whether the confidence on some texts can be trusted, and corrected by what the validation texts say; found out once.
    Both as they are, not corrected yet. texts: as of `find_weakness`."""
    paths = workspace.run(run.id)

    def judged() -> calibration.Judged:
        both = (("validation", _answers(paths, "validation")), ("test", _answers(paths, texts)))
        return calibration.judge(pd.concat([table.assign(split=split) for split, table in both]))

    place, name = _place(paths, texts), f"trust-{_split(texts)}"
    return once(workspace, place, name, calibration.Judged, judged, paths.predictions)


def depth(
    workspace: Workspace,
    run: Run,
    texts: str = "test",
    costs: Mapping[str, float] | None = None,
    person: float = PERSON,
    complete: bool = False,
) -> dict:
    """What `evaluate --json` tells beyond the scores: the figures of the Evaluate page.

    texts: test, validation, or the key of a further file. costs: of a wrong answer, by answer, where it is not MISTAKE;
    person: of asking one. complete: with each class in detail, and with all points of the curves. Figures that need
    validation texts are None for a model that came without data; `corrected` is the log loss of the corrected confidence,
    None where none is in force. Raises DataError for a cost of an answer that the model
    never gives.
    """
    paths = workspace.run(run.id)
    in_force, own = rules.read(paths), texts in OWN
    scored = scores(_place(paths, texts))
    of_texts, base = (
        scored[texts if own else "test"],
        scored.get("baseline") if texts != "validation" else None,
    )
    raw = _answers(paths, texts)
    table, rows = corrected(raw, in_force.temperature), len(raw)
    validation = _answers(paths, "validation") if paths.predictions.exists() else None
    matrix = of_texts["confusion_matrix"]
    label, share = baseline.always(scored, of_texts)
    answers = predictions.answers(table)
    groups = find_weakness(workspace, run, texts).groups
    found = {
        "texts": texts,
        "always": {"label": label, "accuracy": share},
        "baseline_intervals": base and {"accuracy": wilson(round(base["accuracy"] * rows), rows)},
        "corrected": None,
        "calibration": None if validation is None else asdict(confidence(workspace, run, texts)),
        "rules": {**asdict(in_force), **asdict(deferral(in_force, *answers))},
        "coverage": _points(*deferring.curve(*answers[1:]), rows if complete else MOST_POINTS),
        "costs": None,
        "mistakes": [asdict(one) for one in mistakes(matrix["labels"], matrix["counts"])],
        "groups": [asdict(one) for one in groups],
        "weak": [asdict(one) for one in groups if one.weak],
    }
    if in_force.temperature != 1.0:
        value, interval = corrected_log_loss(raw, in_force.temperature)
        found["corrected"] = {"log_loss": value, "interval": interval}
    if validation is not None:
        learnt = predictions.answers(corrected(validation, in_force.temperature))
        each = costs_of(predictions.labels_of(raw), costs or {})
        least = deferring.cheapest(*learnt, each, person)
        bill = deferring.bill(*answers, least, each, person)
        found["costs"] = {
            "mistakes": each,
            "person": person,
            "thresholds": least,
            "per_100_texts": asdict(bill),
        }
    if complete:
        found["classes"] = {label: _detail(closeup(raw, in_force.temperature, label)) for label in matrix["labels"]}
    return found


def deferral(in_force: rules.Rules, said: np.ndarray, sure: np.ndarray, right: np.ndarray) -> deferring.Deferral:
    """What rules do to answers: (texts,) each, as of `predictions.answers`."""
    return deferring.defer(sure, right, np.array([in_force.least(answer) for answer in said]))


def costs_of(labels: list[str], costs: Mapping[str, float]) -> dict[str, float]:
    """What each answer costs where it is wrong: MISTAKE, unless said otherwise. Raises DataError as `known` does."""
    known(costs, labels)
    return {**dict.fromkeys(labels, MISTAKE), **costs}


def known(said: Mapping[str, float], labels: list[str]) -> None:
    """Raises DataError for an answer that the model never gives."""
    if unknown := [label for label in said if label not in labels]:
        raise DataError(f"The model never says {unknown[0]}.", f"It says: {', '.join(labels)}.", "unknown_label")


def _points(covered: np.ndarray, accuracy: np.ndarray, threshold: np.ndarray, most: int) -> list[dict]:
    places = np.unique(np.linspace(0, len(covered) - 1, min(most, len(covered))).round().astype(int))
    return [{"covered": float(covered[i]), "accuracy": float(accuracy[i]), "threshold": float(threshold[i])} for i in places]


def _detail(found: CloseUp) -> dict:
    curves = found.curves
    return {
        "words": [asdict(one) for one in found.words],
        "found": found.good.to_dict("records"),
        "missed": found.bad.to_dict("records"),
        "roc": curves and np.stack(curves.roc, axis=1).tolist(),
        "precision_recall": curves and np.stack(curves.precision_recall, axis=1).tolist(),
    }


def _answers(paths: RunPaths, texts: str) -> pd.DataFrame:
    """The predictions for test, validation, or the key of a further file."""
    return predictions.read(_place(paths, texts).predictions, _split(texts))


def _place(paths: RunPaths, texts: str) -> RunPaths:
    return paths if texts in OWN else paths.further(texts)


def _split(texts: str) -> str:
    """What these texts are called where their predictions are."""
    return texts if texts in OWN else "test"


def _others(workspace: Workspace, run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """The other columns of the data set, for the texts of `table`."""
    try:
        found = load_others(workspace, run.dataset_id)
    except NotFoundError:  # deleted since
        return pd.DataFrame(index=table.index)
    rows = pd.MultiIndex.from_frame(table[["split", "source_row"]])
    return found.reindex(rows).set_axis(table.index)


def _beside(place: RunPaths, table: pd.DataFrame) -> pd.DataFrame:
    """The other columns of a further file, for its texts in `table`."""
    if not place.others.exists():
        return pd.DataFrame(index=table.index)
    return pd.read_parquet(place.others).set_axis(table.index)


def _recipe(workspace: Workspace, run: Run, table: Table, text: str | None, label: str | None) -> Recipe:
    """How texts and labels are made of a further table: as those of the run's data set were, while it is there."""
    try:
        info = load_info(workspace, run.dataset_id)
    except NotFoundError as error:  # deleted since, or it came without any
        if not (text and label):
            raise DataError(
                f"The data set of {run.name} no longer exists, so the columns of {table.name} must be named.",
                "Name the text and label columns: --text COL --label COL.",
                "columns_unclear",
            ) from error
        return Recipe(text=text, label=label)
    chosen = {"text": (text,) if text else info.made_by.text, "label": label or info.made_by.label}
    return info.made_by.model_copy(update=chosen)


def answers_of(paths: RunPaths) -> list[str]:
    """The labels that a run's model gives, in the order of its probabilities."""
    if paths.predictions.exists():
        return predictions.labels_of(predictions.read(paths.predictions, "test"))
    if tfidf.is_saved_in(paths.model):  # brought from elsewhere, without data, as below
        return list(tfidf.load(paths.model).labels)
    named = read_config(paths.model)["id2label"]
    return [named[str(number)] for number in range(len(named))]


def _own(workspace: Workspace, run: Run) -> pd.DataFrame | None:
    """The rows that the run has of its data set; None where that was deleted since."""
    try:
        return rows_of(workspace, run.dataset_id, queue.config_of(workspace, run.id))
    except NotFoundError:
        return None


def _known(texts: pd.Series, own: pd.DataFrame) -> tuple[int, int]:
    """(how many of the texts are training texts of a run, how many of the others are validation texts). own: its rows."""
    codes = similarity.codes(pd.concat([texts, own["text"]], ignore_index=True))
    asked, there, split = codes[: len(texts)], codes[len(texts) :], own["split"].to_numpy()
    learnt = np.isin(asked, there[split == "train"])
    validated = np.isin(asked, there[split == "validation"]) & ~learnt
    return int(learnt.sum()), int(validated.sum())
