import json
import re
import subprocess

import pandas as pd
import pytest

from engine.results import comparison
from engine.results.comparison import Comparison, Entry
from engine.runs import queue
from engine.runs.store import Run
from pages.parts import messages
from tests import forked
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, unfold, words_on


@pytest.fixture
def three(workspace, easy, tiny_model):
    """Two seeds of the tiny model, and word counting."""
    settings = ({"epochs": 1, "seed": 1}, {"epochs": 3, "seed": 2})
    runs = [wait(workspace, submit(workspace, easy, tiny_model, **one).id) for one in settings]
    return [*runs, wait(workspace, submit(workspace, easy, "tfidf", name="Words").id)]


def test_one_run_is_nothing_to_compare(workspace, finished):
    assert "Nothing to compare yet" in words_on(open_page("compare"))


def test_the_leaderboard_and_the_verdicts(workspace, three):
    test = open_page("compare")
    board = test.dataframe[0].value
    assert len(board) == 4
    assert list(board["Accuracy"])[:3] == sorted((run.accuracy for run in three), reverse=True)
    assert board["Run"].iloc[-1] == "Baseline (word counting)"
    assert (board["95% interval"] != "").all()
    assert all(pd.api.types.is_numeric_dtype(board[name]) for name in ("Training time", "Time per text", "Size"))
    said = words_on(test)
    verdicts = comparison.of(workspace, test.multiselect(key="compared").value).verdicts
    assert len(verdicts) == 3 and all(messages.plain(one) in said for one in verdicts)
    assert "not in the training" in said


def test_all_of_them_answer_one_text(workspace, three):
    test = unfold(open_page("compare"), "Ask all models")
    test.text_area(key="ask_all").set_value("the lamp is bright, calm and tidy").run()
    asked = next(one.value for one in test.dataframe if list(one.value.columns) == ["Run", "answer", "confidence"])
    assert len(asked) == 3 and set(asked["answer"]) <= {"bad", "good"}


def test_the_settings_that_differ_and_how_each_learnt(workspace, three):
    test = unfold(open_page("compare"), "Different settings and training curves")
    differing = next(one.value for one in test.dataframe if "setting" in one.value.columns)
    assert "Epochs" in set(differing["setting"])
    assert len(test.get("plotly_chart")) == 3  # accuracy and speed, the loss, and the scores


def test_the_chosen_runs_stand_in_the_address(workspace, three):
    test = open_page("compare", runs=f"{three[0].id},{three[2].id}")
    assert test.multiselect(key="compared").value == [three[0].id, three[2].id]
    assert len(test.dataframe[0].value) == 3


def test_what_was_compared_is_still_there_after_another_page(workspace, three):
    chosen = [three[0].id, three[2].id]
    test = open_page("compare")
    test.multiselect(key="compared").set_value(chosen).run()
    test.switch_page("pages/runs.py").run()
    test.switch_page("pages/compare.py").run()
    assert test.multiselect(key="compared").value == chosen
    test.switch_page("pages/runs.py").run()
    test.query_params["runs"] = ",".join(reversed(chosen))  # a link that names others
    test.switch_page("pages/compare.py").run()
    assert test.multiselect(key="compared").value == chosen[::-1]


def test_runs_may_be_called_as_the_columns_beside_them(workspace, three):
    for run, name in zip(three, ("text", "label", "setting"), strict=True):
        queue.rename(workspace, run.id, name)
    test = unfold(open_page("compare"), "Different settings and training curves")
    assert {"setting", *(run.id for run in three)} == set(
        next(one.value for one in test.dataframe if "setting" in one.value)
    )


def test_runs_on_other_test_texts_are_refused_with_a_sentence(workspace, finished, tmp_path, tiny_model):
    from engine.data.datasets import save
    from engine.data.drafting import draft
    from engine.data.reading import read_file
    from engine.data.recipe import Recipe

    path = tmp_path / "other.csv"
    path.write_text("text,label\n" + "\n".join(f"{word} {i},{word}" for i in range(40) for word in ("up", "down")))
    other = save(workspace, draft(read_file(path), Recipe(text="text", label="label")))
    run = wait(workspace, submit(workspace, other, tiny_model, epochs=1).id)
    test = open_page("compare", runs=f"{finished.id},{run.id}")
    assert "not tested on the same texts" in words_on(test)


def test_two_matrices_lie_side_by_side_under_names_that_stay(workspace, three):
    test = unfold(open_page("compare"), "Confusion matrices side by side")
    ids = [one.proto.id for one in test.get("plotly_chart")]
    assert [one for one in ids if "side_left_" in one] and [one for one in ids if "side_right_" in one]
    assert "Left minus right" in words_on(test)


def test_the_json_has_what_the_page_shows(workspace, three):
    asked = [one.id for one in three]
    said = json.loads(
        subprocess.run(forked.command("engine", "compare", *asked, "--json"), capture_output=True, text=True).stdout
    )
    test = open_page("compare", runs=",".join(asked))
    low, high = said["baseline"]["interval"]
    assert test.dataframe[0].value["95% interval"].iloc[-1] == f"{low:.1%} to {high:.1%}"
    stars = {one["name"] for one in said["runs"] if one["best_trade_off"]}
    (drawn,) = [json.loads(one.proto.spec)["data"] for one in test.get("plotly_chart")]
    best = {one["name"] for one in drawn if one["marker"]["symbol"] == "star"}
    assert {re.sub(r" \(\w{4}\)$", "", name) for name in best} == stars  # two of the runs have the same name
    if said["disagree"]:
        listed = next(one.value for one in test.dataframe if {"text", "label", *asked} <= set(one.value))
        assert listed["text"].tolist() == [one["text"] for one in said["disagreements"]]
    unfold(test, "Different settings and training curves")
    differing = next(one.value for one in test.dataframe if "setting" in one.value)
    assert len(differing) == len(said["settings"])
    rounds = said["histories"][three[1].id]
    assert len(rounds) == 3 and rounds[-1]["loss"] < rounds[0]["loss"]
    low, high = said["pairs"][0]["difference_interval"]
    assert low <= said["pairs"][0]["difference"] <= high
    assert sum(map(sum, said["confusion_differences"][0]["counts"])) == 0


def test_times_that_may_be_the_machines_take_no_star():
    def entry(name: str, accuracy: float, milliseconds: float) -> Entry:
        run = Run(**{**dict.fromkeys(Run._fields), "id": name})
        return Entry(run, accuracy, 0.0, {}, {}, {}, 1.0, milliseconds, 1)

    found = Comparison([entry("a", 0.9, 10.5), entry("b", 0.9, 10.0), entry("c", 0.8, 9.5)], [], [], {}, 1, {}, {})
    assert found.trade_offs == {"a", "b"}
