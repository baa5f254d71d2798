"""An uploader whose file goes to disk at once, so that the session holds only its key."""

import streamlit as st

from engine.data import workbench
from pages.parts import state, words


def upload(label: str, name: str) -> str | None:
    """The key of an upload once there is one. name: tells several uploaders from each other."""
    turn = st.session_state.setdefault(f"turn_{name}", 0)
    file = st.file_uploader(label, type=words.FILE_TYPES, key=f"upload_{name}_{turn}")
    if file is None:
        return None
    with state.reported():
        key = workbench.keep(state.workspace(), file, file.name)
        st.session_state[f"turn_{name}"] += 1
        return key
    return None
