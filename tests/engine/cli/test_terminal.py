import pytest

from engine.cli import terminal
from engine.figures import time_left
from engine.results.evaluations import Further
from engine.serving.batch import Result


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
