"""What shall we train, and what will it cost?"""

import streamlit as st

from engine import machine
from engine.data.datasets import DatasetInfo, list_datasets
from engine.runs import queue
from engine.training.plan import Plan
from engine.training.presets import PRESETS
from pages.parts import cached, costs, forms, frame, messages, models, state


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
    source = models.choose()
    counts = source is not None and source.kind == "tfidf"
    preset = "balanced" if counts else thoroughness()
    if source is None:
        return
    plan = cached.planned(str(state.workspace().root), info.id, source.reference, preset, info)
    key = f"{info.id}_{source.reference}_{preset}"
    values, wrong = ({}, {}) if counts else forms.training(plan, key)
    start(info, plan, values, wrong, key)


def thoroughness() -> str:
    return st.radio(
        "How thorough?",
        list(PRESETS),
        index=1,
        format_func=str.capitalize,
        captions=[one.about for one in PRESETS.values()],
        key="preset",
        horizontal=True,
        persist_state="session",
    )


def start(info: DatasetInfo, plan: Plan, values: dict[str, object], wrong: dict[str, str], key: str) -> None:
    """key: of the form's fields."""
    name = st.text_input(
        "Name of the run",
        value=f"{plan.source.name} on {info.name}",
        max_chars=80,
        key=f"name_{info.id}_{plan.source.reference}",
    )
    texts = f"{info.rows['train']:,} texts"
    learns = (
        f"Learns from {texts}, {values['epochs']} times over" if values else f"Counts the words of {texts}"
    )
    st.caption(f"{learns}, on this machine: {machine.describe()}.")
    if wrong:
        st.warning(
            f"{len(wrong)} setting{'s' if len(wrong) > 1 else ''} above cannot be used yet.",
            icon=":material/rule:",
        )
    else:
        costs.show(info, plan, plan.config(**values), key)
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
