"""The scores of a run: on its validation and test texts, and on further labelled files that somebody gave it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
import pandas as pd

from engine.data.datasets import digest, load_info, load_others, load_rows
from engine.data.drafting import labelled
from engine.data.reading import Table
from engine.data.recipe import Recipe
from engine.errors import DataError, NotFoundError
from engine.evaluation import calibration, predictions, weakness
from engine.evaluation.confusions import mistakes
from engine.evaluation.judging import judge, judge_counting
from engine.models import tfidf
from engine.models.folders import read_config
from engine.models.tokens import count_strange
from engine.paths import RunPaths, Workspace, read_json, replace_folder, write_json
from engine.runs.store import Run
from engine.serving.predictor import Predictor


@dataclass(frozen=True)
class Further:
    """A further file that a run was judged on.

    key: of its content. rows: texts that were scored. left_out: rows without a text, or with a label that the model does not
    know. learnt: of the scored texts, how many the model learnt from. created_at: UTC, ISO 8601.
    """

    key: str
    name: str
    rows: int
    left_out: int
    learnt: int
    created_at: str


def scores(paths: RunPaths) -> dict:
    """What metrics.json holds. Scores that an older version did not compute yet are added from the predictions."""
    found = read_json(paths.metrics)
    older = [split for split in ("validation", "test") if split in found and "intervals" not in found[split]]
    for split in older:
        found[split] = judge(predictions.read(paths.predictions, split))
    if older:
        found["intervals"] = found["test"]["intervals"]
    return found


def further(workspace: Workspace, run_id: str) -> list[Further]:
    """The further files that a run was judged on, the newest first."""
    folder = workspace.run(run_id).furthers
    found = [Further(**read_json(path)["further"]) for path in folder.glob("*/metrics.json")]
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
    Raises DataError for a table without these columns, or without a label that the model knows.
    """
    paths = workspace.run(run.id)
    rows, labels = _labelled(workspace, run, table, text, label)
    known = (rows["label"].isin(labels) & (rows["text"] != "")).to_numpy(dtype=bool)
    if not known.any():
        raise DataError(
            f"No row of {table.name} has one of the labels that the model knows.",
            f"It knows: {', '.join(labels)}.",
            "no_known_label",
        )
    chosen = rows[known].assign(split="test", source_row=np.flatnonzero(known) + 1)
    predicted = predictions.table(
        chosen, labels, Predictor(paths.model).probabilities(chosen["text"].tolist(), progress)
    )
    found = judge(predicted)
    training = _training(workspace, run)
    learnt = 0 if training is None else int(chosen["text"].isin(set(training["text"])).sum())
    result: dict = {"test": found, "intervals": found["intervals"]}
    if training is not None:
        result["baseline"] = judge_counting(training, predicted, labels)
    about = Further(
        digest(chosen[["text", "label"]]),
        table.name,
        len(chosen),
        int((~known).sum()),
        learnt,
        datetime.now(UTC).isoformat(),
    )
    if workspace.changeable:
        place = paths.further(about.key)
        part = place.folder.with_name(f"{about.key}.part")
        part.mkdir(parents=True, exist_ok=True)
        predicted.to_parquet(part / place.predictions.name, index=False)
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
    """Where a run is weak. texts: test, validation, or the key of a further file."""
    paths, own = workspace.run(run.id), texts in ("test", "validation")
    table = predictions.read((paths if own else paths.further(texts)).predictions, texts if own else "test")
    asked = table["text"].tolist()
    counts_words = tfidf.is_saved_in(paths.model)
    strange = (
        tfidf.load(paths.model).count_strange(asked) if counts_words else count_strange(asked, paths.model)
    )
    properties = weakness.of_texts(table["text"], strange)
    if own:
        others = _others(workspace, run, table)
        properties = pd.concat([properties, others.drop(columns=properties.columns, errors="ignore")], axis=1)
    found = weakness.groups((table["label"] != table["predicted"]).to_numpy(), properties)
    return Weakness(found, [weakness.sentence(one) for one in found], weakness.LEAST_TEXTS)


def depth(workspace: Workspace, run: Run) -> dict:
    """What `evaluate --json` tells beyond the scores: calibration, most frequent mistakes, and groups that stand out."""
    paths = workspace.run(run.id)
    judged = calibration.judge(predictions.read(paths.predictions))
    matrix = read_json(paths.metrics)["test"]["confusion_matrix"]
    return {
        "calibration": {
            "error": judged.error,
            "interval": list(judged.interval),
            "temperature": judged.temperature,
            "few_mistakes": judged.few_mistakes,
            "corrected_error": judged.corrected_error,
            "corrected_interval": list(judged.corrected_interval),
        },
        "mistakes": [asdict(one) for one in mistakes(matrix["labels"], matrix["counts"])],
        "weak": [asdict(one) for one in find_weakness(workspace, run).groups if one.weak],
    }


def _others(workspace: Workspace, run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """The other columns of the data set, for the texts of `table`."""
    try:
        others = load_others(workspace, run.dataset_id)
    except NotFoundError:  # deleted since
        return pd.DataFrame(index=table.index)
    rows = pd.MultiIndex.from_frame(table[["split", "source_row"]])
    return others.reindex(rows).set_axis(table.index)


def _labelled(
    workspace: Workspace, run: Run, table: Table, text: str | None, label: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """(text and label of every row, made as those of the run's data set were; the labels that the model knows)."""
    try:
        info = load_info(workspace, run.dataset_id)
    except NotFoundError as error:  # deleted since, or it came without any
        if not (text and label):
            raise DataError(
                f"The data set of {run.name} is not there, so that the columns of {table.name} have to be named.",
                "Name the columns of texts and labels: --text COL --label COL.",
                "columns_unclear",
            ) from error
        return labelled(table, Recipe(text=text, label=label)), _answers_of(workspace.run(run.id))
    chosen = {"text": (text,) if text else info.made_by.text, "label": label or info.made_by.label}
    return labelled(table, info.made_by.model_copy(update=chosen)), _answers_of(workspace.run(run.id))


def _answers_of(paths: RunPaths) -> list[str]:
    """The labels that a run's model gives, in the order of its probabilities."""
    if paths.predictions.exists():
        return predictions.labels_of(predictions.read(paths.predictions, "test"))
    named = read_config(paths.model)["id2label"]  # brought from elsewhere, without data
    return [named[str(number)] for number in range(len(named))]


def _training(workspace: Workspace, run: Run) -> pd.DataFrame | None:
    """The rows that the run learnt from; None where the data set was deleted since."""
    try:
        return load_rows(workspace, run.dataset_id, "train")
    except NotFoundError:
        return None
