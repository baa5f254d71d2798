"""A study on the Compare page: how far its runs are, and what they show so far."""

import streamlit as st

from engine.evaluation import MOST_RUNS
from engine.figures import whole
from engine.runs.store import Run, Status
from engine.studies import records, search
from engine.studies.records import Standing, Study
from pages.parts import cached, charts, messages, pace, searches, state, study_charts, words

LOOK_SECONDS = 2.0
ANY = "any"


def choose() -> Study | None:
    """The study that is chosen, or stands in the address; None for runs of the person's choice."""
    found = records.list_studies(state.workspace())
    if not found:
        return None
    if "runs" in st.query_params and "study" not in st.query_params:
        st.query_params["study"] = ANY
    chosen = state.pick(
        "What to compare",
        [None, *found],
        "study",
        lambda one: one.id if one else ANY,
        lambda one: f"{one.name}, {words.when(one.created_at)}" if one else "Runs that I choose",
    )
    if chosen:
        st.query_params.pop("runs", None)
    return chosen


def show(study: Study) -> tuple[str, ...]:
    """How far the study is, drawn again by itself while anything runs. Returns the runs with scores, the best on validation
    first."""
    found = records.standing(state.workspace(), study)
    scores = {} if study.kind == "search" else records.scored(state.workspace(), found)
    intervals = {run_id: one["intervals"]["accuracy"] for run_id, one in scores.items()}
    st.fragment(_board, run_every=pace.seconds(LOOK_SECONDS) if found.live else None)(
        study, found.ended, found.live, intervals
    )
    if study.kind == "curve" and scores:
        curve(scores)
    elif len(scores) == 1 and found.live:
        st.caption("The comparison appears here once two runs have ended.")
    return tuple(scores)


def curve(scores: dict[str, dict]) -> None:
    """Would more labels help? scores: of the runs that have some, as of `records.scored`."""
    stamps = tuple(state.workspace().run(run_id).metrics.stat().st_mtime for run_id in scores)
    shown = cached.learning_curve(str(state.workspace().root), scores, tuple(scores), stamps)
    st.header(
        "Would more labels help?",
        help="The same model is trained on more and more of the training texts; the test texts are always the same. The "
        "interval (Agresti and Min 2005) accounts for luck in the test texts, not in the training. Each doubling usually "
        "helps less than the one before.",
    )
    if shown.sentence:
        icon = {True: "trending_up", False: "trending_flat", None: "casino"}[shown.helps]
        st.markdown(f":material/{icon}: {messages.plain(shown.sentence)}")
    charts.show(
        study_charts.learning_curve(shown.points),
        "Accuracy by the number of training texts: "
        + ", ".join(f"{whole(one.rows)} texts {words.share(one.accuracy)}" for one in shown.points),
        "learning_curve",
        height=320,
    )


def _board(study: Study, ended_before: int, live_before: bool, intervals: dict[str, list[float]]) -> None:
    with state.reported():
        found = records.standing(state.workspace(), study)
        if found.ended != ended_before or found.live != live_before:
            st.rerun()  # once for each that has ended: it joins the comparison below
        if found.progress:
            searches.show(found, found.progress)
            controls(found)
            forget(found)
            return
        headline(found)
        if found.live or len(found.runs) > MOST_RUNS or any(run.accuracy is None for run in found.runs):
            table(found, intervals)
        problems(found)
        controls(found)


def headline(found: Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(str(found.status), icon=words.STATUS_ICONS[found.status], color=words.STATUS_COLOURS[found.status])
        st.markdown(f"{found.ended} of {words.count(len(found.runs), 'run')} ended")
        if found.gone:
            st.caption(f"{words.count(found.gone, 'run was', 'runs were')} deleted.")
        forget(found)


def table(found: Standing, intervals: dict[str, list[float]]) -> None:
    """intervals: of the accuracy, of the runs with scores, by run id."""
    st.dataframe(
        words.table(
            [
                {
                    "Run": found.labels[run.id],
                    "State": _state(run),
                    "Done": 1.0 if run.accuracy is not None else run.share or 0.0,
                    "Accuracy": run.accuracy,
                    "95% interval": words.between(intervals[run.id]) if run.id in intervals else None,
                    "Macro-F1": run.macro_f1,
                    "Time": words.duration(run.seconds),
                    "Left": words.time_left(run.seconds_left),
                }
                for run in found.runs
            ],
            **{"Accuracy": words.share, "Macro-F1": words.score},
        ),
        hide_index=True,
        alt="The runs of this study, each with its state and how far it is",
        placeholder="",
        column_config={
            "Done": st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0, color="primary"),
        },
    )


def _state(run: Run) -> str:
    if run.status == Status.RUNNING:
        return run.phase.capitalize()
    return {Status.QUEUED: "Waiting"}.get(run.status, "Paused" if run.paused else str(run.status).capitalize())


def problems(found: Standing) -> None:
    """What went wrong, where something did."""
    for run in found.runs:
        if run.status in (Status.FAILED, Status.INTERRUPTED):
            st.error(
                f"{messages.plain(found.labels[run.id])}: {messages.plain(run.message)}  \n"
                f"**{messages.plain(run.action or '')}**",
                icon=":material/error:",
            )


def controls(found: Standing) -> None:
    with st.container(horizontal=True):
        now = next((run for run in found.runs if run.status == Status.RUNNING), None)
        if now:
            st.page_link(
                "pages/runs.py",
                label="Watch the current run",
                icon=":material/show_chart:",
                query_params={"run": now.id},
            )
        if found.live:
            st.button(
                "Stop all",
                icon=":material/stop_circle:",
                key="stop_study",
                help="Waiting runs leave the queue. The current one keeps its best epoch.",
                on_click=_stop,
                args=(found.study,),
            )
        elif found.progress:
            _go_on(found)


def forget(found: Standing) -> None:
    if not found.live:
        st.button(
            "Delete this study",
            icon=":material/playlist_remove:",
            key="forget_study",
            type="tertiary",
            help="Only the study is deleted. Its runs stay.",
            on_click=_forget,
            args=(found.study,),
        )


def _go_on(found: Standing) -> None:
    with st.popover("Continue", icon=":material/play_circle:"):
        minutes = st.number_input(
            "More minutes", min_value=0, max_value=7 * 24 * 60, value=15, step=5, key="further_minutes"
        )
        st.button(
            "Continue",
            type="primary",
            icon=":material/play_arrow:",
            key="go_on_study",
            on_click=_resume,
            args=(found.study, 60.0 * minutes),
        )


def _resume(study: Study, seconds: float) -> None:
    with state.reported():
        search.resume(state.workspace(), study, seconds)


def _stop(study: Study) -> None:
    with state.reported():
        records.stop(state.workspace(), study)


def _forget(study: Study) -> None:
    with state.reported():
        records.remove(state.workspace(), study.id)
        st.query_params["study"] = ANY
