"""Sentences on a page: problems, empty places, and text that came from people."""

import re
from collections.abc import Callable

import streamlit as st

from engine.errors import TuneboardError
from engine.figures import whole

WORD_JOINER = "\u2060"  # shows as nothing
ADDRESS = re.compile(r"\b(?:https?|ftp|mailto)(?=:)|\bwww(?=\.)|@", re.IGNORECASE)
ARROW = re.compile(r"(?<!\S)(?:<->?|->|--|[<>~]=)(?!\S)")  # Streamlit shows these as one sign: → — ≥
SPECIAL = re.compile(r"([!-/:-@\[-`{-~])")  # all ASCII punctuation: what Markdown could take for markup


def answering() -> Callable[[int, int], None]:
    """A bar that fills while a model answers texts: to be called with (texts done, texts in all)."""
    bar = st.progress(0.0, "Predicting …")
    return lambda done, total: bar.progress(done / total, f"{whole(done)} of {whole(total)}")


def plain(text: object) -> str:
    """Text from a person or a file, so that Markdown shows it letter by letter, and no address becomes a link."""
    apart = ADDRESS.sub(lambda found: found[0] + WORD_JOINER, " ".join(str(text).split()))
    apart = ARROW.sub(lambda found: found[0][0] + WORD_JOINER + found[0][1:], apart)
    return SPECIAL.sub(r"\\\1", apart)


def problem(error: TuneboardError) -> None:
    """Say what went wrong and what to do."""
    st.error(
        f"{plain(error.message)}  \n**{plain(error.action)}**" if error.action else plain(error.message),
        icon=":material/error:",
    )


def empty(title: str, sentence: str, page: str, action: str, icon: str) -> None:
    """The designed empty state: what will be here, and the one next thing to do."""
    with st.container(border=True, horizontal_alignment="center", gap="small"):
        st.space("small")
        st.markdown(f"## {icon} {title}", text_alignment="center")
        st.markdown(sentence, text_alignment="center")
        st.page_link(page, label=action, icon=":material/arrow_forward:")
        st.space("small")
