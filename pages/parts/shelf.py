"""The saved data sets: what is in each, its versions, its way out, its end, and its way back."""

from collections import Counter

import streamlit as st

from engine.data import exports, workbench
from engine.data.datasets import DatasetInfo, deleted, describe, first_rows, load_rows, remove, restore
from engine.figures import whole
from engine.paths import Workspace
from engine.runs import queue, space
from engine.runs.store import Run
from pages.parts import charts, disk, messages, state, words

SHOWN_ROWS = 200


def shelf(datasets: list[DatasetInfo]) -> None:
    st.header("Your data sets")
    runs = queue.list_runs(state.workspace())
    if len(datasets) > 1:
        overview(datasets, runs)
    info = state.pick(
        "Data set",
        datasets,
        "dataset",
        lambda one: one.id,
        lambda one: f"{one.title}, {whole(one.total)} texts, {one.id[:4]}",
    )
    if st.session_state.pop("just_saved", None) == info.id:
        st.toast("Saved.", icon=":material/check_circle:")
    if info.description:
        st.markdown(messages.plain(info.description))
    with st.container(horizontal=True):
        for split, title in words.SPLITS.items():
            st.metric(title, whole(info.rows[split]), border=True, width=160)
        st.metric("Classes", len(info.labels), border=True, width=160)
    with st.container(horizontal=True):
        if st.button("Train a model on it", type="primary", icon=":material/arrow_forward:", key="to_train"):
            st.switch_page("pages/train.py", query_params={"dataset": info.id})
        if st.button(
            "Clean or correct it",
            icon=":material/edit:",
            key="new_version",
            help="Makes a new version; this one stays.",
        ):
            st.query_params["upload"] = new_version(info)
            st.rerun()
        take_away(info)
        rename(info)
        delete(info, runs)
    with st.expander("What is in it", icon=":material/table_rows:"):
        details(info, {one.id: one for one in datasets})


def overview(datasets: list[DatasetInfo], runs: list[Run]) -> None:
    with st.expander("All data sets", icon=":material/view_list:"):
        used = Counter(run.dataset_id for run in runs)
        st.dataframe(
            [
                {"name": one.name, "version": one.version, "texts": one.total, "classes": len(one.labels),
                 "size": words.size(one.file_bytes), "runs": used[one.id], "saved": words.when(one.created_at)}
                for one in datasets
            ],
            hide_index=True,
            alt="All data sets with their sizes",
        )  # fmt: skip


def new_version(info: DatasetInfo) -> str:
    """Put the rows on the workbench; what comes of them points back at this data set, and keeps its split."""
    with state.workspace().dataset(info.id).rows.open("rb") as rows:
        key = workbench.keep(state.workspace(), rows, info.name, parent=info.id)
    chosen = {"text": ["text"], "label": "label", "split_by": "column", "split_column": "split"}
    workbench.save_choices(state.workspace(), key, chosen)
    return key


def take_away(info: DatasetInfo) -> None:
    workspace = state.workspace()
    with st.popover("Download", icon=":material/download:"):
        st.caption("Texts, labels and split, as cleaned.")
        st.download_button(
            "CSV", lambda: as_csv(workspace, info.id), f"{words.file_name(info.title)}.csv", "text/csv", key="csv",
            help="Safe to open in a spreadsheet: no cell can act as a formula.",
        )  # fmt: skip
        st.download_button(
            "Parquet", lambda: workspace.dataset(info.id).rows.read_bytes(), f"{words.file_name(info.title)}.parquet",
            "application/vnd.apache.parquet", key="parquet",
        )  # fmt: skip


def as_csv(workspace: Workspace, dataset_id: str) -> bytes:
    return exports.safe_csv(load_rows(workspace, dataset_id)).encode("utf-8-sig")


def rename(info: DatasetInfo) -> None:
    with st.popover("Rename", icon=":material/label:"), st.form(f"rename_{info.id}", border=False):
        name = st.text_input("Name", info.name, max_chars=80)
        about = st.text_input("Description", info.description, max_chars=300)
        if st.form_submit_button("Save"):
            with state.reported():
                describe(state.workspace(), info.id, name=name, description=about)
                st.rerun()


def delete(info: DatasetInfo, runs: list[Run]) -> None:
    with st.popover("Delete", icon=":material/delete:"):
        runs = [run for run in runs if run.dataset_id == info.id]
        waiting = [run for run in runs if not run.status.ended]
        if waiting:
            said = f"{words.count(len(waiting), 'run')} on it {'has' if len(waiting) == 1 else 'have'} not finished yet."
            st.markdown(f"{said} Stop {'it' if len(waiting) == 1 else 'them'} first, or wait.")
            return
        used = f"{words.count(len(runs), 'run')} used it" if runs else "No run used it"
        kept = ". Models and scores stay, but no run on it can be repeated or compared with new ones" if runs else ""
        st.markdown(f"{used}{kept}. The data set stays in the trash for {space.TRASH_DAYS} days.")
        if st.button("Delete it", key="delete_dataset", icon=":material/delete:"):
            remove(state.workspace(), info.id)
            st.toast("Moved to the trash, at the bottom of this page.", icon=":material/delete:")
            st.query_params.pop("dataset", None)
            st.session_state.pop("chosen_dataset", None)
            st.rerun()


def trash() -> None:
    """What was deleted lately; nothing is shown where nothing was."""
    found = {
        info.id: f"{info.title}, {words.count(info.total, 'text')}, saved {words.when(info.created_at)}"
        for info in deleted(state.workspace())
    }
    disk.trash("data set", found, restore)


def details(info: DatasetInfo, others: dict[str, DatasetInfo]) -> None:
    st.markdown(
        f"From {messages.plain(info.source)} ({messages.plain(words.friendly(info.read_as))}). "
        f"Texts: {messages.plain(info.text_column)}, "
        f"labels: {messages.plain(info.label_column)}. Split: {messages.plain(info.split_by)}. "
        f"Saved {words.when(info.created_at)}, {words.size(info.file_bytes)}."
    )
    if info.parent:
        name = others[info.parent].title if info.parent in others else f"{info.parent}, which was deleted"
        st.markdown(f"Version {info.version}, made from {messages.plain(name)}.")
    for note in info.notes:
        st.markdown(f"- {messages.plain(note)}")
    charts.show(
        charts.class_balance(info.classes), "Texts per class", "saved_balance",
        height=max(160, 28 * min(40, len(info.classes))),
    )  # fmt: skip
    st.dataframe(
        first_rows(state.workspace(), info.id, SHOWN_ROWS), height=250, hide_index=True,
        alt="The first rows of the data set",
    )  # fmt: skip
