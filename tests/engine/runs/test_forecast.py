"""What a run will cost: really measured, in a process of its own, with the tiny model."""

import pytest

from engine.errors import ForecastError
from engine.runs import forecast, measurements, queue
from engine.runs.measurements import Measured
from engine.runs.store import Store
from engine.settings import TrainingConfig
from engine.workers import forecasting
from tests.engine.runs.helpers import QUICK, submit, wait

STEP = {
    "piece_tokens": 4096,
    "most_tokens": 4096,
    "longest": 128,
    "resting_bytes": 2 * 10**9,
    "memory_bytes": 6 * 10**9,
}


@pytest.fixture
def config(tiny_model):
    return TrainingConfig(**QUICK, model=str(tiny_model))


def measured(**figures) -> Measured:
    seconds = dict.fromkeys(
        ("loading", "tokenizing", "preparing", "learning", "checking", "keeping", "evaluating", "saving"), 1.0
    )
    return Measured(**{**seconds, **STEP, **figures})


def test_it_is_measured_once_and_its_parts_add_up(workspace, easy, config, monkeypatch):
    phases = []
    first = forecast.measure(workspace, easy.id, config, phases.append)
    assert phases[0] == "loading libraries" and "timing steps" in phases
    assert len(phases) == len(set(phases))
    assert set(first.parts) == {"loading", "tokenizing", "training", "evaluating", "saving"}
    assert all(seconds > 0 for seconds in first.parts.values())
    assert first.seconds == pytest.approx(sum(first.parts.values()))
    assert first.memory_bytes > 100 * 2**20
    assert first.fits and not first.advice
    assert not forecast.is_measuring(workspace)

    monkeypatch.setattr(forecast.subprocess, "Popen", None)  # the second time needs no process
    again = forecast.measure(workspace, easy.id, config)
    assert again == first
    longer = forecast.find(workspace, easy.id, config.model_copy(update={"epochs": 4, "patience": 1}))
    assert longer.parts["training"] == pytest.approx(2 * first.parts["training"])


@pytest.mark.parametrize("settings", [{"method": "head", "head_first": True}, {"method": "lora"}, {"accumulation": 4}])
def test_every_way_of_learning_is_measured(workspace, easy, config, settings):
    found = forecast.measure(workspace, easy.id, config.model_copy(update=settings))
    assert all(seconds > 0 for seconds in found.parts.values())


def test_word_counting_is_measured(workspace, easy):
    found = forecast.measure(workspace, easy.id, TrainingConfig(model="tfidf", device="cpu"))
    assert found.parts["training"] > 0 and found.memory_bytes > 50 * 2**20


@pytest.mark.parametrize("content", ["", "{", "[]", '{"loading": "x"}', '{"problem": 1}', '{"loading": NaN}'])
def test_a_damaged_file_counts_as_none(workspace, easy, config, content):
    workspace.forecast(measurements.key(easy.id, config)).write_text(content)
    assert forecast.find(workspace, easy.id, config) is None


def test_a_damaged_file_is_measured_anew(workspace, easy, config):
    workspace.forecast(measurements.key(easy.id, config)).write_text("{")
    assert forecast.measure(workspace, easy.id, config).seconds > 0
    assert forecast.find(workspace, easy.id, config)


def test_what_changes_neither_time_nor_memory_shares_a_measurement(easy, config):
    def key(**changes):
        return measurements.key(easy.id, config.model_copy(update=changes))

    same = {
        "preset": "quick",
        "seed": 7,
        "learning_rate": 1e-5,
        "epochs": 9,
        "patience": 2,
        "label_smoothing": 0.1,
    }
    for field, value in same.items():
        assert key(**{field: value}) == key(), field
    other = {"max_tokens": 64, "batch_size": 8, "method": "head", "accumulation": 2, "precision": "fp32",
             "gradient_checkpointing": True, "frozen_layers": 1, "dropout": 0.0}  # fmt: skip
    assert len({key(**{field: value}) for field, value in other.items()} | {key()}) == len(other) + 1
    assert measurements.key("abcdef123456", config) != key()


def test_other_weights_in_the_same_folder_are_measured_anew(easy, config, tiny_model, tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"one")
    mine = config.model_copy(update={"model": str(tmp_path)})
    before = measurements.key(easy.id, mine)
    weights.write_bytes(b"three")
    assert measurements.key(easy.id, mine) != before


def test_what_fails_is_a_sentence_and_is_not_tried_again_at_once(workspace, easy, config):
    wrong = config.model_copy(update={"kept_layers": 50})
    with pytest.raises(ForecastError, match="at most 2, the number of layers; it is 50"):
        forecast.measure(workspace, easy.id, wrong)
    with pytest.raises(ForecastError, match="at most 2, the number of layers"):
        forecast.find(workspace, easy.id, wrong)


def test_nothing_is_measured_beside_a_run(workspace, easy, config, tiny_model):
    run = submit(workspace, easy, tiny_model, epochs=200)
    wait(workspace, run.id, lambda one: one.phase == "training")
    assert forecast.is_disturbed(workspace, config)
    with pytest.raises(ForecastError, match="A run is training"):
        forecast.measure(workspace, easy.id, config)
    assert forecasting.main(str(workspace.root), easy.id, config.model_dump_json()) == 3
    assert forecast.find(workspace, easy.id, config) is None
    queue.stop(workspace, run.id)
    wait(workspace, run.id)
    assert not forecast.is_disturbed(workspace, config)


def test_a_run_that_waits_in_a_paused_queue_disturbs_nothing(workspace, easy, config, tiny_model):
    queue.pause_queue(workspace, True)
    run = submit(workspace, easy, tiny_model)
    assert forecast.measure(workspace, easy.id, config).seconds > 0
    Store(workspace).pause_queue(False)
    assert forecast.is_disturbed(workspace, config)
    queue.stop(workspace, run.id)
    wait(workspace, run.id)


def test_only_one_measures_at_a_time(workspace, easy, config, monkeypatch):
    monkeypatch.setattr(forecasting, "LOCK_SECONDS", 0.2)
    with forecast.alone(workspace, 0) as alone:
        assert alone
        assert forecast.is_measuring(workspace)
        assert forecasting.main(str(workspace.root), easy.id, config.model_dump_json()) == 0
        assert forecast.find(workspace, easy.id, config) is None
    assert not forecast.is_measuring(workspace)


def test_too_little_memory_gives_advice_that_can_be_applied(workspace, easy, config):
    fitting = forecast.measure(workspace, easy.id, config)
    found = forecast.find(workspace, easy.id, config, memory=fitting.memory_bytes)
    assert not found.fits and found.limit_bytes == fitting.memory_bytes
    for sentence, changes in found.advice:
        assert sentence.endswith(".")
        assert TrainingConfig(**{**config.model_dump(), **changes})


@pytest.mark.parametrize("gigabytes, fields", [
    (4.5, ["accumulation", "gradient_checkpointing", "max_tokens", "batch_size"]),
    (2.5, ["accumulation", "batch_size"]), (1, ["method", ""]),
])  # fmt: skip
def test_the_gentlest_advice_comes_first(gigabytes, fields):
    config = TrainingConfig(batch_size=32, max_tokens=128)
    found = forecast.forecast(measured(), config, memory=int(gigabytes * 10**9))
    assert [next(iter(changes), "") for _, changes in found.advice] == fields


def test_advice_says_what_is_enough():
    config = TrainingConfig(batch_size=32, max_tokens=128)
    found = forecast.forecast(measured(), config, memory=int(4.5 * 10**9))  # 4 GB may be used, 6 GB are needed
    changes = dict(change for _, changes in found.advice for change in changes.items())
    assert changes == {"accumulation": 2, "gradient_checkpointing": True, "max_tokens": 64, "batch_size": 16}


def test_a_batch_that_is_in_small_pieces_anyway_gains_nothing_by_fewer_texts():
    config = TrainingConfig(batch_size=128, max_tokens=128)  # 32 texts at a time, by the limit for one piece
    found = forecast.forecast(measured(), config, memory=int(4.5 * 10**9))
    assert dict(found.advice[0][1]) == {"accumulation": 8}
