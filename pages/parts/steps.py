"""Long work on an upload: done at once where the file is small, else a progress bar with a way out."""

import streamlit as st

from engine.data import workbench
from engine.data.workbench import Step
from pages.parts import messages, state

TICK_SECONDS = 0.5


def ready(step: Step, held: str | None = None) -> bool:
    """Whether the step is done; where it is not, its progress is on the page. Raises DataError when it went wrong.

    held: where the session remembers the upload, which is forgotten when somebody cancels.
    """
    if workbench.ensure(state.workspace(), step).done:
        return True
    watch(step, held)
    return False


@st.fragment(run_every=TICK_SECONDS)
def watch(step: Step, held: str | None) -> None:
    with state.reported():
        found = workbench.ensure(state.workspace(), step)
        if found.done:
            st.rerun()
        st.progress(found.share, text=messages.plain(f"{found.phase} …"))
        if st.button("Cancel", key=f"cancel_{step.kind}", icon=":material/close:"):
            workbench.cancel(state.workspace(), step)
            st.query_params.pop("upload", None)
            if held:
                st.session_state.pop(held, None)
            st.rerun()
