import pytest

from engine.errors import SettingsError
from engine.settings import TrainingConfig, help_text, parse_assignments, problems


def test_every_wrong_field_is_named_at_once():
    found = problems(epochs=0, learning_rate=-1, schedule="sideways", batch_size="many")
    assert set(found) == {"epochs", "learning_rate", "schedule", "batch_size"}
    assert found["epochs"] == "must be at least 1; it is 0."
    assert found["batch_size"] == "must be a whole number; it is 'many'."
    assert "linear" in found["schedule"]


def test_nothing_is_wrong_with_the_defaults():
    assert problems() == {}


def test_every_setting_says_what_it_trades_away():
    for field in TrainingConfig.model_fields:
        assert len(help_text(field)) > 30, field


def test_a_config_cannot_be_changed_once_made():
    with pytest.raises(ValueError, match="frozen"):
        TrainingConfig().epochs = 7


@pytest.mark.parametrize("wrong", ["epochs", "epocs=3", "=3"])
def test_assignments_that_cannot_be_understood(wrong):
    with pytest.raises(SettingsError):
        parse_assignments(["seed=1", wrong])


def test_assignments():
    assert parse_assignments(["epochs=3", " model = a=b"]) == {"epochs": "3", "model": "a=b"}
