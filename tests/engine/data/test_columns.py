import pandas as pd

from engine.data.columns import propose, split_of


def frame(**columns):
    return pd.DataFrame(columns, dtype=str)


LONG = [f"a sentence about matter number {i}, long enough to be read" for i in range(30)]


def test_text_and_label_are_told_from_an_id_and_a_number():
    table = frame(
        id=[f"r{i}" for i in range(30)],
        said=LONG,
        score=[str(i * 1.5) for i in range(30)],
        kind=["a", "b", "c"] * 10,
    )
    roles = propose(table)
    assert (roles.text, roles.label, roles.split) == ("said", "kind", None)
    assert "all different" in roles.reasons["said"]
    assert roles.reasons["kind"] == "3 different values, spread over 30 rows"


def test_a_telling_name_wins_among_columns_that_would_do():
    roles = propose(frame(country=["fr", "de"] * 15, sentiment=["good", "bad", "so"] * 10, text=LONG))
    assert roles.label == "sentiment"


def test_a_split_column_is_recognised():
    roles = propose(frame(text=LONG, label=["a", "b"] * 15, part=["Train"] * 20 + ["dev"] * 5 + ["test"] * 5))
    assert roles.split == "part"


def test_nothing_is_proposed_where_nothing_fits():
    roles = propose(frame(a=[str(i) for i in range(30)], b=["x"] * 30))
    assert roles.text is None
    assert roles.label is None


def test_words_for_splits():
    assert [split_of(word) for word in ("TRAIN", " val ", "holdout", "other")] == [
        "train",
        "validation",
        "test",
        None,
    ]
