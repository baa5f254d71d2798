"""Who is training now: a line in the sidebar and the title of the tab, on every page; and a word when a run has ended."""

from functools import partial

import streamlit as st

from engine.figures import percent
from engine.runs import queue
from engine.runs.store import Run, Status
from engine.studies import search
from pages.parts import messages, pace, state, words

LIVE_SECONDS = 3.0
TITLE = "Tuneboard"
RESTING = "resting_on"  # in the session: the ended run that the page shows, which has no timer of its own


def who_is_training() -> None:
    st.fragment(_look, run_every=pace.seconds(LIVE_SECONDS))()


def _look() -> None:
    with state.reported():
        live = queue.live(state.workspace())
        search.look_after(state.workspace())
        if any(run.id == st.session_state.get(RESTING) for run in live):
            st.rerun()  # somebody resumed it
        running = [run for run in live if run.status == Status.RUNNING]
        waiting = len(live) - len(running)
        st.set_page_config(page_title=_title(running[0]) if running else TITLE)
        _tell_of_the_ended({run.id for run in live})
        if not running:
            st.caption("Nothing is training." if not waiting else f"{waiting} waiting to start.")
        for run in running:
            done = f", {percent(run.share)}" if run.share else ""
            st.caption(f":material/progress_activity: {messages.plain(run.name)}: {run.phase}{done}")
        if running and waiting:
            st.caption(f"{waiting} more waiting.")


def _title(run: Run) -> str:
    return f"{percent(run.share or 0)} {run.name} · {TITLE}"


def _tell_of_the_ended(live: set[str]) -> None:
    """A notice for each run that was live when this visitor's page last looked, and is no more."""
    before = st.session_state.get("live_runs", set())
    st.session_state["live_runs"] = live
    for run in map(partial(queue.peek, state.workspace()), before - live):
        score = f", with an accuracy of {words.share(run.accuracy)}" if run.accuracy is not None else ""
        status = "paused" if run.paused else run.status
        st.toast(
            f"{messages.plain(run.name)} is {status}{score}.",
            icon=words.STATUS_ICONS[run.status],
            duration="long",
        )
