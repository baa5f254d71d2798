import numpy as np
import pytest
import torch

from engine.errors import SettingsError
from engine.models import adapting
from engine.models.loading import load_model, load_tokenizer
from engine.training.head_start import fit_head
from engine.training.scoring import features, probabilities
from engine.training.tokens import tokenize
from tests.engine.models.test_attention import MODELS
from tests.words import easy_texts


@pytest.fixture(scope="module")
def task(tiny_model):
    texts = easy_texts(240)
    labels = np.array([label == "good" for _, label in texts]).astype(int)
    encoded = tokenize(load_tokenizer(tiny_model), [text for text, _ in texts], 32)
    return encoded, labels


def mean_of_tokens(model, encoded):
    rows = encoded.lay_out(np.arange(len(encoded)), pack=False)
    with torch.no_grad():
        hidden = model.base_model(input_ids=rows.input_ids, attention_mask=rows.attention_mask).last_hidden_state
    mask = rows.attention_mask[..., None]
    return (hidden * mask).sum(1) / mask.sum(1)


def test_the_added_layer_puts_the_mean_of_all_tokens_into_the_first(tiny_model, task):
    encoded = task[0].select(np.arange(40))
    model = load_model(tiny_model, ["bad", "good"])
    means = mean_of_tokens(model, encoded)
    adapting.read_by_mean(model)
    found = features(model.eval(), encoded).hidden[:, 0]
    expected = torch.nn.functional.layer_norm(means, means.shape[1:])
    assert torch.nn.functional.cosine_similarity(found, expected).min() > 0.98


def test_it_is_saved_as_a_plain_model_with_one_layer_more(tiny_model, task, tmp_path):
    encoded = task[0].select(np.arange(10))
    model = load_model(tiny_model, ["bad", "good"])
    adapting.read_by_mean(model)
    model.save_pretrained(tmp_path)
    again = load_model(tmp_path)
    assert again.config.num_hidden_layers == 3
    np.testing.assert_allclose(probabilities(again, encoded), probabilities(model, encoded), atol=1e-6)


def test_other_architectures_are_refused_with_a_sentence():
    with pytest.raises(SettingsError, match="only with BERT"):
        adapting.read_by_mean(MODELS["distilbert"]())


@pytest.mark.parametrize("classes", [2, 3])
def test_a_fitted_head_is_the_logistic_regression(tiny_model, task, classes):
    from sklearn.linear_model import LogisticRegression

    encoded, labels = task
    labels = np.where(np.arange(240) % 5 == 0, classes - 1, labels)
    model = load_model(tiny_model, [str(number) for number in range(classes)])
    known = features(model, encoded)
    fit_head(model, known, labels)
    with torch.no_grad():
        inputs = model.base_model.pooler(known.hidden).numpy()
    expected = LogisticRegression(max_iter=1000).fit(inputs, labels).predict_proba(inputs)
    np.testing.assert_allclose(probabilities(model, encoded), expected, atol=2e-3)
