import numpy as np
import pytest

from engine.data.reading import read_bytes
from engine.errors import DataError
from engine.evaluation import predictions
from engine.results import answering, evaluations
from engine.serving.rules import ALWAYS_A_PERSON
from tests import words
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def run(workspace, easy):
    return wait(workspace, submit(workspace, easy, "tfidf").id)


def test_thresholds_are_chosen_one_by_one_and_a_new_one_for_all_forgets_them(workspace, run):
    answering.choose(workspace, run, threshold=0.6)
    found = answering.choose(workspace, run, each={"good": 0.8})
    assert (found.threshold, found.thresholds) == (0.6, {"good": 0.8})
    found = answering.choose(workspace, run, each={"bad": ALWAYS_A_PERSON})
    assert found.thresholds == {"good": 0.8, "bad": ALWAYS_A_PERSON}
    assert answering.choose(workspace, run, threshold=0.5).thresholds == {}
    with pytest.raises(DataError, match=r"never says odd.*It says: bad, good"):
        answering.choose(workspace, run, each={"odd": 0.5})


def test_the_effect_on_the_test_is_that_of_the_answers_themselves(workspace, run):
    table = predictions.read(workspace.run(run.id).predictions, "test")
    _, sure, right = predictions.answers(table)
    least = float(np.median(sure))
    answering.choose(workspace, run, threshold=least)
    found = answering.effect(workspace.run(run.id))
    assert found.texts == len(table) and found.covered == (sure >= least).mean() < 1
    assert found.accuracy == right[sure >= least].mean()
    answering.choose(workspace, run, threshold=ALWAYS_A_PERSON)
    assert answering.effect(workspace.run(run.id)).accuracy is None


def test_the_cheapest_thresholds_ask_nobody_where_mistakes_cost_nothing(workspace, run):
    assert answering.cheapest(workspace, run, {"good": 0, "bad": 0}) == {"good": 0.0, "bad": 0.0}
    with pytest.raises(DataError, match="never says odd"):
        answering.cheapest(workspace, run, {"odd": 1})


def test_thresholds_outlive_a_correction_of_the_confidence_and_are_marked(workspace, run):
    assert not answering.choose(workspace, run, corrected=True).outlived  # there are none yet
    answering.choose(workspace, run, threshold=0.6)
    found = answering.choose(workspace, run, corrected=False)
    assert found.outlived and found.temperature == 1.0
    assert not answering.choose(workspace, run, threshold=0.6).outlived
    assert "outlived" not in found.exported()


def test_a_model_that_came_without_data_has_nothing_to_fit_a_correction_to(workspace, run):
    workspace.run(run.id).predictions.unlink()
    with pytest.raises(DataError, match="no validation texts"):
        answering.validation(workspace.run(run.id))
    assert answering.effect(workspace.run(run.id)) is None


def test_rules_that_are_damaged_keep_no_new_model_from_its_place_and_are_told(workspace, run, capsys):
    evaluations.judge_further(workspace, run, read_bytes(words.easy_csv(30).encode(), "later.csv"))
    workspace.run(run.id).rules.write_text('{"threshold": "high"}')
    damaged, further = answering.outlive(workspace, run.id)
    assert "rules.json" in damaged and "Fix it, or delete it" in damaged
    assert "Traceback" in capsys.readouterr().err  # the log of the run
    assert "later.csv" in further and evaluations.further(workspace, run.id)[0].outlived
