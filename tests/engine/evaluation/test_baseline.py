from engine.evaluation.baseline import word_counting
from tests.words import easy_texts


def test_it_learns_what_words_tell():
    texts = easy_texts(300)
    said = word_counting([t for t, _ in texts[:200]], [label for _, label in texts[:200]], [t for t, _ in texts[200:]])
    assert sum(a == label for a, (_, label) in zip(said, texts[200:], strict=True)) > 95


def test_where_no_word_can_be_counted_it_says_what_is_most_frequent():
    assert word_counting(["🙂", "!", "?"], ["a", "b", "b"], ["🙂", "a word"]) == ["b", "b"]
    assert word_counting(["one", "two"], ["a", "a"], ["three"]) == ["a"]
