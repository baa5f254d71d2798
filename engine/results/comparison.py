"""Finished runs side by side: their scores and costs, what separates them, and the texts on which they disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from engine.data.datasets import DatasetInfo, family, load_rows
from engine.data.revising import row_name
from engine.evaluation import MOST_TEXTS, predictions
from engine.evaluation.comparing import TEXTS_ALONE, Pair, align, common, compare, sentence
from engine.evaluation.judging import judge, judge_counting
from engine.evaluation.metrics import wilson
from engine.figures import count, whole
from engine.paths import Workspace, read_json
from engine.runs import queue, space
from engine.runs.events import History
from engine.runs.store import Run

ALIKE = 0.1  # of a time per text: a difference that may be the machine's


@dataclass(frozen=True)
class Entry:
    """A run on the leaderboard.

    scores: by name, with their 95% intervals. seconds: of the training. milliseconds: per text (engine/serving/speed.py);
    None where it was not measured. bytes: of the model's folder.
    """

    run: Run
    accuracy: float
    macro_f1: float
    scores: dict[str, float | None]
    intervals: dict[str, list[float]]
    confusion: dict
    seconds: float | None
    milliseconds: float | None
    bytes: int


@dataclass(frozen=True)
class Comparison:
    """entries: the best accuracy first. baseline: accuracy, its interval and macro_f1 of word counting on the same rows; it
    learnt from train_rows, as the run with most of them did (None: not written down). rows: test texts.
    note: on which rows, where the runs had different versions of the data; else empty. favoured: by run id, how many test
    texts were corrected or left out after the model had disputed their labels, where there are any.

    names: of each run, by id, one that none of the others has. tables: the predictions of each run, the same text in the
    same place. verdicts: a sentence for each of `pairs`.
    """

    entries: list[Entry]
    pairs: list[Pair]
    verdicts: list[str]
    baseline: dict
    rows: int
    names: dict[str, str]
    tables: dict[str, pd.DataFrame]
    note: str = ""
    favoured: dict[str, int] = field(default_factory=dict)

    @property
    def caveat(self) -> str:
        """What the verdicts leave out, in a sentence."""
        return TEXTS_ALONE

    @property
    def bias(self) -> str:
        """Whom the corrections favour, in a sentence for each; empty where there is nothing to say."""
        return " ".join(
            f"{count(texts, 'test label')} {'was' if texts == 1 else 'were'} corrected, or the text left out, after "
            f"{self.names[run_id]} had disputed {'it' if texts == 1 else 'them'}; that favours it."
            for run_id, texts in self.favoured.items()
        )

    @property
    def trade_offs(self) -> set[str]:
        """The runs that no other one beats: as right and faster, or more right and as fast. Times within ALIKE are alike."""
        timed = [one for one in self.entries if one.milliseconds is not None]

        def beaten(one: Entry, other: Entry) -> bool:
            as_fast = other.milliseconds <= one.milliseconds * (1 + ALIKE)
            faster = other.milliseconds < one.milliseconds * (1 - ALIKE)
            return as_fast and (other.accuracy > one.accuracy or (faster and other.accuracy == one.accuracy))

        return {one.run.id for one in timed if not any(beaten(one, other) for other in timed)}


def of(workspace: Workspace, run_ids: Sequence[str]) -> Comparison:
    """Compare finished runs on their test rows; runs on versions of the same data on those that all of the versions have.

    Raises DataError when that would mislead (engine/evaluation/comparing.py), RunStateError for a run without scores.
    """
    runs = {run_id: queue.get_usable(workspace, run_id, "scores") for run_id in dict.fromkeys(run_ids)}
    tables = {run_id: predictions.read(workspace.run(run_id).predictions, "test") for run_id in runs}
    found = {run_id: read_json(workspace.run(run_id).metrics) for run_id in runs}
    versions, note, favoured = _versions(workspace, list(runs.values())), "", {}
    if len(versions) > 1:
        own = tables
        tables, found = _on_common_rows(workspace, runs, versions, tables, found)
        note = _common_rows(versions, len(next(iter(tables.values()))))
        kin = family(workspace, versions[0].id)
        favoured = {run_id: _favoured(kin, run, own[run_id], tables[run_id]) for run_id, run in runs.items()}
    else:
        tables = align(tables)
    confusions = _in_one_order({run_id: one["test"]["confusion_matrix"] for run_id, one in found.items()})
    entries = [
        Entry(
            run=run,
            accuracy=found[run_id]["test"]["accuracy"],
            macro_f1=found[run_id]["test"]["macro_f1"],
            scores={name: found[run_id]["test"].get(name) for name in found[run_id]["intervals"] if name != "per_class"},
            intervals=found[run_id]["intervals"],
            confusion=confusions[run_id],
            seconds=run.seconds,
            milliseconds=found[run_id].get("milliseconds_per_text"),
            bytes=space.taken(workspace.run(run_id).model),
        )
        for run_id, run in runs.items()
    ]
    entries.sort(key=lambda one: (-one.accuracy, -one.macro_f1))
    pairs = compare({one.run.id: tables[one.run.id] for one in entries})
    rows = len(next(iter(tables.values())))
    names = _names([one.run for one in entries])
    verdicts = [sentence(pair, names[pair.a], names[pair.b], rows) for pair in pairs]
    most = max(found.values(), key=lambda one: one.get("train_rows", 0))  # studies of curves have runs on parts of them
    counted = {"train_rows": most.get("train_rows"), **most["baseline"]}
    counted["interval"] = wilson(round(counted["accuracy"] * rows), rows)
    favoured = {run_id: texts for run_id, texts in favoured.items() if texts}
    return Comparison(entries, pairs, verdicts, counted, rows, names, tables, note, favoured)


def _versions(workspace: Workspace, runs: Sequence[Run]) -> list[DatasetInfo]:
    """The data sets of the runs, the first version first, where they are versions of the same data; else none."""
    wanted = {run.dataset_id for run in runs}
    versions = [one for one in family(workspace, runs[0].dataset_id) if one.id in wanted]
    return versions if len(versions) == len(wanted) else []


def _on_common_rows(
    workspace: Workspace,
    runs: Mapping[str, Run],
    versions: Sequence[DatasetInfo],
    tables: dict[str, pd.DataFrame],
    found: dict[str, dict],
) -> tuple[dict[str, pd.DataFrame], dict[str, dict]]:
    """(predictions, metrics) on the test rows that all versions have, judged by the labels of the newest one."""
    newest = versions[-1]
    rows = {one.id: load_rows(workspace, one.id) for one in versions}
    learnt = pd.concat([one.loc[one["split"] != "test", "text"] for one in rows.values()]).drop_duplicates()
    judge_of = next(run_id for run_id, run in runs.items() if run.dataset_id == newest.id)
    tables = common(tables, judge_of, learnt)
    training = rows[newest.id].query("split == 'train'")
    base = judge_counting(training, tables[judge_of], predictions.labels_of(tables[judge_of]))
    base["train_rows"] = len(training)
    scored = {}
    for run_id, table in tables.items():
        test = judge(table)
        scored[run_id] = {**found[run_id], "test": test, "intervals": test["intervals"], "baseline": base}
    return tables, scored


def _favoured(kin: Sequence[DatasetInfo], run: Run, own: pd.DataFrame, judged: pd.DataFrame) -> int:
    """Test texts whose labels the run had disputed, that were corrected or left out for it since.

    Whoever looks only at what a model disputes finds the labels that are wrong against it, and none that are wrong for it.
    kin: all versions of its data. own: its predictions on its test rows, by their labels then. judged: those that it is
    compared on, by the labels now.
    """
    further = [one for one in kin if one.parent == run.dataset_id]
    rows = {row for one in further for row, by in one.disputed.items() if by == run.id}
    mine = own[[row_name("test", number) in rows for number in own["source_row"]]]
    mine = mine[mine["predicted"] != mine["label"]]
    now = judged.drop_duplicates("text").set_index("text")["label"]
    return int((mine["text"].map(now) != mine["label"]).sum())  # nothing where it was left out


def _common_rows(versions: Sequence[DatasetInfo], rows: int) -> str:
    *others, newest = (str(one.version) for one in versions)
    texts = f"the {whole(rows)} test texts" if rows > 1 else "the one test text"
    return (
        f"These runs were trained on versions {', '.join(others)} and {newest} of the same data. They are compared on "
        f"{texts} that {'both' if len(versions) == 2 else 'all'} versions have, with the labels of version {newest}."
    )


def _in_one_order(confusions: Mapping[str, dict]) -> dict[str, dict]:
    """Confusion matrices of the same labels, with these in the order of the first: models bring orders of their own."""
    first: dict[frozenset[str], list[str]] = {}
    found = {}
    for run_id, matrix in confusions.items():
        labels = first.setdefault(frozenset(matrix["labels"]), matrix["labels"])
        places = [matrix["labels"].index(label) for label in labels]
        found[run_id] = {"labels": labels, "counts": np.array(matrix["counts"])[np.ix_(places, places)].tolist()}
    return found


def _names(runs: Sequence[Run]) -> dict[str, str]:
    names = [run.name for run in runs]
    return {run.id: run.name if names.count(run.name) == 1 else f"{run.name} ({run.id[:4]})" for run in runs}


def differing_settings(workspace: Workspace, runs: Sequence[Run]) -> dict[str, dict[str, object]]:
    """The settings that are not the same for all runs: {setting: {run id: value}}; None where one has no such setting."""
    values = {run.id: queue.settings_of(workspace, run.id) for run in runs}
    fields = dict.fromkeys(field for one in values.values() for field in one)
    found = {field: {run_id: one.get(field) for run_id, one in values.items()} for field in fields}
    return {field: row for field, row in found.items() if len(set(map(str, row.values()))) > 1}


def disagreements(comparison: Comparison) -> pd.DataFrame:
    """Texts on which not all say the same: text, label, then what each run says, under its id; the most divided first."""
    (first, *_), tables = comparison.tables.values(), comparison.tables
    said = pd.DataFrame({run_id: table["predicted"] for run_id, table in tables.items()})
    wrong = said.ne(first["label"], axis=0).sum(axis=1)
    divided = said.nunique(axis=1)
    found = pd.concat([first[["text", "label"]], said], axis=1)[divided > 1]
    order = pd.DataFrame({"divided": divided, "wrong": (wrong - said.shape[1] / 2).abs()})[divided > 1]
    return found.loc[order.sort_values(["divided", "wrong"], ascending=[False, True], kind="stable").index]


def depth(workspace: Workspace, comparison: Comparison, complete: bool = False) -> dict:
    """What `compare --json` tells beyond leaderboard and verdicts: the figures of the Compare page.

    complete: with all texts on which the runs disagree, not only the first MOST_TEXTS. The difference of two confusion
    matrices is the counts of a minus those of b, and None where their labels are not the same.
    """
    table, matrices = disagreements(comparison), {one.run.id: one.confusion for one in comparison.entries}
    return {
        "confusion_matrices": matrices,
        "confusion_differences": [
            {"a": pair.a, "b": pair.b, "counts": _difference(matrices[pair.a], matrices[pair.b])}
            for pair in comparison.pairs
        ],
        "disagree": len(table),
        "disagreements": [
            {"text": row["text"], "label": row["label"], "said": {one: row[one] for one in comparison.tables}}
            for row in table.head(len(table) if complete else MOST_TEXTS).to_dict("records")
        ],
        "settings": differing_settings(workspace, [one.run for one in comparison.entries]),
        "histories": {one.run.id: _rounds(History.read(workspace.run(one.run.id).events)) for one in comparison.entries},
    }


def _difference(a: dict, b: dict) -> list[list[int]] | None:
    return (np.array(a["counts"]) - np.array(b["counts"])).tolist() if a["labels"] == b["labels"] else None


def _rounds(history: History) -> list[dict]:
    """Of each round the scores on validation, and the mean training loss."""
    losses = pd.DataFrame(history.steps, columns=["epoch", "loss"]).groupby("epoch")["loss"].mean()
    return [{"round": one["epoch"], "loss": losses.get(one["epoch"]), "validation": one["scores"]} for one in history.epochs]
