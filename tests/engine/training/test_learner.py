import numpy as np
import pytest
import torch
from torch import nn

from engine.errors import TrainingError
from engine.models import adapting
from engine.models.loading import load_model
from engine.settings import TrainingConfig
from engine.training.averaging import EVERY
from engine.training.learner import Learner
from engine.training.optimizer import learning_rate_at
from tests.engine.training.test_layout import texts

LABELS = ["a", "b", "c"]
LENGTHS = [5, 9, 3, 12, 7, 7, 4, 11, 6, 8, 5, 10]


def learner(folder, change=lambda model: None, precision=torch.float32, on_less_memory=lambda rows: None, **settings):
    torch.manual_seed(0)
    model = load_model(folder, LABELS)
    change(model)
    config = TrainingConfig(**{"dropout": 0.0, "gradient_clipping": 0.0, **settings})
    return Learner(model, texts(LENGTHS), [0, 1, 2] * 4, precision, config, on_less_memory)


def learn(one, steps=3):
    """The learner after some steps on all texts at once."""
    for _ in range(steps):
        one.learn(np.arange(len(LENGTHS)), 1e-3)
    return one


def apart(first, second):
    a, b = first.state(), second.state()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def runs_out_above(rows, model):
    """Let `model` run out of memory whenever it is given more than so many texts at a time."""
    forward = model.forward

    def limited(input_ids, **rest):
        if len(input_ids) > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(input_ids=input_ids, **rest)

    model.forward = limited


def test_the_parts_of_a_step_add_up_to_the_whole(tiny_model):
    whole = learn(learner(tiny_model))
    assert apart(learn(learner(tiny_model, accumulation=4)), whole) < 1e-5
    assert apart(learn(learner(tiny_model), steps=2), whole) > 1e-4


def test_after_memory_ran_out_the_corrections_stay_the_same(tiny_model):
    told = []
    limited = learner(tiny_model, on_less_memory=told.append)
    runs_out_above(3, limited.model)
    learn(limited)
    assert told == [6, 3]
    assert apart(limited, learn(learner(tiny_model))) < 1e-5


def test_parts_that_do_not_fit_are_halved_and_not_the_whole_batch(tiny_model):
    told = []
    limited = learner(tiny_model, on_less_memory=told.append, accumulation=3)
    runs_out_above(2, limited.model)
    learn(limited)
    assert told == [2]


def test_memory_for_not_even_one_text_is_said(tiny_model):
    limited = learner(tiny_model)
    runs_out_above(0, limited.model)
    with pytest.raises(TrainingError, match="single text") as failure:
        learn(limited)
    assert failure.value.code == "out_of_memory"
    assert "fewer tokens" in failure.value.action


def test_other_errors_are_not_taken_for_a_lack_of_memory(tiny_model):
    broken = learner(tiny_model)
    broken.model.forward = lambda **_: (_ for _ in ()).throw(RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        learn(broken)


def test_small_corrections_add_up_although_the_model_computes_in_bf16(tiny_model):
    one = learner(tiny_model, precision=torch.bfloat16)
    before = one.state()["classifier.weight"]
    for _ in range(5):
        one.learn(np.arange(len(LENGTHS)), 1e-6)
    moved = (one.state()["classifier.weight"] - before).abs()
    assert 0 < moved.max() < 1e-5
    assert one.model.classifier.weight.dtype == torch.bfloat16


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_average_weighs_later_weights_more_and_learning_goes_on_from_the_last(tiny_model, precision):
    averaging, plain = (learner(tiny_model, precision=precision, average_weights=on) for on in (True, False))
    seen = []
    for step in range(1, 3 * EVERY + 1):
        for one in (averaging, plain):
            one.learn(np.arange(len(LENGTHS)), 1e-3)
        if step % EVERY == 0:
            seen.append(plain.state())
    for name, averaged in averaging.state().items():
        wanted = (seen[0][name] + 2 * seen[1][name] + 3 * seen[2][name]) / 6
        assert torch.allclose(averaged, wanted, atol=1e-6), name
    moving = {name: one.detach().clone() for name, one in averaging.model.named_parameters()}
    with averaging.weights.at_average():
        for name, one in averaging.model.named_parameters():
            assert torch.equal(one, averaging.state()[name].to(precision)), name
    for name, one in averaging.model.named_parameters():
        assert torch.equal(one, moving[name]), name


def test_frozen_parts_stay_to_the_bit_and_the_rest_learns(tiny_model):
    one = learner(tiny_model, lambda model: adapting.freeze(model, "full", 1, False), torch.bfloat16)
    before = one.state()
    after = learn(one).state()
    stayed = {name for name in before if torch.equal(before[name], after[name])}
    assert {name for name in stayed if "layer.0" in name} == {name for name in before if "layer.0" in name}
    assert {name for name in stayed if "embeddings" in name} == {name for name in before if "embeddings" in name}
    assert not any("layer.1" in name for name in stayed)
    assert "classifier.weight" not in stayed


def test_word_vectors_can_stay_alone(tiny_model):
    one = learner(tiny_model, lambda model: adapting.freeze(model, "full", 0, True))
    before, after = one.state(), learn(one).state()
    stayed = {name for name in before if torch.equal(before[name], after[name])}
    assert stayed == {"bert.embeddings.word_embeddings.weight"}


def test_a_head_alone_leaves_the_encoder_as_it_was(tiny_model):
    one = learner(tiny_model, lambda model: adapting.freeze(model, "head", 0, False))
    before, after = one.state(), learn(one).state()
    learnt = {name for name in before if not torch.equal(before[name], after[name])}
    assert learnt == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "classifier.weight",
        "classifier.bias",
    }


def test_lora_learns_little_and_is_merged_as_peft_merges_it(tiny_model):
    one = learn(learner(tiny_model, lambda model: adapting.add_lora(model, 4)))
    sizes = {name: p.numel() for name, p in one.model.named_parameters() if p.requires_grad}
    encoder = sum(size for name, size in sizes.items() if "lora_" in name)
    assert 0 < encoder < sum(p.numel() for p in load_model(tiny_model, LABELS).parameters()) / 2
    plain = load_model(tiny_model, LABELS)
    plain.load_state_dict(one.state())
    rows = texts(LENGTHS).lay_out(np.arange(12), pack=False)
    one.model.eval()
    with torch.no_grad():
        expected = rows.logits(one.model)
        assert torch.allclose(rows.logits(plain), expected, atol=1e-6)
        assert not torch.allclose(rows.logits(load_model(tiny_model, LABELS).eval()), expected, atol=1e-3)


def test_the_first_layers_make_a_smaller_model(tiny_model, tmp_path):
    model = load_model(tiny_model, LABELS)
    whole = model.num_parameters()
    adapting.keep_layers(model, 1)
    model.save_pretrained(tmp_path)
    again = load_model_of(tmp_path, tiny_model)
    assert again.config.num_hidden_layers == 1
    assert again.num_parameters() < whole


def load_model_of(folder, tokenizer_of):
    for file in tokenizer_of.glob("tokenizer*"):
        (folder / file.name).write_bytes(file.read_bytes())
    return load_model(folder)


def test_lower_layers_get_smaller_corrections(tiny_model):
    found = {
        name: (group.scale, group.decays)
        for group in adapting.groups(load_model(tiny_model, LABELS), 0.5)
        for name in group.names
    }
    assert found["classifier.weight"] == (1.0, True)
    assert found["bert.pooler.dense.bias"] == (1.0, False)
    assert found["bert.encoder.layer.1.output.dense.weight"] == (0.5, True)
    assert found["bert.encoder.layer.0.output.LayerNorm.weight"] == (0.25, False)
    assert found["bert.embeddings.word_embeddings.weight"] == (0.125, True)
    assert len(found) == len(list(load_model(tiny_model, LABELS).parameters()))


def test_gradient_checkpointing_changes_no_correction(tiny_model):
    saving = learner(tiny_model, lambda model: model.activation_checkpointing_enable())
    assert apart(learn(saving), learn(learner(tiny_model))) < 1e-6


def test_clipping_limits_the_gradient_but_tells_its_length(tiny_model):
    free, tight = learner(tiny_model), learner(tiny_model, gradient_clipping=1e-6)
    rows = np.arange(len(LENGTHS))
    assert float(free.learn(rows, 0.0).gradient) == pytest.approx(float(tight.learn(rows, 0.0).gradient))


def test_learning_rates_reach_the_optimizer_by_group(tiny_model):
    one = learner(tiny_model, layer_decay=0.5)
    one.learn(np.arange(4), learning_rate_at(0, 10, 1e-3, 0.0, "linear"))
    assert sorted({group["lr"] for group in one.weights.optimizer.param_groups}) == [
        1.25e-4,
        2.5e-4,
        5e-4,
        1e-3,
    ]
    assert isinstance(one.model, nn.Module)
