"""The model to take away, and what else a run leaves for use elsewhere."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from engine.errors import TuneboardError
from engine.figures import rounded
from engine.paths import read_json
from engine.runs import queue, space
from engine.runs.store import Run
from engine.serving import ways
from engine.serving.onnx_export import Checked
from pages.parts import cached, messages, state, words


@dataclass(frozen=True)
class Way:
    """One thing that a run leaves. form: as the command line has it. suffix: of what is written. about: what it is."""

    form: str
    label: str
    icon: str
    suffix: str
    mime: str
    about: str

    def written(self, run: Run) -> str:
        return f"{words.file_name(run.name)}{self.suffix}"

    def file(self, run: Run) -> str:
        """The name of the download, which may be a ZIP of what is written and what belongs to it."""
        name = words.file_name(run.name)
        return f"{name}-{self.form}.zip" if self.mime == "application/zip" else f"{name}{self.suffix}"


REPORT = Way(
    "report",
    "Report (HTML)",
    ":material/description:",
    ".html",
    "text/html",
    "One page to share with others: scores, examples and limits.",
)
SETTINGS = Way(
    "settings",
    "Settings (YAML)",
    ":material/tune:",
    ".yaml",
    "application/yaml",
    "All settings of this run with explanations, for further runs. DATA is a table, as on the Data page.",
)
NOTEBOOK = Way(
    "notebook",
    "Notebook (with its data)",
    ":material/code_blocks:",
    ".ipynb",
    "application/zip",
    "Repeats the run in plain Python, without Tuneboard. The data set is included as CSV.",
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
    """All that a run leaves, and how each is used."""
    place = st.expander("Use it elsewhere", icon=":material/ios_share:", on_change="rerun", key="elsewhere_open")
    if not place.open:
        return
    shown = {"Model": _model, "Service (HTTP)": _service}
    if not _counts_words(run):
        shown["Without torch (ONNX)"] = _without_torch
    if not run.imported:  # a model from elsewhere was not trained here
        shown |= {
            "Report": partial(_written, way=REPORT),
            "Notebook": partial(_written, way=NOTEBOOK),
            "Settings": partial(_written, way=SETTINGS),
        }
    shown["Hugging Face hub"] = _to_the_hub
    with place:
        chosen = st.radio(
            "What to take away",
            list(shown),
            horizontal=True,
            key=f"elsewhere_{run.id}",
            label_visibility="collapsed",
        )
        shown[chosen](run)


def _model(run: Run) -> None:
    if _counts_words(run):
        st.write("The words and their weights, with a program that needs only Python.")
    else:
        st.write("A standard Hugging Face folder, with a model card and a program that needs no graphics card.")
    button(run)
    file = f"{words.file_name(run.name)}.zip"
    _how(run, "zip", file)
    _from_a_terminal(f"export {run.id} --to {file}")
    _checked(run)
    st.caption(f"On this machine, the model is in {messages.plain(state.workspace().run(run.id).model)}.")


def _service(run: Run) -> None:
    st.write("An address where other programs can get predictions. Run this in the folder of Tuneboard:")
    _how(run, "serve", run.id)
    st.caption(
        "Then open 127.0.0.1:8502 in a browser to see how to use it. Programs need the key. Other machines can connect "
        "only if you set --host."
    )


def _written(run: Run, way: Way) -> None:
    st.write(way.about)
    _download(run, way, "take")
    _how(run, way.form, way.file(run))
    _from_a_terminal(f"export {run.id} --to {way.written(run)} --format {way.form}")


def _how(run: Run, form: str, what: str, inside: str = "") -> None:
    """The three lines of engine/serving/ways.py."""
    lines = ways.use(form, what, _counts_words(run), inside)
    if form in ways.SENTENCES:
        st.markdown("\n".join(f"- {line}" for line in lines))
    else:
        st.code("\n".join(lines), language=None)  # its colours for bash are too faint to read


def _counts_words(run: Run) -> bool:
    return queue.config_of(state.workspace(), run.id).counts_words


def _from_a_terminal(command: str) -> None:
    st.caption(f"Or from a terminal: {messages.plain(f'python3 start.py {command}')}")


def _download(run: Run, way: Way, place: str) -> None:
    """place: tells the same button in several places of a page from each other."""
    root = str(state.workspace().root)
    st.download_button(
        way.label,
        lambda: cached.exported(root, run.id, way.form, way.written(run)),
        file_name=way.file(run),
        mime=way.mime,
        icon=way.icon,
        key=f"{place}_{way.form}_{run.id}",
        on_click="ignore",
    )


def _without_torch(run: Run) -> None:
    """As ONNX: made on request, since it takes a while, and kept with the run as long as its model and its rules stay."""
    paths, file = state.workspace().run(run.id), f"{words.file_name(run.name)}-onnx.zip"
    st.write("For machines without torch, usually with a smaller int8 version. Its program needs only onnxruntime.")
    since = max(one.stat().st_mtime for one in (paths.model, paths.rules) if one.exists())
    made = paths.onnx.exists() and paths.onnx.stat().st_mtime > since
    if made:
        st.download_button(
            f"Download as ONNX ({words.size(paths.onnx.stat().st_size)})",
            paths.onnx.read_bytes,
            file_name=file,
            mime="application/zip",
            icon=":material/download:",
            key=f"download_onnx_{run.id}",
            on_click="ignore",
        )
    elif st.button("Create it (about half a minute)", icon=":material/deployed_code:", key="make_onnx"):
        with state.reported(), st.spinner("Writing the model as ONNX and checking its answers …"):
            cached.make_onnx(str(state.workspace().root), run.id)
            st.rerun()
    _how(run, "onnx", file, paths.onnx.stem)
    _from_a_terminal(f"export {run.id} --to {file} --format onnx")
    if made and paths.onnx_check.exists():
        found = Checked(**read_json(paths.onnx_check)).said
        st.caption(f":material/verified: {messages.plain(found)}")


def _to_the_hub(run: Run) -> None:
    """Send it to the hub; what is sent is said first. The token is used once, and its field is replaced by a new one."""
    size, turn = space.taken(state.workspace().run(run.id).model), f"hub_turn_{run.id}"
    holds = "weights, tokenizer, labels, predict.py, and a card with scores and settings. None of your texts."
    if _counts_words(run):
        holds = "the words and pairs of words of your texts, their weights, predict.py, and a card with scores."
    st.session_state.setdefault(turn, 0)
    st.write("Available on any machine, to everyone or only to you.")
    with st.popover("Upload it to the Hugging Face hub", icon=":material/cloud_upload:", key=f"hub_{run.id}"):
        st.caption(f"Uploads the folder of the model ({words.size(size)}): {holds}")
        with st.form(f"push_{run.id}", border=False):
            name = st.text_input("Owner/name", placeholder="my-name/my-model", key=f"hub_name_{run.id}")
            token = st.text_input(
                "Token with write access",
                type="password",
                key=f"hub_token_{run.id}_{st.session_state[turn]}",
                placeholder="From the variable HF_TOKEN",
                help="From huggingface.co/settings/tokens. It is used once and not stored.",
            )
            private = st.toggle("Only I can see it", value=True, key=f"hub_private_{run.id}")
            asked = st.form_submit_button("Upload", type="primary", icon=":material/cloud_upload:", key=f"send_{run.id}")
    if asked:
        with st.spinner("Uploading …"):
            st.session_state["sent"] = cached.pushed(str(state.workspace().root), run.id, name, token, private)
        st.session_state[turn] += 1
        st.rerun()
    sent = st.session_state.pop("sent", None)
    if isinstance(sent, TuneboardError):
        messages.problem(sent)
    elif sent:
        st.success(f"Uploaded to {messages.plain(sent)}", icon=":material/check_circle:")
    _how(run, "hub", "my-name/my-model")
    _from_a_terminal(f"push {run.id} my-name/my-model")


def _checked(run: Run) -> None:
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
