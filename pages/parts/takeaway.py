"""The model to take away, and how to use it elsewhere."""

import streamlit as st

from engine.runs import queue, space
from engine.runs.store import Run
from pages.parts import cached, state, words

ELSEWHERE = """pip install torch transformers
python predict.py "Where is my parcel?"
python predict.py --file texts.txt > answers.csv"""


def button(run: Run, kind: str = "secondary") -> None:
    """The download; it is packed only when it is pressed."""
    root, size = str(state.workspace().root), space.taken(state.workspace().run(run.id).model)
    st.download_button(
        f"Download the model ({words.size(size)})",
        lambda: cached.exported(root, run.id),
        file_name=f"{words.file_name(run.name)}.zip",
        mime="application/zip",
        icon=":material/download:",
        type=kind,
        key=f"download_{run.id}",
        on_click="ignore",
    )


def elsewhere(run: Run) -> None:
    with st.expander("Use it elsewhere", icon=":material/ios_share:"):
        if queue.config_of(state.workspace(), run.id).counts_words:
            st.markdown(
                "The download holds the words and their weights, and a page that says how to compute with them."
            )
            button(run)
            return
        st.markdown(
            "The download is an ordinary Hugging Face folder with a model card and a small program. "
            "On any machine with Python, with or without a graphics card:"
        )
        st.code(ELSEWHERE, language="bash")
        button(run)
        checked(run)
        st.caption(f"On this machine the model is in {state.workspace().run(run.id).model}.")


def checked(run: Run) -> None:
    """What was proven of the model before the run was called finished; older runs do not say it."""
    paths = state.workspace().run(run.id)
    proof = cached.scores(str(paths.folder), paths.metrics.stat().st_mtime).get("checked")
    if proof:
        st.caption(
            f":material/verified: Checked in a fresh process: same answers on {proof['texts']} texts "
            f"within {proof['within']:.4f}."
        )
