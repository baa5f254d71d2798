import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from engine.training.optimizer import MasterWeights
from engine.training.word_vectors import WordVectors, table_of

WORDS, WIDTH = 12, 4


def bert() -> BertForSequenceClassification:
    torch.manual_seed(0)
    return BertForSequenceClassification(
        BertConfig(
            vocab_size=WORDS,
            hidden_size=WIDTH,
            intermediate_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
        )
    )


def learning(weight_decay=0.0) -> tuple[nn.Embedding, WordVectors]:
    torch.manual_seed(0)
    table = nn.Embedding(WORDS, WIDTH)
    return table, WordVectors(table, table.weight.data, weight_decay)


def cost(table: nn.Embedding, words: torch.Tensor, seed: int) -> torch.Tensor:
    wanted = torch.randn(len(words), WIDTH, generator=torch.Generator().manual_seed(seed))
    return (table(words) * wanted).sum()


def learn(table: nn.Embedding, vectors: WordVectors, words: torch.Tensor, step: int, rate: float) -> None:
    cost(table, words, step).backward()
    vectors.collect()
    vectors.step(rate, torch.tensor(1.0))


@pytest.mark.parametrize("weight_decay, read", [
    (0.1, [[*range(WORDS), *range(WORDS)]] * 20),  # each is read twice, and its gradients add up
    (0.0, [[1, 2] if step % 10 == 0 else [3] for step in range(30)]),  # the second moment fades while one is not read
])  # fmt: skip
def test_it_is_adamw_without_a_first_moment(weight_decay, read):
    table, vectors = learning(weight_decay)
    plain = nn.Embedding.from_pretrained(table.weight.data.clone(), freeze=False)
    adamw = torch.optim.AdamW(plain.parameters(), lr=0.01, betas=(0.0, 0.999), weight_decay=weight_decay)
    for step, words in enumerate(map(torch.tensor, read)):
        cost(plain, words, step).backward()
        adamw.step()
        adamw.zero_grad()
        learn(table, vectors, words, step, 0.01)
    assert torch.allclose(table.weight, plain.weight, atol=1e-6)


def test_words_that_no_text_has_keep_their_vectors():
    table, vectors = learning(weight_decay=0.5)
    before = table.weight.detach().clone()
    for step in range(5):
        learn(table, vectors, torch.tensor([2, 7, 7]), step, 0.1)
    moved = (table.weight != before).any(dim=1)
    assert moved.nonzero().flatten().tolist() == [2, 7]


def test_going_back_to_a_snapshot_takes_the_same_way_again():
    table, vectors = learning()

    def go(steps):
        for step in steps:
            learn(table, vectors, torch.tensor([step % 5, 3]), step, 0.1)

    go(range(4))
    kept = {kind: tensor.clone() for kind, tensor in vectors.snapshot().items()}
    assert len(kept["exp_avg_sq"]) == 4  # words 0 to 3; the others were not read
    go(range(4, 9))
    after = table.weight.detach().clone()
    vectors.restore(kept)
    assert not torch.equal(table.weight, after)
    go(range(4, 9))
    assert torch.equal(table.weight, after)


def test_a_run_that_adamw_began_goes_on():
    model = bert()
    name = "bert.embeddings.word_embeddings.weight"
    model.get_input_embeddings().sparse = False
    adamw = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(3):
        model(input_ids=torch.tensor([[1, 2, 3]])).logits[0, 0].backward()
        adamw.step()
        adamw.zero_grad()
    saved = {
        f"{kind}.{one}": tensor
        for one, parameter in model.named_parameters()
        for kind, tensor in {"weight": parameter.data.clone(), **adamw.state[parameter]}.items()
    }
    weights = MasterWeights(bert(), torch.float32, weight_decay=0.0)
    weights.restore(saved)
    found = weights.snapshot()
    assert torch.equal(found[f"weight.{name}"], saved[f"weight.{name}"])
    assert torch.equal(found[f"exp_avg_sq.{name}"], saved[f"exp_avg_sq.{name}"])
    assert found[f"read.{name}"].tolist() == [3] * WORDS and found[f"step.{name}"] == 3


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_gradient_that_is_not_a_number_moves_no_word(precision):
    model = bert()
    weights = MasterWeights(model, precision, weight_decay=0.01)
    before = {name: tensor.clone() for name, tensor in weights.state().items()}
    words = torch.tensor([[1, 2, 3]])
    (model(input_ids=words).logits.sum() * torch.nan).backward()
    assert not weights.step(0.1, clipping=1.0).finite
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights.state().items())
    model(input_ids=words).logits[0, 0].backward()
    assert weights.step(0.1, clipping=1.0).finite
    name = "bert.embeddings.word_embeddings.weight"
    moved = (weights.state()[name] != before[name]).any(dim=1)
    assert moved.nonzero().flatten().tolist() == [1, 2, 3]


def test_clipping_looks_at_all_gradients_together():
    model = bert()
    weights = MasterWeights(model, torch.float32, weight_decay=0.0)
    (1e4 * model(input_ids=torch.tensor([[1, 2, 3]])).logits[0, 0]).backward()
    table = model.get_input_embeddings().weight.grad.to_dense()
    every = [table, *(p.grad for p in model.parameters() if p.grad is not None and not p.grad.is_sparse)]
    expected = torch.linalg.vector_norm(torch.stack([one.norm() for one in every]))
    assert torch.allclose(weights.step(0.1, clipping=1.0).norm, expected)
    squares = weights.snapshot()["exp_avg_sq.bert.embeddings.word_embeddings.weight"]
    assert torch.allclose(squares, 0.001 * (table[1:4] / expected).square(), rtol=1e-4)


def test_word_vectors_that_do_not_learn_are_left_alone():
    model = bert()
    model.get_input_embeddings().requires_grad_(False)
    assert table_of(model) is None
    assert not MasterWeights(model, torch.float32, weight_decay=0.0).vectors
