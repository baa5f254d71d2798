import pytest

from engine.models import architectures, hub
from engine.models.cards import BY_REFERENCE, CARDS
from engine.models.catalogue import find_model
from engine.models.folders import Shape, longest_input, read_config, shape_of

V3 = {"hidden_size": 768, "num_attention_heads": 12, "vocab_size": 128100, "intermediate_size": 3072,
      "position_buckets": 256, "relative_attention": True, "norm_rel_ebd": "layer_norm", "share_att_key": True,
      "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0, "position_biased_input": False}  # fmt: skip
CONFIGS = {
    "bundled": ("bert", {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}),
    "distilbert/distilbert-base-uncased": ("distilbert", {}),
    "google-bert/bert-base-uncased": ("bert", {}),
    "answerdotai/ModernBERT-base": ("modernbert", {}),
    "microsoft/deberta-v3-small": ("deberta-v2", {**V3, "num_hidden_layers": 6}),
    "microsoft/deberta-v3-base": ("deberta-v2", {**V3, "num_hidden_layers": 12}),
    "distilbert/distilbert-base-multilingual-cased": ("distilbert", {"vocab_size": 119547}),
}  # fmt: skip


def test_every_card_says_when_to_take_it_and_can_be_asked_for():
    assert [card.reference for card in CARDS][:2] == ["bundled", "tfidf"]
    for card in CARDS:
        assert card.take_it.endswith(".") and card.languages and card.licence
        assert hub.is_name(card.reference)


@pytest.mark.parametrize("reference", CONFIGS)
def test_the_figures_of_a_card_are_those_of_its_architecture(reference):
    import torch
    from transformers import AutoConfig, AutoModel

    card, (kind, settings) = BY_REFERENCE[reference], CONFIGS[reference]
    config = AutoConfig.for_model(kind, **settings)
    with torch.device("meta"):  # shapes without numbers
        model = AutoModel.from_config(config)
    assert card.parameters == pytest.approx(model.num_parameters(), rel=0.005)
    assert card.tokens == config.max_position_embeddings
    inside = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and "embeddings" not in name
                 and "pooler" not in name)  # fmt: skip
    assert card.layers.multiplications == inside


def test_the_bundled_card_is_about_the_bundled_model():
    source, card = find_model("bundled"), BY_REFERENCE["bundled"]
    config = read_config(source.folder)
    assert (card.layers.count, card.layers.width, card.layers.inner) == tuple(
        config[key] for key in ("num_hidden_layers", "hidden_size", "intermediate_size")
    )
    assert (source.folder / "model.safetensors").stat().st_size == pytest.approx(card.bytes, rel=0.01)
    assert card.name == source.name and card.times_bundled == 1
    assert BY_REFERENCE["google-bert/bert-base-uncased"].times_bundled == 8


def test_the_names_of_architectures_are_those_of_transformers():
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

    assert architectures.classifiable() == set(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)


@pytest.mark.parametrize("kind", sorted(architectures.COUNT_FROM_PADDING))
def test_models_that_count_places_from_the_padding_on_read_fewer_tokens_than_they_have_places(kind):
    import torch
    from transformers import AutoConfig, AutoModel

    small = {"vocab_size": 50, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
             "max_position_embeddings": 34, "pad_token_id": 1, "attention_window": 4, "entity_vocab_size": 9}  # fmt: skip
    config = AutoConfig.for_model(kind, **small)
    model, longest = AutoModel.from_config(config).eval(), longest_input(config.to_dict(), 512)
    assert longest == 32
    with torch.inference_mode():
        model(input_ids=torch.full((1, longest), 7))
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, longest + (4 if kind == "longformer" else 1)), 7))


@pytest.mark.parametrize("kind, named, shape", [
    ("gpt2", {"n_positions": 1024, "n_embd": 1024, "n_layer": 24}, (1024, 1024, 24)),
    ("t5", {"d_model": 512, "num_layers": 6}, (512, 512, 6)),
    ("distilbert", {"max_position_embeddings": 512, "dim": 768, "n_layers": 6}, (512, 768, 6)),
    ("bart", {"max_position_embeddings": 1024, "d_model": 768, "encoder_layers": 6, "decoder_layers": 9}, (1024, 768, 6)),
    ("bert", {"max_position_embeddings": 512, "hidden_size": 384, "num_hidden_layers": 3}, (512, 384, 3)),
])  # fmt: skip
def test_the_shape_of_a_model_is_told_by_the_names_of_its_architecture(kind, named, shape):
    from transformers import AutoConfig

    written = AutoConfig.for_model(kind, **named).to_dict()
    assert shape_of(written) == Shape(*shape)


def test_a_model_that_names_no_limit_has_the_usual_one():
    assert longest_input({"model_type": "xlnet"}, 512) == 512
    assert longest_input({"model_type": "gpt2", "n_positions": 1024}, 512) == 1024
    assert longest_input({"model_type": "bert", "max_position_embeddings": 128}, 512) == 128
