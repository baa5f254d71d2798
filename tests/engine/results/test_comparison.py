"""Runs on different versions of the same data, which have to be judged on what they share."""

import pandas as pd
import pytest

from engine import cli
from engine.data.datasets import load_info, load_rows, remove, save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.data.revising import Decisions, decide, revise, row_name
from engine.errors import DataError
from engine.evaluation import predictions
from engine.evaluation.judging import judge
from engine.paths import read_json, write_json
from engine.results import comparison
from engine.runs import queue
from tests.engine.runs.helpers import submit, wait
from tests.words import easy_csv

OTHER = {"good": "bad", "bad": "good"}


def counted(workspace, info):
    return wait(workspace, submit(workspace, info, "tfidf", name=info.title).id)


@pytest.fixture
def first(workspace, easy):
    return counted(workspace, easy)


def names_of(workspace, info, split):
    rows = load_rows(workspace, info.id, split)
    return [row_name(split, number) for number in rows["source_row"]]


def test_versions_are_compared_on_what_both_have_by_the_labels_of_the_newer_one(workspace, easy, first):
    test, training = (names_of(workspace, easy, split) for split in ("test", "train"))
    given = load_rows(workspace, easy.id, "test")["label"]
    edits = {row: OTHER[label] for row, label in zip(test[:4], given, strict=False)}
    newer = revise(workspace, easy.id, Decisions({**edits, test[5]: "", training[0]: ""}, {"a new lamp": "good"}))
    second = counted(workspace, newer)
    found = comparison.of(workspace, [first.id, second.id])
    assert found.rows == len(test) - 1
    assert found.note == (
        f"These runs were trained on versions 1 and 2 of the same data. They are compared on the {found.rows} test texts "
        "that both versions have, with the labels of version 2."
    )
    right = load_rows(workspace, newer.id, "test").set_index("text")["label"]
    for entry in found.entries:
        table = found.tables[entry.run.id]
        assert table["label"].tolist() == right[table["text"]].tolist()
        assert entry.accuracy == pytest.approx((table["label"] == table["predicted"]).mean())
        assert entry.intervals == judge(table)["intervals"]
        assert sum(map(sum, entry.confusion["counts"])) == found.rows
        told = predictions.read(workspace.run(entry.run.id).predictions, "test").set_index("text")["predicted"]
        assert table["predicted"].tolist() == told[table["text"]].tolist()
    assert found.baseline["accuracy"] == second.accuracy  # the same word counting on the same rows
    old = next(entry for entry in found.entries if entry.run.id == first.id)
    assert old.accuracy < first.accuracy  # four labels that it has right are now the other one


def test_that_corrections_favour_the_model_that_asked_for_them_is_said(workspace, easy, capsys):
    test = names_of(workspace, easy, "test")
    right = dict(zip(test, load_rows(workspace, easy.id, "test")["label"], strict=True))
    wrong = revise(workspace, easy.id, Decisions({row: OTHER[right[row]] for row in test[:4]}))
    doubter = counted(workspace, wrong)
    for row in test[:2]:
        decide(workspace, wrong.id, row, right[row], doubter.id)
    decide(workspace, wrong.id, test[2], "", doubter.id)
    decide(workspace, wrong.id, test[3], right[test[3]])  # found in another way
    decide(workspace, wrong.id, test[4], "", doubter.id)  # the model said the same
    other = counted(workspace, revise(workspace, wrong.id))
    found = comparison.of(workspace, [doubter.id, other.id])
    assert found.favoured == {doubter.id: 3}
    assert found.bias == (
        f"3 test labels were corrected, or the text left out, after {found.names[doubter.id]} had disputed them; that "
        "favours it."
    )
    assert cli.main(["compare", doubter.id, other.id]) == 0
    assert found.bias in capsys.readouterr().out
    assert comparison.of(workspace, [counted(workspace, easy).id, other.id]).bias == ""


def test_word_counting_that_learnt_from_most_is_compared_with(workspace, easy, first):
    part = wait(workspace, submit(workspace, easy, "tfidf", name="a part").id)
    path = workspace.run(first.id).metrics
    whole = read_json(path)
    few = {**whole, "train_rows": 10, "baseline": {**whole["baseline"], "accuracy": 0.25}}
    write_json(workspace.run(part.id).metrics, few)
    for order in ((first.id, part.id), (part.id, first.id)):
        counted = comparison.of(workspace, order).baseline
        assert counted["accuracy"] == whole["baseline"]["accuracy"]
        assert counted["train_rows"] == easy.rows["train"]


def test_matrices_of_the_same_labels_in_another_order_can_be_taken_from_each_other(workspace, easy, first):
    turned = wait(workspace, submit(workspace, easy, "tfidf", name="turned").id)
    path = workspace.run(turned.id).metrics
    metrics = read_json(path)
    matrix = metrics["test"]["confusion_matrix"]
    counts = [row[::-1] for row in matrix["counts"][::-1]]
    metrics["test"]["confusion_matrix"] = {"labels": matrix["labels"][::-1], "counts": counts}
    write_json(path, metrics)
    found = comparison.of(workspace, [first.id, turned.id])
    assert [entry.confusion for entry in found.entries] == [matrix] * 2
    assert comparison.depth(workspace, found)["confusion_differences"][0]["counts"] == [[0, 0], [0, 0]]


def test_three_versions_are_named_and_the_newest_judges(workspace, easy, first):
    test = names_of(workspace, easy, "test")
    runs, info = [first], easy
    for place in (0, 1):
        info = revise(workspace, info.id, Decisions({test[place]: ""}))
        runs.append(counted(workspace, info))
    found = comparison.of(workspace, [run.id for run in reversed(runs)])
    assert found.rows == len(test) - 2
    assert "versions 1, 2 and 3 of the same data" in found.note and "with the labels of version 3" in found.note


def test_no_row_is_compared_on_that_another_version_learnt_from(workspace, easy, first):
    """A version made on the Data page may be split anew: most of its test rows are training rows of the first one."""
    drafted = draft(read_bytes(easy_csv(200).encode(), "easy.csv"), Recipe(text="text", label="label", seed=1))
    other = save(workspace, drafted, parent=easy.id)
    second = counted(workspace, other)
    found = comparison.of(workspace, [first.id, second.id])
    learnt = pd.concat([load_rows(workspace, info.id).query("split != 'test'")["text"] for info in (easy, other)])
    both = set(load_rows(workspace, easy.id, "test")["text"]) & set(load_rows(workspace, other.id, "test")["text"])
    assert 0 < len(both) < easy.rows["test"] / 2
    for table in found.tables.values():
        assert set(table["text"]) == both
        assert not set(table["text"]) & set(learnt)


def test_versions_with_nothing_in_common_and_data_that_is_gone_are_refused(workspace, easy, first):
    rows = load_rows(workspace, easy.id)
    swapped = rows["split"].map({"train": "test", "test": "train", "validation": "validation"})
    table = read_bytes(rows.assign(split=swapped).to_csv(index=False).encode(), "easy.csv")
    recipe = Recipe(text="text", label="label", split_by="column", split_column="split")
    other = save(workspace, draft(table, recipe), parent=easy.id)
    second = counted(workspace, other)
    with pytest.raises(DataError, match="no test text in common"):
        comparison.of(workspace, [first.id, second.id])
    remove(workspace, easy.id)
    with pytest.raises(DataError, match="not tested on the same texts"):
        comparison.of(workspace, [first.id, second.id])


def test_the_same_settings_on_the_new_version_are_one_call_even_when_it_is_made_twice(workspace, easy, first):
    newer = revise(workspace, easy.id, Decisions({names_of(workspace, easy, "test")[0]: ""}))
    ticket, config = queue.new_ticket(), queue.config_of(workspace, first.id)
    asked = {"dataset": (newer.id, newer.title), "ticket": ticket}
    again, twice = (queue.clone(workspace, first, config, **asked) for _ in range(2))
    assert again.id == twice.id and len(queue.list_runs(workspace)) == 2
    done = wait(workspace, again.id)
    assert (done.dataset_id, done.name) == (newer.id, "tiny on easy (version 2)")
    assert queue.config_of(workspace, done.id) == config
    assert load_info(workspace, easy.id) == easy
