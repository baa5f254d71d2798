import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engine.errors import ModelError, TrainingError
from engine.models import tfidf
from engine.models.catalogue import find_model
from tests.words import easy_texts

THREE = ["bad", "good", "großartig"]


@pytest.fixture(scope="module")
def counter():
    texts = easy_texts(300)
    labels = [label if number % 3 else THREE[2] for number, (_, label) in enumerate(texts)]
    return tfidf.fit([text for text, _ in texts], labels, THREE)


@pytest.fixture
def folder(counter, tmp_path):
    tfidf.save(counter, tmp_path / "model")
    return tmp_path / "model"


def test_a_loaded_model_gives_exactly_the_probabilities_of_the_one_that_was_saved(counter, folder):
    texts = [
        *(text for text, _ in easy_texts(100, seed=9)),
        "",
        "words that nobody taught it",
        "Größe 🙂",
        "x " * 9000,
    ]
    before, after = counter.probabilities(texts), tfidf.load(folder).probabilities(texts)
    assert np.array_equal(before, after)
    assert before.shape == (104, 3) and before.dtype == np.float32
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-6)


def test_two_classes_and_three_are_what_scikit_learn_says():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = [text for text, _ in easy_texts(200)]
    for labels in ([label for _, label in easy_texts(200)], [f"class {number % 3}" for number in range(200)]):
        peer = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"),
            LogisticRegression(C=10.0, max_iter=1000),
        ).fit(texts, labels)
        ours = tfidf.fit(texts, labels, sorted(set(labels))).probabilities(texts)
        np.testing.assert_allclose(ours, peer.predict_proba(texts), atol=1e-6)


def test_a_class_without_a_training_text_has_a_place_and_no_chance():
    texts = easy_texts(50)
    counter = tfidf.fit([t for t, _ in texts], [label for _, label in texts], ["bad", "empty", "good"])
    table = counter.probabilities(["the lamp is bright"])
    assert counter.labels == ("bad", "empty", "good")
    assert table[0, 1] == 0 and table.sum() == pytest.approx(1)


def test_what_cannot_be_learnt_from_is_said_so():
    with pytest.raises(TrainingError, match="same label"):
        tfidf.fit(["a b", "c d"], ["one", "one"], ["one", "two"])
    with pytest.raises(TrainingError, match="holds a word"):
        tfidf.fit(["🙂", "!!!"], ["one", "two"], ["one", "two"])


def test_the_folder_holds_numbers_and_words_and_says_what_it_is(folder):
    assert {path.name for path in folder.iterdir()} == {
        "README.md", "word_counting.json", "word_counting.safetensors",
    }  # fmt: skip
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert "no Hugging Face model" in readme and "predict" in readme and "großartig" in readme
    with pytest.raises(ModelError, match="counts words"):
        find_model(str(folder))


def _cut_a_weight(folder):
    numbers = load_file(folder / tfidf.NUMBERS)
    save_file({**numbers, "weights": numbers["weights"][:, :-1].copy()}, folder / tfidf.NUMBERS)


def _change(**changes):
    def change(folder):
        words = json.loads((folder / tfidf.WORDS).read_text(encoding="utf-8"))
        (folder / tfidf.WORDS).write_text(json.dumps({**words, **changes}), encoding="utf-8")

    return change


@pytest.mark.parametrize("damage", [
    _cut_a_weight, _change(labels=None), _change(labels=["a", "b"]), _change(terms=[{}]), _change(terms=["x", "x"]),
    _change(settings={"token_pattern": "(a+)+$"}),
    lambda folder: (folder / tfidf.WORDS).write_text("[]"),
    lambda folder: (folder / tfidf.WORDS).write_text('{"labels": ["a'),
    lambda folder: (folder / tfidf.NUMBERS).write_bytes(b"\x80\x04."),
    lambda folder: (folder / tfidf.NUMBERS).unlink(),
])  # fmt: skip
def test_damaged_files_are_a_sentence(folder, damage):
    damage(folder)
    with pytest.raises(ModelError, match="damaged"):
        tfidf.load(folder)
