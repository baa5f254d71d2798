"""What only an NVIDIA card can show: its kernel, its memory, and that a step never waits for it."""

import copy

import numpy as np
import pytest
import torch

from engine.models import attention
from engine.models.loading import load_model
from engine.settings import TrainingConfig
from engine.training.learner import Learner
from engine.training.replaying import RECORDED
from engine.training.scoring import probabilities
from tests.engine.models.test_attention import MODELS
from tests.engine.training.test_layout import texts

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card")

LABELS = ["a", "b", "c"]
LENGTHS = [5, 17, 9, 30, 12, 25, 3, 21]
CLASSES = [0, 1, 2, 0, 1, 2, 0, 1]
ALL = np.arange(len(LENGTHS))


@pytest.fixture(autouse=True)
def all_memory():
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.set_sync_debug_mode("default")


def learner(folder, precision=torch.bfloat16, copies=1, on_less_memory=lambda rows: None, **settings):
    torch.manual_seed(0)
    model = load_model(folder, LABELS).to("cuda")
    config = TrainingConfig(**{"dropout": 0.0, "gradient_clipping": 0.0, **settings})
    return Learner(model, texts(LENGTHS * copies), CLASSES * copies, precision, config, on_less_memory)


def weights(one):
    return torch.cat([tensor.flatten() for tensor in one.state().values()])


@pytest.mark.parametrize("architecture", MODELS)
def test_the_kernel_gives_the_answers_of_padded_texts_on_a_processor(architecture):
    torch.manual_seed(0)
    model = MODELS[architecture]().eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    expected = probabilities(copy.deepcopy(model), texts(LENGTHS))
    on_card = model.to("cuda", torch.bfloat16)
    found = probabilities(on_card, texts(LENGTHS), torch.bfloat16)
    assert on_card.config._attn_implementation == attention.PACKED
    assert np.abs(found - expected).max() < 0.03


def test_packed_texts_teach_what_padded_ones_teach(tiny_model):
    packed, padded = learner(tiny_model), learner(tiny_model, torch.float32)
    losses = [[float(one.learn(ALL, 1e-3).loss) for _ in range(40)] for one in (packed, padded)]
    assert packed.model.config._attn_implementation == attention.PACKED
    assert padded.model.config._attn_implementation == attention.PADDED
    assert losses[0] == pytest.approx(losses[1], abs=0.05)
    assert losses[0][-1] < losses[0][0] - 0.04


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_replayed_steps_do_what_single_ones_do(tiny_model, precision):
    replayed, single = (
        learner(tiny_model, precision, gradient_clipping=1.0),
        learner(tiny_model, precision, gradient_clipping=1.0),
    )
    single.replays, single.weights.replays.full = None, True
    parts = [ALL[:4], ALL[4:], ALL]
    for step in range(12):
        rate = 1e-3 * (1 + step)
        first, second = (one.learn(parts[step % 3], rate) for one in (replayed, single))
        assert float(first.loss) == pytest.approx(float(second.loss), abs=0.01)
        assert float(first.gradient) == pytest.approx(float(second.gradient), rel=0.1)
    assert (precision == torch.float32) == (not replayed.replays.recordings)
    assert torch.allclose(weights(replayed), weights(single), atol=2e-3)


def test_each_replayed_step_drops_other_values(tiny_model):
    one = learner(tiny_model, dropout=0.5)
    losses = {float(one.learn(ALL, 0.0).loss) for _ in range(6)}
    assert one.replays.recordings
    assert len(losses) == 6


def test_a_replayed_step_whose_gradient_is_no_number_changes_nothing(tiny_model):
    one = learner(tiny_model)
    for _ in range(4):
        one.learn(ALL, 1e-3)
    table = one.model.get_input_embeddings().weight
    kept, before = table.data[1].clone(), weights(one)
    table.data[1] = float("nan")
    assert not one.learn(ALL, 1e-3).finite
    table.data[1] = kept
    assert torch.equal(weights(one), before)
    assert one.learn(ALL, 1e-3).finite
    assert not torch.equal(weights(one), before)


def test_a_step_waits_for_nothing(tiny_model):
    one = learner(tiny_model, dropout=0.1, gradient_clipping=1.0)
    for _ in range(3):
        one.learn(ALL, 1e-3)
    torch.cuda.set_sync_debug_mode("error")
    one.learn(ALL, 1e-3)


def test_training_goes_on_from_what_was_saved(tiny_model):
    first, second = learner(tiny_model), learner(tiny_model)
    first.learn(ALL, 1e-3)
    second.restore({name: tensor.clone() for name, tensor in first.snapshot().items()})
    for _ in range(3):  # at once, recorded, replayed
        first.learn(ALL, 1e-3)
        second.learn(ALL, 1e-3)
    assert torch.allclose(weights(first), weights(second), atol=1e-5)


def test_when_the_card_is_full_the_same_batch_goes_on_in_smaller_pieces(tiny_model):
    copies, told = 400, []
    rows = np.arange(copies * len(LENGTHS))
    limited = learner(tiny_model, copies=copies, on_less_memory=told.append)
    roomy = learner(tiny_model, copies=copies)
    torch.cuda.reset_peak_memory_stats()
    held = torch.cuda.memory_allocated()
    for _ in range(3):
        roomy.learn(rows, 1e-3)
    room = held + 0.3 * (torch.cuda.max_memory_allocated() - held)
    expected = weights(roomy)
    del roomy
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(room / torch.cuda.get_device_properties(0).total_memory)
    for _ in range(3):
        limited.learn(rows, 1e-3)
    assert told
    assert torch.allclose(weights(limited), expected, atol=5e-3)


def test_what_a_learner_held_is_free_when_it_rests_and_when_it_is_gone(tiny_model):
    torch.cuda.empty_cache()
    before = torch.cuda.memory_reserved()
    one = learner(tiny_model, copies=50)
    for _ in range(3):
        one.learn(np.arange(50 * len(LENGTHS)), 1e-3)
    torch.cuda.empty_cache()
    recorded = torch.cuda.memory_reserved()
    one.rest()
    assert before < torch.cuda.memory_reserved() < recorded
    assert one.learn(ALL, 1e-3).finite
    del one
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() <= before


@pytest.mark.parametrize("architecture", [name for name in MODELS if name in RECORDED])
def test_each_architecture_that_is_recorded_can_be(architecture):
    torch.manual_seed(0)
    one = Learner(MODELS[architecture]().to("cuda"), texts(LENGTHS), CLASSES, torch.bfloat16, TrainingConfig())
    found = [one.learn(ALL, 1e-3) for _ in range(4)]
    assert one.replays.recordings
    assert all(learnt.finite for learnt in found)
