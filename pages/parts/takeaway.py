"""The model to take away, and what else a run leaves for use elsewhere."""

from dataclasses import dataclass

import streamlit as st

from engine.runs import queue, space
from engine.runs.store import Run
from pages.parts import cached, state, words

PREDICT = """pip install torch transformers
python predict.py "Where is my parcel?"
python predict.py --file texts.txt > answers.csv"""
WIDE = 238  # pixels: three beside each other on a usual screen


@dataclass(frozen=True)
class Way:
    """One thing that a run leaves. form: as the command line has it. how: what to do with it, at most three lines."""

    form: str
    label: str
    icon: str
    suffix: str
    mime: str
    how: str


REPORT = Way(
    "report",
    "Report (HTML)",
    ":material/description:",
    ".html",
    "text/html",
    "One page for people who were not there: scores, examples, limits. It opens without a network and prints to PDF.",
)
SETTINGS = Way(
    "settings",
    "Settings (YAML)",
    ":material/tune:",
    ".yaml",
    "application/yaml",
    "All settings with what they mean. To train with them: train DATA --config FILE.",
)
NOTEBOOK = Way(
    "notebook",
    "Notebook (with its data)",
    ":material/code_blocks:",
    ".ipynb",
    "application/zip",
    "The run once more in plain Python, without Tuneboard. The data set comes along as CSV.",
)


def button(run: Run, kind: str = "secondary") -> None:
    """The download of the model; it is packed only when it is pressed."""
    root, size = str(state.workspace().root), space.taken(state.workspace().run(run.id).model)
    name = f"{words.file_name(run.name)}.zip"
    st.download_button(
        f"Download the model ({words.size(size)})",
        lambda: cached.exported(root, run.id, "zip", name),
        file_name=name,
        mime="application/zip",
        icon=":material/download:",
        type=kind,
        key=f"download_{run.id}",
        on_click="ignore",
    )


def report(run: Run) -> None:
    """The download of the report; it is written only when it is pressed."""
    _download(run, REPORT, "report_of")


def elsewhere(run: Run) -> None:
    """All that a run leaves, in one expander."""
    with st.expander("Use it elsewhere", icon=":material/ios_share:"):
        button(run)
        if queue.config_of(state.workspace(), run.id).counts_words:
            st.caption("The words and their weights, and a page that says how to compute with them.")
        else:
            st.caption(
                "An ordinary Hugging Face folder with a model card and a small program. On any machine with Python:"
            )
            st.code(PREDICT, language=None)  # its colours for bash are too faint to read
        with st.container(horizontal=True):  # which wraps where columns would squeeze the buttons
            for way in (REPORT, SETTINGS, NOTEBOOK):
                with st.container(width=WIDE):
                    _download(run, way, "take")
                    st.caption(way.how)
        checked(run)
        st.caption(f"On this machine the model is in {state.workspace().run(run.id).model}.")


def _download(run: Run, way: Way, place: str) -> None:
    """place: tells the same button in several places of a page from each other."""
    root, name = str(state.workspace().root), f"{words.file_name(run.name)}{way.suffix}"
    given = name if way.mime != "application/zip" else f"{words.file_name(run.name)}-notebook.zip"
    st.download_button(
        way.label,
        lambda: cached.exported(root, run.id, way.form, name),
        file_name=given,
        mime=way.mime,
        icon=way.icon,
        key=f"{place}_{way.form}_{run.id}",
        on_click="ignore",
    )


def checked(run: Run) -> None:
    """What was proven of the model before the run was called finished; older runs do not say it."""
    paths = state.workspace().run(run.id)
    proof = cached.scores(str(paths.folder), paths.metrics.stat().st_mtime).get("checked")
    if proof:
        st.caption(
            f":material/verified: Checked in a fresh process: same answers on {proof['texts']} texts "
            f"within {proof['within']:.4f}."
        )
