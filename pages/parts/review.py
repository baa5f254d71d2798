"""Which labels may be wrong: the list, and what a person decides about a text."""

import pandas as pd
import streamlit as st

from engine.data import revising
from engine.data.datasets import load_info
from engine.figures import whole
from engine.runs.store import Run
from engine.serving import rules
from pages.parts import cached, messages, picking, state, versions, words

KINDS = {
    "labels": "Labels that may be wrong",
    "confident": "Confident mistakes",
    "uncertain": "Least confident",
}
ABOUT = {
    "labels": "The model finds these labels so unlikely that they may be wrong (confident learning).",
    "confident": "The model disagrees with these labels with high confidence: the label is wrong, or the model is.",
    "uncertain": "All texts, starting with those for which several answers are about equally likely (entropy).",
}
DECIDED = {None: "its label is right", revising.LEFT_OUT: "left out"}


def show(run: Run) -> None:
    """The review list in an expander; nothing is computed while it is closed."""
    place = st.expander("Which labels may be wrong?", icon=":material/rule:", key=f"review_{run.id}", on_change="rerun")
    if place.open:
        with place:
            st.fragment(_review)(run)


def decide(run: Run, split: str, source_row: int, key: str, with_text: bool = True) -> None:
    """One validation or test text of a run, to be given another label, left out, or found right. key: of the widgets."""
    with state.reported():
        info = load_info(state.workspace(), run.dataset_id)
        row = revising.row_name(split, source_row)
        judged = _judged(run)["uncertain"]  # all rows are in this one
        one = judged[judged["row"] == row].iloc[0]
        edits = revising.read(state.workspace(), info.id).edits
        with st.container(border=with_text):
            if with_text:
                st.text(one["text"])
            st.markdown(
                f"Its label is **{messages.plain(one['label'])}**. The model says **{messages.plain(one['predicted'])}**, "
                f"{words.share(one['sure'])} sure."
            )
            right = st.selectbox(
                "Right label",
                info.labels,
                index=info.labels.index(one["predicted"] if one["predicted"] in info.labels else one["label"]),
                key=f"{key}_label_{run.id}_{row}",
            )
            with st.container(horizontal=True):
                for name, label, icon, disabled in (
                    ("Correct the label", right, "edit", right == one["label"]),
                    ("The label is right", None, "check", False),
                    ("Leave the text out", revising.LEFT_OUT, "close", False),
                ):
                    st.button(
                        name,
                        icon=f":material/{icon}:",
                        key=f"{key}_{icon}",
                        disabled=disabled,
                        on_click=_decide,
                        args=(run, row, label),
                    )
            if row in edits:
                with st.container(horizontal=True, vertical_alignment="center"):
                    st.markdown(f":material/check: Decided: {_said(edits[row])}.", width="content")
                    st.button("Undo", key=f"{key}_undo", type="tertiary", on_click=_take_back, args=(info.id, row))


def _review(run: Run) -> None:
    with state.reported():
        edits = revising.read(state.workspace(), run.dataset_id).edits
        judged = _judged(run)
        kind = st.radio(
            "List",
            list(KINDS),
            format_func=KINDS.get,
            key=f"review_kind_{run.id}",
            horizontal=True,
            label_visibility="collapsed",
        )
        found = judged[kind]
        left = found[~found["row"].isin(edits.keys())]
        texts = words.count(len(judged["uncertain"]), "text")
        st.caption(
            f"{ABOUT[kind]} Only the {texts} for validation and test are checked, since the model was not trained on them: "
            f"{whole(len(found))} in this list, {whole(len(left))} not reviewed yet."
        )
        if not left.empty:
            _list(run, kind, left, len(edits))
        _decided(run, edits, judged["uncertain"])
        versions.make(run, "review")


def _list(run: Run, kind: str, left: pd.DataFrame, decisions: int) -> None:
    shown = picking.page(left, f"review_page_{run.id}_{kind}")
    clicked = st.dataframe(
        words.table(
            shown.assign(doubt=1 - shown["given"])[["label", "predicted", "doubt", "text"]],
            doubt=words.share,
        ),
        hide_index=True,
        height=290,
        alt=KINDS[kind],
        key=f"review_rows_{run.id}_{kind}_{shown.index[0]}_{decisions}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "doubt": st.column_config.NumberColumn(
                width="small", help="The probability that the model gives to all other labels."
            ),
            "text": st.column_config.TextColumn(width="large"),
        },
    )["selection"]["rows"]
    row = _choose(run, shown, clicked[0] if clicked else None)
    decide(run, row["split"], row["source_row"], "review")


def _choose(run: Run, shown: pd.DataFrame, clicked: int | None) -> pd.Series:
    """The clicked row, or that of the select box; after a decision the one that follows."""
    key, place, seen = (f"review_{name}_{run.id}" for name in ("row", "place", "seen"))
    rows = shown["row"].tolist()
    if clicked is not None and clicked < len(rows) and st.session_state.get(seen) != rows[clicked]:
        st.session_state[seen] = st.session_state[key] = rows[clicked]
    if st.session_state.get(key) not in rows:
        st.session_state[key] = rows[min(st.session_state.get(place, 0), len(rows) - 1)]
    by_name = shown.set_index("row", drop=False)
    chosen = st.selectbox("Text", rows, format_func=picking.beginnings(rows, shown["text"]).get, key=key)
    st.session_state[place] = rows.index(chosen)
    return by_name.loc[chosen]


def _decided(run: Run, edits: dict[str, str | None], judged: pd.DataFrame) -> None:
    """What was decided so far, the last first, each with a way back."""
    if not edits:
        return
    known = judged.set_index("row")
    with st.popover(f"Review {words.count(len(edits), 'decision')}", icon=":material/checklist:"):
        rows = list(reversed(edits))
        table = known[["label", "text"]].reindex(rows)
        st.dataframe(
            table.assign(decided=[_said(edits[row], plain=False) for row in rows])[["label", "decided", "text"]].head(
                picking.SHOWN
            ),
            hide_index=True,
            alt="What was decided so far",
            width=700,
            column_config={"text": st.column_config.TextColumn(width="large")},
        )
        row = st.selectbox(
            "Undo a decision",
            rows,
            format_func=picking.beginnings(rows, [str(known["text"].get(row, row)) for row in rows]).get,
            key=f"review_back_{run.id}",
        )
        st.button("Undo it", key="review_take_back", icon=":material/undo:", on_click=_take_back, args=(run.dataset_id, row))


def _said(label: str | None, plain: bool = True) -> str:
    return DECIDED.get(label) or (f"label {messages.plain(label)}" if plain else label)


def _judged(run: Run) -> dict[str, pd.DataFrame]:
    paths = state.workspace().run(run.id)
    path = paths.predictions
    return cached.doubts(str(path), path.stat().st_mtime, rules.read(paths).temperature)


def _decide(run: Run, row: str, label: str | None) -> None:
    with state.reported():
        revising.decide(state.workspace(), run.dataset_id, row, label, run.id)


def _take_back(dataset_id: str, row: str) -> None:
    with state.reported():
        revising.take_back(state.workspace(), dataset_id, row)
