"""What shall we train, and what will it cost?"""

import streamlit as st

from engine import machine, preferences
from engine.data.datasets import DatasetInfo, list_datasets
from engine.figures import count, whole
from engine.runs import queue
from engine.settings import TrainingConfig
from engine.training.plan import Plan
from engine.training.presets import PRESETS
from pages.parts import cached, costs, forms, frame, messages, models, several, state


def page() -> None:
    st.title("Train")
    datasets = list_datasets(state.workspace())
    if not datasets:
        messages.empty(
            "No data yet",
            "A model learns from texts with labels. Add a table or try a sample.",
            "pages/data.py",
            "Go to Data",
            ":material/table_chart:",
        )
        return
    like, said = _like(), st.container()
    info = state.pick(
        "Data set",
        datasets,
        "dataset",
        lambda one: one.id,
        lambda one: f"{one.title}, {whole(one.total)} texts, {one.id[:4]}",
    )
    way = several.way()
    if way == "several":
        several.comparison(info)
        return
    source = models.choose(info)
    counts = source is not None and source.kind == "tfidf"
    preset = "balanced" if counts else thoroughness()
    if source is None:
        return
    plan = cached.planned(str(state.workspace().root), info.id, source.reference, preset, info)
    if way == "search":
        several.search(info, plan)
        return
    key = "_".join([info.id, source.reference, preset, *preferences.of_new_runs(state.workspace()).values()])
    taken = {}
    if like and (like.model, like.preset) == (source.reference, preset):
        key, taken = f"{key}_{st.query_params['like']}", like.model_dump()
        with said:
            _filled_in()
    values, wrong = ({}, {}) if counts else forms.training(plan, key, taken)
    if way == "curve":
        several.curve(info, plan, values, wrong)
    else:
        start(info, plan, values, wrong, key)


def _like() -> TrainingConfig | None:
    """The settings of the run in the address that the form shall be filled in with."""
    run_id = st.query_params.get("like")
    if not run_id:
        return None
    with state.reported():
        run, config = queue.get_run(state.workspace(), run_id), queue.config_of(state.workspace(), run_id)
        if st.session_state.get("liked") != run_id:  # once: after that the person may choose otherwise
            st.session_state["liked"] = run_id
            st.session_state["preset"] = config.preset
            st.session_state["way"] = "one"
            models.preset(config.model)
            st.query_params["dataset"] = run.dataset_id
        return config
    return None


def _filled_in() -> None:
    """Says whose settings stand in the form, with a way back."""
    run = queue.get_run(state.workspace(), st.query_params["like"])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/content_copy: Filled in with the settings of {messages.plain(run.name)}.")
        if st.button("Back to the recommended settings", type="tertiary", key="unlike"):
            del st.query_params["like"], st.session_state["liked"]
            st.rerun()


def thoroughness() -> str:
    st.session_state.setdefault("preset", "balanced")
    return st.radio(
        "How thorough?",
        list(PRESETS),
        format_func=str.capitalize,
        captions=[one.about for one in PRESETS.values()],
        key="preset",
        horizontal=True,
        persist_state="session",
    )


def start(info: DatasetInfo, plan: Plan, values: dict[str, object], wrong: dict[str, str], key: str) -> None:
    """key: of the form's fields."""
    name_key = f"name_{info.id}_{plan.source.reference}_{info.name}"
    name = forms.name("Name of the run", f"{plan.source.name} on {info.name}", name_key)
    share = values.get("train_share") or 1.0
    rows = info.rows["train"]
    texts = f"about {whole(round(share * rows))} of {whole(rows)} texts" if share < 1 else f"{whole(rows)} texts"
    trains = f"Trains on {texts} for {count(values['epochs'], 'epoch')}" if values else f"Counts the words of {texts}"
    st.caption(f"{trains}, on this machine: {machine.describe()}.")
    if wrong:
        st.warning(
            f"{count(len(wrong), 'setting')} above must be changed first.",
            icon=":material/rule:",
        )
    else:
        costs.show(info, plan, plan.config(**values), key)
        costs.disk(plan)
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
        del st.session_state["ticket"], st.session_state[name_key]
        st.switch_page("pages/runs.py", query_params={"run": run.id})


frame.show(page)
