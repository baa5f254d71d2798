"""What does it say about my text?"""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.data.exports import safe_csv
from engine.figures import percent
from engine.runs import queue
from engine.runs.store import Run
from engine.serving import rules, tries
from engine.serving.prediction import Prediction
from engine.serving.rules import Rules
from pages.parts import (
    batch,
    cached,
    charts,
    feedback,
    frame,
    messages,
    passing,
    state,
    takeaway,
    typing,
    why,
    words,
)

if TYPE_CHECKING:  # opens torch
    from engine.serving.predictor import Predictor

EXAMPLES, MOST_OTHERS = 6, 3
MOST_SHARES, OTHER_WIDE = 5, 220  # of a further model: probabilities, and pixels


def page() -> None:
    st.title("Predict")
    usable = queue.askable(state.workspace())
    if not usable:
        messages.empty(
            "No model to try yet",
            "Train one, then type any text here and see what it says.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        return
    run = state.pick("Model", usable, "run", lambda one: one.id, _name)
    conversation(run, [one for one in usable if one.id != run.id])
    if state.workspace().changeable:
        batch.show(run)
    else:
        passing.show(run)
    takeaway.elsewhere(run)


@st.fragment
def conversation(run: Run, others: list[Run]) -> None:
    """All that changes with the text; the rest of the page stays while one types."""
    with state.reported():
        left, right = st.columns(2)
        with left:
            text = box()
            asked = also(others)
            examples(run)
        with right, st.container(border=True, key="answer"):
            place = st.empty()
            if text:
                answer(run, text)
                compared(asked, text)
            else:
                st.caption("The answer appears here while you type, with the probability of every class.")
        if text:
            reasons(run, text)
        history(run)
        feedback.listing(run)
        typing.send_after_a_pause("text")
        with place:
            opened(run)  # at the end, so that the page need not wait for it, and the first answer neither


def box() -> str:
    text = st.text_area(
        "Your text",
        key="text",
        height=150,
        max_chars=typing.MOST_CHARACTERS,
        persist_state="session",
        placeholder="Type or paste a text; the answer follows when you pause",
    )
    st.button("Ask the model", type="primary", icon=":material/send:", key="ask")
    return text.strip()


def also(others: list[Run]) -> list[Run]:
    """Up to three further models, to be asked the same."""
    if not others:
        return []
    place = st.expander("Ask other models too", icon=":material/forum:", on_change="rerun")
    if not place.open:
        return []
    by_id = {one.id: one for one in others}
    chosen = place.multiselect(
        "Also ask",
        list(by_id),
        format_func=lambda one: _name(by_id[one]),
        max_selections=MOST_OTHERS,
        placeholder="Choose models",
        key="also",
    )
    return [by_id[one] for one in chosen]


def examples(run: Run) -> None:
    path = state.workspace().run(run.id).predictions
    if not path.exists():  # a model from elsewhere, without data
        return
    test = cached.predicted(str(path), path.stat().st_mtime, "test")
    chosen = test.drop_duplicates("label").head(EXAMPLES)
    more = test[~test["source_row"].isin(chosen["source_row"])].head(EXAMPLES - len(chosen))
    with st.expander("Examples from the test texts", icon=":material/lightbulb:"):
        for number, example in enumerate([*chosen["text"], *more["text"]]):
            st.button(
                messages.plain(example[:140]),
                key=f"example_{number}",
                type="tertiary",
                wrap=True,
                on_click=_take,
                args=(example,),
            )


def _take(example: str) -> None:
    st.session_state.text = example


def answer(run: Run, text: str) -> None:
    chosen = rules.read(state.workspace().run(run.id))
    predicted = opened(run).predict([text], chosen.temperature)[0]
    st.session_state[_tried(run)] = tries.with_another(st.session_state.get(_tried(run), []), predicted)
    st.metric(
        "The model says",
        messages.plain(predicted.label),
        f"{percent(predicted.confidence, 1)} sure",
        delta_color="off",
        delta_arrow="off",
    )
    sent(chosen, predicted)
    shown = predicted.probabilities
    charts.show(
        charts.probabilities(shown),
        ", ".join(f"{label} {percent(p)}" for label, p in list(shown.items())[:5]),
        "probabilities",
        height=max(150, 34 * min(20, len(shown)) + 60),
    )
    if len(shown) > 20:
        st.caption(f"The 20 most likely of {len(shown)} classes.")
    feedback.wrong(run, predicted)


def sent(chosen: Rules, predicted: Prediction) -> None:
    """Says of an answer that it would go to a person."""
    if chosen.to_a_person(predicted.label, predicted.confidence):
        least = chosen.least(predicted.label)
        said = "always go to a person" if least > 1 else f"go to a person: its confidence is below {percent(least)}"
        st.caption(f":material/person: This answer would {said}.")


def compared(others: list[Run], text: str) -> None:
    """What further models say, side by side."""
    with st.container(horizontal=True):
        for other in others:
            chosen = rules.read(state.workspace().run(other.id))
            predicted = opened(other).predict([text], chosen.temperature)[0]
            with st.container(border=True, width=OTHER_WIDE):
                st.metric(
                    messages.plain(other.name),
                    messages.plain(predicted.label),
                    f"{percent(predicted.confidence, 1)} sure",
                    delta_color="off",
                    delta_arrow="off",
                )
                sent(chosen, predicted)
                shares = [
                    f"{label} {percent(share)}" for label, share in list(predicted.probabilities.items())[:MOST_SHARES]
                ]
                more = len(predicted.probabilities) - len(shares)
                st.caption(messages.plain(", ".join(shares)) + (f" and {more} more" if more else ""))


def opened(run: Run) -> "Predictor":
    return cached.predictor(*cached.model_of(state.workspace().run(run.id)))


def reasons(run: Run, text: str) -> None:
    place = st.expander("Why?", icon=":material/psychology_alt:", on_change="rerun", key="why_open")
    if place.open:
        with place:
            why.explain(run, text, "why")


def history(run: Run) -> None:
    tried = st.session_state.get(_tried(run))
    if not tried:
        return
    title = "The last try" if len(tried) == 1 else f"The last {len(tried)} tries"
    with st.expander(title, icon=":material/history:", expanded=True):
        st.dataframe(
            words.table(
                [{"answer": one["label"], "confidence": one["confidence"], "text": one["text"]} for one in tried],
                confidence=words.share,
            ),
            hide_index=True,
            alt="The last texts that were tried",
            column_config={
                "confidence": st.column_config.NumberColumn(width="small"),
                "text": st.column_config.TextColumn(width="large"),
            },
        )
        st.download_button(
            "Download as CSV",
            lambda: safe_csv(pd.DataFrame(tried)).encode("utf-8-sig"),
            file_name=f"{words.file_name(run.name)}-tries.csv",
            mime="text/csv",
            icon=":material/download:",
            key="download_tries",
            on_click="ignore",
        )


def _tried(run: Run) -> str:
    """Where the session of a visitor has the tries."""
    return f"tries_{run.id}"


def _name(run: Run) -> str:
    return f"{run.name}, {words.when(run.created_at)}, {run.id[:4]}"


frame.show(page)
