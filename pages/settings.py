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
        st.toast("Saved.", icon=":material/check_circle:")
    st.table(
        [
            {"Setting": what, "Value": messages.plain(value), "Set by": messages.plain(origin)}
            for what, value, origin in rows(found)
        ],
        border="horizontal",
        hide_index=True,
        alt="All settings, their values and what set them",
    )
    st.caption("To choose light or dark, open the three-dot menu at the top right. It applies to this browser only.")
    door.leave()
    setup.form(found)
    setup.trackers(found["tracker"].value)
    abilities(found["device"].value)
    disk.show()


def rows(found: dict[str, InForce]) -> list[tuple[str, str, str]]:
    """(what it is, its value, where that comes from)"""
    return [
        ("Workspace folder", *access.place(state.workspace())),
        (
            "Disk space",
            f"{words.size(cached.workspace_bytes(str(state.workspace().root)))} used, "
            f"{words.size(space.free(state.workspace()))} free",
            "Measured",
        ),
        ("This machine", machine.describe(), "Measured"),
        *(
            (words.PREFERENCES[field], setup.said(field, one.shown), setup.origin(one))
            for field, one in found.items()
            if field != "mlflow" or found["tracker"].value == "mlflow"
        ),
        ("Theme", *_theme()),
        ("Listens on", *_server("server.address", access.EVERY_ADDRESS)),
        ("Allowed host names", *_server("server.allowedHosts", access.EVERY_NAME)),
        ("Who has access", *door.kept_by()),
        ("What visitors may do", *access.visitors(state.workspace())),
    ]


def _theme() -> tuple[str, str]:
    shown = st.context.theme.type
    return (shown.capitalize() if shown else "As in the browser"), "This browser"


def _server(option: str, otherwise: str) -> tuple[str, str]:
    """(what an option of the server is set to, what says so)"""
    value, place = config.get_option(option), config.get_where_defined(option)
    shown = ", ".join(value) if isinstance(value, list) else value
    by = {"<default>": access.DEFAULT, "<streamlit>": access.DEFAULT}.get(place, "Start of the server")
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
            st.metric("Speed in bf16", f"{rounded(found.bf16, 1)} × fp32", border=True, width=200)
        st.caption(f"{_bf16(found.bf16, found.prefers_bf16)} Measured just now with matrix multiplications.")


def _bf16(times: float, preferred: bool) -> str:
    """What the speed in bf16, as a multiple of that in fp32, means for the automatic number format."""
    if times < 1:
        said = "This machine is slower in bf16 than in fp32"
    else:
        said = f"This machine is {rounded(times, 1)} times as fast in bf16 as in fp32"
    return f"{said}, so the automatic precision is {'bf16' if preferred else 'fp32'}."


frame.show(page)
