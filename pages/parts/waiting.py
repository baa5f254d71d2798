"""What else there is: the queue, all runs with what they take, the trash."""

import streamlit as st

from engine.figures import whole
from engine.runs import queue as runs_queue
from engine.runs import space
from engine.runs.store import Run
from pages.parts import disk, messages, pace, state, words

LOOK_SECONDS = 3.0
MOVES = {"first": "vertical_align_top", "up": "arrow_upward", "down": "arrow_downward"}


def queue() -> None:
    """What waits, the next one first; nothing is shown where nothing waits."""
    st.fragment(_queue, run_every=pace.seconds(LOOK_SECONDS) if runs_queue.waiting(state.workspace()) else None)()


def _queue() -> None:
    found, paused = runs_queue.waiting(state.workspace()), runs_queue.is_paused(state.workspace())
    if not found and not paused:
        return
    with st.expander(f"{words.count(len(found), 'run')} waiting", icon=":material/queue:", expanded=True):
        st.session_state["queue_paused"] = paused  # whoever paused it, wherever
        st.toggle(
            "Pause the queue",
            key="queue_paused",
            help="No further run starts. The current one continues.",
            on_change=_pause_queue,
        )
        for place, run in enumerate(found):
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{place + 1}. {messages.plain(run.name)}", width="stretch")
                for to, icon in MOVES.items():
                    st.button(
                        " ",
                        icon=f":material/{icon}:",
                        key=f"{to}_{run.id}",
                        help={"first": "Run next", "up": "Earlier", "down": "Later"}[to],
                        disabled=place == (len(found) - 1 if to == "down" else 0),
                        on_click=_move,
                        args=(run.id, to),
                    )
                st.button(
                    " ",
                    icon=":material/close:",
                    key=f"cancel_{run.id}",
                    help="Cancel",
                    on_click=_cancel,
                    args=(run.id,),
                )


def everything(runs: list[Run]) -> None:
    expander = st.expander(f"All runs ({whole(len(runs))})", icon=":material/list:", on_change="rerun")
    if not expander.open:
        return
    workspace = state.workspace()
    with expander:
        st.dataframe(
            words.table(
                [
                    {
                        "Name": one.name,
                        "Status": str(one.status),
                        "Accuracy": one.accuracy,
                        "Macro-F1": one.macro_f1,
                        "Data": one.dataset_name,
                        "Model": one.model_name,
                        "Time": words.duration(one.seconds),
                        "Started": words.when(one.created_at),
                        "On disk": words.size(space.taken(workspace.run(one.id).folder)),
                        "Id": one.id,
                    }
                    for one in runs
                ],
                **{"Accuracy": words.share, "Macro-F1": words.score},
            ),
            hide_index=True,
            alt="All runs",
            placeholder="",
        )
        st.caption(f"{words.size(space.free(workspace))} free on this disk.")
        disk.clean()


def trash() -> None:
    """What was deleted lately; nothing is shown where nothing was."""
    deleted = runs_queue.deleted(state.workspace())
    found = {run.id: f"{run.name}, {words.when(run.created_at)}" for run in deleted}
    disk.trash("run", found, runs_queue.restore)


def _pause_queue() -> None:
    with state.reported():
        runs_queue.pause_queue(state.workspace(), st.session_state["queue_paused"])


def _move(run_id: str, to: str) -> None:
    with state.reported():
        runs_queue.move(state.workspace(), run_id, to)


def _cancel(run_id: str) -> None:
    with state.reported():  # it may have begun a moment ago
        runs_queue.cancel(state.workspace(), run_id)
