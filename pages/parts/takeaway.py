"""The model to take away, and what else a run leaves for use elsewhere."""

from dataclasses import dataclass

import streamlit as st

from engine import terminal
from engine.errors import TuneboardError
from engine.figures import rounded
from engine.paths import read_json
from engine.runs import queue, space
from engine.runs.store import Run
from engine.serving.onnx_export import Checked
from pages.parts import cached, messages, state, words

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
        counts_words = queue.config_of(state.workspace(), run.id).counts_words
        if counts_words:
            st.caption("The words and their weights, and a page that says how to compute with them.")
        else:
            st.caption(
                "An ordinary Hugging Face folder with a model card and a small program. On any machine with Python:"
            )
            st.code(PREDICT, language=None)  # its colours for bash are too faint to read
        checked(run)
        if not run.imported:  # a model from elsewhere was not trained here
            with st.container(horizontal=True):  # which wraps where columns would squeeze the buttons
                for way in (REPORT, SETTINGS, NOTEBOOK):
                    with st.container(width=WIDE):
                        _download(run, way, "take")
                        st.caption(way.how)
        if not counts_words:
            without_torch(run)
        to_the_hub(run)
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


def without_torch(run: Run) -> None:
    """As ONNX: made on request, since it takes a while, and kept with the run as long as its model and its rules stay."""
    paths = state.workspace().run(run.id)
    st.markdown(
        "**For machines without torch** (ONNX, also in int8), with a program that needs only onnxruntime:"
    )
    since = max(one.stat().st_mtime for one in (paths.model, paths.rules) if one.exists())
    if not paths.onnx.exists() or paths.onnx.stat().st_mtime < since:
        if st.button("Make it, in about half a minute", icon=":material/deployed_code:", key="make_onnx"):
            with state.reported(), st.spinner("Writing the model as ONNX, and checking what it says …"):
                cached.make_onnx(str(state.workspace().root), run.id)
                st.rerun()
        return
    st.download_button(
        f"Download as ONNX ({words.size(paths.onnx.stat().st_size)})",
        paths.onnx.read_bytes,
        file_name=f"{words.file_name(run.name)}-onnx.zip",
        mime="application/zip",
        icon=":material/download:",
        key=f"download_onnx_{run.id}",
        on_click="ignore",
    )
    if paths.onnx_check.exists():
        found = terminal.onnx_check(Checked(**read_json(paths.onnx_check)))
        st.caption(f":material/verified: {messages.plain(found)}")


def to_the_hub(run: Run) -> None:
    """Send it to the hub; what is sent is said first. The token is used once, and its field is replaced by a new one."""
    size, turn = space.taken(state.workspace().run(run.id).model), f"hub_turn_{run.id}"
    st.session_state.setdefault(turn, 0)
    with st.popover("Send it to the Hugging Face hub", icon=":material/cloud_upload:", key=f"hub_{run.id}"):
        st.caption(
            f"The folder of the model is sent, {words.size(size)}: weights, tokenizer, labels, predict.py, and a card "
            "with scores and settings. None of your texts."
        )
        with st.form(f"push_{run.id}", border=False):
            name = st.text_input("Owner/name", placeholder="my-name/my-model", key=f"hub_name_{run.id}")
            token = st.text_input(
                "Token with the right to write",
                type="password",
                key=f"hub_token_{run.id}_{st.session_state[turn]}",
                placeholder="From the variable HF_TOKEN",
                help="From huggingface.co/settings/tokens. It is used for this once and kept nowhere.",
            )
            private = st.toggle("Only I can see it", value=True, key=f"hub_private_{run.id}")
            asked = st.form_submit_button(
                "Send", type="primary", icon=":material/cloud_upload:", key=f"send_{run.id}"
            )
    if asked:
        with st.spinner("Sending …"):
            st.session_state["sent"] = cached.pushed(
                str(state.workspace().root), run.id, name, token, private
            )
        st.session_state[turn] += 1
        st.rerun()
    sent = st.session_state.pop("sent", None)
    if isinstance(sent, TuneboardError):
        messages.problem(sent)
    elif sent:
        st.success(f"Sent to {messages.plain(sent)}", icon=":material/check_circle:")


def checked(run: Run) -> None:
    """What was proven of the model before the run was called finished; older runs do not say it."""
    paths = state.workspace().run(run.id)
    if not paths.metrics.exists():
        return
    proof = cached.scores(str(paths.folder), paths.metrics.stat().st_mtime).get("checked")
    if not proof:
        return
    same = f"same answers on {proof['texts']} texts"
    if proof["within"]:
        said = f"in a fresh process: {same} within {rounded(proof['within'], 4)}."
    else:  # words are counted to the last digit
        said = f"by loading it again: exactly the {same}."
    st.caption(f":material/verified: Checked {said}")
