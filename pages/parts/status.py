"""Who is training now: one line in the sidebar, on every page."""

import streamlit as st

from engine.runs import queue
from engine.runs.store import Status
from pages.parts import messages, state

LIVE_SECONDS = 3.0


@st.fragment(run_every=LIVE_SECONDS)
def who_is_training() -> None:
    with state.reported():
        runs = queue.list_runs(state.workspace())
        running = [run for run in runs if run.status == Status.RUNNING]
        waiting = sum(run.status == Status.QUEUED for run in runs)
        if not running:
            st.caption("Nothing is training." if not waiting else f"{waiting} waiting to start.")
        for run in running:
            done = f", {run.step / run.steps:.0%}" if run.steps else ""
            st.caption(f":material/progress_activity: {messages.plain(run.name)}: {run.phase}{done}")
        if running and waiting:
            st.caption(f"{waiting} more waiting.")
