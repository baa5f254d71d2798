"""A study from the question to its answer, with real runs of the tiny model."""

import json

import pytest

from engine import cli
from engine.errors import NotFoundError, SettingsError
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


def test_a_study_is_queued_once_fills_as_its_runs_end_and_survives_their_deletion(workspace, easy, planned):
    members = grid.combinations([planned["quick"]], {**SMALL, "learning_rate": ["1e-3", "3e-3"]})
    ticket = queue.new_ticket()
    study = records.begin(workspace, easy, members, name="Two rates", ticket=ticket)
    assert records.begin(workspace, easy, members, name="Clicked twice", ticket=ticket) == study
    assert len(queue.list_runs(workspace)) == 2
    assert records.standing(workspace, study).live
    for number in range(2):
        wait(workspace, study.run_id(number))
    found = records.standing(workspace, study)
    assert (found.status, found.ended, found.gone) == (Status.FINISHED, 2, 0)
    compared = outcome.of(workspace, found).comparison
    assert {one.run.id for one in compared.entries} == {study.run_id(0), study.run_id(1)}
    assert all("learning rate" in name for name in compared.names.values())

    queue.remove(workspace, study.run_id(0))
    space.empty_trash(workspace)
    found = records.standing(workspace, study)
    assert ([run.id for run in found.runs], found.gone) == ([study.run_id(1)], 1)
    assert outcome.of(workspace, found).comparison is None

    records.remove(workspace, study.id)
    assert records.list_studies(workspace) == []
    assert [run.id for run in queue.list_runs(workspace)] == [study.run_id(1)]
    with pytest.raises(NotFoundError):
        records.get(workspace, study.id)


def test_the_command_line_asks_follows_lists_shows_and_forgets(workspace, easy_csv, tiny_model, capsys):
    def said(*arguments, code=0):
        assert cli.main([str(one) for one in arguments]) == code
        return capsys.readouterr()

    asked = ["--models", f"tfidf,{tiny_model}", "--set", "epochs=1", "--set", "max_tokens=32", "--name", "Is it worth it?"]
    done = said("study", easy_csv, *asked, "--json")
    found = json.loads(done.out)
    assert found["status"] == "finished" and found["name"] == "Is it worth it?"
    assert {one["status"] for one in found["runs"]} == {"finished"}
    assert {one["run_id"] for one in found["comparison"]["runs"]} == {one["run_id"] for one in found["runs"]}
    assert "2 of 2: " in done.err
    assert [one["study_id"] for one in json.loads(said("studies", "--json").out)["studies"]] == [found["study_id"]]
    assert json.loads(said("studies", found["study_id"], "--json").out) == found
    text = said("studies", found["study_id"]).out
    assert "Is it worth it?" in text and found["comparison"]["pairs"][0]["verdict"] in text
    assert "Is it worth it?" in said("studies").out
    said("studies", found["study_id"], "--delete")
    assert json.loads(said("studies", "--json").out) == {"studies": []}
    assert "no study" in said("studies", found["study_id"], code=2).err
    assert "2 to 24 runs" in said("study", easy_csv, code=2).err


def test_a_study_is_stopped_as_a_whole(workspace, easy, planned):
    members = grid.combinations([planned["quick"]], {"epochs": ["200"], "seed": ["1", "2", "3"]})
    study = records.begin(workspace, easy, members)
    wait(workspace, study.run_id(0), lambda run: run.phase == "training" and run.step > 0)
    records.stop(workspace, study)
    for number in range(3):
        assert wait(workspace, study.run_id(number)).status == Status.STOPPED
    assert not records.standing(workspace, study).live
