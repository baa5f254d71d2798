import json

import pandas as pd
import pytest

from engine.data.reading import read_bytes
from engine.evaluation import deferring, predictions
from engine.results import answering, evaluations
from engine.serving import rules
from engine.serving.predictor import Predictor
from pages.parts import charts, trust
from pages.parts.words import of_100
from tests import words
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, unfold, words_on


def test_without_a_model_there_is_one_next_step(workspace):
    assert "No model to evaluate yet" in words_on(open_page("evaluate"))


def test_the_figures_are_those_of_the_run_and_say_what_they_count(workspace, finished, easy):
    test = open_page("evaluate", run=finished.id)
    shown = {one.label: one.value for one in test.metric}
    assert shown[f"Accuracy (test, n = {easy.rows['test']})"] == f"{finished.accuracy:.1%}"
    assert f"Word counting (test, n = {easy.rows['test']})" in shown
    test.radio(key="split").set_value("validation").run()
    assert f"Accuracy (validation, n = {easy.rows['validation']})" in {one.label for one in test.metric}


def test_the_matrix_counts_every_test_row(workspace, finished, easy):
    figure = json.loads(open_page("evaluate", run=finished.id).get("plotly_chart")[0].proto.spec)
    written = [text for trace in figure["data"] for row in trace.get("text", []) for text in row if text]
    assert sum(int(text) for text in written) == easy.rows["test"]


def test_the_select_boxes_list_the_texts_of_a_cell(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    test.selectbox(key="cell_true").select("good").run()
    test.selectbox(key="cell_said").select("good").run()
    expected = predictions.cell(predictions.read(workspace.run(finished.id).predictions, "test"), "good", "good")
    assert test.dataframe[0].value["text"].tolist() == expected["text"].tolist()
    assert test.dataframe[0].value["confidence"].is_monotonic_decreasing


def test_each_class_has_its_scores(workspace, finished):
    table = open_page("evaluate", run=finished.id).dataframe[-1].value
    assert table["class"].tolist() == ["bad", "good"]
    assert list(table.columns) == [
        "class", "support", "precision", "precision sure", "recall", "recall sure", "f1", "f1 sure",
    ]  # fmt: skip
    sure = json.loads(workspace.run(finished.id).metrics.read_text())["test"]["intervals"]["per_class"]
    assert table["f1 sure"][0] == "{:.2f} to {:.2f}".format(*sure["bad"]["f1"])


def test_all_scores_stand_there_with_their_intervals(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "More scores, with 95% intervals")
    table = test.dataframe[0].value
    assert {"Balanced accuracy", "Matthews correlation", "ROC-AUC", "Log loss"} <= set(table["score"])
    assert table["95% interval"].str.match(r"-?[0-9.]+ to [0-9.]+").all()


def test_scores_of_an_older_version_are_completed(workspace, finished):
    path = workspace.run(finished.id).metrics
    found = json.loads(path.read_text())
    before = found["test"]["intervals"]
    for split in ("validation", "test"):
        for newer in ("intervals", "mcc", "balanced_accuracy", "roc_auc"):
            del found[split][newer]
    path.write_text(json.dumps(found))
    test = open_page("evaluate", run=finished.id)
    assert f"between {before['accuracy'][0] * 100:.0f}" in words_on(test)


def test_a_class_is_looked_at_closely(workspace, finished):
    path = workspace.run(finished.id).predictions
    pd.concat([predictions.read(path)] * 5, ignore_index=True).to_parquet(path, index=False)  # as few texts tell no words
    test = open_page("evaluate", run=finished.id)
    unfold(test, "A closer look at a class")
    test.selectbox(key="class").select("good").run()
    said = words_on(test)
    assert "test texts that are “good”" in said and "95% interval" in said
    tables = [one.value for one in test.dataframe]
    known = next(table for table in tables if list(table.columns) == ["word", "here", "elsewhere"])
    assert (known["here"] > known["elsewhere"]).all() and len(known)


def test_costs_give_each_answer_a_threshold_that_predicting_uses(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "When some mistakes cost more than others")
    test.number_input(key=f"person_{finished.id}").set_value(0.01).run()
    press(test, "keep_thresholds")
    kept = rules.read(workspace.run(finished.id))
    assert set(kept.thresholds) == {"bad", "good"}
    assert "one for each answer" in words_on(open_page("evaluate", run=finished.id))


def test_an_answer_that_was_never_said_costs_no_crash(workspace, finished):
    path = workspace.run(finished.id).predictions
    table = predictions.read(path)
    table.loc[table["split"] == "validation", "predicted"] = "bad"
    table.to_parquet(path, index=False)
    test = open_page("evaluate", run=finished.id)
    unfold(test, "When some mistakes cost more than others")
    (thresholds,) = (one.value for one in test.dataframe if "by itself from" in one.value)
    chosen = dict(zip(thresholds["answer"], thresholds["by itself from"], strict=True))
    assert chosen["good"] == 101
    assert "on validation, the model never answered good" in words_on(test)
    person = rules.Rules(thresholds={"good": 1.0})
    assert person.to_a_person("good", 1.0)  # as an older version kept it


def test_where_it_is_weak_is_said_or_that_nothing_is(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "Where is it weak?")
    assert "too few texts to tell, or they are all alike" in words_on(test)


def test_a_further_file_has_scores_of_its_own(workspace, finished, easy):
    table = read_bytes(words.easy_csv(60).encode() + b"\nno label here,\n", "later.csv")
    about, found = evaluations.judge_further(workspace, finished, table)
    assert about.rows == 60 and about.left_out == 1 and about.learnt > 0
    test = open_page("evaluate", run=finished.id)
    test.radio(key="split").set_value(about.key).run()
    shown = {one.label: one.value for one in test.metric}
    assert shown["Accuracy (further, n = 60)"] == f"{found['test']['accuracy']:.1%}"
    said = words_on(test)
    assert "1 row without a text" in said and f"trained on {about.learnt} of these" in said
    assert "had not seen" not in said


def test_a_further_file_is_brought_to_the_page_and_judged_there(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "Evaluate on another file")
    content = words.easy_csv(50, seed=3).replace("text,label", "said,mood").encode()
    test.file_uploader(key="upload_further_0").upload("later.csv", content, "text/csv").run()
    assert test.button(key="judge").disabled  # its columns have other names
    test.selectbox(key="further_text").select("said").run()
    test.selectbox(key="further_label").select("mood").run()
    press(test, "judge")
    (about,) = evaluations.further(workspace, finished.id)
    assert test.radio(key="split").value == about.key and about.rows == 50
    assert "Accuracy (further, n = 50)" in {one.label for one in test.metric}
    unfold(test, "Can its confidence be trusted?")
    assert "On the further texts the model's stated confidence is off by" in words_on(test)


def test_a_file_that_cannot_be_read_makes_way_for_another(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "Evaluate on another file")
    test.file_uploader(key="upload_further_0").upload("damaged.xlsx", b"PK\x03\x04 no more", "x/y").run()
    assert test.error and not test.exception
    assert test.run().file_uploader(key="upload_further_1") and not test.error


def test_the_headline_says_it_in_words(workspace, finished):
    said = words_on(open_page("evaluate", run=finished.id)).replace("\\", "")
    assert "of 100 times** (95% sure: between" in said
    assert "Always answering" in said and "word counting" in said


def test_a_threshold_is_chosen_and_used_when_predicting(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    test.slider(key=f"threshold_{finished.id}").set_value(99).run()
    assert "go to a person" in words_on(test)
    press(test, "keep_threshold")
    assert rules.read(workspace.run(finished.id)).threshold == 0.99
    test = open_page("predict", run=finished.id)
    test.text_area(key="text").set_value("hm").run()
    assert "would go to a person" in words_on(test)


def test_a_threshold_is_chosen_by_the_validation_texts_and_told_on_the_test_texts(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    test.slider(key=f"threshold_{finished.id}").set_value(99).run()
    said = words_on(test)
    for split in ("validation", "test"):
        sure = predictions.answers(predictions.read(workspace.run(finished.id).predictions, split))[1]
        told = f"On the {split} texts the model answers **{(sure >= 0.99).mean():.0%}** by itself"
        assert told in said or ((sure < 0.99).all() and f"all {len(sure)} {split} texts would go to a person" in said)
    drawn = [trace.get("y") for one in test.get("plotly_chart") for trace in json.loads(one.proto.spec)["data"]]
    validation = predictions.read(workspace.run(finished.id).predictions, "validation")
    covered, accuracy, _ = deferring.curve(*predictions.answers(validation)[1:])
    assert json.loads(charts.coverage(covered, accuracy, 0, None).to_json())["data"][0]["y"] in drawn


def test_a_hundred_per_cent_is_always_a_person_as_it_is_kept():
    assert [trust._threshold(typed) for typed in (0.0, 87.5, 100.0, 101.0)] == [0.0, 0.875, 1.01, 1.01]
    assert rules.Rules(thresholds={"good": trust._threshold(100.0)}).thresholds == {"good": trust._threshold(100.0)}


def test_thresholds_that_were_chosen_for_other_confidences_are_named(workspace, finished):
    answering.choose(workspace, finished, threshold=0.6)
    test = open_page("evaluate", run=finished.id)
    assert "Please review them" not in words_on(test)
    unfold(test, "Can its confidence be trusted?")
    test.toggle(key=f"correct_{finished.id}").set_value(True).run()
    assert "Please review them" in words_on(test)
    press(test, "thresholds_stay")
    assert "Please review them" not in words_on(test)
    assert rules.read(workspace.run(finished.id)).threshold == 0.6


def test_a_correction_that_was_chosen_elsewhere_is_left_alone(workspace, finished):
    test = open_page("evaluate", run=finished.id)
    unfold(test, "Can its confidence be trusted?")
    assert not test.toggle(key=f"correct_{finished.id}").value
    rules.change(workspace, finished.id, temperature=2.0)
    test.slider(key=f"threshold_{finished.id}").set_value(70).run()
    assert test.toggle(key=f"correct_{finished.id}").value
    assert rules.read(workspace.run(finished.id)).temperature == 2.0


def test_scores_of_an_earlier_model_are_said_to_be_so_and_made_anew(workspace, finished):
    table = read_bytes(words.easy_csv(40).encode(), "later.csv")
    about, _ = evaluations.judge_further(workspace, finished, table)
    evaluations.outlive(workspace, finished.id)
    test = open_page("evaluate", run=finished.id)
    test.radio(key="split").set_value(about.key).run()
    assert "for its earlier model" in words_on(test)
    press(test, "judge_again")
    assert "for its earlier model" not in words_on(test)
    assert test.radio(key="split").value == about.key


def test_its_confidence_is_corrected_everywhere(workspace, easy, tiny_model):
    run = wait(workspace, submit(workspace, easy, tiny_model, epochs=1, learning_rate=2e-3).id)
    said = as_sure(workspace, run)
    rules.change(workspace, run.id, temperature=3.0)
    corrected = as_sure(workspace, run)
    assert corrected < said
    answer = Predictor(workspace.run(run.id).model).predict(["the lamp is bright"], 3.0)[0]
    assert corrected == f"{answer.confidence:.1%} sure"


def test_no_figure_of_the_page_stays_uncorrected(workspace, finished):
    raw = predictions.cell(predictions.read(workspace.run(finished.id).predictions, "test"), "good", "good")
    rules.change(workspace, finished.id, temperature=3.0)
    expected = Predictor(workspace.run(finished.id).model).predict(raw["text"].tolist(), 3.0)
    sure = {one.text: one.confidence for one in expected}
    test = open_page("evaluate", run=finished.id)
    test.selectbox(key="cell_true").select("good").run()
    test.selectbox(key="cell_said").select("good").run()
    listed = test.dataframe[0].value
    assert listed["confidence"].tolist() == pytest.approx([sure[text] for text in listed["text"]], abs=0.0005)
    box = next(one for one in test.selectbox if one.key.startswith("cell_text_"))
    box.set_value(int(raw.index[0])).run()
    drawn = json.loads(test.get("plotly_chart")[1].proto.spec)["data"][0]["x"]
    assert max(drawn) == pytest.approx(sure[raw["text"].iloc[0]], abs=0.0005)
    unfold(test, "Is its label right?")
    assert f"{max(drawn):.1%} sure" in words_on(test)


def test_near_the_ends_the_words_say_tenths():
    assert [of_100(share) for share in (0.0, 0.001, 0.5, 0.998, 0.99999, 1.0)] == [
        "0", "0.1", "50", "99.8", "99.9", "100",
    ]  # fmt: skip


def as_sure(workspace, run):
    test = open_page("predict", run=run.id)
    test.text_area(key="text").set_value("the lamp is bright").run()
    return test.metric[0].delta
