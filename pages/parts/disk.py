"""What the workspace takes on the disk, by what it is, and what can be cleaned."""

import streamlit as st

from engine.runs import queue, space
from pages.parts import state, words

KINDS = {
    "datasets": "Data sets",
    "models": "Models of runs",
    "runs": "Scores and records of runs",
    "checkpoints": "Saved states of runs (checkpoints)",
    "pretrained": "Pretrained models",
    "uploads": "Uploads, kept for a day",
    "trash": "Trash",
    "other": "All else",
}


def show() -> None:
    place = st.expander("What takes space", icon=":material/hard_drive:", on_change="rerun")
    if not place.open:
        return
    workspace = state.workspace()
    with place:
        sizes = space.by_kind(workspace)
        st.dataframe(
            [{"What": KINDS[kind], "Size": words.size(taken)} for kind, taken in sizes.items() if taken],
            hide_index=True,
            width=480,
            alt="What the workspace takes on the disk",
        )
        st.caption(
            f"{words.size(sum(sizes.values()))} in all; {words.size(space.free(workspace))} are free on this disk."
        )
        clean()
        if sizes["trash"] and st.button(
            f"Empty the trash ({words.size(sizes['trash'])})",
            icon=":material/delete_forever:",
            key="empty_trash_here",
        ):
            space.empty_trash(workspace)
            st.rerun()


def clean() -> None:
    """The button that removes saved states; nothing where there are none to remove."""
    workspace, runs = state.workspace(), queue.list_runs(state.workspace())
    freed = sum(space.cleanable(workspace, one) for one in runs)
    if freed and st.button(
        f"Clean up {words.size(freed)}",
        icon=":material/cleaning_services:",
        key="clean",
        help="Removes the saved states of runs that have their model. The models stay; training such a run further "
        "begins anew.",
    ):
        space.clean(workspace, runs)
        st.rerun()
