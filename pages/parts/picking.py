"""One text out of a long table: its pages, and a box for whoever does not click on its rows."""

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from pages.parts import state, words

SHOWN = 200
LETTERS = 80


def page(found: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows of the page that is chosen, of at most SHOWN; there is nothing to choose where one page holds all."""
    pages, number = -(-len(found) // SHOWN), 1
    if pages > 1:
        number = st.number_input(f"Page (of {pages})", 1, pages, key=key, width=160)
    return found.iloc[(number - 1) * SHOWN : number * SHOWN]


def row(texts: pd.Series, clicked: list[int], key: str) -> int | None:
    """The index of the text that was clicked in the table above, or chosen in the box; None while none is.

    clicked: places of the rows that are ticked in the table.
    """
    now = int(texts.index[clicked[0]]) if clicked else None
    if state.changed(f"{key}_clicked", now):
        st.session_state[key] = now
    return st.selectbox(
        "Text",
        texts.index.tolist(),
        index=None,
        format_func=beginnings(texts.index, texts).get,
        key=key,
        placeholder="Choose a text here or above for details",
    )


def beginnings(keys: Iterable[object], texts: Iterable[str]) -> dict[object, str]:
    """By key, as much of each text as fits into a box that all of them are chosen in."""
    cut = [" ".join(text.split())[:LETTERS] for text in texts]
    return dict(zip(keys, words.told_apart(cut), strict=True))
