"""How a run learns, as curves: its own, and those of other runs over them."""

import time

import streamlit as st

from engine.figures import rounded
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run
from pages.parts import charts, state

MOST_OVERLAID = 8
KEPT_SECONDS = 3.0  # that a drawing serves


def first(run: Run, history: History) -> None:
    """Loss and validation scores; while the run goes on they are drawn once for all who look within some seconds."""
    if history.steps:
        at = history.offset if run.status.ended else int(time.monotonic() / KEPT_SECONDS)
        _first(run.id, run.attempt, run.status.ended, at, history)


@st.cache_data(max_entries=16, show_spinner=False)
def _first(run_id: str, attempt: int, ended: bool, at: int, _history: History) -> None:
    history = _history  # not part of the key
    left, right = st.columns(2)
    with left:
        st.markdown(
            "**Training loss**",
            help="How wrong the model is on the training texts. It falls while the model learns. Near zero, the model has "
            "memorized them; the other chart shows how well it does on texts it does not train on.",
        )
        charts.show(charts.loss(history.steps), f"Training loss, now {rounded(history.steps[-1]['loss'], 3)}", "loss")
    with right:
        st.markdown(
            "**Validation scores**",
            help="Measured after each epoch (one pass over the training texts), on texts that the model does not train on. "
            "The epoch with the best macro-F1 is kept (ringed); if several differ by no more than luck, the last of them.",
        )
        if history.epochs:
            charts.show(charts.validation(history.epochs), "Validation scores after each epoch", "validation")
        else:
            st.caption("The first score comes after the first epoch.")


def more(run: Run, history: History) -> None:
    """Learning rate, speed, memory; and other runs for comparison."""
    if not history.steps:
        return
    expander = st.expander("More curves and other runs", icon=":material/stacked_line_chart:", on_change="rerun")
    if not expander.open:
        return
    with expander:
        columns = st.columns(3)
        for column, (title, figure) in zip(
            columns,
            {
                "Learning rate": charts.course(history.steps, "learning_rate"),
                "Texts per second": charts.speed(history.steps),
                "Memory": charts.memory(history.machine),
            }.items(),
            strict=True,
        ):
            with column:
                st.markdown(f"**{title}**")
                charts.show(figure, title, f"more_{title}", height=200)
        _beside(run, history)


def _beside(run: Run, history: History) -> None:
    others = {one.id: one for one in queue.list_runs(state.workspace()) if one.id != run.id and one.started_at}
    if not others:
        return
    chosen = st.multiselect(
        "Compare with other runs",
        list(others),
        format_func=lambda one: f"{others[one].name}, {one[:4]}",
        max_selections=MOST_OVERLAID,
        key="beside",
    )
    if not chosen:
        return
    histories = {f"{run.name}, {run.id[:4]}": history} | {
        f"{others[one].name}, {one[:4]}": History.read(state.workspace().run(one).events) for one in chosen if one in others
    }
    left, right = st.columns(2)
    with left:
        charts.show(charts.losses(histories), "Training loss of several runs", "losses", height=320)
    with right:
        charts.show(charts.validations(histories), "Macro-F1 of several runs", "validations", height=320)
