"""A model from elsewhere: as a ZIP or a folder of this machine, with or without data to score it on."""

import tempfile
from pathlib import Path

import streamlit as st

from engine.data.datasets import DatasetInfo, list_datasets
from engine.errors import TuneboardError
from engine.figures import whole
from engine.runs.store import Run
from pages.parts import messages, state

NONE = "Nothing: no scores"


def show() -> None:
    place = st.expander("Import a model", icon=":material/move_to_inbox:", key="bring_open", on_change="rerun")
    if not place.open:
        return
    with place, state.reported():
        st.caption(
            "A ZIP that Tuneboard exported, or any Hugging Face text classifier with safetensors weights. "
            "No program in it is ever run, and all other files are ignored."
        )
        file = st.file_uploader("ZIP of a model", type=["zip"], key="bring_zip")
        folder = st.text_input("Or a folder on this machine", key="bring_folder", placeholder="/home/me/my-model")
        info = data("bring_data")
        name = st.text_input("Name", key="bring_name", max_chars=80, placeholder="The name of the file")
        if st.button(
            "Import",
            type="primary",
            icon=":material/move_to_inbox:",
            key="bring",
            disabled=not (file or folder.strip()),
        ):
            run = _brought(file, folder, info, name)
            st.query_params["run"] = run.id
            st.rerun()


def unscored(run: Run) -> bool:
    """For the Evaluate page: whether a run has no scores yet; then it can be given some here."""
    if state.workspace().run(run.id).metrics.exists():
        return False
    st.markdown("This model was imported without data, so it has no scores yet. You can try it on the Predict page.")
    info = data(f"score_on_{run.id}")
    if st.button("Score it", type="primary", icon=":material/play_arrow:", key="score_brought", disabled=info is None):
        from engine.results.importing import score

        score(
            state.workspace(),
            run,
            info,
            messages.answering(),
        )
        st.rerun()
    return True


def note(*runs: Run) -> None:
    """Beside scores: what nobody here knows of models that were trained elsewhere."""
    for run in runs:
        st.caption(f":material/info: {messages.plain(run.name)}: {messages.plain(run.message)}")


def data(key: str) -> DatasetInfo | None:
    """The data set to score a model on."""
    datasets = {one.id: one for one in list_datasets(state.workspace())}
    chosen = st.selectbox(
        "Score it on",
        [None, *datasets],
        format_func=lambda one: f"{datasets[one].title}, {whole(datasets[one].total)} texts, {one[:4]}" if one else NONE,
        key=key,
        help="The model and word counting are scored on its test texts. Its labels must be those of the model.",
    )
    return datasets.get(chosen)


def _brought(file, folder: str, info: DatasetInfo | None, name: str) -> Run:
    from engine.results.importing import bring  # which opens the model

    workspace = state.workspace()
    bar = st.progress(0.0, "Opening the model and checking it in a fresh process …")

    def progress(done: int, total: int) -> None:
        bar.progress(done / total, f"{whole(done)} of {whole(total)} texts")

    try:
        if file is None:
            source = Path(folder.strip()).expanduser()
            return bring(workspace, source, source.name, info=info, name=name, progress=progress)
        with tempfile.TemporaryDirectory(dir=workspace.downloads, prefix=".") as temporary:
            archive = Path(temporary, "archive")
            archive.write_bytes(file.getbuffer())
            return bring(workspace, archive, file.name, info=info, name=name, progress=progress)
    except TuneboardError:
        bar.empty()
        raise
