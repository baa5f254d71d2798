import pandas as pd
import pytest

from engine import figures
from engine.data.datasets import load_rows, save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.results import evaluations
from tests import words
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def judged(workspace, easy):
    """(a run, the key of a further file on which it is wrong wherever its channel is phone)."""
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    lines = ["text,label,channel"]
    for place, line in enumerate(words.easy_csv(120, seed=5).splitlines()[1:]):
        text, label = line.rsplit(",", 1)
        turned = "bad" if label == "good" else "good"
        lines.append(f"{text},{turned},phone" if place % 3 == 0 else f"{text},{label},mail")
    about, _ = evaluations.judge_further(workspace, run, read_bytes("\n".join(lines).encode(), "later.csv"))
    return run, about.key


def test_a_further_file_tells_by_its_own_columns_where_the_model_is_weak(workspace, judged):
    run, key = judged
    weakest = evaluations.find_weakness(workspace, run, key).groups[0]
    assert (weakest.property, weakest.value, weakest.texts, weakest.weak) == ("channel", "phone", 40, True)
    again, _ = evaluations.judge_again(workspace, run, key)
    assert evaluations.find_weakness(workspace, run, again.key).groups[0] == weakest


def test_what_a_run_on_a_part_of_the_training_texts_left_out_it_did_not_learn(workspace, easy, easy_csv):
    run = wait(workspace, submit(workspace, easy, "tfidf", train_share=0.5).id)
    about, _ = evaluations.judge_further(workspace, run, read_bytes(easy_csv.read_bytes(), "again.csv"))
    assert (about.rows, about.learnt) == (200, easy.rows["train"] // 2)


def test_what_the_run_had_seen_is_known_again_whatever_its_case_and_white_space(workspace, easy):
    run = wait(workspace, submit(workspace, easy, "tfidf").id)
    rows = load_rows(workspace, easy.id)
    some = pd.concat([rows[rows["split"] == split].head(number) for split, number in (("train", 7), ("validation", 5))])
    some = some.assign(text=some["text"].str.upper().str.replace(" ", "  "))[["text", "label"]]
    later = some.to_csv(index=False) + "something that nobody ever wrote,bad\n"
    about, _ = evaluations.judge_further(workspace, run, read_bytes(later.encode(), "later.csv"))
    assert (about.rows, about.learnt, about.validated) == (13, 7, 5)
    assert about.too_good.startswith("The model was trained on 7 of these texts and validated on 5 more")


def test_one_answer_for_all_is_what_was_most_frequent_in_training(workspace, easy_csv):
    kept = [line for place, line in enumerate(easy_csv.read_text().splitlines()) if line.endswith(",bad") or place % 3 == 0]
    info = save(workspace, draft(read_bytes("\n".join(kept).encode(), "more.csv"), Recipe(text="text", label="label")))
    run = wait(workspace, submit(workspace, info, "tfidf").id)
    later = "text,label\na bright lamp of today,good\na tidy lamp of today,good\na dull lamp of today,bad\n"
    about, _ = evaluations.judge_further(workspace, run, read_bytes(later.encode(), "later.csv"))
    assert evaluations.depth(workspace, run, about.key)["always"] == {"label": "bad", "accuracy": pytest.approx(1 / 3)}


def test_what_was_found_out_is_kept_and_found_out_anew_for_other_answers(workspace, judged, monkeypatch):
    run, key = judged

    def found():
        return evaluations.find_weakness(workspace, run, key), evaluations.confidence(workspace, run, key)

    first = found()
    monkeypatch.setattr(evaluations.weakness, "groups", None)
    monkeypatch.setattr(evaluations.calibration, "judge", None)
    assert found() == first
    monkeypatch.undo()

    place = workspace.run(run.id).further(key)
    for kept in ("{", '{"of": "something else", "found": {}}', place.finding("trust-test").read_text()):
        place.finding("weak-test").write_text(kept, encoding="utf-8")
        assert found() == first

    answers = pd.read_parquet(place.predictions)
    turned = answers["predicted"].map({"good": "bad", "bad": "good"})
    answers.assign(predicted=turned).to_parquet(place.predictions, index=False)
    weak, trust = found()
    assert weak != first[0]
    assert trust != first[1]


def test_sentences_about_weak_groups_are_in_the_language_that_is_spoken(workspace, judged):
    run, key = judged
    there = workspace.run(run.id).further(key).finding("weak-test")
    evaluations.find_weakness(workspace, run, key)
    english = there.read_text(encoding="utf-8")
    with figures.as_in("de"):
        evaluations.find_weakness(workspace, run, key)
    assert there.read_text(encoding="utf-8") != english


def test_where_nothing_may_be_changed_nothing_is_kept(workspace, judged, monkeypatch):
    run, key = judged
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    assert evaluations.find_weakness(workspace, run, key).groups
    assert not workspace.run(run.id).further(key).finding("weak-test").exists()


def test_what_cannot_be_kept_is_told_all_the_same(workspace, judged):
    run, key = judged
    place = workspace.run(run.id).further(key)
    (place.folder / "findings").write_text("in the way", encoding="utf-8")
    assert evaluations.find_weakness(workspace, run, key).groups
