"""What the Evaluate page shows and what `evaluate --json` says are the same figures."""

import json
import subprocess

import pytest

from engine.serving import rules
from pages.parts import charts
from pages.parts.words import of_100
from tests import forked, words
from tests.pages.helpers import open_page, unfold, words_on


def as_json(*arguments):
    done = subprocess.run(forked.command("engine", *arguments, "--json"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("texts", ["test", "validation", "further"])
def test_the_page_and_the_json_say_the_same(workspace, finished, tmp_path, texts):
    rules.change(workspace, finished.id, temperature=2.0, threshold=0.6)
    if texts == "further":
        (tmp_path / "more.csv").write_text(words.easy_csv(60, seed=3))
        said = as_json("evaluate", finished.id, "--data", tmp_path / "more.csv", "--all")
        key = said["key"]
    else:
        said, key = as_json("evaluate", finished.id, "--on", texts, "--all"), texts
    assert said["texts"] == key
    test = open_page("evaluate", run=finished.id)
    test.radio(key="split").set_value(key).run()
    for title in (
        "More scores, with 95% intervals",
        "A closer look at a class",
        "When some mistakes cost more than others",
        "Can its confidence be trusted?",
        "Where is it weak?",
    ):
        unfold(test, title)
    page = words_on(test)
    scores = said["validation" if texts == "validation" else "metrics"]
    assert f"Right {of_100(scores['accuracy'])} of 100" in page
    assert f"“{said['always']['label']}” would be right {of_100(said['always']['accuracy'])} times" in page
    assert f"On the {texts} texts the model answers **{said['rules']['covered']:.0%}** by itself" in page
    bill = said["costs"]["per_100_texts"]
    assert f"**{bill['chosen']:,.1f}** with these thresholds, {bill['all_by_model']:,.1f} if" in page
    trust = said["calibration"]
    assert f"off by **{trust['error'] * 100:.1f} percentage points**" in page
    assert f"after correction, by **{trust['corrected_error'] * 100:.1f}**" in page
    drawn = [trace for one in test.get("plotly_chart") for trace in json.loads(one.proto.spec)["data"]]
    for name, bins in (("uncorrected", "bins"), ("corrected", "corrected_bins")):
        points = next(trace for trace in drawn if trace.get("name") == name)
        assert points["x"] == pytest.approx([one["said"] for one in trust[bins]])
        assert points["y"] == pytest.approx([one["right"] for one in trust[bins]])
    tables = [one.value for one in test.dataframe]
    losses = next(one for one in tables if "score" in one.columns).set_index("score")["value"]
    assert losses["Log loss"] == pytest.approx(scores["log_loss"], abs=5e-4)
    assert losses["Log loss, corrected"] == pytest.approx(said["corrected"]["log_loss"], abs=5e-4)
    assert losses["Log loss"] != losses["Log loss, corrected"]
    label = test.selectbox(key="class").value
    known = [one["word"].tolist() for one in tables if list(one.columns) == ["word", "here", "elsewhere"]]
    standing_out = [one["word"] for one in said["classes"][label]["words"]]
    assert known == ([standing_out] if standing_out else [])  # 30 texts are too few to tell any
    assert standing_out or texts != "further"
    shown = next(one for one in tables if list(one.columns) == ["confidence", "text"] and len(one) <= 3)
    found = said["classes"][label]["found"]
    assert shown["text"].tolist() == [one["text"] for one in found]
    assert shown["confidence"].tolist() == pytest.approx([one["confidence"] for one in found])


def test_which_answers_count_is_chosen_on_the_command_line_as_on_the_page(workspace, finished):
    shown = as_json("rules", finished.id)
    assert (shown["threshold"], shown["thresholds"], shown["temperature"]) == (0.0, {}, 1.0)
    assert shown["on_test"]["covered"] == shown["on_validation"]["covered"] == 1.0
    chosen = as_json("rules", finished.id, "--threshold", "60%", "--threshold-of", "good=person", "--correct", "yes")
    assert chosen["thresholds"] == {"good": 1.01} and chosen["threshold"] == 0.6
    fitted = as_json("evaluate", finished.id)["calibration"]["temperature"]
    assert chosen["temperature"] == pytest.approx(fitted)
    said = run("rules", finished.id).stdout
    assert "answers on its own when at least 60.0% sure" in said and "good: a person, always" in said
    assert "Of 30 validation texts it answers" in said and "Of 30 test texts it answers" in said
    refused = run("rules", finished.id, "--cheapest", "--correct", "no", "--threshold-of", "odd=0.5")
    assert refused.returncode and as_json("rules", finished.id)["temperature"] == chosen["temperature"]
    cheap = as_json("rules", finished.id, "--cheapest", "--cost", "good=0", "--correct", "no")
    assert cheap["thresholds"]["good"] == 0.0 and cheap["temperature"] == 1.0
    for wrong in ("80", "often", "-1%"):
        done = run("rules", finished.id, f"--threshold={wrong}")
        assert done.returncode == 2 and f"{wrong} is no threshold" in done.stderr


def run(*arguments):
    return subprocess.run(forked.command("engine", *arguments), capture_output=True, text=True)


def test_costs_are_told_on_the_command_line(finished):
    cheap = as_json("evaluate", finished.id, "--cost", "good=0")["costs"]
    assert cheap["mistakes"] == {"bad": 5.0, "good": 0.0} and cheap["thresholds"]["good"] == 0.0
    dear = as_json("evaluate", finished.id, "--cost", "good=100", "--person", "0.01")["costs"]
    assert dear["per_100_texts"]["all_by_person"] == pytest.approx(1.0)
    done = subprocess.run(
        forked.command("engine", "evaluate", finished.id, "--json", "--cost", "odd=1"), capture_output=True, text=True
    )
    assert done.returncode == 2 and "It says: bad, good." in done.stderr


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [(0.07, 21, [0.1, 1, 10]), (0.036, 0.126, [0.05, 0.1]), (6.1, 8.2, [7, 8]), (10, 20, [10, 20])],
)
def test_a_logarithmic_axis_has_round_numbers_to_read(low, high, found):
    assert charts.round_numbers(low, high) == pytest.approx(found)


def test_a_label_of_several_lines_is_one_on_an_axis_as_in_the_report():
    figure = charts.class_balance({"where is\n my <b>parcel": 3})
    assert figure.layout.yaxis.ticktext == ("where is my &lt;b&gt;parcel",)
