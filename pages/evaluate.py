"""Where is this model right, where wrong?"""

import pandas as pd
import streamlit as st

from engine.evaluation import deferring, predictions
from engine.runs import queue
from engine.runs.store import Run
from engine.serving import rules
from pages.parts import cached, charts, frame, messages, state, takeaway, words

MOST_TEXTS = 200


def page() -> None:
    st.title("Evaluate")
    scored = queue.usable(state.workspace())
    if not scored:
        messages.empty(
            "No model to judge yet",
            "Train one, and see here where it is right and where it is wrong.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        return
    run = state.pick(
        "Run",
        scored,
        "run",
        lambda one: one.id,
        lambda one: f"{one.name}, {words.when(one.created_at)}, {one.id[:4]}",
    )
    path = state.workspace().run(run.id).metrics
    found = cached.metrics(str(path), path.stat().st_mtime)
    split = st.radio(
        "Texts",
        ["test", "validation"],
        format_func=words.SPLITS.get,
        key="split",
        horizontal=True,
        help="The test texts were used only once, at the end: their score is the honest one. "
        "The validation texts chose the best round, so that their score is a little too good.",
    )
    headline(found, split)
    takeaway.report(run)
    confusion(run, found[split], split)
    per_class(found[split])
    trust(run)
    deferral(run, split)


def headline(found: dict, split: str) -> None:
    scores, base = found[split], found["baseline"]
    rows = sum(map(sum, scores["confusion_matrix"]["counts"]))
    if split == "test":
        st.markdown(in_words(scores, base, found["intervals"]["accuracy"]))
    with st.container(horizontal=True):
        note = f"{split}, n = {rows:,}"
        compared = (
            (lambda key: f"{(scores[key] - base[key]) * 100:+.1f} points")
            if split == "test"
            else (lambda key: None)
        )
        st.metric(
            f"Accuracy ({note})",
            words.share(scores["accuracy"]),
            compared("accuracy"),
            border=True,
            width=260,
            delta_description="to word counting" if split == "test" else None,
            help="The share of texts with the right answer.",
        )
        st.metric(
            f"Macro-F1 ({note})",
            f"{scores['macro_f1']:.3f}",
            compared("macro_f1"),
            border=True,
            width=260,
            delta_description="to word counting" if split == "test" else None,
            help="The mean of the classes' F1: rare classes count as much as frequent ones.",
        )
        if split == "test":
            st.metric(
                f"Word counting ({note})",
                words.share(base["accuracy"]),
                border=True,
                width=260,
                delta_description="accuracy",
                help=f"{base['name']}, trained on the same rows: what counting words achieves without understanding them. "
                f"Its macro-F1 is {base['macro_f1']:.3f}.",
            )


def in_words(scores: dict, base: dict, interval: list[float]) -> str:
    """The score as one would say it to somebody, with what it has to be compared with."""
    rows = {label: one["support"] for label, one in scores["per_class"].items()}
    often, total = max(rows, key=rows.get), sum(rows.values())
    low, high = interval
    sure = f"95% sure: between {low * 100:.0f} and {high * 100:.0f}"
    always = f"Always answering {messages.plain(often)} would be right {rows[often] / total * 100:.0f} times"
    return (
        f"**Right {scores['accuracy'] * 100:.0f} of 100 times** ({sure}), on {words.count(total, 'test text')} that it "
        f"had not seen. {always}, word counting {base['accuracy'] * 100:.0f}."
    )


def confusion(run: Run, scores: dict, split: str) -> None:
    matrix = scores["confusion_matrix"]
    labels, counts = matrix["labels"], matrix["counts"]
    left, right = st.columns(2)
    with left:
        st.header(
            "Confusion matrix",
            help="Each row is a true label, each column what the model said. What is right stands on the diagonal.",
        )
        shown = st.radio("Show", ["counts", "share of the row"], key="shown", horizontal=True)
        event = charts.show(
            charts.confusion(labels, counts, shown != "counts"),
            _spoken(labels, counts),
            f"confusion_{run.id}_{split}_{shown}",
            height=max(380, min(900, 44 * len(labels) + 110)),
            on_select="rerun",
            selection_mode="points",
        )
        clicked = event["selection"]["points"]
    with right:
        st.header("Texts of a cell")
        texts(run, split, labels, counts, tuple(clicked[0]["customdata"]) if clicked else None)


def texts(
    run: Run, split: str, labels: list[str], counts: list[list[int]], clicked: tuple[int, int] | None
) -> None:
    """The texts of the clicked cell, or of the one in the select boxes."""
    if clicked and st.session_state.get("clicked") != (run.id, split, *clicked):
        st.session_state.clicked = (run.id, split, *clicked)
        st.session_state.cell_true, st.session_state.cell_said = labels[clicked[0]], labels[clicked[1]]
    if st.session_state.get("cell_true") not in labels or st.session_state.get("cell_said") not in labels:
        st.session_state.cell_true, st.session_state.cell_said = (labels[index] for index in _worst(counts))
    actual = st.selectbox("True label", labels, key="cell_true")
    said = st.selectbox("The model said", labels, key="cell_said")
    path = state.workspace().run(run.id).predictions
    chosen = predictions.cell(cached.predicted(str(path), path.stat().st_mtime, split), actual, said)
    if chosen.empty:
        st.caption("No text is in this cell. Click a cell of the matrix, or choose above.")
        return
    st.caption(
        f"{len(chosen):,} texts, the most confident first."
        + (f" The first {MOST_TEXTS} are shown." if len(chosen) > MOST_TEXTS else "")
    )
    st.dataframe(
        chosen.head(MOST_TEXTS).assign(confidence=chosen["confidence"] * 100)[["confidence", "text"]],
        hide_index=True,
        height=330,
        alt="Texts of the chosen cell",
        key="cell_texts",
        column_config={
            "confidence": st.column_config.NumberColumn(
                "sure",
                format="%.1f%%",
                width="small",
                help="The probability that the model gave to its answer.",
            ),
            "text": st.column_config.TextColumn("text", width="large"),
        },
    )


def per_class(scores: dict) -> None:
    st.header("Class by class")
    table = pd.DataFrame([{"class": label, **one} for label, one in scores["per_class"].items()])
    bar = {"min_value": 0.0, "max_value": 1.0, "format": "%.3f"}
    st.dataframe(
        table,
        hide_index=True,
        alt="Precision, recall, F1 and support of each class",
        column_config={
            "precision": st.column_config.ProgressColumn(
                "precision", help="When the model says this class, how often it is right.", **bar
            ),
            "recall": st.column_config.ProgressColumn(
                "recall", help="Of the texts of this class, how many the model finds.", **bar
            ),
            "f1": st.column_config.ProgressColumn(
                "F1", help="Precision and recall in one figure (harmonic mean).", **bar
            ),
            "support": st.column_config.NumberColumn(
                "texts (support)", help="How many texts of this class there were to judge by."
            ),
        },
    )


def trust(run: Run) -> None:
    """Whether its confidence means what it says, and the correction of it."""
    place = st.expander("Can its confidence be trusted?", icon=":material/speed:", on_change="rerun")
    if not place.open:
        return
    paths = state.workspace().run(run.id)
    found = cached.calibration(str(paths.predictions), paths.predictions.stat().st_mtime)
    used = rules.read(paths).temperature != 1.0
    with place:
        before, after = found.error * 100, found.corrected_error * 100
        low, high = (one * 100 for one in found.interval)
        st.markdown(
            f"On the test texts what it says and how often it is right differ by **{before:.1f} points** on average "
            f"(95% sure: between {low:.1f} and {high:.1f}); corrected, by **{after:.1f}**.",
            help="Expected calibration error over ten bins. The correction divides the logits by one number, the "
            f"temperature, fitted on the validation texts: {found.temperature:.2f}. No answer changes, only how sure it is.",
        )
        charts.show(
            charts.reliability(found.bins, found.corrected_bins),
            "How often it is right, by how sure it says it is, before and after the correction",
            "reliability",
            height=320,
        )
        if st.toggle("Correct its confidence", value=used, key=f"correct_{run.id}") != used:
            rules.change(state.workspace(), run.id, temperature=1.0 if used else found.temperature)
            st.rerun()
        st.caption(
            "Corrected confidence holds for the threshold below, the Predict page and the command line."
        )


def deferral(run: Run, split: str) -> None:
    st.header(
        "What to send to a person",
        help="The model says how sure it is of each answer. Below the threshold a person answers instead. Choose it on "
        "validation, and see on the test what it is worth.",
    )
    paths = state.workspace().run(run.id)
    table = cached.predicted(str(paths.predictions), paths.predictions.stat().st_mtime, split)
    chosen_rules = rules.read(paths)
    kept = chosen_rules.threshold
    sure = cached.tempered(predictions.probabilities_of(table), chosen_rules.temperature).max(axis=1)
    right = (table["label"] == table["predicted"]).to_numpy()
    left, other = st.columns(2)
    with left:
        chosen = st.slider(
            "The model answers by itself from",
            0,
            99,
            round(kept * 100),
            format="%d%% sure",
            key=f"threshold_{run.id}",
        )
        found = deferring.defer(sure, right, chosen / 100)
        st.markdown(_deferred(found, len(table), split))
        if st.button(
            "Use this threshold",
            icon=":material/save:",
            key="keep_threshold",
            disabled=chosen / 100 == kept,
        ):
            rules.change(state.workspace(), run.id, threshold=chosen / 100)
            st.rerun()
        if kept:
            st.caption(f"In use on the Predict page and on the command line: {kept:.0%}.")
    with other:
        covered, accuracy, _ = deferring.curve(sure, right)
        charts.show(
            charts.coverage(covered, accuracy, found.covered, found.accuracy),
            "Share of texts that the model answers by itself, against how often it is right",
            "coverage",
        )


def _deferred(found: deferring.Deferral, total: int, split: str) -> str:
    if found.accuracy is None:
        return f"It is never so sure: all {total:,} {split} texts go to a person."
    return (
        f"It answers **{found.covered:.0%}** of the {split} texts by itself, right **{found.accuracy * 100:.0f} of 100** "
        f"times; {1 - found.covered:.0%} go to a person."
    )


def _worst(counts: list[list[int]]) -> tuple[int, int]:
    """The largest cell off the diagonal, or the first cell where there is no mistake."""
    cells = [(counts[i][j], i, j) for i in range(len(counts)) for j in range(len(counts)) if i != j]
    most = max(cells)
    return (most[1], most[2]) if most[0] else (0, 0)


def _spoken(labels: list[str], counts: list[list[int]]) -> str:
    right = sum(counts[i][i] for i in range(len(labels)))
    i, j = _worst(counts)
    return (
        f"{right} of {sum(map(sum, counts))} texts are right. "
        f"Most frequent mistake: {labels[i]} called {labels[j]}, {counts[i][j]} times."
    )


frame.show(page)
