"""A search for good settings on the Compare page: what was tried, what it came to, and what mattered."""

import streamlit as st

from engine.figures import rounded
from engine.runs.store import Run, Status
from engine.studies.progress import Progress, Trial
from engine.studies.records import Standing
from pages.parts import charts, messages, study_charts, words

STATES = {"complete": "Completed", "pruned": "Stopped early", "failed": "Failed"}


def show(standing: Standing, found: Progress) -> None:
    runs = {run.id: run for run in standing.runs}
    _headline(standing, found, runs)
    if found.message:
        st.markdown(messages.plain(found.message))
    if best := runs.get(found.best.run_id if found.best else ""):
        _best(best, found)
    _charts(found)
    _table(found, runs)


def _headline(standing: Standing, found: Progress, runs: dict[str, Run]) -> None:
    now = runs.get(found.current.run_id) if found.current else None
    spent = found.spent + ((now.seconds if now else None) or 0.0)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(
            str(standing.status),
            icon=words.STATUS_ICONS[standing.status],
            color=words.STATUS_COLOURS[standing.status],
        )
        st.markdown(words.count(len(found.trials), "trial"))
    st.progress(
        min(1.0, spent / found.seconds),
        text=f"{words.duration(min(spent, found.seconds))} of {words.duration(found.seconds)} used",
    )
    if now and now.paused:
        st.caption("The current trial is paused. Resume it on the Runs page to continue the search.")


def _best(run: Run, found: Progress) -> None:
    """The one that won on validation; only of it is the test score told, since choosing by the test would spoil it."""
    best, first = found.best, found.trials[0]
    shown = {"Best on validation (macro-F1)": rounded(best.score, 3)}
    if first.score is not None and best.number:
        shown["The preset's settings"] = rounded(first.score, 3)
    if run.accuracy is not None:
        shown |= {
            "Its accuracy (test)": words.share(run.accuracy),
            "Its macro-F1 (test)": rounded(run.macro_f1, 3),
        }
    with st.container(horizontal=True):
        for label, value in shown.items():
            st.metric(label, value, border=True, width=220)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(
            "pages/evaluate.py",
            label=f"See where trial {best.number + 1} is right and wrong",
            icon=":material/arrow_forward:",
            query_params={"run": run.id},
        )
        st.caption(
            "The best of many trials is partly luck on the validation texts. Trust its test score.",
        )


def _charts(found: Progress) -> None:
    ended = [trial for trial in found.trials if trial.score is not None and trial.state != "running"]
    if not ended:
        st.caption("The first score appears when the first trial has ended.")
        return
    left, right = st.columns(2)
    with left:
        st.markdown("**Score of each trial**")
        best = f", the best {rounded(found.best.score, 3)}" if found.best else ""
        charts.show(study_charts.trials(ended), f"{len(ended)} trials{best}", "trials", height=300)
    with right:
        st.markdown(
            "**Which settings mattered** (parameter importance)",
            help="How much each setting contributed to the difference between good and other trials (PED-ANOVA, Watanabe "
            "et al. 2023). With few trials this is only a hint.",
        )
        if found.importance:
            shares = {words.SETTINGS[field]: share for field, share in found.importance.items()}
            most = next(iter(shares))
            charts.show(study_charts.importance(shares), f"The setting that mattered most: {most}", "importance", height=300)
        else:
            st.caption("Shown once six trials have completed.")


def _table(found: Progress, runs: dict[str, Run]) -> None:
    ordered = sorted(found.trials, key=lambda trial: (trial.state != "running", -(trial.score or 0.0)))
    st.dataframe(
        words.table(
            [
                {
                    "Trial": trial.number + 1,
                    "State": _state(trial, runs.get(trial.run_id)),
                    "Macro-F1 (validation)": trial.score,
                    "Epochs": trial.rounds,
                    "Time": words.duration(trial.seconds) if trial.seconds else "",
                    **{words.SETTINGS[field]: value for field, value in trial.values.items()},
                    "Run": trial.run_id,
                }
                for trial in ordered
            ],
            **{"Macro-F1 (validation)": words.score},
        ),
        hide_index=True,
        alt="The trials, the best first, each with the settings that were tried",
        placeholder="",
    )


def _state(trial: Trial, run: Run | None) -> str:
    if trial.state != "running":
        return STATES[trial.state] if run else f"{STATES[trial.state]}, deleted"
    if run is None or run.status == Status.QUEUED:
        return "Waiting"
    if run.status.ended:
        return "Paused" if run.paused else str(run.status).capitalize()
    return run.phase.capitalize()
