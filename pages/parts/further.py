"""A further labelled file, to judge the model on."""

import streamlit as st

from engine.data import workbench
from engine.data.columns import label_columns
from engine.data.datasets import load_info
from engine.data.reading import Options
from engine.errors import NotFoundError, TuneboardError
from engine.runs.store import Run
from pages.parts import messages, state, steps, uploads

HELD = "further_upload"  # in the session: the upload that is about to be judged


def show(run: Run) -> None:
    place = st.expander("Evaluate on another file", icon=":material/upload_file:", on_change="rerun")
    if not place.open:
        return
    with place:
        st.caption(
            "A table of texts with their right labels, such as last month's. It is read in the same way as the data set. "
            "The scores are saved with this run."
        )
        key = st.session_state.get(HELD) or uploads.upload("Labelled table", "further")
        if not key:
            return
        st.session_state[HELD] = key
        with state.reported():
            _judge(run, key)


def _judge(run: Run, key: str) -> None:
    from engine.results.evaluations import judge_further

    reading = workbench.read_step(key, Options())
    try:
        if not steps.ready(reading, HELD):
            return
        table = workbench.read_table(state.workspace(), reading)
    except TuneboardError:
        st.session_state.pop(HELD, None)  # what cannot be read is not tried again
        raise
    chosen = _columns(run, table.columns)
    with st.container(horizontal=True):
        asked = st.button("Evaluate", type="primary", icon=":material/play_arrow:", key="judge", disabled=chosen is None)
        if st.button("Another file", type="tertiary", key="other_file"):
            del st.session_state[HELD]
            st.rerun()
    if not asked or chosen is None:
        return
    about, _ = judge_further(
        state.workspace(),
        run,
        table,
        *chosen,
        messages.answering(),
    )
    del st.session_state[HELD]
    st.session_state["show_texts"] = about.key
    st.rerun()


def _columns(run: Run, columns: list[str]) -> tuple[str | None, str | None] | None:
    """Text and label: (None, None) where the table has the columns of the data set; None as long as they are not chosen."""
    try:
        recipe = load_info(state.workspace(), run.dataset_id).recipe
    except NotFoundError:
        recipe = {}
    if recipe and {*recipe["text"], *label_columns(recipe["label"], columns)} <= set(columns):
        return None, None
    with st.container(horizontal=True):
        text = st.selectbox("Column with the texts", columns, index=None, key="further_text")
        label = st.selectbox("Column with the labels", columns, index=None, key="further_label")
    return (text, label) if text and label else None
