"""Which rows are for training and which for the test: the choices, and the second file."""

from functools import partial

import streamlit as st

from engine.data import workbench
from engine.data.columns import Roles
from engine.data.reading import Options, Table
from engine.data.workbench import Step
from pages.parts import messages, state, steps, uploads, words
from pages.parts.choices import Choices

WAYS = {
    "share": "A random split, every class in proportion (stratified)",
    "file": "A second file",
    "column": "A column of the table",
}
SHARES = (
    (
        "test_share",
        "Test, % of the texts",
        50,
        "More test texts make the score more reliable; fewer leave more for training.",
    ),
    ("validation_share", "Validation, % of the texts", 40, "Used after each epoch to choose the best one."),
)


def choose(table: Table, taken: tuple[str, ...], proposed: Roles, choices: Choices) -> None:
    st.header(
        "Training and test",
        help="The model learns from the training texts. After each epoch (one pass over them) it is checked on the "
        "validation texts, to keep the best epoch. The test texts are used once, at the end, for an honest score.",
    )
    way = choices.get("split_by", "share")
    st.radio(
        "Where do the test texts come from?", list(WAYS), format_func=WAYS.get, horizontal=True,
        index=list(WAYS).index(way), key=choices.widget("split_by"), on_change=choices.setter("split_by"),
    )  # fmt: skip
    others = [name for name in table.columns if name not in taken]
    named = partial(words.column, header=table.header)
    if way == "column":
        column = choices.get("split_column")
        st.selectbox(
            "Column with train, validation or test", others, index=others.index(column) if column in others else None,
            format_func=named, placeholder="Choose a column", key=choices.widget("split_column"),
            on_change=choices.setter("split_column"),
        )  # fmt: skip
    if way == "file":
        upload_second_file(choices)
    with st.expander("Shares and groups", icon=":material/tune:"):
        left, right = st.columns(2)
        if way == "share":
            for place, (name, title, most, about) in zip((left, right), SHARES, strict=True):
                place.slider(
                    title, 5, most, round(100 * choices.get(name, 0.15)), 5, key=choices.widget(name), help=about,
                    on_change=choices.setter(name, lambda percent: percent / 100),
                )  # fmt: skip
        ordered = sorted(others, key=lambda name: name not in proposed.groups)
        group = choices.get("group_column")
        left.selectbox(
            "Keep rows together by", ordered, index=ordered.index(group) if group in ordered else None,
            format_func=named, placeholder="nothing", key=choices.widget("group_column"),
            on_change=choices.setter("group_column"),
            help="Rows of the same customer or document then stay in one split. Otherwise the score would look too good.",
        )  # fmt: skip
        right.number_input(
            "Random seed", 0, 2**31 - 1, choices.get("seed", 0), key=choices.widget("seed"),
            on_change=choices.setter("seed"), help="The same number always gives the same split.",
        )  # fmt: skip


def upload_second_file(choices: Choices) -> None:
    key = uploads.upload("Test file, with the same columns", "test")
    if key:
        choices.put(test_key=key)
        st.rerun()


def second_file(choices: Choices) -> Step | None:
    """The reading of the test file, once there is one."""
    key = choices.get("test_key")
    if not key:
        return None
    step = workbench.read_step(key, Options())
    if not steps.ready(step):
        return None
    facts = workbench.facts_of(state.workspace(), step)
    table = workbench.read_table(state.workspace(), step, 1)
    st.caption(f"Test: {messages.plain(table.name)}. {messages.plain(words.read_as(table, facts['rows']))}.")
    if table.rejected_count:
        left_out = "; ".join(one.said for one in table.rejected[:5])
        st.caption(f"{words.count(table.rejected_count, 'row')} of it could not be read ({messages.plain(left_out)}).")
    return step
