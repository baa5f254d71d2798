"""Evaluate and Compare at the edges: very many classes, and very few test texts."""

import random

import pytest

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, unfold_all, words_on
from tests.words import BAD, GOOD, THINGS


@pytest.fixture(params=[(77, 7), (2, 10)], ids=["77 classes", "3 test texts"])
def two(request, workspace):
    """Two word-counting runs on made-up texts that leave them some mistakes."""
    classes, each = request.param
    chance = random.Random(0)
    rows = [
        f"the {chance.choice(THINGS)} {number} is {chance.choice(GOOD + BAD)}{label % 5} {number},class {label:02}"
        for number in range(each)
        for label in range(classes)
    ]
    table = read_bytes("\n".join(["text,label", *rows]).encode(), "edges.csv")
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    runs = [wait(workspace, submit(workspace, info, "tfidf", train_share=share).id) for share in (1.0, 0.6)]
    assert all(run.accuracy is not None for run in runs), [run.message for run in runs]
    return info, runs


def test_evaluate_says_sensible_things(two):
    info, (run, _) = two
    test = open_page("evaluate", run=run.id)
    said = words_on(unfold_all(test)).replace("\\", "")
    tested = f"{info.rows['test']} test texts"
    assert tested in said and "Cost for 100 test texts" in said
    assert " nan" not in said and "1 texts" not in said and "Missed" in said
    classes = next(one.value for one in test.dataframe if "support" in one.value)
    assert len(classes) == len(info.labels) and classes["support"].sum() == info.rows["test"]
    if info.rows["test"] == 3:
        assert "too few texts to tell" in said
    test.radio(key="split").set_value("validation").run()
    assert not test.exception


def test_compare_says_sensible_things(two):
    info, runs = two
    test = open_page("compare", runs=",".join(run.id for run in runs))
    said = words_on(unfold_all(test)).replace("\\", "")
    assert f"tested on the same {info.rows['test']} texts" in said
    assert " nan" not in said and "Left minus right" in said
