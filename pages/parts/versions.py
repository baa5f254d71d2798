"""From what was decided about a data set to its next version, and to a run on it."""

import streamlit as st

from engine.data import revising
from engine.data.datasets import DatasetInfo, load_info
from engine.errors import NotFoundError
from engine.runs import queue
from engine.runs.store import Run
from pages.parts import messages, state


def make(run: Run, key: str) -> None:
    """What the decisions about the data of a run change, and the two buttons that make it so. key: of the widgets."""
    summary = revising.read(state.workspace(), run.dataset_id).summary
    if not summary:
        return
    st.markdown(f"Changes so far: **{summary}**.")
    with st.container(horizontal=True):
        if st.button(
            "Create a new version of the data",
            icon=":material/library_add:",
            key=f"{key}_version",
            help="This version stays as it is. Every text stays in its split: training, validation or test.",
        ):
            with state.reported():
                st.session_state[f"made_of_{run.dataset_id}"] = _made(run).id
        if st.button(
            "Create it and train again",
            icon=":material/model_training:",
            key=f"{key}_again",
            help="A new run on the new version, with the model and the settings of this run.",
        ):
            with state.reported():
                again = _train_again(run)
                st.switch_page("pages/runs.py", query_params={"run": again.id})
    _last(st.session_state.get(f"made_of_{run.dataset_id}"))


def _made(run: Run) -> DatasetInfo:
    with st.spinner("Creating the new version …"):
        return revising.revise(state.workspace(), run.dataset_id)


def _train_again(run: Run) -> Run:
    workspace, made = state.workspace(), _made(run)
    ticket = st.session_state.setdefault(f"again_{run.id}_{made.id}", queue.new_ticket())
    config = queue.config_of(workspace, run.id)
    again = queue.clone(workspace, run, config, dataset=(made.id, made.title), ticket=ticket)
    del st.session_state[f"again_{run.id}_{made.id}"]
    return again


def _last(dataset_id: str | None) -> None:
    """The version that this visitor made last, with the way to it."""
    if not dataset_id:
        return
    try:
        info = load_info(state.workspace(), dataset_id)
    except NotFoundError:
        return  # it was deleted since
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/check_circle: Saved as {messages.plain(info.title)}.", width="content")
        st.page_link("pages/data.py", label="Look at it", query_params={"dataset": info.id})
