"""The shapes in which programs write tables as JSON."""

import json

import pandas as pd
import pytest

from engine.data.reading import read_bytes
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
    assert (
        read([{"id": 1, "conversations": one} for one in turns]).frame[["human", "gpt"]].to_numpy().tolist()
        == ROWS
    )


def test_a_role_does_not_take_the_place_of_a_column():
    turns = [
        {"user": f"u{i}", "messages": [{"role": "user", "content": text}]} for i, (text, _) in enumerate(ROWS)
    ]
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
    intents = [
        {"tag": one, "patterns": [t for t, label in ROWS if label == one], "responses": ["ok"]}
        for one in classes
    ]
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
