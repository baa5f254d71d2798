"""How is it going?"""

import streamlit as st

from engine.runs import queue
from engine.runs.store import Run, Status
from pages.parts import bringing, controls, curves, frame, live, messages, pace, state, status, waiting, words

TICK_SECONDS = 1.0
CURVES_SECONDS = 3.0  # drawing them is most of the work
MUCH = 1.6  # times as fast or as slow: then the timers are set anew


def page() -> None:
    st.title("Runs")
    runs = queue.list_runs(state.workspace())
    if not runs:
        messages.empty(
            "No runs yet",
            "Every run that you start appears here.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        bringing.show()
        waiting.trash()
        return
    run = state.pick(
        "Run",
        runs,
        "run",
        lambda one: one.id,
        lambda one: f"{one.name}, {words.when(one.created_at)}, {one.id[:4]}",
    )
    # The timers are gone once the run has ended, so that a finished page rests.
    st.session_state[status.RESTING] = run.id if run.status.ended else None
    tick, curve = (None if run.status.ended else pace.seconds(s) for s in (TICK_SECONDS, CURVES_SECONDS))
    st.fragment(panel, run_every=tick)(run.id, run.status.ended, tick)
    st.fragment(details, run_every=curve)(run.id)
    waiting.queue()
    waiting.everything(runs)
    bringing.show()
    waiting.trash()


def panel(run_id: str, ended_before: bool, tick: float | None) -> None:
    """How far a run is and what can be done with it; drawn again every second while it is live."""
    with state.reported():
        run = queue.peek(state.workspace(), run_id)
        if run.status.ended != ended_before:
            st.rerun()  # once, at the transition: the timer stops and the next step appears
        if tick and not tick / MUCH < pace.seconds(TICK_SECONDS) < tick * MUCH:
            st.rerun()  # many visitors came or went
        history = live.history(run)
        headline(run)
        if run.status.ended:
            controls.ending(run)
        else:
            live.progress(run, history)
            controls.under_way(run)
        live.figures(run, history)


def details(run_id: str) -> None:
    with state.reported():
        run = queue.peek(state.workspace(), run_id)
        history = live.history(run)
        curves.first(run, history)
        curves.more(run, history)
        live.record(run, history)


def headline(run: Run) -> None:
    called = "paused" if run.paused else str(run.status)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(called, icon=words.STATUS_ICONS[run.status], color=words.STATUS_COLOURS[run.status])
        if run.status == Status.RUNNING:
            st.markdown(run.phase.capitalize())
        elif run.status == Status.QUEUED:
            st.markdown("The queue is paused" if queue.is_paused(state.workspace()) else "Waiting for its turn")


frame.show(page)
