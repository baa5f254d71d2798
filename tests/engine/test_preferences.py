import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine import machine, preferences
from engine.errors import DataError, ModelError, ReadOnlyError, SettingsError, WorkspaceError
from engine.preferences import InForce, apply, choose, in_force
from tests.engine.runs.helpers import submit, wait

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch):
    """What `apply` does to this process is undone after the test."""
    from huggingface_hub import constants

    for variable in {preferences.OURS, *sum(preferences.VARIABLES.values(), ())}:
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    for name in ("ENDPOINT", "HF_HUB_OFFLINE", "HUGGINGFACE_CO_URL_TEMPLATE"):
        monkeypatch.setattr(constants, name, getattr(constants, name))


def test_a_variable_wins_over_a_choice_and_a_choice_over_the_default(workspace, monkeypatch):
    assert in_force(workspace)["hub"] == InForce(preferences.HUB, "default", "HF_ENDPOINT")
    choose(workspace, {"hub": "https://mirror.example.org/"})
    assert in_force(workspace)["hub"] == InForce("https://mirror.example.org", "settings", "HF_ENDPOINT")
    monkeypatch.setenv("HF_ENDPOINT", "http://other.example.org")
    assert in_force(workspace)["hub"] == InForce("http://other.example.org", "environment", "HF_ENDPOINT")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    assert in_force(workspace)["offline"] == InForce(True, "environment", "TRANSFORMERS_OFFLINE")


def test_choosing_the_default_or_nothing_forgets_a_choice(workspace):
    choose(workspace, {"threads": "1", "offline": "yes", "tracker": "mlflow"})
    assert {field: one.value for field, one in in_force(workspace).items() if one.origin == "settings"} == {
        "threads": 1,
        "offline": True,
        "tracker": "mlflow",
    }
    choose(workspace, {"threads": 0, "offline": "", "tracker": "off"})
    assert {one.origin for one in in_force(workspace).values()} == {"default"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("threads", "many"), ("hub", "ftp://x"), ("tracker", "x"), ("offline", "maybe"), ("device", "mps"),
     ("mlflow", "https://me:secret@example.org")],
)  # fmt: skip
def test_what_cannot_be_used_is_said_and_not_kept(workspace, monkeypatch, field, value):
    monkeypatch.setattr(machine, "gpu", lambda: None)
    with pytest.raises(SettingsError) as found:
        choose(workspace, {"precision": "fp32", field: value})
    assert set(found.value.problems) == {field}
    assert not workspace.preferences.exists()


def test_what_a_variable_decides_is_refused_with_its_name(workspace, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SettingsError, match="HF_HUB_OFFLINE"):
        choose(workspace, {"offline": "no"})
    monkeypatch.setenv("TUNEBOARD_THREADS", "many")
    with pytest.raises(SettingsError, match="TUNEBOARD_THREADS: must be a whole number"):
        in_force(workspace)


def test_for_looking_only_nothing_is_chosen_and_a_damaged_file_is_said(workspace, monkeypatch):
    workspace.preferences.write_text("{")
    with pytest.raises(WorkspaceError, match=r"preferences\.json"):
        in_force(workspace)
    monkeypatch.setenv("TUNEBOARD_READ_ONLY", "1")
    with pytest.raises(ReadOnlyError):
        choose(workspace, {"threads": 1})


def test_of_two_who_choose_at_once_none_loses_a_choice(workspace, meanwhile):
    other = meanwhile(preferences, lambda: choose(workspace, {"threads": 1}))
    choose(workspace, {"language": "de"})
    other.join()
    found = in_force(workspace)
    assert (found["language"].value, found["threads"].value) == ("de", 1)


def test_a_password_in_an_address_is_not_shown(workspace, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@example.org/x")
    found = in_force(workspace)["mlflow"]
    assert found.value == "https://me:secret@example.org/x"
    assert found.shown == "https://…@example.org/x"


def test_what_lets_others_in_is_not_repeated(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "0123456789abcdef")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("ASK_FOR_PASSWORD", "true")
    said = preferences.without_secrets(
        "false: https://me:pw1@a.example.org/x?run=5&api_key=pw2&token=pw3 answered 401 to Authorization: Bearer pw4, with "
        "hf_secret and key 0123456789abcdef"
    )
    assert not any(secret in said for secret in ("pw1", "pw2", "pw3", "pw4", "hf_secret", "0123456789"))
    assert preferences.without_secrets("the setting is true") == "the setting is true"
    assert said.startswith("false: https://…@a.example.org/x?run=5&api_key=…&token=… answered 401")


def test_the_library_of_the_hub_hears_of_it_at_once_and_so_do_processes_that_are_started(workspace):
    from huggingface_hub import constants, hf_hub_url

    choose(workspace, {"hub": "https://mirror.example.org", "offline": True, "threads": 1})
    apply(workspace)
    assert hf_hub_url("a/b", "c").startswith("https://mirror.example.org/a/b/")
    assert constants.is_offline_mode()
    assert machine.cores() == 1
    assert in_force(workspace)["hub"].origin == "settings"  # what we set is not taken for the person's
    program = (
        "from huggingface_hub import constants as c; from engine import machine;"
        "print(c.ENDPOINT, c.HF_HUB_OFFLINE, machine.cores())"
    )
    told = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True).stdout
    assert told.split() == ["https://mirror.example.org", "True", "1"]
    choose(workspace, {"hub": "", "offline": "", "threads": ""})
    apply(workspace)
    assert (constants.ENDPOINT, constants.HF_HUB_OFFLINE) == (preferences.HUB, False)
    assert machine.cores() == machine.all_cores()
    assert not {"HF_ENDPOINT", "HF_HUB_OFFLINE", "TUNEBOARD_THREADS"} & set(os.environ)


def test_offline_the_hub_is_not_asked_and_the_sentence_says_why(workspace, hub_server, model_hub):
    from engine.data import hub as data_hub
    from engine.models import hub

    choose(workspace, {"offline": True})
    apply(workspace)
    with pytest.raises(ModelError, match="set to work offline"):
        hub.look_up("me/tiny")
    with pytest.raises(DataError, match="set to work offline"):
        data_hub.look_up("me/mood")


def test_a_run_computes_with_as_many_threads_as_was_chosen(workspace, easy, tiny_model):
    from engine.runs.events import History

    choose(workspace, {"threads": 1})
    run = wait(workspace, submit(workspace, easy, tiny_model).id)
    assert History.read(workspace.run(run.id).events).setup["threads"] == 1
