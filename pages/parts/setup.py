"""What can be chosen for the whole of Tuneboard, as a form; bounds and meaning are in engine/preferences.py."""

import os
from typing import get_args

import streamlit as st

from engine import figures, machine, preferences
from engine.errors import SettingsError
from engine.preferences import InForce, Preferences
from engine.runs.trackers import KINDS
from pages.parts import messages, state, words

COLUMNS = (("device", "precision", "threads"), ("hub", "offline", "language"), ("tracker", "mlflow"))
ORIGINS = {"default": "Default", "settings": "Chosen here"}


def origin(one: InForce) -> str:
    return ORIGINS.get(one.origin, f"Variable {one.variable}")


def said(field: str, value: object) -> str:
    """A value in plain words."""
    match field:
        case "threads":
            cores = machine.all_cores()
            return f"All {cores}" if value == 0 or value >= cores else f"{value} of {cores}"
        case "offline":
            return "Yes" if value else "No"
        case "language":
            return figures.example(value)
        case "mlflow":
            return value or "A file in the workspace"
        case "tracker":
            return KINDS[value].title if value in KINDS else "None"
        case "device" | "precision":
            return words.CHOICES[value]
    return str(value)


def form(found: dict[str, InForce]) -> None:
    """found: what is in force. What a variable decides is shown and cannot be changed."""
    st.header("Change settings")
    values: dict[str, object] = {}
    slots = {}
    with st.form("choices"):
        with st.container(key="stacks_choices"):
            columns = st.columns(len(COLUMNS))
        for column, fields in zip(columns, COLUMNS, strict=True):
            for field in fields:
                with column:
                    values[field] = _widget(field, found[field])
                    slots[field] = st.container()
                    if found[field].origin == "environment":
                        st.caption(f"Set by the environment variable {found[field].variable}.")
                    if field == "tracker" and found[field].value == "off":
                        _unheard()
        kept = st.form_submit_button("Save", type="primary", icon=":material/save:", key="keep_choices")
    if not kept:
        return
    chosen = {
        field: value
        for field, value in values.items()
        if found[field].origin != "environment" and value != found[field].value
    }
    try:
        preferences.choose(state.workspace(), chosen)
    except SettingsError as error:
        for field, sentence in error.problems.items():
            slots[field].caption(f":red[{messages.plain(sentence)}]")
        return
    st.session_state["just_kept"] = True
    st.rerun()


def _unheard() -> None:
    """Says of each tracker whose own variables are set that they alone send nothing."""
    for kind in KINDS.values():
        given = [variable for variable in kind.variables if os.environ.get(variable)]
        if given:
            st.caption(f"{' and '.join(given)} set, but nothing is sent unless {kind.title} is chosen here.")


def _widget(field: str, one: InForce) -> object:
    label, about, value = words.PREFERENCES[field], preferences.help_text(field), one.value
    options = get_args(Preferences.model_fields[field].annotation)
    common = {"help": about, "disabled": one.origin == "environment", "key": f"choice_{field}_{one.shown}"}
    if field == "device":
        options = [name for name in options if name in ("auto", "cpu", machine.gpu(), value)]
    if field == "threads":
        options = range(machine.all_cores())  # 0 is all
        value = value if value in options else 0
    if options:
        return st.selectbox(label, options, options.index(value), format_func=lambda one: said(field, one), **common)
    if field == "offline":
        return st.checkbox(label, value, **common)
    if field == "mlflow":
        common["placeholder"] = said(field, "")
    return st.text_input(label, one.shown, max_chars=400, **common)


def trackers(chosen: str) -> None:
    """What each tracker is, where it keeps the reports, and how it is installed."""
    with st.expander("About trackers", icon=":material/monitoring:"):
        st.markdown(
            "A tracker collects the progress of runs, often for a whole team. Tuneboard does not need one: nothing is "
            "reported unless you choose one above, even if its own variables are set. The choice takes effect when a run "
            "begins."
        )
        for name, kind in KINDS.items():
            there = "installed" if kind.is_installed else f"not installed: pip install {kind.package}"
            mark = "check_circle" if name == chosen else "radio_button_unchecked"
            st.markdown(f":material/{mark}: **{kind.title}** ({there}). {messages.plain(kind.place)}")
        st.caption(
            "Install it into Tuneboard's own environment, the folder .venv; requirements-trackers.txt lists the tested "
            "versions. If a tracker fails, the run continues and a note on the Runs page says so. MLflow adds your user "
            "name to each run."
        )
