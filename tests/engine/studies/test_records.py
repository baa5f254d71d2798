"""A study from the question to its answer, with real runs of the tiny model."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event

import pytest

from engine import cli
from engine.errors import SettingsError
from engine.runs import queue, space
from engine.runs.store import Status
from engine.studies import grid, outcome, records
from engine.training.plan import plan
from tests.engine.runs.helpers import wait


@pytest.fixture
def planned(workspace, easy, tiny_model):
    return {preset: plan(workspace, easy, str(tiny_model), preset) for preset in ("quick", "balanced")}


SMALL = {"epochs": ["1"], "max_tokens": ["32"]}


def test_every_combination_is_asked_for_once_and_says_what_sets_it_apart(workspace, easy, planned):
    words = [plan(workspace, easy, "tfidf", preset) for preset in ("quick", "balanced")]
    found = grid.combinations(
        [*planned.values(), *words],
        {"learning_rate": ["1e-3", "3e-3"], "max_tokens": ["32"], "freeze_embeddings": ["no"]},
    )
    labels = [one.label for one in found]
    assert len(labels) == len(set(labels)) == 5
    assert sum("Word counting" in label for label in labels) == 1
    assert any(label.endswith("quick, learning rate 0.003") for label in labels)
    assert not any("tokens" in label or "freeze" in label for label in labels)
    assert {one.config.max_tokens for one in found if not one.config.counts_words} == {32}
    alike = grid.combinations(list(planned.values()), {**SMALL, "seed": ["1", "2"]})
    assert len(alike) == 2  # with their rounds fixed, both presets do the same


def test_word_counting_learns_from_the_share_that_the_others_learn_from(workspace, easy, planned):
    plans = [planned["quick"], plan(workspace, easy, "tfidf", "quick")]
    found = grid.combinations(plans, {**SMALL, "train_share": ["0.5"]})
    assert [one.config.train_share for one in found] == [0.5, 0.5]
    assert found[1].label == "Word counting (TF-IDF)"
    found = grid.combinations(plans[1:], {**SMALL, "train_share": ["0.5", "1"], "seed": ["1", "2"]})
    assert [one.label.partition(", ")[2] for one in found] == [
        "train share 0.5, seed 1",
        "train share 0.5, seed 2",
        "",
    ]


def test_a_study_that_somebody_is_writing_in_is_forgotten_all_the_same(workspace, easy):
    for number in range(30):
        study = records.Study(
            id=f"aaaaaa{number}",
            name="which?",
            kind="comparison",
            created_at="",
            dataset_id=easy.id,
            dataset_name=easy.name,
            members=[],
        )
        records.keep(workspace, study)
        begun, over, folder = Event(), Event(), workspace.study(study.id).folder

        def write(begun=begun, over=over, folder=folder):
            with suppress(OSError):  # once it is gone
                while not over.is_set():
                    (folder / str(time.monotonic_ns())).touch()
                    begun.set()

        with ThreadPoolExecutor(1) as watcher:
            watcher.submit(write)
            begun.wait()
            try:
                records.remove(workspace, study.id)
            finally:
                over.set()
    assert records.list_studies(workspace) == [] and list(workspace.studies.iterdir()) == []


def test_what_cannot_be_tried_is_said_before_anything_is_queued(planned):
    plans = [planned["quick"]]
    with pytest.raises(SettingsError, match="2 to 24 runs"):
        grid.combinations(plans, {"seed": ["1"]})
    with pytest.raises(SettingsError, match="2 to 24 runs"):
        grid.combinations(plans, {"seed": [str(one) for one in range(25)]})
    with pytest.raises(SettingsError, match="learning_rate: must be at most"):
        grid.combinations(plans, {"learning_rate": ["1e-3", "7"]})
    with pytest.raises(SettingsError, match="chosen by itself"):
        grid.combinations(plans, {"model": ["bundled", "tfidf"]})


def test_a_study_from_the_command_line_to_its_end_and_after_its_runs_are_gone(workspace, easy, easy_csv, tiny_model, capsys):
    def said(*arguments, code=0):
        assert cli.main([str(one) for one in arguments]) == code
        return capsys.readouterr()

    asked = [
        "--models",
        f"tfidf,{tiny_model}",
        "--set",
        "epochs=1",
        "--set",
        "max_tokens=32",
        "--name",
        "Worth it?",
    ]
    done = said("study", easy_csv, *asked, "--json")
    found = json.loads(done.out)
    assert found["status"] == "finished" and found["name"] == "Worth it?"
    assert {one["run_id"] for one in found["comparison"]["runs"]} == {one["run_id"] for one in found["runs"]}
    assert done.err.count(" is finished, right ") == 2
    assert [one["study_id"] for one in json.loads(said("studies", "--json").out)["studies"]] == [found["study_id"]]
    assert json.loads(said("studies", found["study_id"], "--json").out) == found
    text = said("studies", found["study_id"]).out
    assert "Worth it?" in text and found["comparison"]["pairs"][0]["verdict"] in text
    assert "2 to 24 runs" in said("study", easy_csv, code=2).err

    study = records.get(workspace, found["study_id"])
    assert records.begin(workspace, easy, study.members, name="Clicked twice", ticket=study.id) == study
    assert len(queue.list_runs(workspace)) == 2
    queue.remove(workspace, study.run_id(0))
    space.empty_trash(workspace)
    left = records.standing(workspace, study)
    assert ([run.id for run in left.runs], left.gone) == ([study.run_id(1)], 1)
    assert outcome.of(workspace, left).comparison is None
    assert "1 of its runs was deleted" in said("studies", study.id).out

    said("studies", study.id, "--delete")
    assert json.loads(said("studies", "--json").out) == {"studies": []}
    assert [run.id for run in queue.list_runs(workspace)] == [study.run_id(1)]
    assert "no study" in said("studies", study.id, code=2).err


def test_a_study_is_stopped_as_a_whole(workspace, easy, planned):
    members = grid.combinations([planned["quick"]], {"epochs": ["200"], "seed": ["1", "2", "3"]})
    study = records.begin(workspace, easy, members)
    wait(workspace, study.run_id(0), lambda run: run.phase == "training" and run.step > 0)
    records.stop(workspace, study)
    for number in range(3):
        assert wait(workspace, study.run_id(number)).status == Status.STOPPED
    assert not records.standing(workspace, study).live
