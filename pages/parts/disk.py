"""What the workspace takes on the disk, by what it is, and what can be cleaned."""

from collections.abc import Callable

import streamlit as st

from engine.paths import Workspace
from engine.runs import queue, space
from pages.parts import messages, state, words

KINDS = {
    "datasets": "Data sets",
    "models": "Trained models",
    "runs": "Scores and logs of runs",
    "checkpoints": "Saved states of runs (checkpoints)",
    "pretrained": "Pretrained models",
    "uploads": "Uploads, kept for a day",
    "trash": "Trash",
    "other": "Other",
}


def show() -> None:
    place = st.expander("Disk space", icon=":material/hard_drive:", on_change="rerun")
    if not place.open:
        return
    workspace = state.workspace()
    with place:
        sizes = space.by_kind(workspace)
        st.dataframe(
            [{"Kind": KINDS[kind], "Size": words.size(taken)} for kind, taken in sizes.items() if taken],
            hide_index=True,
            width=480,
            alt="What the workspace takes on the disk",
        )
        st.caption(f"{words.size(sum(sizes.values()))} in total; {words.size(space.free(workspace))} free on this disk.")
        clean()
        if sizes["trash"] and st.button(
            f"Empty the trash ({words.size(sizes['trash'])})",
            icon=":material/delete_forever:",
            key="empty_trash_here",
        ):
            space.empty_trash(workspace)
            st.rerun()


def trash(what: str, deleted: dict[str, str], restore: Callable[[Workspace, str], object]) -> None:
    """What was deleted lately, each with a way back; nothing where nothing was. deleted: {id: how it is called}.

    what: "run" or "data set". One that is put back is chosen on its page.
    """
    if not deleted:
        return
    with st.expander(f"Trash: {words.count(len(deleted), what)}", icon=":material/delete:"):
        st.caption(f"Deleted permanently after {space.TRASH_DAYS} days, or sooner if the disk is full.")
        for name, called in deleted.items():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(messages.plain(called), width="stretch")
                if st.button("Restore", icon=":material/undo:", key=f"restore_{name}"):
                    restore(state.workspace(), name)
                    st.query_params[what.replace(" ", "")] = name
                    st.rerun()
        if st.button(
            "Empty the trash",
            icon=":material/delete_forever:",
            key="empty_trash",
            help="Permanently deletes all runs and data sets in the trash.",
        ):
            space.empty_trash(state.workspace())
            st.rerun()


def clean() -> None:
    """The button that removes saved states; nothing where there are none to remove."""
    workspace, runs = state.workspace(), queue.list_runs(state.workspace())
    freed = sum(space.cleanable(workspace, one) for one in runs)
    if freed and st.button(
        f"Clean up {words.size(freed)}",
        icon=":material/cleaning_services:",
        key="clean",
        help="Removes the saved states of runs that have a model. The models stay, but training such a run further starts "
        "from the beginning.",
    ):
        space.clean(workspace, runs)
        st.rerun()
