import pytest

from engine.terminal import time_left


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
