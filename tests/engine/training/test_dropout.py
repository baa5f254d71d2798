import torch
from torch import nn

from engine.training.dropout import DRAWN, Dropout, use_dropout


def test_it_drops_the_share_asked_for_and_keeps_the_mean():
    torch.manual_seed(0)
    out = Dropout(0.25)(torch.ones(1000, 300))
    assert abs(float((out == 0).float().mean()) - 0.25) < 0.005
    assert abs(float(out.mean()) - 1) < 0.01
    assert sorted(out.unique().tolist()) == [0.0, torch.tensor(4 / 3).item()]


def test_two_masks_have_nothing_in_common():
    torch.manual_seed(0)
    dropout, ones = Dropout(0.5), torch.ones(100, 100)
    first, second = dropout(ones) > 0, dropout(ones) > 0
    assert abs(float((first & second).float().mean()) - 0.25) < 0.02


def test_gradients_are_dropped_where_values_are():
    values = torch.ones(50, 50, requires_grad=True)
    out = Dropout(0.3)(values)
    out.sum().backward()
    assert torch.equal(values.grad, out.detach())


def test_nothing_is_dropped_when_asked_for_answers_or_for_no_share():
    values = torch.randn(5, 5)
    assert torch.equal(Dropout(0.5).eval()(values), values)
    assert torch.equal(Dropout(0.0)(values), values)


def test_a_seed_repeats_the_masks():
    def masks():
        torch.manual_seed(3)
        dropout = Dropout(0.5)
        return torch.stack([dropout(torch.ones(20, 20)) for _ in range(3)])

    assert torch.equal(masks(), masks())


def test_after_texts_of_any_length_the_masks_are_those_of_a_fresh_process():
    def mask(dropout, size):
        torch.manual_seed(3)
        return dropout(torch.ones(size))

    few, many = 1000, DRAWN // 2 + 1000
    longer, fresh = Dropout(0.5, seed=7), Dropout(0.5, seed=7)
    expected = mask(longer, many)
    assert torch.equal(mask(longer, few), mask(fresh, few))
    assert torch.equal(mask(fresh, many), expected)


def test_every_dropout_of_a_model_is_exchanged():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1), nn.Sequential(nn.Dropout(0.9)))
    use_dropout(model, 0.2)
    assert isinstance(model[1], Dropout)
    assert model[1].p == 0.2
    assert model[1] is model[2][0]
