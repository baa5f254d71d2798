import json

import pytest

from engine import cli, figures
from engine.cli import terminal
from engine.figures import time_left
from engine.results.evaluations import Further
from engine.serving.batch import Result
from tests import words


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0.3, "a few seconds"),
        (5.0, "a few seconds"),
        (5.6, "about 6 s"),
        (200.4, "about 3 min 20 s"),
    ],
)
def test_the_last_seconds_are_not_counted_down(seconds, said):
    """What was said in them was off by more than a quarter: docs/performance.md, "Saving, and time left"."""
    assert time_left(seconds) == said


@pytest.mark.parametrize("taken, said", [
    (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (999.7, "1 KB"), (90_700_000, "91 MB"), (999_999, "1 MB"),
    (999_900_000, "1.0 GB"), (1_540_000_000, "1.5 GB"), (2_000_000_000_000, "2,000.0 GB"),
])  # fmt: skip
def test_sizes_are_told_in_the_unit_that_they_fill(taken, said):
    assert figures.size(taken) == said


def test_nothing_that_a_file_holds_commands_the_terminal_or_turns_its_text(workspace, tmp_path, capsys):
    label = "\x1b]0;owned\x07\x9b2J bad\u202egood"
    (tmp_path / "x.csv").write_text(words.easy_csv(50).replace(",bad", f",{label}"), encoding="utf-8")
    assert cli.main(["check", str(tmp_path / "x.csv")]) == 0
    assert cli.main(["check", str(tmp_path / "x.csv"), "--json"]) == 0
    assert cli.main(["check", str(tmp_path / f"{label}.csv")]) == 2
    shown, said = capsys.readouterr()
    for written in (shown, said):
        assert not set("\x1b\x07\x9b\u202e") & set(written)
        assert "\\u202egood" in written and "\n" in written
    assert label in json.loads(shown.splitlines()[-1])["classes"]


def test_one_of_something_is_told_as_one():
    assert terminal.further(Further("key", "later.csv", 1, 1, 0, "")).splitlines() == [
        "later.csv: 1 text was scored.",
        "1 row was left out, for no text or a label that the model does not know.",
    ]
    assert "later.csv: 2 texts were scored." in terminal.further(Further("key", "later.csv", 2, 0, 0, ""))
    said = terminal.answered_file(Result(1, 1, 1, {}), "out.csv").splitlines()
    assert said[0] == "1 row written to out.csv"
    assert said[-2:] == ["1 row without a text: not answered.", "1 row goes to a person."]
    assert terminal.answered_file(Result(2, 0, 2, {}), "out.csv").endswith("2 rows go to a person.")
