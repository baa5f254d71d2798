import pytest

from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_file
from engine.data.recipe import Recipe
from engine.names import tidy
from engine.runs import queue
from tests.engine.runs.helpers import submit


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain", "plain"),
        ("  two\nlines\tand a tab ", "two lines and a tab"),
        ("bell\x07 escape\x1b[31m nul\x00", "bell escape[31m nul"),
        ("turned \u202egnp.exe", "turned gnp.exe"),
        ("<b>*bold*</b> $x$", "<b>*bold*</b> $x$"),
        ("Ångström 数据 👩\u200d🔬", "Ångström 数据 👩\u200d🔬"),
        ("x" * 500, "x" * 80),
        ("\x00\u202e", ""),
    ],
)
def test_a_name_is_one_line_that_shows_what_it_says(given, shown):
    assert tidy(given) == shown


def test_runs_and_data_sets_get_tidy_names(workspace, easy_csv, tiny_model):
    table = read_file(easy_csv.rename(easy_csv.with_name("ev\u202ecsv.live.csv")))
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    assert "\u202e" not in info.name
    queue.pause_queue(workspace, True)
    run = submit(workspace, info, tiny_model, name="\x1b[2Jgone\u202e")
    assert run.name == "[2Jgone"
    queue.rename(workspace, run.id, "\x00")
    assert queue.get_run(workspace, run.id).name == "[2Jgone"
