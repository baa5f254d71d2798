"""The shapes in which programs write tables as JSON."""

import gzip
import json
import tracemalloc

import pandas as pd
import pytest

from engine.data.reading import read_bytes, read_file
from engine.errors import DataError

ROWS = [[f"a text about thing {i}, short", ["good", "bad", "so"][i % 3]] for i in range(24)]
RECORDS = [{"text": text, "label": label} for text, label in ROWS]
FRAME = pd.DataFrame(RECORDS)


def read(value, **how):
    content = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, **how)
    return read_bytes(content.encode(), "x.json")


SHAPES = {
    "a list of objects": RECORDS,
    "a list in an object": {"version": "1.0", "data": RECORDS},
    "deep inside": {"status": {"code": 200}, "result": {"total": 24, "items": RECORDS}},
    "lists by column": {"text": FRAME["text"].tolist(), "label": FRAME["label"].tolist()},
    "lists by column, and how many there are": {
        "name": "support", "n": 24, "text": FRAME["text"].tolist(), "label": FRAME["label"].tolist(),
    },
    "by an id, with who wrote it": {
        "tickets": {f"-N{i:04}": {**one, "user": {"name": "a", "uid": i}} for i, one in enumerate(RECORDS)}, "version": 3,
    },
    "lists by column, and what the classes are called": {
        "text": FRAME["text"].tolist(), "label": FRAME["label"].tolist(), "names": ["good", "bad", "so"],
    },
    "types of MongoDB": [
        {"_id": {"$oid": f"{i:024x}"}, "text": text, "label": {"$symbol": label}} for i, (text, label) in enumerate(ROWS)
    ],
    "pandas by column": json.loads(FRAME.to_json()),
    "pandas by index": json.loads(FRAME.to_json(orient="index")),
    "pandas split": json.loads(FRAME.to_json(orient="split")),
    "lists with a header": [["text", "label"], *ROWS],
    "by an id": {f"id{i}": record for i, record in enumerate(RECORDS)},
    "nested": [{"id": 1, "data": {"text": text}, "meta": {"label": label}} for text, label in ROWS],
    "texts by class": {label: [t for t, one in ROWS if one == label] for label in ("good", "bad", "so")},
    "texts with their label": dict(ROWS),
    "one label in a list": [{"text": text, "label": [label]} for text, label in ROWS],
    "one label among scores": [
        {"text": text, "label": {one: float(one == label) for one in ("good", "bad", "so")}} for text, label in ROWS
    ],
    "one label among scores, with a name around": [
        {"text": text, "label": {"cats": {c: float(c == one) for c in ("good", "bad", "so")}}} for text, one in ROWS
    ],
    "a label with a number": [{"text": text, "label": {"id": 7, "name": label}} for text, label in ROWS],
    "a label with a title": [{"text": text, "label": {"id": 7, "title": label}} for text, label in ROWS],
    "a label that is displayed": [{"text": text, "label": {"displayName": label}} for text, label in ROWS],
    "labels with colours": [{"text": text, "label": [{"name": label, "color": "red"}]} for text, label in ROWS],
    "columns by split": {
        split: {"text": [text for text, _ in part], "label": [label for _, label in part]}
        for split, part in (("train", ROWS[:16]), ("test", ROWS[16:]))
    },
    "a tool's annotations": [
        {"id": i, "data": {"text": t}, "annotations": [{"result": [{"value": {"label": [one]}, "id": "x"}]}]}
        for i, (t, one) in enumerate(ROWS)
    ],
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES.keys())
def test_the_rows_come_out(value, indent):
    frame = read(value, indent=indent).frame
    assert sorted(frame[["text", "label"]].to_numpy().tolist()) == sorted(ROWS)


def test_a_conversation_is_a_column_for_each_role():
    turns = [[{"role": "system", "content": "Sort this."}, {"role": "user", "content": text},
              {"role": "assistant", "content": label}] for text, label in ROWS]  # fmt: skip
    frame = read("\n".join(json.dumps({"messages": one}) for one in turns)).frame
    assert frame[["user", "assistant"]].to_numpy().tolist() == ROWS
    turns = [[{"from": "human", "value": text}, {"from": "gpt", "value": label}] for text, label in ROWS]
    assert read([{"id": 1, "conversations": one} for one in turns]).frame[["human", "gpt"]].to_numpy().tolist() == ROWS


def test_a_role_does_not_take_the_place_of_a_column():
    turns = [{"user": f"u{i}", "messages": [{"role": "user", "content": text}]} for i, (text, _) in enumerate(ROWS)]
    frame = read(turns).frame
    assert frame["user"].tolist() == [f"u{i}" for i in range(24)]
    assert frame["messages.user"].tolist() == [text for text, _ in ROWS]


@pytest.mark.parametrize(("second", "found"), [("{}", "{}"), ("more", '["{}", "more"]')])
def test_of_two_annotators_the_label_is_what_they_agree_on_else_both(second, found):
    def task(text, *labels):
        results = [{"id": i, "result": [{"value": {"choices": [one]}}]} for i, one in enumerate(labels)]
        return {"data": {"text": text}, "annotations": results}

    frame = read([task(text, label, second.format(label)) for text, label in ROWS]).frame
    assert frame[["text", "choices"]].to_numpy().tolist() == [[text, found.format(one)] for text, one in ROWS]


def test_a_class_with_all_its_texts_is_a_row_for_each():
    classes = ("good", "bad", "so")
    intents = [{"tag": one, "patterns": [t for t, label in ROWS if label == one], "responses": ["ok"]} for one in classes]
    frame = read({"intents": intents}).frame
    assert sorted(frame[["text", "tag"]].to_numpy().tolist()) == sorted(ROWS)


def test_texts_that_have_examples_or_spans_stay_what_they_are():
    for more in ([], ["so"], [1, 2, 3]):
        assert len(read([{**record, "examples": more} for record in RECORDS]).frame) == len(RECORDS)
    spans = read([{"id": i, "spans": [{"label": "pos", "text": text}]} for i, (text, _) in enumerate(ROWS)])
    assert ROWS[0][0] in "".join(spans.frame.iloc[0])


def test_keys_that_are_no_words_are_shown():
    content = repr([{"text": text, "scores": {1: 2}} for text, _ in ROWS])
    assert read(content).frame["scores"][0] == '{"1": 2}'


def test_line_breaks_within_strings_are_kept():
    content = json.dumps([{"text": f"{text} BREAK and more", "label": label} for text, label in ROWS])
    assert read(content.replace(" BREAK ", "\n")).frame["text"][0] == f"{ROWS[0][0]}\nand more"


LINES = [json.dumps(record) for record in RECORDS]


@pytest.mark.parametrize("text", [
    "\n".join(LINES), "\ufeff" + "\n".join(LINES), "\r".join(LINES), ",\n".join(LINES), "\n\n".join(LINES),
    "// exported\n" + "\n".join(LINES), "window.data = [" + ",".join(LINES) + "];", "".join(LINES),
    "\n".join(map(json.dumps, [["text", "label"], *ROWS])), "\n".join(json.dumps(r, indent=1) for r in RECORDS),
    "\n".join(map(repr, RECORDS)), repr(RECORDS), "\n".join(line[:-1] + ",}" for line in LINES),
    "\n".join(line[:-1] + ', "score": NaN, "sure": true,}' for line in LINES),
    "[" + ", // so\n".join(line[:-1] + ', "at": "http://x/*", /* none, */ "by": null\n}' for line in LINES) + ", // end\n]",
])  # fmt: skip
def test_other_ways_to_put_objects_into_a_file(text):
    assert read(text).frame[["text", "label"]].to_numpy().tolist() == ROWS


def test_splits_are_put_together_and_named():
    frame = read({"train": RECORDS[:16], "test": RECORDS[16:]}).frame
    assert len(frame) == 24
    assert frame["split"].value_counts().to_dict() == {"train": 16, "test": 8}


def test_lists_without_names_lose_no_row():
    table = read(ROWS)
    assert table.columns == ["0", "1"]
    assert table.frame.to_numpy().tolist() == ROWS
    assert not table.header


def test_what_is_broken_is_listed_with_its_line_and_the_rest_is_read():
    lines = ["[", *(line + "," for line in LINES[:-1]), LINES[-1], "]"]
    lines[5] = '{"text": "broken, "label": },'
    table = read("\n".join(lines))
    assert len(table.frame) == 23
    assert [one.line for one in table.rejected] == [6]


@pytest.mark.parametrize("broken", [0, 7])
def test_a_broken_line_is_listed(broken):
    table = read("\n".join([*LINES[:broken], '{"text": "bro', *LINES[broken:]]))
    assert len(table.frame) == 24
    assert [one.line for one in table.rejected] == [broken + 1]


def test_a_document_that_is_cut_off_gives_what_is_whole():
    assert len(read(json.dumps({"data": RECORDS})[:-30]).frame) == 23


def test_several_labels_stay_as_they_are():
    frame = read([{"text": text, "label": [label, "more"]} for text, label in ROWS]).frame
    assert frame["label"][0] == '["good", "more"]'


def test_a_text_that_begins_with_a_bracket_is_no_json():
    rows = [f"[{i}] a note about it\t{'ab'[i % 2]}" for i in range(20)]
    assert len(read("\n".join(rows)).frame) == 20


@pytest.mark.parametrize(
    "text", ["{}", "[]", "[1, 2]", '{"a": 1}', "[[[]]]", '{"a": {"b": {}}}', "{" * 5000, '{"a":' * 3000]
)
def test_json_without_a_table_is_a_sentence(text):
    with pytest.raises(DataError) as refusal:
        read(text)
    assert refusal.value.code in ("json_shape", "no_rows")


def test_splits_that_differ_in_some_names_are_put_together():
    test = [{**record, "id": i} for i, record in enumerate(RECORDS[:10])]
    table = read({"train": RECORDS, "test": test, "dev": RECORDS[:1]})
    assert table.frame["split"].value_counts().to_dict() == {"train": 24, "test": 10, "dev": 1}
    assert table.frame["id"].tolist() == [""] * 24 + [str(i) for i in range(10)] + [""]
    assert not table.left_out


def test_parts_that_are_no_part_of_the_table_are_named():
    value = {"train": RECORDS, "classes": [{"id": i, "means": one} for i, one in enumerate("abc")]}
    assert (len(read(value).frame), read(value).left_out) == (24, ("classes",))
    packed = read_bytes(gzip.compress(json.dumps(value).encode()), "x.json.gz")
    assert packed.left_out == ("x.json: classes",)


def test_what_is_no_row_in_any_of_several_parts_is_listed():
    table = read({"train": [*RECORDS[:16], 3], "test": [4, *RECORDS[16:]]})
    assert len(table.frame) == 24
    assert [one.reason for one in table.rejected] == [
        "entry 17 of the list is not like the others", "entry 1 of the list is not like the others",
    ]  # fmt: skip


MANY = 20_003


def test_whether_a_label_stands_alone_in_its_list_is_decided_for_all_rows():
    labels = [["good", "bad"], *[["good"]] * (MANY - 1)]
    table = read("\n".join(json.dumps({"text": f"a text {i}", "label": one}) for i, one in enumerate(labels)))
    assert table.frame["label"].value_counts().to_dict() == {'["good"]': MANY - 1, '["good", "bad"]': 1}


@pytest.mark.parametrize("around, other, label", [
    ({"cats": {"name": "good", "id": 1}}, {"cats": {}}, "good"), (["good"], [], "good"), ({"name": "good"}, None, "good"),
    ({"good": 1, "bad": 0}, {"good": 1, "so": 0}, None),
    ({"cats": {"name": "good"}}, {"cats": {"so": 3}}, '{"name": "good"}'),
])  # fmt: skip
def test_what_is_around_a_label_is_taken_off_all_rows_or_none(around, other, label):
    records = [{"text": f"a text {i}", "label": around if i < MANY - 1 else other} for i in range(MANY)]
    found = read("\n".join(map(json.dumps, records))).frame["label"].tolist()
    assert set(found[:-1]) == {json.dumps(around) if label is None else label}


def test_columns_inside_of_objects_have_one_name_in_all_rows():
    records = [{"data": {"text": f"a text {i}"}, "meta": {"label": "ab"[i % 2]}} for i in range(MANY)]
    records[-1]["meta"]["text"] = "more"
    frame = read("\n".join(map(json.dumps, records))).frame
    assert list(frame.columns) == ["data.text", "label", "meta.text"]
    assert frame["data.text"].tolist() == [f"a text {i}" for i in range(MANY)]
    assert frame["meta.text"].tolist() == [""] * (MANY - 1) + ["more"]


def test_a_text_and_its_label_in_each_line():
    assert read("\n".join(json.dumps({text: label}) for text, label in ROWS)).frame.to_numpy().tolist() == ROWS
    assert read([{text: label} for text, label in ROWS]).columns == ["text", "label"]


@pytest.mark.timeout(60)
def test_far_too_many_names_are_a_sentence_and_take_no_time():
    for record in ({}, {"text": "some words"}):
        with pytest.raises(DataError) as refusal:
            read("\n".join(json.dumps({**record, f"name{i}": "good"}) for i in range(40_000)))
        assert refusal.value.code == "too_many_columns"


@pytest.mark.timeout(60)
def test_rows_deep_inside_are_read_in_no_time():
    value = [3, *RECORDS]
    for _ in range(60):
        value = {"status": "ok", "data": value}
    table = read(value)
    assert table.frame[["text", "label"]].to_numpy().tolist() == ROWS
    assert [one.reason for one in table.rejected] == ["entry 1 of the list is not like the others"]


@pytest.mark.parametrize("text", [
    "\n".join(repr({"text": text, 1: label}) for text, label in ROWS), repr({text: one for text, one in enumerate(ROWS)}),
    repr({"text": [text for text, _ in ROWS], 1: [label for _, label in ROWS]}),
    repr(dict(enumerate(text for text, _ in ROWS))),
    "\n".join(repr({"text": text, "more": {(1, 2): label}}) for text, label in ROWS),
    "\n".join(json.dumps({"text": text, "la\ud83d": label}) for text, label in ROWS),
    "\n".join(json.dumps({"text": text, "more": {"la\ud83d": "\ud83d"}}) for text, label in ROWS),
])  # fmt: skip
def test_names_that_are_no_texts_are_read(text):
    found = "\n".join(map(" ".join, read(text).frame.to_numpy().tolist()))
    assert all(text in found for text, _ in ROWS)


def test_half_a_letter_in_what_is_left_out_can_be_shown():
    rows = [["text", "label"], *ROWS, ["a", "b", "la\ud83d"]]
    table = read(json.dumps({"data": rows, "la\ud83d": [{"a": 1}, {"a": 2}]}))
    assert table.left_out == ("la?",)
    assert table.rejected[0].content == '["a", "b", "la?"]'


SPREAD = [json.dumps(record, indent=1) for record in RECORDS]


@pytest.mark.parametrize("place", [0, 5, 23])
@pytest.mark.parametrize("damaged", [
    SPREAD[0].replace('"label":', '"label"'), SPREAD[0].replace('"label"', '"more": {"a": 1}, "{so": {"b": 2}, label'),
])  # fmt: skip
def test_a_damaged_object_among_others_is_listed_once(damaged, place):
    table = read("\n".join([*SPREAD[:place], damaged, *SPREAD[place + 1 :]]))
    assert table.frame["text"].tolist() == [text for i, (text, _) in enumerate(ROWS) if i != place]
    assert [(one.line, one.before) for one in table.rejected] == [(4 * place + 1, place)]
    assert "Expecting" not in table.rejected[0].reason


def test_what_is_around_the_rows_of_a_damaged_document_is_no_row():
    text = json.dumps({"data": {"items": RECORDS}})
    assert not read(text.replace("}, {", "} {", 1)).rejected
    assert read(text[:-30]).rejected_count == 1


def test_an_object_of_another_kind_in_a_damaged_document_is_listed():
    table = read("\n".join(['{"made": "today"}', *SPREAD[:10], '{"more":\n 3}', *SPREAD[10:], "{"]))
    assert table.frame.to_numpy().tolist() == ROWS
    assert [one.line for one in table.rejected] == [1, 42, 100]
    assert table.rejected[0].reason == "an object that has no name in common with the others"
    assert table.rejected[0].content == '{"made": "today"}'


def test_where_a_document_is_too_damaged_is_said():
    table = read("\n".join([*SPREAD, *['{"text":\n so}'] * 2000, *SPREAD]))
    assert len(table.frame) == 24
    assert table.rejected_count < 2000
    assert table.rejected[-1].reason == "the file is too damaged to be read on from here"


def test_a_document_in_one_line_is_held_in_memory_once(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"text": "so it goes " * 200_000, "label": "good"}] * 4))
    tracemalloc.start()
    try:
        assert len(read_file(path).frame) == 4
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * path.stat().st_size


@pytest.mark.parametrize("line, words", [
    ('{"text": "so it goes}', "a text without a quotation mark at its end"),
    ('{"text": so, "label": "good"}', "a value is missing, or has no quotation marks"),
    ('{"text": "so" "label": "good"}', "a quotation mark, comma or bracket is missing"),
    ('{"text": "so"} and more', "something stands behind the end"),
    ('{"text": ' + "[" * 5000 + "}", "too many brackets in one another"),
    ('{"text": ' + "1" * 5000 + "}", "a number with too many digits"),
    ('{"text": "\\x"} {', "a character that cannot stand there like this"),
])  # fmt: skip
def test_why_a_line_is_not_read_is_in_plain_words(line, words):
    table = read("\n".join([*LINES, line]))
    assert [one.said for one in table.rejected] == [f"line 25: not a JSON object ({words})"]
