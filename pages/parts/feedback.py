"""Answers that somebody says are wrong: the text with its right label, for the next version of the data."""

import streamlit as st

from engine.data import revising
from engine.data.datasets import load_info
from engine.errors import NotFoundError
from engine.runs.store import Run
from engine.serving.prediction import Prediction
from pages.parts import messages, picking, state, versions, words

SHOWN = 200


def wrong(run: Run, answer: Prediction) -> None:
    """The way to say that an answer is wrong, and what would be right."""
    try:
        info = load_info(state.workspace(), run.dataset_id)
    except NotFoundError:
        return  # nothing can be added to data that was deleted
    kept = revising.read(state.workspace(), info.id).added.get(answer.text)
    key = f"right_{run.id}_{hash(answer.text)}"
    with st.expander("This is wrong", icon=":material/flag:", key="wrong"):
        right = st.selectbox(
            "What is the right label?",
            [label for label in info.labels if label != answer.label],
            index=None,
            placeholder="Choose a label",
            key=key,
        )
        st.button(
            "Save as feedback",
            icon=":material/save:",
            key="keep_feedback",
            disabled=right is None,
            on_click=_keep,
            args=(info.id, answer.text, right),
        )
        st.caption(
            "The text is added to the training texts of the next version of the data. If the data already has it, "
            "its label is corrected instead."
        )
    if kept:
        st.caption(f":material/check: Saved as feedback: the right label is {messages.plain(kept)}.")


def listing(run: Run) -> None:
    """The feedback on all models of the same data, removable, and what can be made of it."""
    try:
        added = revising.read(state.workspace(), run.dataset_id).added
    except NotFoundError:
        return
    if not added:
        return
    texts = list(reversed(added))
    with st.expander(f"Feedback: {words.count(len(texts), 'text')}", icon=":material/flag:", key="feedback"):
        st.dataframe(
            [{"right label": added[text], "text": text} for text in texts[:SHOWN]],
            hide_index=True,
            alt="Texts with their right labels",
            column_config={"text": st.column_config.TextColumn(width="large")},
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox("Remove one", texts, format_func=picking.beginnings(texts, texts).get, key="feedback_text")
            st.button(
                "Remove", icon=":material/delete:", key="remove_feedback", on_click=_remove, args=(run.dataset_id, chosen)
            )
        versions.make(run, "feedback")


def _keep(dataset_id: str, text: str, label: str) -> None:
    with state.reported():
        revising.add(state.workspace(), dataset_id, text, label)


def _remove(dataset_id: str, text: str) -> None:
    with state.reported():
        revising.forget(state.workspace(), dataset_id, text)
