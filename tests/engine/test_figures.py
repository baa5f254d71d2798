import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from engine import cli, figures, preferences
from engine.figures import as_in, count, date, date_and_time, percent, rounded, separators, significant, whole

NARROW, FIRM = "\u202f", "\xa0"  # no-break spaces


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    for variable in (figures.VARIABLE, preferences.OURS):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)


def test_english_writes_as_python_does():
    assert [whole(number) for number in (0, 1_000_000, -1234)] == ["0", "1,000,000", "-1,234"]
    assert [rounded(1234.567, digits) for digits in (0, 2)] == ["1,235", "1,234.57"]
    assert rounded(0.5, 1, signed=True) == "+0.5"
    assert [percent(0.123), percent(0.123, 1), percent(-1)] == ["12%", "12.3%", "-100%"]
    assert [significant(0.000123456, 3), significant(1e-4)] == ["0.000123", "0.0001"]
    assert [significant(2e-5), significant(3.1929e-05, 3), significant(2e7)] == [
        "0.00002",
        "0.0000319",
        "20,000,000",
    ]
    assert [rounded(-0.04, 1), rounded(-0.0), percent(-0.0004, 1), significant(-0.0)] == ["0.0", "0", "0.0%", "0"]
    assert [rounded(-0.04, 1, signed=True), rounded(-0.06, 1, signed=True)] == ["+0.0", "-0.1"]
    assert rounded(float("nan"), 3) == "nan"
    assert date_and_time("2026-11-27T14:05:09.123+00:00") == "27 Nov 2026, 14:05 UTC"
    assert separators() == ".,"
    assert [count(rows, "row") for rows in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert count(1, "class", "classes") == "1 class" and count(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("language", "million", "negative", "share", "day", "signs"),
    [
        ("de", "1.000.000", "-1.234,57", f"12,3{FIRM}%", "27.11.2026", ",."),
        ("fr", f"1{NARROW}000{NARROW}000", f"-1{NARROW}234,57", f"12,3{FIRM}%", "27 nov. 2026", f",{NARROW}"),
        ("sv", f"1{FIRM}000{FIRM}000", f"-1{FIRM}234,57", f"12,3{FIRM}%", "27 nov. 2026", f",{FIRM}"),
        ("it", "1.000.000", "-1.234,57", "12,3%", "27 nov 2026", ",."),
    ],
)
def test_other_languages_have_the_same_digits_and_signs_of_their_own(language, million, negative, share, day, signs):
    with as_in(language):
        assert whole(1_000_000) == million
        assert whole(0) == "0"
        assert rounded(-1234.567, 2) == negative
        assert rounded(0.295, 2) == "0,29"  # as in English: the binary number is a little less
        assert percent(0.123, 1) == share
        assert rounded(float("nan"), 3) == "nan"
        assert date("2026-11-27") == day
        assert date_and_time("2026-11-27T14:05:00+00:00") == f"{day}, 14:05 UTC"
        assert separators() == signs
    assert whole(1_000_000) == "1,000,000"


@pytest.mark.parametrize("language", figures.LANGUAGES[1:])
def test_they_write_as_the_library_does(language):
    from babel.dates import format_date
    from babel.numbers import format_decimal, format_percent

    with as_in(language):
        assert whole(1234567) == format_decimal(1234567, locale=language)
        assert rounded(9876.25, 2) == format_decimal(9876.25, locale=language)
        assert date("2026-11-27") == format_date(datetime(2026, 11, 27, tzinfo=UTC), locale=language)
        assert percent(0.12) == format_percent(0.12, locale=language)


def test_a_choice_holds_for_this_process_and_those_that_it_starts(workspace):
    preferences.choose(workspace, {"language": "de"})
    preferences.apply(workspace)
    assert whole(1234) == "1.234"
    program = "from engine.figures import whole; print(whole(1234))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "1.234\n"
    preferences.choose(workspace, {"language": ""})
    preferences.apply(workspace)
    assert whole(1234) == "1,234"


def test_the_variable_decides_and_an_unknown_language_is_said(workspace, monkeypatch):
    preferences.choose(workspace, {"language": "fr"})
    monkeypatch.setenv(figures.VARIABLE, "de")
    preferences.apply(workspace)
    assert rounded(0.5, 1) == "0,5"
    assert preferences.in_force(workspace)["language"].origin == "environment"
    monkeypatch.setenv(figures.VARIABLE, "klingon")
    with pytest.raises(preferences.SettingsError, match=figures.VARIABLE):
        preferences.in_force(workspace)
    assert rounded(0.5, 1) == "0.5"


def test_people_read_their_language_and_programs_read_english(workspace, easy_csv, monkeypatch, capsys):
    def said(*options):
        assert cli.main(["check", str(easy_csv), *options]) == 0
        return capsys.readouterr().out

    english = json.loads(said("--json"))
    monkeypatch.setenv(figures.VARIABLE, "de")
    assert f"70{FIRM}% / 15{FIRM}% / 15{FIRM}%" in said()
    assert json.loads(said("--json")) == english
