import shutil

import pytest

from engine.models import tfidf
from engine.serving.explaining import Explanation, Word, by_words, pieces
from pages.parts import why
from tests.pages.helpers import open_page, words_on
from tests.pages.test_predict import ask
from tests.words import easy_texts

TEXT = "the lamp is bright, calm and tidy, like my mug"


@pytest.fixture
def opened(finished):
    """The Predict page with a text and its explanation open."""
    test = open_page("predict", run=finished.id)
    assert ask(test, TEXT) == "good"
    assert not test.dataframe[:-1]  # nothing is computed before somebody asks
    return unfold(test)


def unfold(test):
    """Run the page with the explanation open; Streamlit's test runner cannot click on it."""
    test.session_state["why_open"] = True
    test.run()
    assert not test.exception, test.exception
    return test


def by_start(widgets, start):
    return next(one for one in widgets if one.label.startswith(start))


def test_the_words_are_coloured_and_told_as_a_sentence_and_a_table(opened):
    said = words_on(opened)
    assert "for good" in said and "add up to the total" in said
    coloured = next(one.value for one in opened.markdown if ":color[" in one.value)
    assert all(word in coloured for word in ("lamp", "bright", "mug"))
    table = opened.dataframe[0].value
    assert table["word"].tolist() == [TEXT[start:end] for start, end in pieces(TEXT)]
    assert table["part"].abs().max() > 0 and set(table["speaks"]) <= {"for", "against", ""}


def test_another_answer_can_be_asked_about(opened):
    before = opened.dataframe[0].value["part"]
    by_start(opened.selectbox, "What speaks").select("bad")
    unfold(opened)
    assert "bad" in next(one.value for one in opened.markdown if "**" in one.value)
    assert opened.dataframe[0].value["part"].sum() == pytest.approx(-before.sum(), rel=0.1)


def test_striking_out_words_changes_the_answer(opened, finished):
    test = opened
    ask(test, "the lamp is bright, rude and noisy, like my mug")
    unfold(test)
    before = {one.label: one.value for one in test.metric}["The model says"]
    table = test.dataframe[0].value
    strongest = table.sort_values("part", ascending=False)["word"].head(4).tolist()
    strike = by_start(test.multiselect, "Strike out")
    for place, word in enumerate(table["word"]):
        if word in strongest:
            strike = strike.select(strike.options[place])
    unfold(test)
    answers = {one.label: one.value for one in test.metric}
    assert answers["With these words"] == before != answers["Without these words"]
    assert "the answer changes" in words_on(test)


def test_word_counting_is_explained_exactly(workspace, finished):
    texts, labels = zip(*easy_texts(100), strict=True)
    folder = workspace.run(finished.id).model
    shutil.rmtree(folder)
    tfidf.save(tfidf.fit(texts, labels, ["bad", "good"]), folder)
    test = open_page("predict", run=finished.id)
    ask(test, TEXT)
    assert "add up exactly" in words_on(unfold(test))


def test_a_text_that_says_nothing_is_a_sentence(finished):
    test = open_page("predict", run=finished.id)
    ask(test, "\u200b")
    assert "nothing in this text" in words_on(unfold(test))


def test_a_long_text_is_shown_to_where_it_is_read(finished):
    test = open_page("predict", run=finished.id)
    ask(test, TEXT + " and so on" * 200)
    assert "words and signs that the model does not read" in words_on(unfold(test))
    assert "not read" in set(test.dataframe[0].value["speaks"])


NASTY = '<img src=x onerror=alert(1)> **bold** :red[x] $x^2$ `code` [a](http://x.y) ]{background="red"} # 1. a -> b'


def test_what_people_wrote_is_never_markup():
    words, _ = by_words(NASTY, pieces(NASTY), [1.0 if place % 2 else -1.0 for place in range(len(pieces(NASTY)))])
    shown = why.coloured(Explanation(NASTY, "a*b", tuple(words), 0.0, 1.0, 0.0))
    for sign in "<>$`^":
        assert f"\\{sign}" in shown and sign not in shown.replace(f"\\{sign}", "")
    assert shown.count(":color[") == len(words)


def test_what_a_text_of_blanks_gets_already_is_said():
    words = (Word(0, 1, 0.1, True),)
    assert "does not come from words" in why._adds_up(Explanation("a", "good", words, 0.0, 6.0, 5.9))
    assert "does not come from words" not in why._adds_up(Explanation("a", "good", words, 0.0, 6.0, -1.0))


def test_sentences():
    def told(*parts):
        text = " ".join(f"w{number}" for number in range(len(parts)))
        words = tuple(Word(*span, part, True) for span, part in zip(pieces(text), parts, strict=True))
        return why.in_words(Explanation(text, "good", words, 0.0, 1.0, 0.0))

    assert told(2.0, -1.0, 1.5) == "**w0** and **w2** speak for good, **w1** speaks against it."
    assert told(2.0, -0.01) == "**w0** speaks for good, and no word speaks clearly against it."
    assert told(-2.0) == "No word speaks clearly for good; **w0** speaks against it."
    assert "knows none of these words" in told(0.0, 0.0)
