"""Real files as people upload them: `check` has to agree with what is known of each. docs/messy.md is a table of it."""

import csv
import json

import pytest

from engine.cli import main
from tests.conftest import REAL_DATA

MESSY = REAL_DATA / "messy"
ENCODINGS = {"utf-8 with invalid bytes": "utf-8", "xlsx": None, "xls (BIFF8)": None}
LABELS = {
    "(file name)": None,
    "cats_pos": "cats",
}  # the one stands in no column, the other was derived from `cats`
SAID = {  # what a person has to be told about a file
    "turkish_missing_and_corrupt_labels.csv": {"missing_label", "rare_classes"},
    "us_airline_tweets_broken_utf8.csv": {"damaged_bytes", "html"},
    "chinese_reviews_neg.xls": {"no_label_column"},
    "cooking_multilabel.jsonl": {"multi_label"},
    "social_media_single_class.csv": {"single_class"},
    "spam_kaggle_cp1252.csv": {"duplicates", "damaged_letters"},
    "bangla_restaurant_absa.xlsx": {"conflicting_labels", "not_english"},
    "turkish_store_reviews_utf16.csv": {"empty_text", "not_english"},
    "book_excerpts_orange.tab": {"long_texts"},
}
TRAPS = {
    "cola_headerless_leaky_star.tsv": {"2": "gives_away"},
    "us_airline_tweets_broken_utf8.csv": {"tweet_id": "id", "negativereason": "second_label"},
    "bangla_restaurant_absa.xlsx": {"Category": "second_label"},
    "social_media_single_class.csv": {"Tokens": "json", "Unnamed: 0": "row_number"},
    "vietnamese_csv_named.xlsx": {"Unnamed: 0": "id", "groups": "second_label"},
}


def truth() -> list[dict]:
    if not MESSY.is_dir():
        return []
    with (MESSY / "MANIFEST.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.skipif(not MESSY.is_dir(), reason="the folder with messy files is not beside the project")
@pytest.mark.parametrize("known", truth(), ids=lambda known: known["file"])
def test_check_agrees_with_what_is_known_of_a_file(known, workspace, capsys):
    assert main(["check", str(MESSY / known["file"]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    separator = {"TAB": "\t", "jsonl": None, "": None}.get(known["delimiter"], known["delimiter"].strip('"'))
    label = LABELS.get(known["true_label_column"], known["true_label_column"])
    assert found["rows"] == int(known["rows_when_parsed_right"])
    assert found["rejected"] == 0
    assert (found["encoding"], found["separator"]) == (
        ENCODINGS.get(known["encoding"], known["encoding"]),
        separator,
    )
    assert found["header"] == (not known["header"].startswith("NO"))
    assert (found["text"], found["label"]) == (known["true_text_column"], label)
    assert found["reasons"].keys() >= {one for one in (found["text"], found["label"]) if one}
    problems = {problem["code"]: problem for problem in found["problems"]}
    assert problems.keys() >= SAID.get(known["file"], set())
    assert all(problem["sentence"] and problem["remedy"] for problem in found["problems"])
    missing = problems.get("missing_label", {"count": 0})["count"]
    assert missing == int(known["missing_label"] or 0)
    traps = {trap["column"]: trap["kind"] for trap in found["traps"]}
    assert TRAPS.get(known["file"], {}).items() <= traps.items()
