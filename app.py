"""The frame: page settings, navigation, and one line that says who is training now."""

from pathlib import Path

import streamlit as st

from pages.parts import state, status

PARTS = Path(__file__).parent / "pages" / "parts"

# A Material symbol as the tab's icon would be fetched from the internet; this one is ours.
st.set_page_config(page_title="Tuneboard", page_icon=str(PARTS / "icon.svg"), layout="wide")
st.logo(str(PARTS / "logo.svg"), icon_image=str(PARTS / "icon.svg"), size="large")

page = st.navigation(
    [
        st.Page("pages/data.py", title="Data", icon=":material/table_chart:", default=True),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/runs.py", title="Runs", icon=":material/progress_activity:"),
        st.Page("pages/evaluate.py", title="Evaluate", icon=":material/grid_on:"),
        st.Page("pages/predict.py", title="Predict", icon=":material/chat:"),
    ]
)
with state.reported():
    with st.sidebar:
        status.who_is_training()
    page.run()
