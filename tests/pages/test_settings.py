import json
import re

import pytest

from engine import figures, preferences
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from pages.parts import messages
from tests import words
from tests.pages.helpers import open_page, press, words_on


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """What a page tells the library of the hub is forgotten after the test."""
    for variable in (
        "HF_ENDPOINT",
        "HF_HUB_OFFLINE",
        "TUNEBOARD_THREADS",
        figures.VARIABLE,
        preferences.OURS,
    ):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)


def table(test):
    """{what: (its value, where it comes from)}, as it looks."""
    rows = test.table[0].value.map(lambda cell: cell.replace("\\", "").replace(messages.WORD_JOINER, ""))
    return {row["Setting"]: (row["Value"], row["Set by"]) for row in rows.to_dict("records")}


def keep(test, kind, field, value):
    [widget] = [one for one in getattr(test, kind) if one.key and one.key.startswith(f"choice_{field}_")]
    widget.set_value(value)
    return press(test, "keep_choices")


def test_the_first_screen_says_what_is_in_force_and_why(workspace, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    shown = table(open_page("settings"))
    assert shown["Workspace folder"] == (str(workspace.root), "Variable TUNEBOARD_HOME")
    assert shown["Hugging Face hub or mirror"] == ("https://huggingface.co", "Default")
    assert shown["Experiment tracker"] == ("None", "Default")
    assert shown["Theme"] == ("As in the browser", "This browser")
    assert shown["Listens on"] == ("127.0.0.1", ".streamlit/config.toml")
    assert shown["Allowed host names"][0] == "localhost, 127.0.0.1"
    assert " free" in shown["Disk space"][0]
    assert shown["Who has access"] == ("Everyone who can reach this address", "Default")
    assert shown["What visitors may do"] == ("View, evaluate and predict", "Variable TUNEBOARD_READ_ONLY")


def test_a_variable_of_a_tracker_alone_sends_nothing_and_the_page_says_so(workspace, monkeypatch):
    assert "nothing is sent unless" not in words_on(open_page("settings"))
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    said = words_on(open_page("settings"))
    assert "WANDB_API_KEY set, but nothing is sent unless Weights & Biases is chosen here." in said
    preferences.choose(workspace, {"tracker": "tensorboard"})
    assert "nothing is sent unless" not in words_on(open_page("settings"))


def test_a_choice_is_kept_for_the_next_visitor_and_can_be_taken_back(workspace):
    test = keep(open_page("settings"), "selectbox", "tracker", "tensorboard")
    assert table(test)["Experiment tracker"] == ("TensorBoard", "Chosen here")
    test = open_page("settings")
    assert table(test)["Experiment tracker"] == ("TensorBoard", "Chosen here")
    keep(test, "selectbox", "tracker", "off")
    assert json.loads(workspace.preferences.read_text()) == {}


def test_what_a_variable_decides_cannot_be_changed_here(workspace, monkeypatch):
    preferences.choose(workspace, {"offline": True})
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    test = open_page("settings")
    assert table(test)["Work offline"] == ("No", "Variable HF_HUB_OFFLINE")
    assert test.checkbox[0].disabled
    assert "Set by the environment variable HF" in words_on(test)


def test_a_wrong_address_is_said_under_its_field(workspace):
    test = keep(open_page("settings"), "text_input", "hub", "hub.example.org")
    assert "must be an address such as" in words_on(test)
    assert not workspace.preferences.exists()


def test_numbers_and_dates_are_written_as_in_the_language_that_was_chosen(workspace):
    info = save(
        workspace,
        draft(read_bytes(words.easy_csv(2000).encode(), "easy.csv"), Recipe(text="text", label="label")),
    )
    assert "1,400" in words_on(open_page("data", dataset=info.id))
    test = keep(open_page("settings"), "selectbox", "language", "de")
    assert table(test)["Format of numbers and dates"] == (
        "German: 1.234,5 and 27.11.2026",
        "Chosen here",
    )
    test = open_page("data", dataset=info.id)
    assert "1.400" in words_on(test)
    layout = json.loads(test.get("plotly_chart")[0].proto.spec)["layout"]
    assert layout["separators"] == ",."
    keep(open_page("settings"), "selectbox", "language", "en")
    assert "1,400" in words_on(open_page("data", dataset=info.id))


def test_nothing_can_be_changed_where_tuneboard_is_for_looking_only(workspace, monkeypatch):
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    test = keep(open_page("settings"), "selectbox", "precision", "fp32")
    assert "view\\-only" in words_on(test)
    assert not workspace.preferences.exists()


def test_new_runs_start_with_what_was_decided(workspace, easy):
    test = open_page("train", dataset=easy.id)
    assert [one.value for one in test.selectbox if one.key and one.key.startswith("precision_")] == ["auto"]
    preferences.choose(workspace, {"precision": "fp32"})
    test = test.run()
    assert [one.value for one in test.selectbox if one.key and one.key.startswith("precision_")] == ["fp32"]
    assert "As chosen in Settings" in words_on(test)


def unfold(test, title):
    """Open an expander that computes only when it is open."""
    expander = next(one for one in test.expander if one.label == title)
    test.session_state[expander.proto.id] = True
    test.run()
    assert not test.exception, test.exception


def test_the_disk_is_told_by_kind_and_cleaned(workspace, finished):
    test = open_page("settings")
    assert not test.dataframe  # counted only when somebody asks
    unfold(test, "Disk space")
    before = {row["Kind"]: row["Size"] for row in test.dataframe[0].value.to_dict("records")}
    assert {"Data sets", "Trained models", "Saved states of runs (checkpoints)"} <= set(before)
    press(test, "clean")
    after = {row["Kind"]: row["Size"] for row in test.dataframe[0].value.to_dict("records")}
    assert set(before) - set(after) == {"Saved states of runs (checkpoints)"}
    assert after["Trained models"] == before["Trained models"]


def test_the_machine_is_measured_when_somebody_asks(workspace):
    test = open_page("settings")
    assert not test.metric
    unfold(test, "What this machine can do")
    slower = r"slower in bf16 than in fp32, so the automatic precision is fp32\."
    faster = r"[\d.,]+ times as fast in bf16 as in fp32, so the automatic precision is (fp32|bf16)\."
    assert re.search(rf"This machine is ({slower}|{faster})", words_on(test))
