"""Why the model says that: the words of a text coloured by what they add, and what it says without some of them."""

from functools import partial
from hashlib import blake2b

import streamlit as st

from engine.figures import percent, rounded
from engine.runs.store import Run
from engine.serving import rules
from engine.serving.explaining import Explanation, Word, without
from engine.serving.prediction import Prediction
from pages.parts import cached, messages, state, words

# ACCENT and SECOND of the charts, which are told apart without colour vision.
FOR, AGAINST = "31, 148, 136", "217, 122, 43"
# Opacity; text on the strongest has a contrast of more than 4.5:1 in both themes.
STRONGEST, WEAKEST = 0.65, 0.06
AS_IT_IS, UNREAD, NEW_LINE = "%s", ":gray[%s]", "  \n"
MOSTLY = 0.8  # of a score
NAMED = 3  # words in a sentence


def explain(run: Run, text: str, key: str) -> None:
    """Draw what speaks for and against an answer of the run's model to `text`, and let words be struck out.

    key: a name that no other explanation on the page has. Takes a second or two the first time, so call it only when
    somebody wants to see it.
    """
    paths = state.workspace().run(run.id)
    kept = cached.model_of(paths)
    answer = cached.predictor(*kept).predict([text], rules.read(paths).temperature)[0]
    key = f"{key}_{run.id}_{blake2b(text.encode(), digest_size=8).hexdigest()}"
    label = st.selectbox(
        "What speaks for and against",
        list(answer.probabilities),
        format_func=lambda one: f"{one} ({percent(answer.probabilities[one], 1)})",
        key=f"{key}_label",
        width=420,
    )
    with state.reported():
        found = cached.explanation(*kept, text, label)
        st.markdown(in_words(found))
        with st.container(border=True, key=f"{key}_words"):
            st.markdown(coloured(found))
        st.markdown(_legend(found))
        st.caption(_adds_up(found), help=_meaning(found))
        left, right = st.columns(2)
        with left:
            what_if(run, found, answer, key)
        with right:
            table(found, key)


def in_words(found: Explanation) -> str:
    """'**bright** and **calm** speak for good, **rude** speaks against it.'"""
    label = messages.plain(found.label)
    pro, con = (_listed(found.speaking(sign, NAMED)) for sign in (1, -1))
    if not found.strongest:
        return f"The model knows none of these words, so none speaks for or against {label}."
    if pro and con:
        return f"{pro} for {label}, {con} against it."
    return f"{pro} for {label}, and no word speaks clearly against it." if pro else (
        f"No word speaks clearly for {label}; {con} against it."
    )  # fmt: skip


def coloured(found: Explanation) -> str:
    """Markdown: the text with a colour behind each word that counts. Nothing that a person wrote is taken for markup."""
    stretches: list[tuple[str, int, int]] = []  # how to show it, from, to
    for word in found.words:
        style = _style(found, word)
        if stretches and stretches[-1][0] == style and style in (AS_IT_IS, UNREAD):
            stretches[-1] = style, stretches[-1][1], word.end
        else:
            stretches.append((style, word.start, word.end))
    shown, end = "", 0
    for style, start, until in stretches:
        gap = found.text[end:start] if end else ""
        shown += NEW_LINE if "\n" in gap else " " if gap else ""
        lines = map(messages.plain, found.text[start:until].split("\n"))
        shown += NEW_LINE.join(style % line for line in lines if line)
        end = until
    return shown


@st.fragment
def what_if(run: Run, found: Explanation, before: Prediction, key: str) -> None:
    """Strike out words, and see the answers with and without them side by side."""
    names = words.told_apart([found.said(word) for word in found.words])
    struck = st.multiselect(
        "Strike out words",
        range(len(names)),
        format_func=names.__getitem__,
        key=f"{key}_struck",
        placeholder="Choose words to see the answer without them",
    )
    if not struck:
        return
    rest = without(found.text, [found.words[place] for place in struck])
    paths = state.workspace().run(run.id)
    model = cached.predictor(*cached.model_of(paths))
    after = model.predict([rest], rules.read(paths).temperature)[0]
    with st.container(horizontal=True):
        for name, answer in (("With these words", before), ("Without these words", after)):
            st.metric(
                name,
                messages.plain(answer.label),
                f"{words.share(answer.confidence)} sure",
                delta_color="off",
                delta_arrow="off",
                border=True,
            )
    st.markdown(_change(before, after))


def table(found: Explanation, key: str) -> None:
    """The same as the colours, for reading aloud and copying."""
    st.dataframe(
        words.table(
            [
                {"word": found.said(word), "speaks": _side(word), "part": word.part if word.read else None}
                for word in found.words
            ],
            part=partial(rounded, digits=3, signed=True),
        ),
        hide_index=True,
        height=260,
        key=f"{key}_table",
        alt="Each word of the text, whether it speaks for or against the answer, and how much it adds",
        column_config={
            "word": st.column_config.TextColumn(width="small"),
            "speaks": st.column_config.TextColumn(width="small"),
            "part": st.column_config.NumberColumn(
                "contribution",
                width="small",
                help="What the word adds to the score (log-odds of the class against the mean of the others).",
            ),
        },
    )


def _style(found: Explanation, word: Word) -> str:
    """Markdown with a place for the word."""
    if not word.read:
        return UNREAD
    opacity = STRONGEST * abs(word.part) / found.strongest if found.strongest else 0.0
    if opacity < WEAKEST:
        return AS_IT_IS
    return _behind("%s", FOR, opacity) if word.part > 0 else _behind("*%s*", AGAINST, opacity)


def _behind(shown: str, colour: str, opacity: float) -> str:
    return f':color[{shown}]{{background="rgba({colour}, {opacity:.2f})"}}'


def _legend(found: Explanation) -> str:
    green, orange = _behind("Green", FOR, STRONGEST), _behind("*orange in italics*", AGAINST, STRONGEST)
    label = messages.plain(found.label)
    return f":small[{green} speaks for {label}, {orange} against it; the stronger the colour, the more.]"


def _adds_up(found: Explanation) -> str:
    unread = sum(not word.read for word in found.words)
    said = (
        "The contributions of the words add up exactly to the total."
        if found.error < 1e-6
        else f"The contributions of the words add up to the total, within {percent(max(0.0001, found.error), 2)}."
    )
    if found.rough:
        said += " That is much: take them for a rough picture, and strike out words to see what they do."
    if found.score > 0 and found.blank > MOSTLY * found.score:
        said += f" Most of the score does not come from words: an empty text already has {rounded(found.blank, 1)} of "
        said += f"{rounded(found.score, 1)}."
    if unread:
        said += f" In grey: {words.count(unread, 'word or sign', 'words and signs')} that the model does not read."
    return said


def _meaning(found: Explanation) -> str:
    blank, score, moved, total = (
        rounded(one, 2, signed=True) for one in (found.blank, found.score, found.score - found.blank, found.total)
    )
    return (
        "From an empty text to this one, the score of the answer (its logit minus the mean of the others) moves from "
        f"{blank} to {score}, by {moved}. The contributions of the words add up to {total} (completeness error "
        f"{percent(found.error, 2)}). For transformers they are integrated gradients from padding to the words; for word "
        "counting, each word's own weight."
    )


def _change(before: Prediction, after: Prediction) -> str:
    was, now = messages.plain(before.label), messages.plain(after.label)
    if before.label != after.label:
        return f"Without these words the answer changes from **{was}** to **{now}**."
    moved = (after.confidence - before.confidence) * 100
    if abs(moved) < 0.05:
        return f"The answer stays {now}, with the same confidence."
    return f"The answer stays {now}, with {rounded(abs(moved), 1)} points {'more' if moved > 0 else 'less'} confidence."


def _side(word: Word) -> str:
    if not word.read:
        return "not read"
    return "for" if word.part > 0 else "against" if word.part < 0 else ""


def _listed(said: list[str]) -> str:
    """'**a**, **b** and **c** speak'; '' for none."""
    strong = [f"**{messages.plain(one)}**" for one in said]
    if len(strong) < 2:
        return f"{strong[0]} speaks" if strong else ""
    return f"{', '.join(strong[:-1])} and {strong[-1]} speak"
