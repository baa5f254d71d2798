"""A small file that the model answers for whoever may only look: at once, and nothing of it stays."""

import tempfile
from pathlib import Path

import streamlit as st

from engine.data.columns import propose
from engine.data.reading import Table, read_bytes
from engine.data.reading.table import arrow
from engine.errors import DataError
from engine.figures import whole
from engine.paths import BatchPaths
from engine.runs.store import Run
from engine.serving import batch as jobs
from pages.parts import batch, cached, messages, state, words

MOST_ROWS = 1000  # since the page computes it itself, and does not wait in a queue
MOST_MB = 8
SMALLER = "Send fewer rows, or ask whoever set this Tuneboard up."
READ, ANSWERED = "passing_read", "passing_answered"  # in the session


def show(run: Run) -> None:
    place = st.expander("A whole file", icon=":material/table_view:", on_change="rerun", key="passing_open")
    if not place.open:
        return
    with place, state.reported():
        st.caption(
            f"A table with a column of texts and at most {whole(MOST_ROWS)} rows; no labels needed. You get it back "
            "with the predictions added, and nothing of it is stored."
        )
        file = st.file_uploader("Table with texts", type=words.FILE_TYPES, key="passing", max_upload_size=MOST_MB)
        if file is None:
            st.session_state.pop(READ, None)
            st.session_state.pop(ANSWERED, None)
            return
        if st.session_state.get(READ, ("",))[0] != file.file_id:
            st.session_state[READ] = file.file_id, _read(file.name, file.getvalue())
        table = st.session_state[READ][1]
        st.caption(messages.plain(table.described()))
        column = _column(table)
        asked = st.button(
            f"Predict {words.count(len(table.frame), 'row')}",
            icon=":material/play_arrow:",
            key="answer_passing",
            disabled=column is None,
        )
        which = (file.file_id, run.id, column)
        if asked and column:
            st.session_state[ANSWERED] = which, _answered(run, table, column)
        if st.session_state.get(ANSWERED, ("",))[0] == which:
            batch.result(run, _job_in(st.session_state[ANSWERED][1]), newest=True)


def _read(name: str, content: bytes) -> Table:
    """Raises DataError."""
    if len(content) > MOST_MB * 2**20:
        raise DataError(f"{name} is too large; at most {MOST_MB} MB can be predicted here.", SMALLER, "too_large")
    table = read_bytes(content, name)
    rows = len(table.frame) + table.rejected_count
    if rows > MOST_ROWS:
        raise DataError(
            f"{name} has {whole(rows)} rows; at most {whole(MOST_ROWS)} can be predicted here.",
            SMALLER,
            "too_large",
        )
    return table


def _column(table: Table) -> str | None:
    proposed = propose(table.frame).text
    return st.selectbox(
        "Column with the texts",
        table.columns,
        index=table.columns.index(proposed) if proposed else None,
        format_func=lambda name: words.column(name, table.header),
        key=f"passing_column_{st.session_state[READ][0]}",
    )


def _answered(run: Run, table: Table, column: str) -> tempfile.TemporaryDirectory:
    """The folder of the job, outside the workspace; it is removed when the session forgets it."""
    folder = tempfile.TemporaryDirectory(prefix="tuneboard-")
    paths = _job_in(folder)
    jobs.write_table(table.frame, paths)
    jobs.begin(paths, table.name, column, arrow(table.rejected), table.rejected_count)
    model = cached.predictor(*cached.model_of(state.workspace().run(run.id)))
    bar = st.progress(0.0, text="Predicting …")
    jobs.answer(
        paths,
        model,
        lambda done, total: bar.progress(done / total, text=f"{whole(done)} of {words.count(total, 'row')}"),
        hasten=False,  # other visitors ask the same model
    )
    bar.empty()
    return folder


def _job_in(folder: tempfile.TemporaryDirectory) -> BatchPaths:
    return BatchPaths(Path(folder.name, "job"))
