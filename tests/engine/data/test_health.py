"""Every finding: named when it is there, with its count, its rows and its remedy, and silent when it is not."""

import numpy as np
import pandas as pd
import pytest

from engine.data.drafting import draft, labelled
from engine.data.health import too_long
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.data.repairs import remedy
from tests.words import easy_texts

EASY = easy_texts(60)


def check(rows, remedies=(), **recipe):
    """{code: problem} of these (text, label) pairs, and the draft."""
    content = pd.DataFrame(rows, columns=["text", "label"]).to_csv(index=False).encode()
    made = draft(read_bytes(content, "t.csv"), Recipe(text="text", label="label", remedies=remedies, **recipe))
    return {problem.code: problem for problem in made.problems}, made


def cured(rows, code):
    """The problem and the draft after its remedy, in which the problem is gone."""
    found, _ = check(rows)
    assert found[code].fix
    after, made = check(rows, [found[code].fix])
    assert code not in after
    assert made.applied[0][0] == found[code].fix
    return found[code], made


def test_a_healthy_table_has_no_problems():
    assert check(EASY)[0] == {}


def test_missing_texts_and_labels_are_counted_with_their_rows():
    found, made = check([*EASY, ("  ", "good"), ("words", "")])
    assert (found["empty_text"].count, found["empty_text"].examples[0]["row"]) == (1, 61)
    assert (found["missing_label"].count, found["missing_label"].examples[0]["row"]) == (1, 62)
    assert len(made.rows) == 60


def test_a_single_class_blocks():
    found, made = check([(text, "only") for text, _ in EASY])
    assert found["single_class"].severity == "blocking"
    assert "'only'" in found["single_class"].sentence
    assert made.blocking


def test_labels_that_are_all_different_block():
    found, _ = check([(text, f"kind {i}") for i, (text, _) in enumerate(EASY)])
    assert found["rare_classes"].severity == "blocking"


def test_too_few_rows_block():
    assert check(EASY[:6])[0]["too_few_rows"].severity == "blocking"


SEVERAL = [(text, ["a|b", "a", "b|c", "c", "a|c"][i % 5]) for i, (text, _) in enumerate(EASY)]
MEASURED = [(text, f"{i * 0.37:.2f}") for i, (text, _) in enumerate(EASY)]


def test_several_labels_in_a_cell_are_said_to_be_so_and_the_first_can_be_kept():
    problem, made = cured(SEVERAL, "multi_label")
    assert problem.severity == "blocking"
    assert "36 cells hold several labels (separated by '|')" in problem.sentence
    assert made.file_labels == {"a": 36, "b": 12, "c": 12}
    assert made.applied == [("first_label:|", 36)]


def test_of_several_labels_each_cell_can_also_be_left_out_or_be_one_as_it_stands():
    left_out, whole = check(SEVERAL)[0]["multi_label"].otherwise
    found, made = check(SEVERAL, [left_out])
    assert "multi_label" not in found
    assert (made.file_labels, made.applied) == ({"a": 12, "c": 12}, [(left_out, 36)])
    found, made = check(SEVERAL, [whole])
    assert "multi_label" not in found
    assert made.labels == ["a", "a|b", "a|c", "b|c", "c"]


def test_names_are_given_to_the_labels_that_were_kept():
    assert check(SEVERAL, ["first_label:|"], label_names={"a": "anger"})[1].labels == ["anger", "b", "c"]


def test_labels_in_lists_of_one_are_taken_out_of_them():
    problem, made = cured([(text, f"['{label}']") for text, label in EASY], "multi_label")
    assert "inside a list" in problem.sentence
    assert made.labels == ["bad", "good"]


def test_objects_in_a_cell_are_what_they_are_called_and_taken_once():
    cells = [
        '[{"id": 28, "name": "a"}, {"id": 3, "name": "b"}]',
        '[{"id": 3, "name": "b"}]',
        '[{"id": 28, "name": "a"}]',
    ]
    rows = [(text, cells[i % 3]) for i, (text, _) in enumerate(EASY)]
    _, made = cured(rows, "multi_label")
    assert made.labels == ["a", "b"]
    again = check(rows, ["first_label:json", "first_label:json"])[1]
    assert [name for name, _ in again.applied] == ["first_label:json"]


def test_what_is_left_once_lists_of_several_are_left_out_is_no_list():
    cells = ['["a", "b"]', '["b"]', '["a"]', "[]"]
    rows = [(text, cells[i % 3]) for i, (text, _) in enumerate(EASY)]
    found, made = check(rows, ["drop_several:json"])
    assert "multi_label" not in found
    assert made.labels == ["a", "b"]


def test_lists_in_lists_have_no_first_label_to_offer():
    rows = [(text, '[["a", 1], ["b", 2]]' if i % 2 else '[["b", 2]]') for i, (text, _) in enumerate(EASY)]
    assert "first_label:json" not in check(rows)[0]["multi_label"].fixes


@pytest.mark.parametrize("label, offered", [
    (lambda i: "5.0" if i % 3 else str(1 + i / 20), 2), (lambda i: "0.04" if i % 3 else str(i / 12), 2),
    (lambda i: str((-1) ** i * (1e308 + i * 1e300)), 0), (lambda i: str(1_700_000_000_000 + i), 2),
    (lambda i: f"{i * 331:,}", 2), (lambda i: f"{i * 1.7e-7:.3e}", 2), (lambda i: str(i * i - 900), 2),
])  # fmt: skip
def test_whatever_ranges_are_offered_make_classes(label, offered):
    rows = [(text, label(i)) for i, (text, _) in enumerate(easy_texts(90))]
    found = check(rows)[0]["continuous_label"]
    assert len(found.fixes) == offered
    for fix in found.fixes:
        after, made = check(rows, [fix])
        assert "continuous_label" not in after
        assert len(made.labels) == len(fix.split(":")) - 2


@pytest.mark.parametrize("name", [
    "magic", "first_label", "first_label:", "first_label:ab", "drop_several:x", "whole_labels:x", "ranges", "ranges:1",
    "ranges:1:2", "ranges:nan:1:2", "ranges:-inf:0:inf", "ranges:1_0:20:30", "ranges:3:2:1", "drop_rare:1",
])  # fmt: skip
def test_a_remedy_that_there_is_not_is_said_so(name):
    with pytest.raises(ValueError, match="There is no remedy"):
        remedy(name)
    with pytest.raises(ValueError):
        Recipe(text="text", label="label", remedies=[name])


def test_labels_that_measure_are_said_to_be_so_and_made_classes_of():
    problem, made = cured(MEASURED, "continuous_label")
    assert problem.severity == "blocking"
    assert made.rows["label"].value_counts().to_dict() == {
        "0 to 7.1": 20,
        "7.1 to 14.5": 20,
        "14.5 to 21.9": 20,
    }
    assert made.labels == ["0 to 7.1", "7.1 to 14.5", "14.5 to 21.9"]
    assert check(MEASURED, problem.otherwise)[1].labels == ["0 to 11", "11 to 22"]


def test_a_further_table_is_cut_where_the_first_was():
    made = check(MEASURED, ["ranges:0:11:22"])[1]
    further = read_bytes(b"text,label\nsome words,2\nother words,30\n", "more.csv")
    assert labelled(further, made.recipe)["label"].tolist() == ["0 to 11", "11 to 22"]


def test_labels_that_are_numbers_are_advised_to_get_names():
    found, _ = check([(text, "1" if label == "good" else "0") for text, label in EASY])
    assert found["numeric_labels"].severity == "advice"
    names = {"0": "bad", "1": "good"}
    assert check([(text, "1" if label == "good" else "0") for text, label in EASY], label_names=names)[0] == {}


def test_rare_classes_are_named_and_can_be_left_out():
    problem, made = cured([*EASY, *((f"a strange text {i}", "rare") for i in range(4))], "rare_classes")
    assert "rare (4)" in problem.sentence
    assert made.labels == ["bad", "good"]


def test_labels_that_differ_only_in_spelling_are_merged():
    variants = {"good": ["good", "Good", "GOOD ", "good"], "bad": ["café", "cafe", "Café", "café"]}
    rows = [(text, variants[label][i // 2 % 4]) for i, (text, label) in enumerate(EASY)]
    problem, made = cured(rows, "label_spellings")
    assert problem.count == 4
    assert made.labels == ["café", "good"]


def test_copies_are_counted_and_one_of_each_is_kept():
    problem, made = cured([*EASY, EASY[0], (EASY[1][0].upper(), EASY[1][1])], "duplicates")
    assert problem.count == 2
    assert len(made.rows) == 60


def test_contradictions_are_counted_and_left_out():
    problem, made = cured([*EASY, (EASY[0][0].upper(), "good")], "conflicting_labels")
    assert [one["row"] for one in problem.examples] == [1, 61]
    assert len(made.rows) == 59


def test_near_copies_are_found_whatever_differs():
    text = "my order from last week has still not come and nobody answers the telephone in your shop"
    rows = [*EASY, (text, "bad"), (text.replace("week", "month"), "bad"), ("Well, " + text + "!", "bad")]
    problem, made = cured(rows, "near_duplicates")
    assert problem.count == 2
    assert [(one["row"], one["like row"]) for one in problem.examples] == [(62, 61), (63, 61)]
    assert problem.examples[0]["its text"] == text
    assert len(made.rows) == 61


def test_imbalance_is_told():
    rows = [(f"an ordinary text, the {i}th of its kind", "many") for i in range(300)]
    found, _ = check([*rows, *((f"something else {i}", "few") for i in range(12))])
    assert "25 times" in found["imbalance"].sentence


def test_damaged_letters_are_mended():
    rows = [(f"{text}, schÃ¶n und grÃ¼n" if i < 5 else text, label) for i, (text, label) in enumerate(EASY)]
    problem, made = cured(rows, "damaged_letters")
    assert problem.count == 5
    assert made.rows["text"].str.contains("schön und grün").sum() == 5


def test_lost_letters_are_told_though_nothing_brings_them_back():
    found, _ = check([(EASY[0][0] + " sch\ufffdn", "bad"), *EASY[1:]])
    assert found["lost_letters"].count == 1
    assert found["lost_letters"].fix is None


def test_html_is_removed():
    rows = [(f"<p>{text} &amp; more<br/></p>" if i < 7 else text, label) for i, (text, label) in enumerate(EASY)]
    problem, made = cured(rows, "html")
    assert problem.count == 7
    assert made.rows["text"][0] == f"{EASY[0][0]} & more"


@pytest.mark.parametrize("page, shown", [
    ("<style>p {}</style><p>hello</p><SCRIPT src=a>'<style>' </style> </script>x</style> bye", "hello x bye"),
    ("<p>hello</p> <script> is not closed", "hello is not closed"),
    ("<p>hello</p> " + "<script " * 100_000 + "bye", "hello " + "<script " * 100_000 + "bye"),
    ("<p>hello</p> " + "<script></style>" * 100_000 + "bye", "hello bye"),
    (f"<p>hello</p> &#{'1' * 5000}; &lt;&#66;ye", "hello \ufffd <Bye"),
])  # fmt: skip
def test_of_html_that_is_out_of_order_what_is_shown_is_left(page, shown):
    _, made = check([(page, "good"), *EASY], ["strip_html"])
    assert made.rows["text"][0] == shown


def test_what_only_looks_like_html_is_left_alone():
    found, _ = check([(f"{text} a < b, I <3 it & so on", label) for text, label in EASY])
    assert "html" not in found


def test_a_word_that_gives_the_label_away_is_named():
    rows = [(f"{text} refund-code" if label == "bad" else text, label) for text, label in EASY]
    assert "'refund'" in check(rows)[0]["giveaway_word"].sentence


GERMAN = "Die Lieferung kam viel zu spät an und das Gerät funktioniert leider überhaupt nicht, Nummer"
ENGLISH = "The delivery came far too late and sadly the thing does not work at all, says number"


def test_texts_in_another_language_and_in_several():
    german = [(f"{GERMAN} {i}", "ab"[i % 2]) for i in range(200)]
    english = [(f"{ENGLISH} {i}", "ab"[i % 2]) for i in range(200)]
    assert "de" in check(german)[0]["not_english"].sentence
    assert "mixed_languages" in check(german + english)[0]
    assert not {"mixed_languages", "not_english"} & check(english)[0].keys()


def test_what_the_token_limit_cuts_is_told():
    sample = check(easy_texts(100))[1].rows
    assert too_long(sample, np.full(100, 100), 5000) == []
    problem = too_long(sample, np.array([100] * 90 + [1024] * 10), 5000)[0]
    assert problem.count == 500
    assert "10% of the texts" in problem.sentence
    assert f"{10 * 512 / (9000 + 10240):.0%} of all tokens" in problem.sentence


def test_letters_in_another_encoding_than_the_rest_are_told():
    rows = [f"{text.replace(',', '')} für später,{label}" for text, label in EASY]
    content = "\n".join(["text,label", *rows[:30]]).encode() + b"\n" + "\n".join(rows[30:]).encode("cp1252")
    table = read_bytes(content, "x.csv")
    assert table.frame["text"].str.endswith(" für später").all() and table.encoding == "utf-8"
    found = {one.code: one for one in draft(table, Recipe(text="text", label="label")).problems}
    assert found["two_encodings"].count == 60 and "damaged_bytes" not in found
    assert found["two_encodings"].sentence.startswith("60 letters were saved in a different encoding than the rest")


def test_rows_that_could_not_be_read_are_a_finding():
    rows = "".join(f"{text.replace(',', '')},{label}\n" for text, label in EASY)
    table = read_bytes(f"text,label\n{rows}a,b,c\n,,,,x\nd\n".encode(), "x.csv")
    found = {one.code: one for one in draft(table, Recipe(text="text", label="label")).problems}
    assert found["unreadable_rows"].count == 2
    assert [one["line"] for one in found["unreadable_rows"].examples] == [62, 63]
    assert found["short_rows"].examples == [{"line": 64, "reason": "1 field where 2 were expected", "content": "d"}]


@pytest.mark.parametrize("rows", [[], [("", "")] * 12, [("a", "")] * 20, [("", "b")] * 20, [("x", "y")] * 20])
def test_no_table_is_too_poor_for_a_report(rows):
    found, _ = check([*rows, ("one", "thing")])
    assert any(problem.severity == "blocking" for problem in found.values())


def test_many_texts_of_which_no_two_are_alike():
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}x" for i in range(5000)])
    rows = [(" ".join(rng.choice(words, 6)), "ab"[i % 2]) for i in range(22_000)]
    assert "near_duplicates" not in check(rows)[0]
    alike = "the same beginning of a rather long text, which goes on and on until its end comes, at last, in"
    assert check([*rows, *((f"{alike} {word}", "a") for word in ("may", "june"))])[0]["near_duplicates"].count == 1
