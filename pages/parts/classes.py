"""The scores class by class, and one class in detail."""

from functools import partial

import pandas as pd
import streamlit as st

from engine.figures import percentage, rounded
from pages.parts import cached, charts, messages, words
from pages.parts.judged import Judged

MOST_IN_CHART = 40
MEASURES = ("precision", "recall", "f1")


def show(judged: Judged) -> None:
    st.header("Class by class")
    sure = judged.scores["intervals"]["per_class"]
    table = pd.DataFrame(
        [
            {"class": label, **one, **{f"{name} sure": _edges(sure[label][name]) for name in MEASURES}}
            for label, one in judged.scores["per_class"].items()
        ]
    )
    columns = [column for name in MEASURES for column in (name, f"{name} sure")]
    bar = {"min_value": 0.0, "max_value": 1.0, "step": 0.001, "format": words.cells("%.3f")}
    st.dataframe(
        table[["class", "support", *columns]],
        hide_index=True,
        alt="Precision, recall, F1 and support of each class",
        key="per_class",
        column_config={
            "precision": st.column_config.ProgressColumn(
                "precision", help="When the model predicts this class, how often it is right.", width=130, **bar
            ),
            "recall": st.column_config.ProgressColumn(
                "recall", help="How many of the texts of this class the model finds.", width=130, **bar
            ),
            "f1": st.column_config.ProgressColumn(
                "F1", help="Precision and recall in one number (harmonic mean).", width=130, **bar
            ),
            **{f"{name} sure": st.column_config.TextColumn("95% interval", width="small") for name in MEASURES},
            "support": st.column_config.NumberColumn(
                "texts", help="How many of the texts are of this class (support).", width="small"
            ),
        },
    )
    closer(judged)


def _edges(edges: list[float] | None) -> str:
    return words.between(edges, partial(rounded, digits=2)) if edges else ""


def closer(judged: Judged) -> None:
    place = st.expander("A closer look at a class", icon=":material/zoom_in:", on_change="rerun")
    if not place.open:
        return
    per_class = judged.scores["per_class"]
    weakest = min(per_class, key=lambda label: (per_class[label]["support"] == 0, per_class[label]["f1"]))
    with place:
        labels = list(per_class)
        label = st.selectbox("Class", labels, index=labels.index(weakest), key="class")
        st.markdown(in_words(label, per_class[label], judged))
        found = cached.closeup(*judged.source, judged.temperature, label)
        left, right = st.container(key="stacks_class").columns(2)
        with left:
            _words(found.words)
            _curves(found.curves, per_class[label])
        with right:
            _examples("Found, with the highest confidence", found.good, False)
            _examples("Missed, with the highest confidence", found.bad, True)
        _all_with_intervals(judged)


def in_words(label: str, one: dict, judged: Judged) -> str:
    """Precision and recall as sentences, each with its interval."""
    if not one["support"]:
        return "None of these texts are of this class."
    said = _said(judged, label)
    name, sure = messages.plain(label), judged.scores["intervals"]["per_class"][label]
    texts = words.count(one["support"], f"{judged.kind} text that is", f"{judged.kind} texts that are")
    finds = f"It finds **{percentage(one['recall'])}** of the {texts} “{name}” ({_between(sure['recall'])})."
    if not said:
        return f"{finds} It never answers “{name}”."
    right = f"**{percentage(one['precision'])}** of these answers are right ({_between(sure['precision'])})"
    return f"{finds} It answers “{name}” {words.count(said, 'time')}, and {right}."


def _said(judged: Judged, label: str) -> int:
    matrix = judged.scores["confusion_matrix"]
    place = matrix["labels"].index(label)
    return sum(row[place] for row in matrix["counts"])


def _between(edges: list[float]) -> str:
    return f"95% interval: {words.between(edges, percentage)}"


def _words(found: list) -> None:
    st.markdown(
        "**Words that stand out**",
        help="Clearly more frequent in texts of this class than in others: more than luck would explain.",
    )
    if not found:
        st.caption("No word stands out.")
        return
    st.dataframe(
        words.table(
            [{"word": one.word, "here": one.inside, "elsewhere": one.outside} for one in found],
            here=words.share,
            elsewhere=words.share,
        ),
        hide_index=True,
        height=min(248, 38 + 35 * len(found)),
        alt="Words that are more frequent in texts of this class",
        column_config={
            "here": st.column_config.NumberColumn(help="Of the texts of this class."),
            "elsewhere": st.column_config.NumberColumn(help="Of the other texts."),
        },
    )


def _examples(title: str, found: pd.DataFrame, with_answer: bool) -> None:
    st.markdown(f"**{title}**")
    if found.empty:
        st.caption("None.")
        return
    columns = ["predicted", "confidence", "text"] if with_answer else ["confidence", "text"]
    st.dataframe(
        words.table(found[columns], confidence=words.share),
        hide_index=True,
        row_height=70,
        alt=title,
        column_config={
            "predicted": st.column_config.TextColumn(width="small"),
            "confidence": st.column_config.NumberColumn(width="small"),
            "text": st.column_config.TextColumn(width="large"),
        },
    )


def _curves(curves, one: dict) -> None:
    if curves is None:
        return
    roc, precision_recall = charts.ranking(curves)
    area, mean = one.get("roc_auc"), one.get("average_precision")
    st.markdown(
        f"**Precision and recall at every threshold** (average precision {rounded(mean, 3)})",
        help="Further right: more of the class is found; further up: fewer false alarms. Dashed: guessing.",
    )
    charts.show(precision_recall, f"Precision-recall curve, average precision {rounded(mean, 3)}", "pr", height=240)
    st.markdown(f"**ROC curve** (area {rounded(area, 3)})")
    charts.show(roc, f"ROC curve, area {rounded(area, 3)}", "roc", height=240)


def _all_with_intervals(judged: Judged) -> None:
    per_class, sure = judged.scores["per_class"], judged.scores["intervals"]["per_class"]
    known = {label: (one["f1"], sure[label]["f1"]) for label, one in per_class.items() if sure[label]["f1"]}
    lowest = dict(sorted(known.items(), key=lambda pair: pair[1][0])[:MOST_IN_CHART])
    st.markdown(
        "**F1 of every class, with its 95% interval**"
        + (f" (the {MOST_IN_CHART} lowest of {len(known)})" if len(known) > MOST_IN_CHART else ""),
        help="If two intervals overlap widely, the classes may be equally hard. Few texts make an interval wide.",
    )
    charts.show(
        charts.with_intervals(lowest, "F1"),
        "F1 of each class with its interval",
        "f1s",
        height=60 + 26 * len(lowest),
    )
