"""A run as it is now: how far, how fast, and what it said."""

from pathlib import Path
from threading import Lock

import streamlit as st

from engine.figures import rounded, whole
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run
from engine.settings import TrainingConfig
from pages.parts import messages, state, words

SPEED_WINDOW = 20  # reports over which the speed is taken
LOG_BYTES = 20_000


def history(run: Run) -> History:
    """The events so far; the new ones are read once, for all visitors."""
    path = state.workspace().run(run.id).events
    found, lock = _followed(path, run.attempt)
    with lock:
        return found.update(path).copied()  # what another visitor's tick finds next does not change this one


@st.cache_resource(max_entries=16, show_spinner=False)
def _followed(path: Path, attempt: int) -> tuple[History, Lock]:
    return History(), Lock()


def progress(run: Run, found: History) -> None:
    parts = []
    if run.steps:
        parts.append(words.how_far(run))
    if run.phase == "training":
        config = queue.config_of(state.workspace(), run.id)
        parts.append(f"epoch {min(len(found.epochs) + 1, config.epochs)} of {config.epochs}")
    if run.seconds_left:
        parts.append(f"{words.time_left(run.seconds_left)} left")
    st.progress(min(run.share or 0.0, 0.99), text=", ".join(parts) or "One moment …")
    if queue.is_silent(run):
        st.warning(
            "This run has not responded for a minute. It may be busy with a long step, or it may be stuck. You can stop it.",
            icon=":material/hourglass_disabled:",
        )


def figures(run: Run, found: History) -> None:
    shown = {} if run.imported else {"Time": words.duration(run.seconds) or "not started"}
    if run.accuracy is not None:
        shown |= {
            "Accuracy (test)": words.share(run.accuracy),
            "Macro-F1 (test)": rounded(run.macro_f1, 3),
        }
    elif found.epochs:
        shown["Macro-F1 (validation)"] = rounded(max(one["scores"]["macro_f1"] for one in found.epochs), 3)
    speed = found.texts_per_second(SPEED_WINDOW)
    if speed:
        shown["Texts per second"] = rounded(speed)
    with st.container(horizontal=True):
        for label, value in shown.items():
            st.metric(label, value, border=True, width=190)
    if found.setup and run.memory_bytes:
        st.caption(f"Device: {found.setup['device']}, using {words.size(run.memory_bytes)} of memory.")


def record(run: Run, found: History) -> None:
    with st.expander("Settings, events and log", icon=":material/description:"):
        for note in found.notes:
            st.markdown(f"- {messages.plain(note)}")
        st.json(queue.settings_of(state.workspace(), run.id), expanded=False)
        path = state.workspace().run(run.id).log
        written = path.read_bytes()[-LOG_BYTES:].decode("utf-8", errors="replace") if path.exists() else ""
        with st.container(height=220 if written else "content", autoscroll=True):  # follows what is added below
            st.code(written or "The log is empty: nothing unusual happened.", language=None)
        if found.setup:
            st.caption(
                f"Computed in {found.setup['precision']} with {words.count(found.setup['threads'], 'thread')}; "
                f"{whole(found.setup['parameters'])} parameters. Folder: {messages.plain(path.parent)}"
            )


def settings_of(run: Run) -> TrainingConfig | None:
    """None, and the problem on the page, where they cannot be read."""
    with state.reported():
        return queue.config_of(state.workspace(), run.id)
    return None
