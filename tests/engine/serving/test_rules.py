import json

import pytest

from engine.errors import ModelError
from engine.serving import rules
from engine.serving.rules import Rules


@pytest.mark.parametrize("kept, wrong", [
    ({"treshold": 0.5}, "treshold"), ({"threshold": "a"}, "threshold"), ({"threshold": -0.1}, "threshold"),
    ({"threshold": 80}, "threshold"), ({"temperature": 0}, "temperature"), ({"temperature": float("inf")}, "temperature"),
    ({"thresholds": {"good": 2}}, "thresholds.good"), ([], ""),
])  # fmt: skip
def test_rules_that_mean_nothing_are_a_sentence(tmp_path, kept, wrong):
    (tmp_path / "rules.json").write_text(json.dumps(kept))
    with pytest.raises(ModelError, match=f"cannot be used .{wrong}"):
        rules.read_exported(tmp_path)


def test_of_two_who_change_rules_at_once_none_loses_anything(workspace, meanwhile):
    workspace.run("abcdef1234").folder.mkdir(parents=True)
    other = meanwhile(rules, lambda: rules.change(workspace, "abcdef1234", temperature=2.5))
    rules.change(workspace, "abcdef1234", threshold=0.5)
    other.join()
    found = rules.read(workspace.run("abcdef1234"))
    assert (found.threshold, found.temperature) == (0.5, 2.5)


def test_rules_come_back_as_they_were_kept(workspace):
    workspace.run("abcdef1234").folder.mkdir(parents=True)
    rules.change(workspace, "abcdef1234", threshold=0.5, thresholds={"good": 1.01})
    rules.change(workspace, "abcdef1234", temperature=2.5)
    found = rules.read(workspace.run("abcdef1234"))
    assert found == Rules(0.5, 2.5, {"good": 1.01}, outlived=True)
    rules.change(workspace, "abcdef1234", threshold=1.0, thresholds={"bad": 1.0})
    always = rules.read(workspace.run("abcdef1234"))
    assert always.exported() == {"threshold": 1.01, "thresholds": {"bad": 1.01}, "temperature": 2.5}
    assert (always.threshold, always.thresholds) == (1.01, {"bad": 1.01})  # what is kept is what is in force
    assert found.to_a_person("good", 1.0) and not found.to_a_person("bad", 0.5)
