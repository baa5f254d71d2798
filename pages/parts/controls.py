"""What can be done with a run, in each of its states."""

import streamlit as st

from engine.runs import phases, queue
from engine.runs.store import Request, Run, Status
from engine.settings import MOST_EPOCHS, TrainingConfig
from pages.parts import live, messages, state, takeaway

ASKED = {
    Request.STOP: "Stopping. The best epoch so far becomes the model …",
    Request.DISCARD: "Stopping …",
    Request.PAUSE: "Pausing …",
}


MAKING = "Saving the best epoch so far as the model. *Stop without a model* skips this."


def under_way(run: Run) -> None:
    if run.request:
        said = MAKING if run.request == Request.STOP and run.phase in phases.MAKING else ASKED[run.request]
        st.caption(f":material/hourglass_top: {said}")
    if run.status == Status.QUEUED:
        st.button("Cancel", icon=":material/close:", key=f"cancel_this_{run.id}", on_click=_cancel, args=(run.id,))
        return
    with st.container(horizontal=True):
        st.button(
            "Pause",
            icon=":material/pause_circle:",
            disabled=run.request is not None,
            key=f"pause_{run.id}",
            help="Saves the progress and frees the device. Resume continues from there.",
            on_click=_pause,
            args=(run.id,),
        )
        with st.popover("Stop", icon=":material/stop_circle:", key=f"stopping_{run.id}"):
            st.button(
                "Keep the best so far",
                type="primary",
                icon=":material/save:",
                disabled=run.request in (Request.STOP, Request.DISCARD),
                key=f"stop_{run.id}",
                help="The best epoch so far becomes the model and is scored on the test texts.",
                on_click=_stop,
                args=(run.id, True),
            )
            st.button(
                "Stop without a model",
                icon=":material/close:",
                key=f"discard_{run.id}",
                on_click=_stop,
                args=(run.id, False),
            )


def ending(run: Run) -> None:
    """How it ended, and what to do next."""
    if run.status in (Status.FAILED, Status.INTERRUPTED):
        st.error(
            f"{messages.plain(run.message)}  \n**{messages.plain(run.action or '')}**",
            icon=":material/error:",
        )
    elif run.message:
        icon = ":material/info:" if run.imported else ":material/stop_circle:"
        st.info(messages.plain(run.message), icon=icon)
    config = live.settings_of(run)
    has_model = state.workspace().run(run.id).metrics.exists()
    with st.container(horizontal=True):
        if has_model or run.imported:
            _use(run)
        if config and not run.imported:
            _go_on(run, config, has_model)
        _more(run, None if run.imported else config)


def _use(run: Run) -> None:
    if st.button("See where it is right and wrong", type="primary", icon=":material/arrow_forward:", key="to_evaluate"):
        st.switch_page("pages/evaluate.py", query_params={"run": run.id})
    if st.button("Try it", icon=":material/chat:", key="to_predict"):
        st.switch_page("pages/predict.py", query_params={"run": run.id})
    takeaway.button(run)


def _go_on(run: Run, config: TrainingConfig, has_model: bool) -> None:
    advice = queue.milder(config, run.reason or "")
    if advice and st.button(advice[0], type="primary", icon=":material/healing:", key="milder"):
        ticket = st.session_state.setdefault(f"milder_{run.id}", queue.new_ticket())
        again = queue.clone(state.workspace(), run, advice[1], ticket=ticket)
        del st.session_state[f"milder_{run.id}"]
        _show(again)
    if run.status != Status.FINISHED and st.button(
        "Resume",
        type="secondary" if advice or has_model else "primary",
        icon=":material/play_circle:",
        key="resume",
        help="Continues from the last saved state, or from the beginning if there is none.",
    ):
        _show(queue.resume(state.workspace(), run.id))


def _more(run: Run, config: TrainingConfig | None) -> None:
    with st.popover("More", icon=":material/more_horiz:", key=f"more_{run.id}"):
        finished = config and run.status == Status.FINISHED and not config.counts_words
        if finished and config.epochs < MOST_EPOCHS:
            epochs = st.number_input(
                "Train further, up to this many epochs in total",
                min_value=config.epochs + 1,
                max_value=MOST_EPOCHS,
                value=min(config.epochs * 2, MOST_EPOCHS),
                key=f"rounds_{run.id}",
                help="Continues where it ended. The learning rate schedule is adapted to the new number of epochs.",
            )
            if not queue.has_saved_state(state.workspace(), run.id):
                st.caption("Its saved states were removed, so it starts from the beginning.")
            if st.button("Train further", icon=":material/fast_forward:", key="extend"):
                _show(queue.resume(state.workspace(), run.id, int(epochs)))
        if config and st.button(
            "New run with these settings",
            icon=":material/content_copy:",
            key="clone",
            help="Opens the Train page, filled in with the settings of this run.",
        ):
            st.session_state.pop("liked", None)  # it may have been filled in before, and changed
            st.switch_page("pages/train.py", query_params={"like": run.id})
        # The name is part of the key: another visitor's change of it must not be undone by what stands here.
        key = f"rename_{run.id}_{run.name}"
        st.text_input("Name", value=run.name, max_chars=80, key=key, on_change=_rename, args=(run.id, key))
        if st.session_state.pop("renamed", False):
            st.rerun()  # the whole page: the box with the runs is no part of this one
        if st.button("Delete", icon=":material/delete:", key="delete", help="Moves the run and its model to the trash."):
            queue.remove(state.workspace(), run.id)
            st.query_params.clear()
            st.toast("Moved to the trash, at the bottom of this page.", icon=":material/delete:")
            st.rerun()


def _show(run: Run) -> None:
    st.query_params["run"] = run.id
    st.rerun()


def _stop(run_id: str, keep: bool) -> None:
    with state.reported():  # it may have ended a moment ago
        queue.stop(state.workspace(), run_id, keep)


def _rename(run_id: str, key: str) -> None:
    with state.reported():
        queue.rename(state.workspace(), run_id, st.session_state[key])
        st.session_state["renamed"] = True


def _cancel(run_id: str) -> None:
    with state.reported():  # it may have begun a moment ago
        queue.cancel(state.workspace(), run_id)


def _pause(run_id: str) -> None:
    with state.reported():
        queue.pause(state.workspace(), run_id)
