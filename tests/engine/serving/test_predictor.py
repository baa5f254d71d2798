import numpy as np
import pytest
from transformers import T5Config, T5ForSequenceClassification

from engine.errors import ModelError
from engine.models.loading import load_model, load_tokenizer
from engine.serving import tries
from engine.serving.prediction import Prediction
from engine.serving.predictor import Predictor


@pytest.fixture
def folder(tiny_model, tmp_path):
    load_model(tiny_model, ["no", "yes", "<b>maybe</b>"]).save_pretrained(tmp_path / "model")
    load_tokenizer(tiny_model).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_answers_name_the_classes_and_rank_them(folder):
    answers = Predictor(folder).predict(["the lamp is bright", "", "word " * 500])
    for answer in answers:
        assert set(answer.probabilities) == {"no", "yes", "<b>maybe</b>"}
        assert list(answer.probabilities.values()) == sorted(answer.probabilities.values(), reverse=True)
        assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert answer.confidence == answer.probabilities[answer.label] == max(answer.probabilities.values())


def test_company_changes_no_answer(folder):
    predictor = Predictor(folder)
    texts = ["the lamp is dull", "a much longer text about a kettle and a chair", "x"]
    together = [answer.confidence for answer in predictor.predict(texts)]
    alone = [predictor.predict([text])[0].confidence for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_no_model(tmp_path):
    with pytest.raises(ModelError, match="no model"):
        Predictor(tmp_path / "nothing")


def tried(*texts):
    found = []
    for text in texts:
        found = tries.with_another(found, Prediction(text, "no", 0.9, {"no": 0.9, "yes": 0.1}))
    return [one["text"] for one in found]


def test_the_last_ten_tries_are_kept_once_each():
    assert tried(*(f"text {n} " for n in [*range(12), 5])) == [f"text {n} " for n in (5, 11, 10, 9, 8, 7, 6, 4, 3, 2)]


def test_what_is_typed_on_takes_the_place_of_its_beginning():
    assert tried("the mug", "the lamp", "the lamp is", "the lamp is bright") == [
        "the lamp is bright",
        "the mug",
    ]


def test_a_model_that_names_no_longest_text_can_be_asked(tiny_model, tmp_path):
    tokenizer = load_tokenizer(tiny_model)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, num_labels=2, eos_token_id=3,
        decoder_start_token_id=0,
    )  # fmt: skip
    T5ForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    predictor = Predictor(tmp_path)
    assert predictor.model.max_tokens == 128  # of its tokenizer
    assert predictor.predict(["word " * 500])[0].label
