import copy

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    ElectraConfig,
    ElectraForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from engine.models import adapting, architectures, attention, first_token
from engine.models.heads import head_logits, reads_first

SIZES = {
    "vocab_size": 100, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 3,
    "num_labels": 3, "pad_token_id": 0,
}  # fmt: skip
SPECIAL = {"cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
MODELS = {
    "bert": lambda: BertForSequenceClassification(BertConfig(**SIZES)),
    "roberta": lambda: RobertaForSequenceClassification(RobertaConfig(**SIZES)),
    "electra": lambda: ElectraForSequenceClassification(ElectraConfig(**SIZES, embedding_size=32)),
    "modernbert": lambda: ModernBertForSequenceClassification(ModernBertConfig(**SIZES, **SPECIAL, local_attention=8)),
    "distilbert": lambda: DistilBertForSequenceClassification(
        DistilBertConfig(vocab_size=100, dim=32, hidden_dim=64, n_heads=4, n_layers=2, num_labels=3)
    ),
}
LENGTHS = [5, 17, 9, 30]


@pytest.fixture(params=MODELS)
def model(request):
    torch.manual_seed(0)
    made = MODELS[request.param]().eval()
    for parameter in made.parameters():  # as far from zero as those of a trained model, so that differences show
        parameter.data += 0.1 * torch.randn_like(parameter)
    return made


@pytest.fixture
def ids():
    chance = torch.Generator().manual_seed(1)
    return [torch.randint(5, 90, (length,), generator=chance) for length in LENGTHS]


def padded(model, ids):
    rows = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    mask = torch.arange(rows.shape[1]) < torch.tensor(LENGTHS)[:, None]
    with torch.no_grad():
        return model(input_ids=rows, attention_mask=mask.long()).logits


def packed(model, ids):
    starts = torch.tensor([0, *LENGTHS]).cumsum(0).int()
    positions = torch.cat([torch.arange(length) for length in LENGTHS])
    with torch.no_grad():
        hidden = attention.hidden_of_packed(model, torch.cat(ids)[None], positions[None], starts, max(LENGTHS))
        return head_logits(model, hidden)


@pytest.mark.parametrize("chunk", [1, 4_000_000])
def test_padded_attention_gives_the_librarys_logits(model, ids, chunk, monkeypatch):
    expected = padded(model, ids)
    monkeypatch.setattr(attention, "CHUNK_BYTES", chunk)
    assert attention.choose(model) == attention.PADDED
    assert torch.allclose(padded(model, ids), expected, atol=1e-5)
    assert expected.std() > 0.01


def test_packed_texts_give_the_logits_of_padded_ones(model, ids):
    expected = padded(model, ids)
    model.set_attn_implementation(attention.PACKED)
    assert torch.allclose(packed(model, ids), expected, atol=1e-5)


def test_a_last_layer_for_first_tokens_alone_changes_no_logits(model, ids):
    expected = padded(model, ids)
    first_token.compute_only(model)
    assert torch.allclose(padded(model, ids), expected, atol=1e-5)
    for implementation in (attention.PACKED, attention.PADDED, "sdpa"):
        model.set_attn_implementation(implementation)
        logits = packed(model, ids) if implementation == attention.PACKED else padded(model, ids)
        assert torch.allclose(logits, expected, atol=1e-5), implementation


def test_a_last_layer_for_first_tokens_alone_has_the_same_gradients(model, ids):
    found = []
    for change in (lambda model: None, first_token.compute_only):
        change(model)
        model.zero_grad()
        rows = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        model(input_ids=rows, attention_mask=(rows > 0).long()).logits.square().sum().backward()
        found.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        assert torch.allclose(found[1][name], gradient, atol=1e-6), name


def test_what_was_the_last_layer_gets_whole_again_below_another(ids):
    torch.manual_seed(0)
    model = MODELS["bert"]().eval()
    first_token.compute_only(model)
    adapting.read_by_mean(model)
    plain = copy.deepcopy(model)
    for layer in plain.bert.encoder.layer:
        vars(layer).pop("forward", None)
    first_token.compute_only(model)
    assert torch.allclose(padded(model, ids), padded(plain, ids), atol=1e-5)
    assert model.bert.encoder(torch.ones(2, 7, 32)).last_hidden_state.shape == (2, 1, 32)
    attention.choose(model)
    assert {layer.attention.self.config._attn_implementation for layer in model.bert.encoder.layer} == {attention.PADDED}


def test_packed_and_padded_agree_in_bf16_too(model, ids):
    exact = padded(model, ids)
    for parameter in model.parameters():
        parameter.data = parameter.data.bfloat16()
    attention.choose(model)
    rows = padded(model, ids).float()
    model.set_attn_implementation(attention.PACKED)
    assert torch.allclose(packed(model, ids).float(), rows, atol=0.03 * exact.abs().max())


def test_a_text_does_not_see_its_neighbours(model, ids):
    model.set_attn_implementation(attention.PACKED)
    before = packed(model, ids)
    after = packed(model, [ids[0], ids[1].flip(0), *ids[2:]])
    assert torch.allclose(after[[0, 2, 3]], before[[0, 2, 3]], atol=1e-6)
    assert not torch.allclose(after[1], before[1], atol=1e-4)


def test_the_saved_configuration_knows_nothing_of_it(model, tmp_path):
    attention.choose(model)
    model.save_pretrained(tmp_path)
    assert attention.PADDED not in (tmp_path / "config.json").read_text()


SMALL = SIZES | SPECIAL | {
    "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64, "embedding_size": 32, "max_position_embeddings": 64,
    "n_embd": 32, "n_layer": 2, "n_head": 4, "block_size": 16,
}  # fmt: skip


def small(kind, **more):
    torch.manual_seed(0)
    known = AutoConfig.for_model(kind)
    sizes = {name: size for name, size in SMALL.items() if hasattr(known, name)}
    config = AutoConfig.for_model(kind, **sizes, **more)
    return AutoModelForSequenceClassification.from_config(config).eval()


@pytest.mark.parametrize("kind", sorted(architectures.READ_FIRST))
def test_the_first_token_is_all_that_their_heads_need(kind, ids):
    model = small(kind)
    assert reads_first(model)
    rows = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    with torch.no_grad():
        hidden = model.base_model(input_ids=rows, attention_mask=(rows > 0).long()).last_hidden_state
        assert torch.allclose(head_logits(model, hidden[:, :1]), padded(model, ids), atol=1e-5)


@pytest.mark.parametrize("kind, more", [("gpt2", {}), ("albert", {}), ("modernbert", {"classifier_pooling": "mean"})])
def test_what_needs_more_than_the_first_token_is_not_packed(kind, more, ids):
    model = small(kind, **more)
    expected = padded(model, ids)
    assert not reads_first(model)
    assert attention.choose(model, few=True) == attention.PADDED
    assert torch.allclose(padded(model, ids), expected, atol=1e-5)
