"""How is this Tuneboard set up?"""

import streamlit as st
from streamlit import config

from engine import access, machine, preferences
from engine.figures import rounded
from engine.preferences import InForce
from engine.runs import space
from pages.parts import cached, disk, door, frame, messages, setup, state, words


def page() -> None:
    st.title("Settings")
    found = preferences.in_force(state.workspace())
    if st.session_state.pop("just_kept", False):
        st.toast("Kept.", icon=":material/check_circle:")
    st.table(
        [
            {"What": what, "In force": messages.plain(value), "From": messages.plain(origin)}
            for what, value, origin in rows(found)
        ],
        border="horizontal",
        hide_index=True,
        alt="What is in force, and where it comes from",
    )
    st.caption("Light or dark: in the menu with the three dots at the top right, for this browser only.")
    door.leave()
    setup.form(found)
    setup.trackers(found["tracker"].value)
    abilities(found["device"].value)
    disk.show()


def rows(found: dict[str, InForce]) -> list[tuple[str, str, str]]:
    """(what it is, its value, where that comes from)"""
    return [
        ("Where everything is kept (workspace)", *access.place(state.workspace())),
        (
            "What it takes on the disk",
            f"{words.size(cached.workspace_bytes(str(state.workspace().root)))}; "
            f"{words.size(space.free(state.workspace()))} are free",
            "Found",
        ),
        ("This machine", machine.describe(), "Found"),
        *(
            (words.PREFERENCES[field], setup.said(field, one.shown), setup.origin(one))
            for field, one in found.items()
            if field != "mlflow" or found["tracker"].value == "mlflow"
        ),
        ("Light or dark (theme)", *_theme()),
        ("Where it listens", *_server("server.address", access.EVERY_ADDRESS)),
        ("Names that it answers to", *_server("server.allowedHosts", access.EVERY_NAME)),
        ("Who may come in", *door.kept_by()),
        ("What visitors may do", *access.visitors(state.workspace())),
    ]


def _theme() -> tuple[str, str]:
    shown = st.context.theme.type
    return (shown.capitalize() if shown else "As the browser has it"), "This browser"


def _server(option: str, otherwise: str) -> tuple[str, str]:
    """(what an option of the server is set to, what says so)"""
    value, place = config.get_option(option), config.get_where_defined(option)
    shown = ", ".join(value) if isinstance(value, list) else value
    by = {"<default>": access.DEFAULT, "<streamlit>": access.DEFAULT}.get(place, "The start of the server")
    return shown or otherwise, ".streamlit/config.toml" if place.endswith("config.toml") else by


def abilities(device: str) -> None:
    place = st.expander("What this machine can do", icon=":material/memory:", on_change="rerun")
    if not place.open:
        return
    with place, state.reported():
        found = cached.abilities(device)
        memory = found.memory or machine.memory_bytes()
        with st.container(horizontal=True):
            st.metric("Computes on", found.name, border=True)
            st.metric("Cores", machine.all_cores(), border=True, width=140)
            st.metric("Memory", f"{rounded(memory / 2**30)} GB", border=True, width=160)
            st.metric("Fast format (bf16)", f"{rounded(found.bf16, 1)} times", border=True, width=200)
        st.caption(f"{_bf16(found.bf16, found.prefers_bf16)} Measured just now, by multiplying matrices.")


def _bf16(times: float, preferred: bool) -> str:
    """What the speed in bf16, as a multiple of that in fp32, means for the automatic number format."""
    if times < 1:
        said = "In bf16 it multiplies more slowly than in fp32"
    else:
        said = f"In bf16 it multiplies {rounded(times, 1)} times as fast as in fp32"
    return f"{said}, so the automatic number format takes {'bf16' if preferred else 'fp32'}."


frame.show(page)
