"""A whole file that the model answers: upload, progress, downloads. It goes on when the page is closed."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from engine.data import workbench, writers
from engine.errors import NotFoundError, TuneboardError
from engine.figures import whole
from engine.paths import BatchPaths
from engine.results import batches
from engine.results.batches import Standing, State
from engine.runs.store import Run
from engine.serving import batch, rules
from engine.serving.batch import Job
from engine.serving.rules import Rules
from pages.parts import cached, intake, messages, state, steps, uploads, words
from pages.parts.choices import Choices

TICK_SECONDS = 1.0
SHOWN = 100
SHOWN_LINES = 5  # that could not be read
HELD = "batch_upload"  # in the session: the upload that is about to be answered
FORMATS = {".csv": "CSV", ".xlsx": "Excel", ".parquet": "Parquet", ".jsonl": "JSON lines"}


def show(run: Run) -> None:
    begun = batches.jobs(state.workspace().run(run.id))
    if any(one.state == State.RUNNING for one in begun):
        st.session_state.setdefault("batch_open", True)  # after a refresh
    place = st.expander("A whole file", icon=":material/table_view:", on_change="rerun", key="batch_open")
    if not place.open:
        return
    with place:
        st.caption("A table with a column of texts; no labels needed. You get it back with the predictions added.")
        with state.reported():
            _another(run)
        for number, one in enumerate(begun):
            with st.container(border=True, key=f"batch_{one.key}"), state.reported():
                _job(run, one, newest=number == 0)


def _another(run: Run) -> None:
    """Choose a file and its column, and begin."""
    key = st.session_state.get(HELD) or uploads.upload("Table with texts", "batch")
    if not key:
        return
    st.session_state[HELD] = key
    choices = Choices(key)
    reading = workbench.read_step(key, choices.options)
    try:
        if not steps.ready(reading, HELD):
            return
        facts = workbench.facts_of(state.workspace(), reading)
        intake.how_it_was_read(workbench.read_table(state.workspace(), reading, 1), facts["rows"], choices)
        column = _column(facts)
    except TuneboardError:
        choices.put(options=None)
        _put_away()  # what cannot be read is not tried again
        raise
    with st.container(horizontal=True):
        asked = st.button(
            f"Predict {words.count(facts['rows'], 'row')}",
            icon=":material/play_arrow:",
            key="answer_file",
            disabled=column is None,
        )
        st.button("Another file", type="tertiary", key="another_batch", on_click=_put_away)
    if asked and column:
        batches.begin(state.workspace(), run.id, reading, column)
        _put_away()
        st.rerun()


def _column(facts: dict) -> str | None:
    columns, proposed = facts["columns"], facts["roles"]["text"]
    return st.selectbox(
        "Column with the texts",
        columns,
        index=columns.index(proposed) if proposed in columns else None,
        format_func=lambda name: words.column(name, facts["names_row"] > 0),
        key=f"batch_column_{st.session_state[HELD]}",
    )


def _put_away() -> None:
    st.session_state.pop(HELD, None)


def _job(run: Run, one: Standing, newest: bool) -> None:
    if one.state == State.RUNNING:
        _watch(run, one.key)
        return
    if one.state == State.DONE:
        result(run, state.workspace().run(run.id).batch(one.key), newest, lambda: _removal(run, one, "Remove"))
        return
    st.markdown(f"{_called(one.job)}: {whole(one.done)} of {words.count(one.job.rows, 'row')}")
    if one.state == State.FAILED:
        messages.problem(TuneboardError(*one.error))
    else:
        st.caption("It was interrupted. What was predicted so far is kept.")
    with st.container(horizontal=True):
        st.button(
            "Continue",
            icon=":material/play_arrow:",
            key=f"go_on_{one.key}",
            on_click=_go_on,
            args=(run.id, one.key),
        )
        _removal(run, one, "Remove")


@st.fragment(run_every=TICK_SECONDS)
def _watch(run: Run, key: str) -> None:
    """Looks at one job until it is no longer running."""
    with state.reported():
        try:
            one = batches.standing(state.workspace().run(run.id).batch(key))
        except NotFoundError:  # somebody else removed it
            st.rerun()
        if one.state != State.RUNNING:
            st.rerun()
        share, rows = one.done / max(1, one.job.rows), words.count(one.job.rows, "row")
        how_far = f"{whole(one.done)} of {rows}" if one.done else "opening the model …"
        st.progress(min(1.0, share), text=f"{messages.plain(one.job.name)}: {how_far}")
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button("Cancel", icon=":material/close:", key=f"cancel_{key}"):
                batches.remove(state.workspace(), run.id, key)
                st.rerun()
            st.caption("It continues if you close this page.")


def result(run: Run, paths: BatchPaths, newest: bool, beside: Callable[[], None] = lambda: None) -> None:
    """What a job that is done has found, with its downloads. beside: shows what else can be done with it."""
    key, job, chosen = paths.folder.name, batch.read(paths), rules.read(state.workspace().run(run.id))
    found = cached.batch_summary(str(paths.folder), job.created_at, chosen)
    st.markdown(f"{_called(job)}: {words.count(found.rows, 'row')}, {in_words(found)}")
    everything = st.checkbox("Include the probability of every label", key=f"all_{key}")
    with st.container(horizontal=True):
        for ending, name in FORMATS.items():
            if ending == ".xlsx" and found.rows >= writers.SHEET_ROWS:
                continue  # a sheet does not hold so many
            st.download_button(
                name,
                lambda ending=ending: _written(paths, chosen, ending, everything),
                file_name=f"{words.file_name(Path(job.name).stem)}-answered{ending}",
                icon=":material/download:",
                key=f"download_{ending[1:]}_{key}",
                on_click="ignore",
            )
        beside()
    if found.unread_count:
        lines = "; ".join(one.said for one in found.unread[:SHOWN_LINES])
        more = " …" if found.unread_count > SHOWN_LINES else "."
        lost = f" The last {whole(found.lost)} of them are not in the result." if found.lost else ""
        st.caption(f"Could not be read: {messages.plain(lines)}{more}{lost}")
    if newest:
        first = next(batch.answered(paths, chosen, everything)).head(SHOWN)
        st.dataframe(first, hide_index=True, height=240, alt=f"The first {len(first)} rows with their predictions")


def _called(job: Job) -> str:
    return f"**{messages.plain(job.name)}**, column {messages.plain(job.column)}"


def in_words(found: batch.Result) -> str:
    """'60 good, 40 bad; 3 without a text; 12 go to a person'"""
    counts = list(found.counts.items())
    said = [", ".join(f"{whole(rows)} {messages.plain(label)}" for label, rows in counts[:5])] if counts else []
    if len(counts) > 5:
        said[0] += f", {whole(sum(rows for _, rows in counts[5:]))} others"
    if found.empty:
        said.append(f"{whole(found.empty)} without a text")
    if found.unread_count:
        said.append(f"{whole(found.unread_count)} could not be read")
    if found.people:
        said.append(f"{whole(found.people)} {'goes' if found.people == 1 else 'go'} to a person")
    return "; ".join(said)


def _written(paths: BatchPaths, chosen: Rules, ending: str, everything: bool) -> bytes:
    """Made when somebody wants it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"answered{ending}"
        writers.write(batch.answered(paths, chosen, everything), out)
        return out.read_bytes()


def _removal(run: Run, one: Standing, name: str) -> None:
    st.button(
        name,
        icon=":material/delete:",
        type="tertiary",
        key=f"remove_{one.key}",
        on_click=_remove,
        args=(run.id, one.key),
    )


def _go_on(run_id: str, key: str) -> None:
    with state.reported():
        batches.go_on(state.workspace(), run_id, key)


def _remove(run_id: str, key: str) -> None:
    with state.reported():
        batches.remove(state.workspace(), run_id, key)
