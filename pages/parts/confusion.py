"""Which classes are taken for which others, and the texts of which that is so."""

import pandas as pd
import streamlit as st

from engine.evaluation import predictions
from engine.evaluation.predictions import PROBABILITY
from engine.figures import percent, whole
from pages.parts import cached, charts, matrices, messages, picking, review, state, why, words
from pages.parts.judged import OWN, Judged

SHOWN = {
    "counts": "counts",
    "row": "% of each row",
    "column": "% of each column",
    "errors": "mistakes only",
}
ORDERS = {"name": "by name", "size": "largest class first", "similarity": "similar ones together"}
MOST_MISTAKES = 100


def show(judged: Judged) -> None:
    matrix = judged.scores["confusion_matrix"]
    labels, counts = matrix["labels"], matrix["counts"]
    many = len(labels) > matrices.MOST_LABELLED
    left, right = st.container(key="stacks_confusion").columns(2)
    with st.container() if many else left:  # many classes need the whole width
        clicked = matrix_of(judged, labels, counts, many)
    _go_to("matrix", clicked and (labels[clicked[0]], labels[clicked[1]]))
    with left if many else right:
        mistakes(judged, labels, counts)
    with right:
        cell(judged, labels, counts)


def matrix_of(judged: Judged, labels: list[str], counts: list[list[int]], many: bool) -> tuple[int, int] | None:
    """(true, predicted) class number of the cell that was clicked."""
    st.header(
        "Confusion matrix",
        help="Rows are true labels, columns are predicted labels. Right answers are on the diagonal.",
    )
    with st.container(horizontal=True):
        shown = st.selectbox("Show", list(SHOWN), format_func=SHOWN.get, key="shown", width=175)
        by = "name"
        if len(labels) > 2:
            by = st.selectbox("Order", list(ORDERS), format_func=ORDERS.get, key="order", width=195)
    event = charts.show(
        matrices.confusion(labels, counts, shown, cached.order(labels, counts, by)),
        _spoken(labels, counts),
        f"confusion_{judged.key}_{shown}_{by}",
        height=max(380, min(1400, (15 if many else 44) * len(labels) + (180 if many else 110))),
        on_select="rerun",
        selection_mode="points",
    )
    points = event["selection"]["points"]
    return tuple(points[0]["customdata"]) if points else None


def mistakes(judged: Judged, labels: list[str], counts: list[list[int]]) -> None:
    """The kinds of mistakes as a list: with many classes easier to read than the matrix. A chosen row opens its texts."""
    found = cached.mistakes(labels, counts)
    st.header("Most frequent mistakes")
    if not found:
        st.caption("None: every answer is right.")
        return
    event = st.dataframe(
        words.table(
            [
                {
                    "true label": one.actual,
                    "predicted label": one.said,
                    "texts": one.texts,
                    "share": one.share,
                }
                for one in found[:MOST_MISTAKES]
            ],
            share=percent,
        ),
        hide_index=True,
        height=min(248, 38 + 35 * len(found)),
        alt="Kinds of mistakes, the most frequent first",
        key=f"mistakes_{judged.key}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "texts": st.column_config.NumberColumn(width="small"),
            "share": st.column_config.NumberColumn(width="small", help="Of the texts with this true label."),
        },
    )
    rows = [(found[row].actual, found[row].said) for row in event.selection.rows]
    _go_to("list", rows[0] if rows else None)


def _go_to(source: str, cell: tuple[str, str] | None) -> None:
    """Show the cell that was just chosen in the matrix or in the list; what was chosen elsewhere since stays."""
    if state.changed(f"cell_of_{source}", cell) and cell:
        st.session_state.cell_true, st.session_state.cell_said = cell


def cell(judged: Judged, labels: list[str], counts: list[list[int]]) -> None:
    """The texts of the chosen cell, and one of them in detail."""
    if st.session_state.get("cell_true") not in labels or st.session_state.get("cell_said") not in labels:
        found = cached.mistakes(labels, counts)
        first = (found[0].actual, found[0].said) if found else (labels[0], labels[0])
        st.session_state.cell_true, st.session_state.cell_said = first
    st.header("Texts in a cell", help="Click a cell of the matrix, choose a mistake, or choose here.")
    with st.container(horizontal=True):
        actual = st.selectbox("True label", labels, key="cell_true")
        said = st.selectbox("Predicted label", labels, key="cell_said")
    chosen = predictions.cell(judged.table, actual, said)
    if chosen.empty:
        st.caption("There are no texts in this cell.")
        return
    st.caption("1 text." if len(chosen) == 1 else f"{whole(len(chosen))} texts, the most confident first.")
    place = f"{judged.key}_{labels.index(actual)}_{labels.index(said)}"
    shown = picking.page(chosen, f"cell_page_{place}")
    event = st.dataframe(
        words.table(shown[["confidence", "text"]], confidence=words.share),
        hide_index=True,
        height=min(330, 38 + 35 * len(shown)),
        alt="Texts of the chosen cell",
        key=f"cell_texts_{place}_{shown.index[0]}",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "confidence": st.column_config.NumberColumn(
                width="small",
                help="The probability that the model gave to its answer.",
            ),
            "text": st.column_config.TextColumn("text", width="large"),
        },
    )
    row = picking.row(shown["text"], event.selection.rows, f"cell_text_{place}")
    if row is not None:
        closer(judged, row)


def closer(judged: Judged, row: int) -> None:
    """One text with all its probabilities. row: of the table of predictions."""
    chosen = judged.table.loc[row]
    names = [name for name in judged.table.columns if name.startswith(PROBABILITY)]
    odds = pd.Series({name.removeprefix(PROBABILITY): float(chosen[name]) for name in names})
    ranked = odds.sort_values(ascending=False).to_dict()
    with st.container(border=True, key="closer"):
        st.markdown(messages.plain(chosen["text"]))
        charts.show(
            charts.probabilities(ranked),
            ", ".join(f"{label} {percent(p)}" for label, p in list(ranked.items())[:5]),
            f"closer_{judged.key}_{row}",
            height=max(110, 30 * min(8, len(ranked)) + 60),
        )
        place = st.expander("Why?", icon=":material/psychology_alt:", on_change="rerun", key=f"why_{judged.key}_{row}")
        if place.open:
            with place:
                why.explain(judged.run, chosen["text"], f"cell_{row}")
        if judged.texts in OWN:
            place = st.expander(
                "Is its label right?",
                icon=":material/rule:",
                on_change="rerun",
                key=f"rule_{judged.key}_{row}",
            )
            if place.open:
                with place:
                    review.decide(judged.run, chosen["split"], int(chosen["source_row"]), "cell", with_text=False)


def _spoken(labels: list[str], counts: list[list[int]]) -> str:
    right = sum(counts[i][i] for i in range(len(labels)))
    found = cached.mistakes(labels, counts)
    said = f"{right} of {sum(map(sum, counts))} texts are right."
    if not found:
        return said
    worst = found[0]
    return f"{said} Most frequent mistake: {worst.actual} predicted as {worst.said}, {whole(worst.texts)} times."
