"""From a doubtful label to a run on the corrected data, and from a wrong answer to a text that is learnt."""

import pytest

from engine.data import revising
from engine.data.datasets import family, load_rows, remove
from engine.data.revising import Decisions
from engine.evaluation import predictions
from engine.evaluation.doubts import judge, ranked
from engine.runs import queue
from tests.engine.runs.helpers import submit, wait
from tests.pages.helpers import open_page, press, words_on

OTHER = {"good": "bad", "bad": "good"}


@pytest.fixture
def counted(workspace, easy):
    return wait(workspace, submit(workspace, easy, "tfidf").id)


def open_review(run, kind="uncertain"):
    test = open_page("evaluate", run=run.id)
    test.session_state[f"review_{run.id}"] = True
    test.session_state[f"review_kind_{run.id}"] = kind
    test.run()
    assert not test.exception, test.exception
    return test


def doubtful(workspace, run, kind="uncertain"):
    found = ranked(judge(predictions.read(workspace.run(run.id).predictions)), kind)
    return found.assign(row=[revising.row_name(*key) for key in zip(found["split"], found["source_row"], strict=True)])


def test_the_list_is_the_engines_and_opens_at_the_worst(workspace, counted):
    found = doubtful(workspace, counted)
    test = open_review(counted)
    assert test.selectbox(key=f"review_row_{counted.id}").value == found["row"][0]
    table = next(one.value for one in test.dataframe if "doubt" in one.value)
    assert table["text"].tolist() == found["text"].tolist()
    assert f"{len(found)} in this list" in words_on(test)
    assert "0 in this list" in words_on(open_review(counted, "confident")) or doubtful(workspace, counted, "confident").size


def test_relabel_keep_and_leave_out_then_train_again(workspace, easy, counted):
    first, second, third = doubtful(workspace, counted).head(3).itertuples()
    test = open_review(counted)
    test.selectbox(key=f"review_label_{counted.id}_{first.row}").set_value(OTHER[first.label]).run()
    press(test, "review_edit")
    assert test.selectbox(key=f"review_row_{counted.id}").value == second.row  # on to the next one
    press(test, "review_check")
    press(test, "review_close")
    decided = {first.row: OTHER[first.label], second.row: None, third.row: ""}
    kept = revising.read(workspace, easy.id)
    assert kept.edits == decided and kept.disputed == dict.fromkeys(decided, counted.id)
    again = open_review(counted)  # another tab
    assert "**1 label corrected, 1 text left out**" in words_on(again)
    assert again.selectbox(key=f"review_row_{counted.id}").value not in decided

    press(again, "review_version")
    made = family(workspace, easy.id)[-1]
    assert (made.version, made.parent) == (2, easy.id)
    assert "Saved as easy \\(version 2\\)" in words_on(again)
    press(again, "review_again")
    assert "Runs" in [one.value for one in again.title]
    run = wait(workspace, queue.list_runs(workspace)[0].id)
    assert run.dataset_id == made.id and run.name.endswith("easy (version 2)")
    assert queue.config_of(workspace, run.id) == queue.config_of(workspace, counted.id)
    assert len(family(workspace, easy.id)) == 2
    compared = open_page("compare")  # the two are proposed
    assert "versions 1 and 2 of the same data" in words_on(compared).replace("\\", "")
    assert len(compared.dataframe[0].value) == 3


def test_where_runs_are_compared_it_is_said_whom_a_correction_favours(workspace, easy):
    one, other = (load_rows(workspace, easy.id, "test").iloc[place] for place in (0, 1))
    row, left_out = (revising.row_name("test", found["source_row"]) for found in (one, other))
    wrong = revising.revise(workspace, easy.id, Decisions({row: OTHER[one["label"]], left_out: ""}))
    revising.take_back(workspace, wrong.id, row)  # else it counts as looked at
    disputing = wait(workspace, submit(workspace, wrong, "tfidf").id)
    test = open_review(disputing, "confident")
    test.selectbox(key=f"review_row_{disputing.id}").set_value(row).run()
    press(test, "review_edit")  # to what the model says
    press(test, "review_version")
    press(test, "review_again")
    wait(workspace, queue.list_runs(workspace)[0].id)
    assert "1 test label was corrected, or the text left out, after" in words_on(open_page("compare")).replace("\\", "")


def test_a_decision_is_taken_back(workspace, easy, counted):
    rows = doubtful(workspace, counted)["row"]
    revising.write(workspace, easy.id, Decisions({rows[0]: "", rows[1]: None}))
    test = open_review(counted)
    test.selectbox(key=f"review_back_{counted.id}").set_value(rows[0]).run()
    press(test, "review_take_back")
    assert revising.read(workspace, easy.id).edits == {rows[1]: None}
    assert f"{len(rows) - 1} not reviewed yet" in words_on(test)


def test_what_cannot_be_made_is_a_sentence(workspace, easy, counted):
    rows = doubtful(workspace, counted)
    revising.write(workspace, easy.id, Decisions(dict.fromkeys(rows.query("split == 'test'")["row"], "")))
    test = press(open_review(counted), "review_version")
    assert "No test row would be left" in words_on(test)
    remove(workspace, easy.id)
    assert "no data set" in words_on(open_review(counted))


def test_thousands_of_texts_come_in_pages(workspace, counted, easy):
    path = workspace.run(counted.id).predictions
    table = predictions.read(path)
    many = table.loc[table.index.repeat(120)].assign(source_row=range(1, 120 * len(table) + 1))
    many.to_parquet(path, index=False)
    test = open_review(counted)
    assert len(next(one.value for one in test.dataframe if "doubt" in one.value)) == 200
    test.number_input(key=f"review_page_{counted.id}_uncertain").set_value(3).run()
    assert test.selectbox(key=f"review_row_{counted.id}").value == doubtful(workspace, counted)["row"][400]


def ask(test, text):
    test.text_area(key="text").set_value(text).run()
    assert not test.exception, test.exception


def test_a_wrong_answer_becomes_a_text_to_learn_from(workspace, easy, counted):
    text = "the lamp is bright, calm and tidy :red[*x*]"
    test = open_page("predict", run=counted.id)
    ask(test, text)
    box = next(one for one in test.selectbox if one.label == "What is the right label?")
    assert box.options == ["bad"]  # the answer itself is none of them
    box.set_value("bad").run()
    press(test, "keep_feedback")
    again = open_page("predict", run=counted.id)
    assert "**1 text added**" in words_on(again)
    ask(again, text)
    assert "Saved as feedback: the right label is bad" in words_on(again)
    press(again, "feedback_again")
    run = wait(workspace, queue.list_runs(workspace)[0].id)
    added = load_rows(workspace, run.dataset_id, "train").iloc[-1]
    assert (added["text"], added["label"]) == (text, "bad")
    third = press(open_page("predict", run=counted.id), "remove_feedback")
    assert "text added" not in words_on(third)
    assert revising.read(workspace, easy.id).added == {}


def test_of_two_texts_that_begin_alike_the_chosen_one_is_removed(workspace, easy, counted):
    begin = "the lamp is bright, calm and tidy, like my mug, and so it was when it came to us, "
    for end in ("then", "later"):
        revising.add(workspace, easy.id, begin + end, "bad")
    test = open_page("predict", run=counted.id)
    box = test.selectbox(key="feedback_text")
    assert len(set(box.options)) == 2
    box.set_value(begin + "then").run()
    press(test, "remove_feedback")
    assert list(revising.read(workspace, easy.id).added) == [begin + "later"]


def test_an_answer_that_is_no_label_of_the_data_can_be_decided_too(workspace, counted):
    path = workspace.run(counted.id).predictions
    table = predictions.read(path)
    table.assign(predicted="neither", **{predictions.PROBABILITY + "neither": 0.9}).to_parquet(path)
    row = doubtful(workspace, counted)["row"][0]
    test = open_review(counted)
    chosen = test.selectbox(key=f"review_label_{counted.id}_{row}")
    assert chosen.value in chosen.options and "neither" not in chosen.options
