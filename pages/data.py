"""Is my data fit to learn from?"""

import io

import streamlit as st

from engine.data import hub, workbench
from engine.data.datasets import list_datasets
from engine.data.samples import FOLDER, SAMPLES
from engine.errors import NotFoundError
from pages.parts import frame, intake, messages, shelf, state, uploads, words


def page() -> None:
    st.title("Data")
    key = st.query_params.get("upload")
    if key:
        try:
            saved = intake.look_at(key)
        except NotFoundError:
            st.query_params.pop("upload")
            raise
        if saved:
            st.session_state.just_saved = saved.id
            st.query_params.from_dict({"dataset": saved.id})
            st.rerun()
        return
    datasets = list_datasets(state.workspace())
    st.caption("Texts, each with a label: what the model learns from.")
    add(first_time=not datasets)
    if datasets:
        shelf.shelf(datasets)
    shelf.trash()


def add(first_time: bool) -> None:
    with st.container(border=True):
        st.header("Start with a file or a sample" if first_time else "Add data")
        uploaded = uploads.upload("Drop a table here: one row per text, one column with its label", "main")
        if uploaded:
            open_upload(uploaded)
        st.caption(
            "Your file stays on this machine. A ZIP with one folder of texts per label works too. "
            "No file at hand? Try a sample, paste some rows, or use a public data set:"
        )
        with st.container(horizontal=True):
            for name, about in SAMPLES.items():
                if st.button(f"Sample: {name}", key=f"sample_{name}", icon=":material/science:", help=about):
                    with (FOLDER / f"{name}.csv").open("rb") as file:
                        open_upload(workbench.keep(state.workspace(), file, f"{name}.csv"))
            with st.popover("Paste", icon=":material/content_paste:"):
                paste()
            with st.popover("Hugging Face hub", icon=":material/cloud_download:"):
                from_hub()


def open_upload(key: str) -> None:
    st.query_params.from_dict({"upload": key})
    st.rerun()


def paste() -> None:
    text = st.text_area(
        "Rows copied from a spreadsheet",
        height=200,
        key="pasted",
        placeholder="text\tlabel\nIt works well\tgood",
    )
    if st.button("Preview", key="paste") and text.strip():
        open_upload(workbench.keep(state.workspace(), io.BytesIO(text.encode()), "pasted.tsv"))


def from_hub() -> None:
    """A public data set by name; what a click would download is said first."""
    name = st.text_input("Name of a data set on the hub", key="hub_name", placeholder="stanfordnlp/sst2")
    if st.button("Look it up", key="hub_look_up") and name.strip():
        st.session_state.pop("hub_found", None)
        with state.reported():
            st.session_state.hub_found = hub.look_up(name)
    found = st.session_state.get("hub_found")
    if not found:
        return
    config = st.selectbox("Configuration", found.configs, key="hub_config")
    splits = st.multiselect("Splits", found.splits(config), default=found.splits(config), key=f"hub_splits_{config}")
    if not splits:
        return
    if any(part.partial for part in found.chosen(config, splits)):
        st.caption("This data set is large: only its first part is available as a table.")
    size = words.size(found.bytes(config, splits))
    if st.button(f"Download {size}", key="hub_fetch", type="primary"):
        st.session_state.pop("hub_found")
        open_upload(workbench.keep_hub(state.workspace(), found, config, splits))
    st.caption(f"From {messages.plain(found.name)}, version {found.revision[:8]}.")


frame.show(page)
