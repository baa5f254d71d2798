"""Would more labels help? Parts of the training rows, the runs on them, and what is said of the outcome."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from engine.data.datasets import load_rows
from engine.data.splitting import thinned
from engine.errors import DataError
from engine.evaluation import predictions
from engine.runs.store import Status
from engine.studies import curve, records
from engine.studies.curve import Point, sentence
from engine.training.plan import plan
from tests.engine.runs.helpers import wait


def test_parts_are_of_every_class_alike_within_one_another_and_leave_the_test_alone():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "text": [f"text {number}" for number in range(1000)],
            "label": rng.choice(["often", "seldom", "once"], 1000, p=[0.8, 0.19, 0.01]),
            "split": rng.choice(["train", "validation", "test"], 1000, p=[0.8, 0.1, 0.1]),
        }
    )
    parts = [thinned(rows, share, seed=1) for share in (0.1, 0.25, 0.5, 1.0)]
    whole = rows[rows["split"] == "train"]["label"].value_counts()
    for share, part in zip((0.1, 0.25, 0.5, 1.0), parts, strict=True):
        learnt = part[part["split"] == "train"]["label"].value_counts()
        assert set(learnt.index) == set(whole.index)
        assert all(abs(learnt[label] - share * whole[label]) <= 1 for label in whole.index)
        assert part[part["split"] != "train"]["text"].tolist() == rows[rows["split"] != "train"]["text"].tolist()
    for small, large in pairwise(parts):
        assert set(small["text"]) < set(large["text"])
    assert parts[1].equals(thinned(rows, 0.25, seed=1))
    assert not parts[1].equals(thinned(rows, 0.25, seed=2))


def test_fewer_texts_are_read_more_often_and_nothing_else_differs(workspace, easy, tiny_model):
    planned = plan(workspace, easy, str(tiny_model), "balanced")
    found = curve.members(easy, planned, planned.config())
    assert [one.config.train_share for one in found] == [0.1, 0.25, 0.5, 1.0]
    rounds = [one.config.epochs for one in found]
    assert rounds == sorted(rounds, reverse=True) and rounds[-1] == planned.config().epochs < rounds[0]
    for one in found:
        same = {"train_share": 1.0, "epochs": rounds[-1]}
        assert one.config.model_copy(update=same) == planned.config()
    few = {**vars(easy), "rows": {**easy.rows, "train": 6}}
    with pytest.raises(DataError, match="too few"):
        curve.members(type(easy)(**few), planned, planned.config())


def test_a_curve_of_real_runs_counts_the_texts_that_were_learnt_from(workspace, easy, tiny_model):
    members = []
    for model, place in ((str(tiny_model), 2), ("tfidf", 3)):  # half of the texts, then all
        planned = plan(workspace, easy, model, "quick")
        members.append(curve.members(easy, planned, planned.config())[place])
    few = members[0].config.model_copy(update={"epochs": 1, "max_tokens": 32})
    members[0] = members[0].model_copy(update={"config": few})
    study = records.begin(workspace, easy, members[:1], kind="curve")
    study = study.model_copy(update={"members": members})
    for number in range(2):
        records.submit(workspace, study, number)
        assert wait(workspace, study.run_id(number)).status == Status.FINISHED
    found = curve.of(workspace, records.scored(workspace, records.standing(workspace, study)))
    rows = load_rows(workspace, easy.id)
    learnt = [(thinned(rows, one.config.train_share, one.config.seed)["split"] == "train").sum() for one in members]
    assert [point.rows for point in found.points] == learnt
    assert learnt[0] == learnt[1] / 2
    assert found.points[1].counting == found.points[1].accuracy  # it is word counting
    assert found.points[0].counting != found.points[0].accuracy
    assert found.gain_interval[0] <= found.gain <= found.gain_interval[1]
    assert f"From {learnt[0]} to {learnt[1]} texts" in found.sentence
    for number in range(2):
        tested = predictions.read(workspace.run(study.run_id(number)).predictions, "test")
        assert len(tested) == easy.rows["test"]


def test_what_is_said_follows_the_interval():
    few, many = (Point("r", rows, right, (0.0, 1.0), 0.0, 0.0) for rows, right in ((2000, 0.80), (4000, 0.812)))
    assert sentence(few, many, (0.003, 0.021), 1000) == (
        "From 2,000 to 4,000 texts accuracy rose by 1.2 points (95% sure: 0.3 to 2.1): more labels would probably help."
    )
    assert "levelled off" in sentence(few, many, (-0.004, 0.008), 1000)
    assert "it is unclear" in sentence(few, many, (-0.02, 0.03), 100)
    fell = sentence(many, few, (-0.03, -0.001), 1000)
    assert "fell by 1.2 points" in fell and "did not help" in fell and "levelled off" not in fell
