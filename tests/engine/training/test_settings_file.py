import json

import pytest

from engine import cli
from engine.errors import DataError, SettingsError
from engine.results.export import export
from engine.settings import TrainingConfig, applying, help_text
from engine.training import settings_file
from tests.engine.runs.helpers import submit, wait


@pytest.fixture
def yaml(tmp_path):
    def write(content):
        path = tmp_path / "run.yaml"
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_what_is_written_is_read_again_and_says_what_it_means(yaml):
    config = TrainingConfig(model="öäü/model", revision="0123456", epochs=7, learning_rate=2e-5, read_mean=True)
    text = settings_file.text(applying(config), "two\nlines: [x]")
    found = settings_file.read(yaml(text))
    assert TrainingConfig(**found.values) == config
    assert text.startswith("# The settings of the run two lines: [x].\n")
    for name in TrainingConfig.model_fields:
        above = text.splitlines()[: found.lines[name] - 1]
        said = " ".join(line.removeprefix("# ") for line in above)
        assert said.endswith(help_text(name)), name


@pytest.mark.parametrize("content, sentences", [
    ("epochs: 0\n\nlearning_rate: high\n", ["run.yaml, line 1, epochs: must be at least 1; it is 0.",
                                            "run.yaml, line 3, learning_rate: must be a number; it is 'high'."]),
    ("seed: 1\nepocs: 3", ["run.yaml, line 2, epocs: there is no such setting. There are: model"]),
    ("seed: 1\nseed: 2", ["run.yaml, line 2, seed: stands in line 1 already."]),
    ("seed: yes", ["run.yaml, line 1, seed: must be a number or a word; it is True"]),
    ("epochs:", ["run.yaml, line 1, epochs: must be a whole number; it is None."]),
    ("epochs: [1, 2]", ["run.yaml, line 1, epochs: must be a whole number"]),
    ("3: 4", ["run.yaml, line 1, 3: there is no such setting"]),
])  # fmt: skip
def test_what_is_wrong_is_said_with_its_key_and_line(yaml, content, sentences):
    with pytest.raises(SettingsError) as wrong:
        settings_file.read(yaml(content))
    for sentence in sentences:
        assert sentence in wrong.value.message


# Each line is ten times the one before it.
BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)) + "epochs: *a11"


@pytest.mark.parametrize("content, why", [
    ("epochs: 3\nseed: [1", "it is no YAML in line"),
    ("- epochs", "does not say 'setting: value'"),
    ("just words", "does not say 'setting: value'"),
    ("seed: !!python/object/apply:os.system ['touch hacked']", "it is no YAML in line 1"),
    ("[" * 5000, "it is no YAML"),
    (BOMB, "a part of it is written as *name"),
    ("a: &a [x]\n" + "#" * 200_000, "far too long"),
    ("seed: \x00", "it is no YAML"),
])  # fmt: skip
def test_what_is_no_settings_file_is_a_sentence(yaml, content, why):
    with pytest.raises(DataError, match="is no settings file") as wrong:
        settings_file.read(yaml(content))
    assert why in wrong.value.message


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        settings_file.read(tmp_path / "nothing.yaml")


def test_an_empty_file_leaves_everything_to_the_preset(yaml):
    assert settings_file.read(yaml("# nothing yet\n")).values == {}


def test_the_settings_of_a_run_make_the_same_run_again_and_options_win(
    workspace, easy, easy_csv, tiny_model, tmp_path, capsys
):
    first = wait(workspace, submit(workspace, easy, tiny_model, epochs=1, seed=5).id)
    file = export(workspace, first.id, tmp_path / "run.yaml", "settings")
    train = ["train", str(easy_csv), "--config", str(file), "--json"]

    def ran(*options):
        assert cli.main([*train, *options]) == 0
        found = json.loads(capsys.readouterr().out)
        assert cli.main(["show", found["run_id"], "--json"]) == 0
        return found, json.loads(capsys.readouterr().out)["config"]

    again, config = ran()
    assert again["metrics"]["accuracy"] == first.accuracy
    assert (config["seed"], config["epochs"], config["model"]) == (5, 1, str(tiny_model))
    _, config = ran("--set", "epochs=2", "--preset", "quick")
    assert (config["seed"], config["epochs"], config["preset"]) == (5, 2, "quick")
    assert config["batch_size"] == 16 and config["learning_rate"] != 3e-3  # the preset's
    _, config = ran("--model", "tfidf")
    assert config["model"] == "tfidf"
    file.write_text(f"model: {tiny_model}\n\nmax_tokens: 4000\n")
    assert cli.main(train) == 2
    assert "run.yaml, line 3, max_tokens: this model reads at most 128 tokens" in capsys.readouterr().err
