"""What a page remembers: the chosen run and data set in the address, so that a page can be bookmarked and shared."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st

from engine.errors import TuneboardError
from engine.paths import Workspace
from pages.parts import messages

Item = TypeVar("Item")


@contextmanager
def reported():
    """The one place where a problem becomes a sentence on the page."""
    try:
        yield
    except TuneboardError as error:
        messages.problem(error)


def workspace() -> Workspace:
    return Workspace.open()


def pick(
    label: str,
    items: Sequence[Item],
    parameter: str,
    identity: Callable[[Item], str],
    describe: Callable[[Item], str],
    help: str | None = None,
) -> Item:
    """A select box whose choice stands in the address as ?parameter=id.

    An id in the address that names none of `items` is said so, and the first item is shown.
    """
    ids = [identity(item) for item in items]
    wanted = st.query_params.get(parameter) or st.session_state.get(f"chosen_{parameter}")
    if wanted not in ids:
        if st.query_params.get(parameter):
            st.warning(
                f"There is nothing here called {messages.plain(wanted)}; this is the newest instead.",
                icon=":material/search_off:",
            )
        wanted = ids[0]
    by_id = dict(zip(ids, items, strict=True))
    key = f"pick_{parameter}"
    if st.session_state.get(key) not in ids or st.session_state.get(f"seen_{parameter}") != wanted:
        st.session_state[key] = wanted  # the address changed: it wins over what the box showed before
    chosen = st.selectbox(label, ids, format_func=lambda one: describe(by_id[one]), key=key, help=help)
    st.session_state[f"chosen_{parameter}"] = st.session_state[f"seen_{parameter}"] = chosen
    if st.query_params.get(parameter) != chosen:
        st.query_params[parameter] = chosen
    return by_id[chosen]


def changed(key: str, now: object) -> bool:
    """Whether `now` is not what it was when this was last asked: a selection stays with its widget, and is new only once."""
    before = st.session_state.get(key)
    st.session_state[key] = now
    return now != before
