"""The samples are what we say of them: large enough, varied, without copies, and no word gives a label away."""

import re
from collections import Counter, defaultdict

import pytest

from engine.data.samples import read_sample
from engine.errors import DataError

LEAST = {"support": (800, 6), "reviews": (600, 2)}


def rows(name):
    frame = read_sample(name).frame
    return list(zip(frame["text"], frame["label"], strict=True))


def words_of(text):
    return re.findall(r"[a-z']+", text.lower())


@pytest.mark.parametrize("name", LEAST)
def test_size_and_balance(name):
    sizes = Counter(label for _, label in rows(name))
    assert sizes.total() >= LEAST[name][0]
    assert len(sizes) == LEAST[name][1]
    assert max(sizes.values()) < 1.5 * min(sizes.values())


@pytest.mark.parametrize("name", LEAST)
def test_no_text_is_nearly_another(name):
    texts = [(text, frozenset(zip(words_of(text), words_of(text)[1:], strict=False))) for text, _ in rows(name)]
    holders = defaultdict(list)
    for position, (_, pairs) in enumerate(texts):
        for pair in pairs:
            holders[pair].append(position)
    for position, (text, pairs) in enumerate(texts):
        shared = Counter(other for pair in pairs for other in holders[pair] if other > position)
        for other, count in shared.items():
            union = len(pairs | texts[other][1])
            assert count / union < 0.6, (text, texts[other][0])


@pytest.mark.parametrize("name", LEAST)
def test_no_word_gives_a_label_away(name):
    sizes = Counter(label for _, label in rows(name))
    places = defaultdict(Counter)
    for text, label in rows(name):
        for word in set(words_of(text)):
            places[word][label] += 1
    for word, by_label in places.items():
        label, count = by_label.most_common(1)[0]
        assert count / by_label.total() < 0.95 or count / sizes[label] < 0.1, (word, by_label)


@pytest.mark.parametrize("name", LEAST)
def test_lengths_vary(name):
    lengths = sorted(len(text.split()) for text, _ in rows(name))
    assert lengths[0] <= 4
    assert lengths[-1] >= 30
    assert lengths[-len(lengths) // 10] >= 2 * lengths[len(lengths) // 10]


def test_no_such_sample():
    with pytest.raises(DataError, match="There are: support, reviews"):
        read_sample("nothing")
