import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.data.datasets import family, load_info, load_rows, remove, save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.data.revising import Decisions, add, decide, forget, read, revise, row_name, take_back
from engine.errors import DataError, NotFoundError, ReadOnlyError
from engine.paths import Workspace
from tests.words import easy_csv

OTHER = {"good": "bad", "bad": "good"}


def by_name(rows):
    return rows.set_axis([row_name(*key) for key in zip(rows["split"], rows["source_row"], strict=True)])


@pytest.fixture
def rows(workspace, easy):
    return by_name(load_rows(workspace, easy.id))


def some(rows, split, count=1):
    return rows[rows["split"] == split].head(count)


def test_a_version_has_what_was_decided_and_nothing_else(workspace, easy, rows):
    wrong, out = some(rows, "test", 3), some(rows, "validation")
    edits = {row: OTHER[label] for row, label in wrong["label"].items()} | {out.index[0]: ""}
    made = revise(workspace, easy.id, Decisions(edits, {"a lamp of mine": "bad", " no light  ": "good"}))
    assert (made.parent, made.version, made.title) == (easy.id, 2, "easy (version 2)")
    assert made.notes[-1] == "3 labels corrected, 1 text left out, 2 texts added, by hand."
    after = by_name(load_rows(workspace, made.id))
    assert after.loc[wrong.index, "label"].tolist() == [OTHER[label] for label in wrong["label"]]
    assert out.index[0] not in after.index
    joined = after.loc[after.index.difference(rows.index)]
    assert set(zip(joined["text"], joined["label"], joined["split"], strict=True)) == {
        ("a lamp of mine", "bad", "train"),
        ("no light", "good", "train"),
    }
    rest = rows.index.difference([*edits])
    assert after.loc[rest].equals(rows.loc[rest])
    assert by_name(load_rows(workspace, easy.id)).equals(rows)  # the old version
    assert load_info(workspace, easy.id) == easy
    assert made.recipe == easy.recipe and made.labels == easy.labels


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.dictionaries(st.integers(0, 199), st.sampled_from(["good", "bad", "", None]), max_size=40),
       more=st.dictionaries(st.text("abcß Ä", min_size=1), st.sampled_from(["good", "bad"]), max_size=5))  # fmt: skip
def test_whatever_is_decided_every_row_stays_in_its_split(workspace, easy, rows, chosen, more):
    edits = {rows.index[place]: label for place, label in chosen.items()}
    decisions = Decisions(edits, {text.strip(): label for text, label in more.items() if text.strip()})
    try:
        made = revise(workspace, easy.id, decisions)
    except DataError as error:
        assert error.code in ("no_change", "empty_class")
        return
    again = revise(workspace, easy.id, Decisions(dict(reversed(edits.items())), decisions.added))
    assert made.id == again.id  # the same decisions in another order
    after = by_name(load_rows(workspace, made.id))
    assert set(rows.index) - set(after.index) == {row for row, label in edits.items() if label == ""}
    kept = after.index.intersection(rows.index)
    assert after.loc[kept, ["text", "split"]].equals(rows.loc[kept, ["text", "split"]])
    assert set(after.loc[after.index.difference(rows.index), "split"]) <= {"train"}
    given = rows.loc[kept, "label"]
    assert after.loc[kept, "label"].tolist() == [edits.get(row) or given[row] for row in kept]


def test_a_text_that_the_data_has_is_corrected_where_it_stands(workspace, easy, rows):
    """A text of the test that somebody reports on the Predict page must not be learnt."""
    test = some(rows, "test").iloc[0]
    made = revise(workspace, easy.id, Decisions(added={f"  {test.text.upper()} ": OTHER[test.label]}))
    after = by_name(load_rows(workspace, made.id))
    assert after.index.equals(rows.index)
    assert after.loc[some(rows, "test").index[0], "label"] == OTHER[test.label]
    assert made.notes[-1] == "1 label corrected, by hand."
    with pytest.raises(DataError, match="Nothing would be different"):
        revise(workspace, easy.id, Decisions(added={test.text: test.label}))


def test_a_text_that_is_left_out_where_it_stands_can_be_added(workspace, easy, rows):
    test = some(rows, "test")
    text, label = test["text"].iat[0], OTHER[test["label"].iat[0]]
    made = revise(workspace, easy.id, Decisions({test.index[0]: ""}, {text: label}))
    assert made.notes[-1] == "1 text left out, 1 text added, by hand."
    after = load_rows(workspace, made.id)
    assert after.loc[after["text"] == text, ["label", "split"]].to_numpy().tolist() == [[label, "train"]]


def test_rows_of_a_second_file_are_told_from_those_of_the_first(workspace):
    table, test = (read_bytes(easy_csv(60, seed).encode(), "t.csv") for seed in (0, 5))
    recipe = Recipe(text="text", label="label", split_by="file")
    info = save(workspace, draft(table, recipe, test=test))
    rows = by_name(load_rows(workspace, info.id))
    assert "test:1" in rows.index and {"train:1", "validation:1"} & set(rows.index)
    made = revise(workspace, info.id, Decisions({"test:1": OTHER[rows.loc["test:1", "label"]]}))
    after = by_name(load_rows(workspace, made.id))
    assert (after["label"] != rows["label"]).sum() == 1
    assert after.loc["test:1", "label"] != rows.loc["test:1", "label"]


@pytest.mark.parametrize(("decisions", "said"), [
    (Decisions({"test:1": "fine"}), "easy has no class 'fine'"),
    (Decisions(added={"text": "fine"}), "easy has no class 'fine'"),
    (Decisions({"test:9999": "good"}), "no row 'test:9999'"),
    (Decisions({"nonsense": ""}), "no row 'nonsense'"),
    (Decisions(), "Nothing would be different"),
])  # fmt: skip
def test_what_cannot_be_done_is_a_sentence(workspace, easy, decisions, said):
    with pytest.raises(DataError, match=said):
        revise(workspace, easy.id, decisions)
    assert family(workspace, easy.id) == [easy]


def test_the_last_training_row_of_a_class_stays(workspace, easy, rows):
    good = rows.index[(rows["split"] == "train") & (rows["label"] == "good")]
    with pytest.raises(DataError, match="No training row with the label 'good'"):
        revise(workspace, easy.id, Decisions(dict.fromkeys(good, "bad")))
    rescued = revise(workspace, easy.id, Decisions(dict.fromkeys(good, "bad"), {"a new one": "good"}))
    assert rescued.labels == ["bad", "good"]
    tested = rows.index[(rows["split"] == "test") & (rows["label"] == "good")]
    made = revise(workspace, easy.id, Decisions(dict.fromkeys(tested, "")))
    assert made.notes[-1] == "No test text with the label 'good' is left."
    with pytest.raises(DataError, match="No test row would be left"):
        revise(workspace, easy.id, Decisions(dict.fromkeys(rows.index[rows["split"] == "test"], "")))


def test_decisions_are_kept_changed_and_taken_back(workspace, easy, rows):
    first, second = rows.index[:2]
    decide(workspace, easy.id, first, "bad")
    decide(workspace, easy.id, second, "")
    decide(workspace, easy.id, first, None)
    add(workspace, easy.id, " a text ", "good")
    add(workspace, easy.id, "a text", "bad")
    add(workspace, easy.id, "another", "bad")
    forget(workspace, easy.id, "another")
    kept = read(Workspace(workspace.root), easy.id)  # as after a restart
    assert kept == Decisions({first: None, second: ""}, {"a text": "bad"})
    assert kept.summary == "1 text left out, 1 text added"
    take_back(workspace, easy.id, second)
    assert read(workspace, easy.id).edits == {first: None}
    for wrong in (
        lambda: decide(workspace, easy.id, first, "fine"),
        lambda: add(workspace, easy.id, " ", "bad"),
    ):
        with pytest.raises(DataError):
            wrong()
    remove(workspace, easy.id)
    with pytest.raises(NotFoundError):
        read(workspace, easy.id)


def test_two_tabs_lose_nothing_of_each_other(workspace, easy, rows):
    from concurrent.futures import ThreadPoolExecutor

    chosen = list(rows.index[:40])
    with ThreadPoolExecutor(8) as tabs:
        list(tabs.map(lambda row: decide(workspace, easy.id, row, "bad"), chosen))
    assert set(read(workspace, easy.id).edits) == set(chosen)


def test_what_was_looked_at_need_not_be_looked_at_again(workspace, easy, rows):
    wrong, right, out = some(rows, "test", 3).index
    decide(workspace, easy.id, wrong, OTHER[rows.loc[wrong, "label"]])
    decide(workspace, easy.id, right, None)
    decide(workspace, easy.id, out, "")
    made = revise(workspace, easy.id)
    assert read(workspace, made.id) == Decisions({wrong: None, right: None})
    assert len(read(workspace, easy.id).edits) == 3


def test_versions_are_counted_over_the_whole_family(workspace, easy, rows):
    second, third = (revise(workspace, easy.id, Decisions({row: ""})) for row in rows.index[:2])
    fourth = revise(workspace, second.id, Decisions({rows.index[3]: ""}))
    assert [one.version for one in (second, third, fourth)] == [2, 3, 4]
    assert (fourth.parent, fourth.origin) == (second.id, easy.id)
    remove(workspace, second.id)
    assert [one.version for one in family(workspace, third.id)] == [1, 3, 4]
    assert len([note for note in fourth.notes if note.endswith("by hand.")]) == 2


def test_where_nothing_may_be_changed_nothing_is(workspace, easy, rows, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    for act in (lambda: decide(workspace, easy.id, rows.index[0], ""), lambda: revise(workspace, easy.id)):
        with pytest.raises(ReadOnlyError):
            act()
    assert read(workspace, easy.id) == Decisions()
