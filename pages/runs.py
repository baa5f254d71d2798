"""How is it going?"""

import streamlit as st

from engine import settings
from engine.runs import queue
from engine.runs.events import History
from engine.runs.store import Run, Status
from engine.settings import TrainingConfig
from pages.parts import charts, frame, messages, state, words

TICK_SECONDS = 1.0
SPEED_WINDOW = 20  # reports over which the speed is taken
LOG_BYTES = 20_000


def page() -> None:
    st.title("Runs")
    runs = queue.list_runs(state.workspace())
    if not runs:
        messages.empty(
            "Nothing was trained yet",
            "A run appears here as soon as you start one, and stays.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        return
    run = state.pick(
        "Run",
        runs,
        "run",
        lambda one: one.id,
        lambda one: f"{one.name}, {words.when(one.created_at)}, {one.id[:4]}",
    )
    # The timer is gone once the run has ended, so that a finished page rests.
    st.fragment(panel, run_every=None if run.status.ended else TICK_SECONDS)(run.id, run.status.ended)
    if len(runs) > 1:
        everything(runs)


def panel(run_id: str, ended_before: bool) -> None:
    """All about one run; drawn again every second while it is live."""
    with state.reported():
        run = queue.get_run(state.workspace(), run_id)
        if run.status.ended and not ended_before:
            st.rerun()  # once, at the transition: the timer stops and the next step appears
        history = History.read(state.workspace().run(run_id).events)
        headline(run)
        if run.status.ended:
            ending(run)
        else:
            progress(run, history)
        figures(run, history)
        curves(history)
        log(run, history)


def headline(run: Run) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(str(run.status), icon=words.STATUS_ICONS[run.status], color=words.STATUS_COLOURS[run.status])
        phase = (
            f"{run.phase}"
            if run.status == Status.RUNNING
            else {Status.QUEUED: "waiting for its turn"}.get(run.status, "")
        )
        st.markdown(phase.capitalize())


def progress(run: Run, history: History) -> None:
    share = min(run.step / run.steps, 1.0) if run.steps else 0.0
    parts = (
        [f"{'Step' if run.phase == 'training' else 'Text'} {run.step:,} of {run.steps:,}"]
        if run.steps
        else []
    )
    if run.phase == "training":
        config = queue.config_of(state.workspace(), run.id)
        parts.append(f"round {min(len(history.epochs) + 1, config.epochs)} of {config.epochs}")
    if run.seconds_left:
        parts.append(f"about {words.duration(run.seconds_left)} left")
    st.progress(share, text=", ".join(parts) or "One moment …")
    if queue.is_silent(run):
        st.warning(
            "It has given no sign of life for a minute. It may be busy with something large, or hang; you can stop it.",
            icon=":material/hourglass_disabled:",
        )
    st.button(
        "Stopping …" if run.stop_requested else "Stop",
        icon=":material/stop_circle:",
        disabled=run.stop_requested,
        key=f"stop_{run.id}",
        help="The best round so far is kept and can be used.",
        on_click=stop,
        args=(run.id,),
    )


def stop(run_id: str) -> None:
    with state.reported():  # it may have ended a moment ago
        queue.stop(state.workspace(), run_id)


def ending(run: Run) -> None:
    if run.status in (Status.FAILED, Status.INTERRUPTED):
        st.error(
            f"{messages.plain(run.message)}  \n**{messages.plain(run.action or '')}**",
            icon=":material/error:",
        )
    elif run.message:
        st.info(messages.plain(run.message), icon=":material/stop_circle:")
    with st.container(horizontal=True):
        if state.workspace().run(run.id).metrics.exists():
            if st.button(
                "See where it is right and wrong",
                type="primary",
                icon=":material/arrow_forward:",
                key="to_evaluate",
            ):
                st.switch_page("pages/evaluate.py", query_params={"run": run.id})
            if st.button("Try it", icon=":material/chat:", key="to_predict"):
                st.switch_page("pages/predict.py", query_params={"run": run.id})
        else:
            config = queue.config_of(state.workspace(), run.id)
            advice = queue.milder(config, run.reason or "")
            if advice and st.button(advice[0], type="primary", icon=":material/healing:", key="milder"):
                start_again(run, advice[1])
            kind = "secondary" if advice else "primary"
            if st.button("Start it again", type=kind, icon=":material/replay:", key="again"):
                start_again(run, config)
        with st.popover("Delete", icon=":material/delete:"):
            st.write("The run and its model are removed for good.")
            if st.button("Delete this run", key="delete"):
                queue.remove(state.workspace(), run.id)
                st.query_params.clear()
                st.rerun()


def start_again(run: Run, config: TrainingConfig) -> None:
    again = queue.submit(
        state.workspace(),
        config,
        dataset_id=run.dataset_id,
        dataset_name=run.dataset_name,
        model_name=run.model_name,
        name=run.name,
    )
    st.query_params["run"] = again.id
    st.rerun()


def figures(run: Run, history: History) -> None:
    shown = {"Time": words.duration(run.seconds) or "not started"}
    if run.accuracy is not None:
        shown |= {"Accuracy (test)": words.share(run.accuracy), "Macro-F1 (test)": f"{run.macro_f1:.3f}"}
    elif history.epochs:
        shown["Macro-F1 (validation)"] = f"{max(one['scores']['macro_f1'] for one in history.epochs):.3f}"
    speed = history.texts_per_second(SPEED_WINDOW)
    if speed:
        shown["Texts per second"] = f"{speed:,.0f}"
    with st.container(horizontal=True):
        for label, value in shown.items():
            st.metric(label, value, border=True, width=190)
    if history.setup and run.memory_bytes:
        st.caption(f"Device: {history.setup['device']}, using {words.size(run.memory_bytes)} of memory.")


def curves(history: History) -> None:
    if not history.steps:
        return
    left, right = st.columns(2)
    with left:
        st.markdown(
            "**How wrong it is on the training texts** (loss)",
            help="Falls while the model learns. Near zero means that it "
            "knows the training texts by heart; whether it understands new ones, the other chart tells.",
        )
        charts.show(charts.loss(history.steps), f"Training loss, now {history.steps[-1]['loss']:.3f}", "loss")
    with right:
        st.markdown(
            "**How right it is on texts that it does not learn from** (validation)",
            help="Measured after each round. "
            "The best round is kept (ringed), by macro-F1, which counts every class equally; of rounds that differ by no "
            "more than luck, the last.",
        )
        if history.epochs:
            charts.show(
                charts.validation(history.epochs), "Scores on validation after each round", "validation"
            )
        else:
            st.caption("The first score comes after the first round.")


def log(run: Run, history: History) -> None:
    with st.expander("Settings, events and log", icon=":material/description:"):
        for note in history.notes:
            st.markdown(f"- {messages.plain(note)}")
        st.json(settings.applying(queue.config_of(state.workspace(), run.id)), expanded=False)
        path = state.workspace().run(run.id).log
        written = path.read_bytes()[-LOG_BYTES:].decode("utf-8", errors="replace") if path.exists() else ""
        st.code(
            written or "The log is empty: nothing unusual happened.",
            language=None,
            height=200 if written else "content",
        )
        if history.setup:
            st.caption(
                f"Computed in {history.setup['precision']} with {history.setup['threads']} threads; "
                f"{history.setup['parameters']:,} parameters. Folder: {messages.plain(path.parent)}"
            )


def everything(runs: list[Run]) -> None:
    with st.expander(f"All {len(runs)} runs", icon=":material/list:"):
        st.dataframe(
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
                    "Id": one.id,
                }
                for one in runs
            ],
            hide_index=True,
            alt="All runs",
            column_config={
                "Accuracy": st.column_config.NumberColumn(format="percent"),
                "Macro-F1": st.column_config.NumberColumn(format="%.3f"),
            },
        )


frame.show(page)
