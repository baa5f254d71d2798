"""What shall we train, and what will it cost?"""

import streamlit as st

from engine import machine
from engine.data.datasets import DatasetInfo, list_datasets
from engine.models.catalogue import BUNDLED_NAME, SUGGESTED, ModelSource, find_model
from engine.runs import queue
from engine.training.plan import Plan
from engine.training.presets import PRESETS
from pages.parts import cached, forms, frame, messages, state, words

MODELS = {"bundled": "Bundled MiniLM", "folder": "A folder on this machine", "hub": "Hugging Face hub"}


def page() -> None:
    st.title("Train")
    datasets = list_datasets(state.workspace())
    if not datasets:
        messages.empty(
            "No data yet",
            "A model learns from texts with labels. Add a table, or take a sample.",
            "pages/data.py",
            "Go to Data",
            ":material/table_chart:",
        )
        return
    info = state.pick(
        "Data set",
        datasets,
        "dataset",
        lambda one: one.id,
        lambda one: f"{one.name}, {one.total:,} texts, {one.id[:4]}",
    )
    source = model()
    preset = st.radio(
        "How thorough?",
        list(PRESETS),
        index=1,
        format_func=str.capitalize,
        captions=[one.about for one in PRESETS.values()],
        key="preset",
        horizontal=True,
        persist_state="session",
    )
    if source is None:
        return
    plan = cached.planned(str(state.workspace().root), info.id, source.reference, preset, info)
    values, wrong = forms.training(plan, f"{info.id}_{source.reference}_{preset}")
    start(info, plan, values, wrong)


def model() -> ModelSource | None:
    """The model to start from; what cannot be used is said here, before anything is queued."""
    kind = st.radio(
        "Model",
        list(MODELS),
        format_func=MODELS.get,
        key="model_kind",
        horizontal=True,
        persist_state="session",
        help="A pretrained model already knows the language; training teaches it your labels.",
    )
    if kind == "bundled":
        st.caption(
            f"{BUNDLED_NAME}: English, 23 million parameters, {words.size(find_model('bundled').bytes)}. "
            "Installed with Tuneboard, so nothing is downloaded."
        )
        return find_model("bundled")
    if kind == "folder":
        reference = st.text_input(
            "Folder",
            key="model_folder",
            persist_state="session",
            placeholder="/home/me/models/my-model",
            help="A folder written by save_pretrained, with safetensors weights.",
        )
    else:
        reference = st.selectbox(
            "Name on the hub",
            list(SUGGESTED),
            index=None,
            key="model_hub",
            accept_new_options=True,
            persist_state="session",
            placeholder="Choose one, or type a name such as google-bert/bert-base-uncased",
        )
        if reference in SUGGESTED:
            st.caption(f"{SUGGESTED[reference]}.")
    if not reference:
        return None
    with state.reported():
        found = looked_up(reference)
        cost = (
            f"Start will download {words.size(found.download_bytes)} once."
            if found.download_bytes
            else "Nothing is downloaded."
        )
        st.caption(f"{messages.plain(found.name)}: {words.size(found.bytes)}. {cost}")
        return found
    return None


@st.cache_data(max_entries=16, ttl=300, show_spinner="Asking the hub …")
def looked_up(reference: str) -> ModelSource:
    return find_model(reference, downloads=state.workspace().downloads)


def start(info: DatasetInfo, plan: Plan, values: dict[str, object], wrong: dict[str, str]) -> None:
    name = st.text_input(
        "Name of the run",
        value=f"{plan.source.name} on {info.name}",
        max_chars=80,
        key=f"name_{info.id}_{plan.source.reference}",
    )
    st.caption(
        f"Learns from {info.rows['train']:,} texts, {values['epochs']} times over, on this machine: {machine.describe()}."
    )
    if wrong:
        st.warning(
            f"{len(wrong)} setting{'s' if len(wrong) > 1 else ''} above cannot be used yet.",
            icon=":material/rule:",
        )
    ticket = st.session_state.setdefault("ticket", queue.new_ticket())
    if st.button("Start", type="primary", icon=":material/play_arrow:", disabled=bool(wrong), key="start"):
        run = queue.submit(
            state.workspace(),
            plan.config(**values),
            dataset_id=info.id,
            dataset_name=info.name,
            model_name=plan.source.name,
            name=name.strip(),
            ticket=ticket,
        )
        del st.session_state["ticket"]
        st.switch_page("pages/runs.py", query_params={"run": run.id})


frame.show(page)
