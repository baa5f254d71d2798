"""What runs will take, before Start: time and memory, measured in the background once the settings are left alone."""

import time
from collections.abc import Sequence

import streamlit as st

from engine.data.datasets import DatasetInfo
from engine.errors import ForecastError
from engine.runs import forecast, measurements, space
from engine.runs.forecast import Forecast
from engine.settings import TrainingConfig
from engine.training.plan import Plan
from pages.parts import messages, state, words

TICK_SECONDS = 1.0
REST_SECONDS = 2.0  # nothing is measured while somebody still changes the settings
LAUNCH_SECONDS = 20.0  # a process that has not begun to measure by then has died
MEASURING = "Running a few steps on this machine to estimate time and memory …"
WAITING = "Time and memory will be estimated once the current training has ended."
UNKNOWN = "Time and memory could not be estimated for these settings. You can start anyway."
ONE_BY_ONE = "Running a few steps of each on this machine to estimate the total time …"
AFTER_DOWNLOAD = "Time and memory can be estimated once the model is on this machine."


def show(info: DatasetInfo, plan: Plan, config: TrainingConfig, key: str) -> None:
    """One line, or one more with a warning. key: with which the form made the keys of its fields."""
    if not _here(plan):
        st.caption(AFTER_DOWNLOAD)
        return
    found, settled = _look(info.id, config)
    if not settled:
        # The timer is gone once it is known: the whole page is drawn again, with what to change if it does not fit.
        st.fragment(_wait, run_every=TICK_SECONDS)(info.id, config)
    elif isinstance(found, Forecast):
        _tell(found, config, key)
    else:
        st.caption(found)


def total(dataset_id: str, wanted: Sequence[tuple[Plan, TrainingConfig]]) -> None:
    """One line: what several runs take together, one after another."""
    *known, waits = _sum(dataset_id, wanted)
    if waits:
        st.fragment(_wait_for_all, run_every=TICK_SECONDS)(dataset_id, wanted)
    else:
        st.markdown(
            _told(*known, len(wanted)),
            help="The total of all of them. Runs that are already waiting come first.",
        )


def _wait_for_all(dataset_id: str, wanted: Sequence[tuple[Plan, TrainingConfig]]) -> None:
    with state.reported():
        *known, waits = _sum(dataset_id, wanted)
        if not waits:
            st.rerun()
        sentence = ONE_BY_ONE if waits == MEASURING else waits
        so_far = f"{_told(*known, len(wanted))} so far. " if known[1] else ""
        st.caption(f"{so_far}:material/hourglass_top: {sentence}")


def _sum(dataset_id: str, wanted: Sequence[tuple[Plan, TrainingConfig]]) -> tuple[float, int, str]:
    """(seconds in all, of how many runs, a sentence while the time of one is still being measured, else '')"""
    seconds, count, waits = 0.0, 0, ""
    for plan, config in wanted:
        if waits or not _here(plan):
            found = seconds_of(dataset_id, config)
        else:
            told, settled = _look(dataset_id, config)
            waits = "" if settled else str(told)
            found = told.seconds if isinstance(told, Forecast) else None
        if found is not None:
            seconds, count = seconds + found, count + 1
    return seconds, count, waits


def seconds_of(dataset_id: str, config: TrainingConfig) -> float | None:
    """What was forecast before; None where it was not, or could not be."""
    try:
        found = forecast.find(state.workspace(), dataset_id, config)
    except ForecastError:
        return None
    return found.seconds if found else None


def _told(seconds: float, count: int, runs: int) -> str:
    if not count:
        return f":material/timer: {UNKNOWN}"
    of_them = f"all {runs} runs" if count == runs else f"{count} of the {runs} runs"
    return f":material/timer: About {words.roughly(seconds)} for {of_them}, one after another"


def _here(plan: Plan) -> bool:
    """Whether the model is on this machine, so that it can be measured."""
    return plan.source.kind == "tfidf" or plan.source.folder is not None


def disk(*plans: Plan) -> None:
    """A warning where the disk has less free than the runs may take."""
    parameters = [plan.source.bytes // space.WEIGHT for plan in plans]
    fetched = {plan.source.reference: plan.source.download_bytes for plan in plans}  # once, for all runs
    wanted = sum(space.needed(count, count) for count in parameters) + sum(fetched.values())
    there = space.free(state.workspace())
    if there < wanted:
        these, they = ("this run", "it trains") if len(plans) == 1 else ("these runs", "they train")
        st.warning(
            f"Only {words.size(there)} is free on the disk, and {these} may need up to {words.size(wanted)} while {they}. "
            "Clean up on the Runs page, or progress may not be saved.",
            icon=":material/hard_drive:",
        )


def _wait(dataset_id: str, config: TrainingConfig) -> None:
    with state.reported():
        sentence, settled = _look(dataset_id, config)
        if settled:
            st.rerun()
        st.caption(f":material/hourglass_top: {sentence}")


def _look(dataset_id: str, config: TrainingConfig) -> tuple[Forecast | str, bool]:
    """(the forecast or a sentence in its place, whether that will stay so). Starts to measure when nothing is against it."""
    workspace = state.workspace()
    try:
        found = forecast.find(workspace, dataset_id, config)
    except ForecastError:
        return UNKNOWN, True
    if found:
        return found, True
    if not workspace.changeable:
        return UNKNOWN, True
    wanted, now = measurements.key(dataset_id, config), time.monotonic()
    launched: dict[str, float] = st.session_state.setdefault("forecasts_launched", {})
    if forecast.is_disturbed(workspace, config):
        launched.pop(wanted, None)
        return WAITING, False
    if forecast.is_measuring(workspace):
        if wanted in launched:
            launched[wanted] = now
        return MEASURING, False
    if wanted in launched:
        return (UNKNOWN, True) if now - launched[wanted] > LAUNCH_SECONDS else (MEASURING, False)
    if st.session_state.get("forecast_wanted", ("",))[0] != wanted:
        st.session_state["forecast_wanted"] = (wanted, now)
    if now - st.session_state["forecast_wanted"][1] >= REST_SECONDS:
        forecast.launch(workspace, dataset_id, config)
        launched[wanted] = now
    return MEASURING, False


def _tell(found: Forecast, config: TrainingConfig, key: str) -> None:
    less = ", less if it stops early" if config.patience else ""
    st.markdown(
        f":material/timer: About {words.roughly(found.seconds)}{less}, up to {words.size(found.memory_bytes)} of memory",
        help="Estimated from a few real steps on this machine: "
        + ", ".join(f"{phase} {words.roughly(seconds)}" for phase, seconds in found.parts.items() if seconds >= 1)
        + ". Other work on this machine slows it down.",
    )
    if found.fits:
        return
    st.warning(
        "That does not fit into the memory of this machine. Each of these would help:",
        icon=":material/memory:",
    )
    for sentence, changes in found.advice:
        if changes and all(f"{field}_{key}" in st.session_state for field in changes):
            name = "_".join(changes)
            st.button(
                messages.plain(sentence),
                icon=":material/auto_fix_high:",
                key=f"advice_{name}_{key}",
                on_click=_apply,
                args=(changes, key),
            )
        else:
            st.markdown(f"- {messages.plain(sentence)}")


def _apply(changes: dict[str, object], key: str) -> None:
    for field, value in changes.items():
        st.session_state[f"{field}_{key}"] = value
