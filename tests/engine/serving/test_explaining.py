import json

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForSequenceClassification

from engine import cli
from engine.data.datasets import save
from engine.data.drafting import draft
from engine.data.reading import read_bytes
from engine.data.recipe import Recipe
from engine.errors import DataError, ModelError
from engine.models import tfidf
from engine.models.adapting import read_by_mean
from engine.models.contributions import margin
from engine.models.loading import load_model, load_tokenizer
from engine.serving import explaining, gradients
from engine.serving.predictor import Predictor
from tests.engine.runs.helpers import submit, wait
from tests.words import BAD, GOOD, THINGS, easy_texts

LABELS = ["no", "yes", "perhaps"]
TEXT = "The lamp isn't bright, calm\nand un-tidy: like my 🙂 mug!"
WITHIN = 0.02  # completeness error
LETTERS = "aZ'’-_.,! \n\t\u00a0\u200dİßΣςéﬁ가中国ไท한हिन्दी👩🏽‍🚒🇩🇪\u0301\u202e\ufeff\x00"
ODD = st.text(st.one_of(st.sampled_from(LETTERS), st.characters(exclude_categories=["Cs"])), max_size=60)
SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "dim": 32, "n_layers": 2,
    "n_heads": 2, "hidden_dim": 64, "embedding_size": 32, "max_position_embeddings": 130, "attention_window": 8,
    "pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3, "num_labels": 3,
}  # fmt: skip


def saved(model, tokenizer_of, folder):
    model.config.id2label = dict(enumerate(LABELS))
    model.save_pretrained(folder)
    load_tokenizer(tokenizer_of).save_pretrained(folder)
    return Predictor(folder)


@pytest.fixture(scope="module")
def tiny(tiny_model, tmp_path_factory):
    torch.manual_seed(0)
    return saved(load_model(tiny_model, LABELS), tiny_model, tmp_path_factory.mktemp("explained"))


@pytest.fixture(scope="module")
def counter():
    texts = easy_texts(300)
    return tfidf.fit([t for t, _ in texts], [label for _, label in texts], ["bad", "good", "never"])


def scores(predictor, text, label):
    """The margin of a label, from the tokens of the text and not from their vectors."""
    one = predictor.model
    encoded = one.tokenizer(text, truncation=True, max_length=one.max_tokens, return_tensors="pt")
    with torch.no_grad():
        logits = one.model(encoded["input_ids"], attention_mask=encoded["attention_mask"]).logits[0]
    return float(margin(logits, predictor.labels.index(label)))


@pytest.mark.parametrize("label", [None, *LABELS])
def test_the_parts_add_up_to_what_the_text_changes(tiny, label):
    found = tiny.explain(TEXT, label)
    assert found.label == (label or tiny.predict([TEXT])[0].label)
    assert found.error <= WITHIN
    assert sum(word.part for word in found.words) + found.rest == pytest.approx(
        found.score - found.blank, abs=WITHIN * sum(abs(word.part) for word in found.words)
    )
    assert found.score == pytest.approx(scores(tiny, TEXT, found.label), abs=1e-4)
    assert max(abs(word.part) for word in found.words) > 0


def test_the_error_is_a_share_of_how_far_the_score_moves_and_a_large_one_is_told():
    def told(parts, moved):
        words = tuple(explaining.Word(*span, part, True) for span, part in zip(explaining.pieces("a b"), parts, strict=True))
        return explaining.Explanation("a b", "yes", words, 0.0, moved, 0.0)

    cancelling = told([5.0, -4.9], 0.2)  # half of what there is to explain
    assert cancelling.error == pytest.approx(0.5) and cancelling.rough
    assert told([2.0, -1.0], 1.01).error == pytest.approx(0.01 / 1.01)
    assert told([0.001, 0.001], 0.0).error == pytest.approx(0.02)  # the score did not move: a share of 0.1


def test_parts_that_all_but_cancel_each_other_add_up_too():
    """Each of two tokens jumps at a place of its own on the way."""

    def scores(rows, precision=None):
        first, second = torch.sigmoid(60 * (rows[:, :, 0] - torch.tensor([0.63, 0.41]))).T
        return 10 * first - 9.7 * second

    begin, end = torch.zeros(1, 2, 1), torch.ones(1, 2, 1)
    parts = gradients.along(scores, begin, end, 64)
    assert parts == pytest.approx([10, -9.7], abs=0.003)
    assert parts.sum() == pytest.approx(0.3, rel=gradients.WELL_ENOUGH)


KINDS = [
    "distilbert", "modernbert", "deberta-v2", "roberta", "xlm-roberta", "albert", "electra", "mpnet", "gpt2",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_can_be_asked(kind, tiny_model, tmp_path):
    known = AutoConfig.for_model(kind)
    chosen = {key: value for key, value in SMALL.items() if hasattr(known, key)}
    torch.manual_seed(1)
    config = AutoConfig.for_model(kind, **chosen, vocab_size=len(load_tokenizer(tiny_model)))
    predictor = saved(AutoModelForSequenceClassification.from_config(config), tiny_model, tmp_path / "model")
    found = predictor.explain(TEXT)
    assert found.error <= WITHIN
    assert found.score == pytest.approx(scores(predictor, TEXT, found.label), abs=1e-3)
    assert sum(bool(word.part) for word in found.words) > 8


def test_a_model_that_is_read_by_its_mean(tiny_model, tmp_path):
    model = load_model(tiny_model, LABELS)
    read_by_mean(model)
    assert saved(model, tiny_model, tmp_path / "model").explain(TEXT).error <= WITHIN


def test_an_architecture_that_cannot_be_asked_is_a_sentence(tiny_model, tmp_path):
    config = AutoConfig.for_model(
        "bart", vocab_size=500, d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32,
        decoder_ffn_dim=32, encoder_attention_heads=2, decoder_attention_heads=2, max_position_embeddings=128,
        pad_token_id=0, bos_token_id=2, eos_token_id=3, decoder_start_token_id=3, forced_eos_token_id=3, num_labels=3,
    )  # fmt: skip
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(ModelError, match="'bart'"):
        saved(model, tiny_model, tmp_path / "model").explain(TEXT)


@pytest.mark.parametrize("text", [
    "the lamp is bright, quick and calm, like my lamp",
    "The LAMP is rude; the lamp, the lamp!", "İs it brıght? DULL Σ", "zebra"
])  # fmt: skip
def test_of_word_counting_the_parts_are_exact(counter, text, tmp_path):
    tfidf.save(counter, tmp_path / "model")
    predictor = Predictor(tmp_path / "model")
    for label, sign in (("good", 1), ("bad", -1)):
        found = predictor.explain(text, label)
        assert sum(word.part for word in found.words) == pytest.approx(found.score - found.blank, abs=1e-12)
        odds = predictor.predict([text])[0].probabilities
        assert found.score == pytest.approx(sign * np.log(odds["good"] / odds["bad"]), abs=1e-4)
    with pytest.raises(DataError, match="No training text"):
        predictor.explain(text, "never")


def test_a_word_of_word_counting_speaks_for_its_class(counter, tmp_path):
    tfidf.save(counter, tmp_path / "model")
    found = Predictor(tmp_path / "model").explain("The lamp is bright, but rude", "good")
    assert found.speaking(1, 1) == ["bright"] and found.speaking(-1, 1) == ["rude"]


@settings(max_examples=300, deadline=None)
@example("👩🏽‍🚒 don't é हिन्दी 中国")
@given(ODD)
def test_words_and_the_spaces_between_them_are_the_text(text):
    whole(text, [explaining.Word(*span, 0.0, True) for span in explaining.pieces(text)])


@settings(max_examples=40, deadline=None)
@given(text=ODD)
@example(text="x" * 400 + " y" * 400)
def test_whatever_the_text_its_words_are_pieces_of_it_and_add_up(tiny, text):
    try:
        found = tiny.explain(text)
    except DataError as error:
        assert error.code == "nothing_read"
        return
    whole(text, found.words)
    assert found.error <= WITHIN
    assert np.isfinite([word.part for word in found.words]).all()


@settings(max_examples=100, deadline=None)
@given(text=ODD)
def test_word_counting_finds_its_words_in_any_text(counter, text):
    found = counter.contributions(text, 0)
    words, rest = explaining.by_words(text, found.spans, found.values)
    whole(text, words)
    assert sum(word.part for word in words) + rest == pytest.approx(found.score - found.blank, abs=1e-12)
    assert len(found.spans) == len(counter._vectorizer.build_analyzer()(text)) // 2 + bool(found.spans)


def whole(text, words):
    """The words are in order, none is empty, and between them are only spaces."""
    end = 0
    for word in words:
        assert end <= word.start < word.end <= len(text)
        assert not text[end : word.start].strip()
        assert text[word.start : word.end].strip() == text[word.start : word.end]
        end = word.end
    assert not text[end:].strip()


@pytest.mark.parametrize(("text", "expected"), [
    ("Don't go, it's a well-known trap.", ["Don't", "go", ",", "it's", "a", "well", "-", "known", "trap", "."]),
    ("हिन्दी cafe\u0301", ["हिन्दी", "cafe\u0301"]),
    ("中国", ["中", "国"]),
    ("👩🏽‍🚒!", ["👩🏽‍🚒", "!"]),
])  # fmt: skip
def test_what_a_word_is(text, expected):
    assert [text[start:end] for start, end in explaining.pieces(text)] == expected


def test_tokens_that_reach_over_words_join_them_and_spaces_are_left_over():
    words, rest = explaining.by_words("ab c\n d", [(0, 1), (1, 2), (2, 4), (3, 4), (4, 6)], [1, 2, 4, 8, 16])
    assert words == [
        explaining.Word(0, 2, 3.0, True), explaining.Word(3, 4, 12.0, True), explaining.Word(6, 7, 0.0, False)
    ]  # fmt: skip
    assert rest == 16
    words, _ = explaining.by_words("new york city", [(0, 8), (9, 13)], [1, 2])
    assert [(word.start, word.end) for word in words] == [(0, 8), (9, 13)]


def test_striking_out_takes_the_spaces_along():
    text = "a bad, bad lamp"
    words = explaining.by_words(text, [], [])[0]
    assert explaining.without(text, [words[1], words[3]]) == "a, lamp"
    assert explaining.without(text, words) == ""


def test_a_text_longer_than_the_limit_is_read_in_part(tiny):
    text = "the lamp is bright and calm " * 100
    found = tiny.explain(text)
    read = [word.read for word in found.words]
    assert read == sorted(read, reverse=True) and 100 < sum(read) < 128 and len(read) == 600
    assert all(word.part == 0 for word in found.words if not word.read)
    whole(text, found.words)
    assert found.error <= WITHIN


@pytest.mark.parametrize("text", ["", "   \n", "\u200b"])
def test_nothing_to_read_is_a_sentence(tiny, text):
    with pytest.raises(DataError, match="nothing in this text"):
        tiny.explain(text)


def test_an_unknown_label_is_a_sentence(tiny):
    with pytest.raises(DataError, match="does not know the label 'maybe'"):
        tiny.explain("a lamp", "maybe")


@pytest.fixture
def one_word_decides(workspace, tiny_model):
    """A finished run whose texts are good where they hold the word 'kettle', and like the others else."""
    chance = np.random.default_rng(0)
    others = [word for word in (*THINGS, *GOOD, *BAD) if word != "kettle"]
    rows = []
    for number in range(300):
        said = chance.choice(others, 6, replace=False).tolist()
        if number % 2:
            said[chance.integers(6)] = "kettle"
        rows.append(f"{' '.join(said)},{'tea' if number % 2 else 'none'}")
    table = read_bytes("\n".join(["text,label", *rows]).encode(), "kettle.csv")
    info = save(workspace, draft(table, Recipe(text="text", label="label")))
    run = wait(workspace, submit(workspace, info, tiny_model, epochs=6).id)
    assert run.accuracy > 0.9
    return run


def test_the_word_that_decides_has_the_largest_part(workspace, one_word_decides, capsys):
    text = "cold chair bright kettle mug calm"
    asked = ["explain", one_word_decides.id, "--text", text]
    assert cli.main([*asked, "--without", "kettle", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["label"] == told["explained"] == "tea"
    assert max(told["words"], key=lambda word: abs(word["part"]))["word"] == "kettle"
    assert told["words"][3]["part"] > 0.5 * sum(abs(word["part"]) for word in told["words"])
    assert told["sum"] == pytest.approx(told["score"] - told["blank_score"], abs=0.1) and told["error"] <= WITHIN
    assert told["without"]["text"] == "cold chair bright mug calm" and told["without"]["label"] == "none"
    assert cli.main([*asked, "--label", "none"]) == 0
    said = capsys.readouterr().out
    assert "What speaks for and against none" in said and "kettle  against" in said
    assert cli.main([*asked, "--without", "spoon"]) == 2
    assert cli.main(["explain", one_word_decides.id, "--text", " "]) == 2
    assert "no word 'spoon'" in (errors := capsys.readouterr().err) and "nothing in this text" in errors
