"""What a page remembers: the chosen run and data set in the address, so that a page can be bookmarked and shared."""

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TypeVar

import streamlit as st

from engine.errors import TuneboardError
from engine.paths import Workspace
from pages.parts import messages, words

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
                f"Nothing here is called {messages.plain(wanted)}; this is the newest instead.",
                icon=":material/search_off:",
            )
        wanted = ids[0]
    by_id, key = dict(zip(ids, items, strict=True)), f"pick_{parameter}"
    names = dict(zip(ids, words.told_apart([describe(item) for item in items]), strict=True))

    def follow() -> None:
        st.query_params[parameter] = st.session_state[key]

    # Each time: a page that is switched to would not take over what the box of the same key says on another.
    st.session_state[key] = wanted
    st.selectbox(label, ids, format_func=names.get, key=key, help=help, on_change=follow)
    st.session_state[f"chosen_{parameter}"] = wanted
    if st.query_params.get(parameter) != wanted:
        st.query_params[parameter] = wanted
    return by_id[wanted]


def changed(key: str, now: object) -> bool:
    """Whether `now` is not what it was when this was last asked: a selection stays with its widget, and is new only once."""
    before = st.session_state.get(key)
    st.session_state[key] = now
    return now != before
