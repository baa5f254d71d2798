"""What surrounds every page: the tab's title, the navigation, who is training, and problems as sentences."""

import runpy
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

import streamlit as st

from engine import figures, preferences
from pages.parts import door, state, status

ROOT = Path(__file__).parents[2]
# The download in the corner of a table writes cells as they are, which a spreadsheet may run as formulas.
# Columns in a container whose key begins with "stacks" stand below one another where half a window is too little.
STYLE = """<style>
[data-testid="stElementToolbarButton"]:has(> span > button[aria-label^="Download as CSV"]) { display: none; }
@media (max-width: 1100px) { [class*="st-key-stacks"] [data-testid="stColumn"] { min-width: calc(100% - 1.5rem); } }
</style>"""
framed: ContextVar[bool] = ContextVar("framed", default=False)


def draw() -> None:
    """The frame with the page that the address asks for; app.py is nothing else."""
    here = ROOT / "pages" / "parts"
    # A Material symbol as the tab's icon would be fetched from the internet; this one is ours.
    st.set_page_config(page_title="Tuneboard", page_icon=str(here / "icon.svg"), layout="wide")
    st.logo(str(here / "logo.svg"), icon_image=str(here / "icon.svg"), size="large")
    st.html(STYLE)
    page = st.navigation(
        [
            st.Page("pages/data.py", title="Data", icon=":material/table_chart:", default=True),
            st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
            st.Page("pages/runs.py", title="Runs", icon=":material/progress_activity:"),
            st.Page("pages/evaluate.py", title="Evaluate", icon=":material/grid_on:"),
            st.Page("pages/compare.py", title="Compare", icon=":material/compare:"),
            st.Page("pages/predict.py", title="Predict", icon=":material/chat:"),
            st.Page("pages/settings.py", title="Settings", icon=":material/settings:"),
        ],
        position="sidebar" if door.is_open() else "hidden",
    )
    if not door.is_open():
        door.ask()
        return
    st.session_state.pop(status.RESTING, None)
    with state.reported():
        before = figures.language()
        preferences.apply(state.workspace())
        if figures.language() != before:  # sentences that are remembered are written anew
            st.cache_data.clear()
            st.cache_resource.clear()
    with state.reported(), st.sidebar:
        status.who_is_training()
    token = framed.set(True)
    try:
        page.run()
    finally:
        framed.reset(token)


def show(page: Callable[[], None]) -> None:
    """Draw a page; the last line of every file in pages/.

    The first visitor of a fresh server who asks for a page other than the first gets that file run bare,
    because Streamlit takes a folder called pages for its older kind of navigation until st.navigation was
    called once. Then app.py takes over and runs the page again, inside the frame.
    """
    if framed.get():
        with state.reported():
            page()
    else:
        runpy.run_path(str(ROOT / "app.py"), run_name="__main__")
