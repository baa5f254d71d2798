"""How far to trust the model: whether its confidence means what it says, and which answers to leave to a person."""

import pandas as pd
import streamlit as st

from engine.evaluation import deferring, predictions
from engine.figures import percent, rounded, whole
from engine.serving import rules
from pages.parts import cached, charts, messages, state, words
from pages.parts.judged import Judged

IN_USE = "In use on the Predict page, on the command line, in the API and in exports"


def confidence(judged: Judged) -> None:
    """Whether it is right as often as it says, and the correction of it."""
    place = st.expander("Can its confidence be trusted?", icon=":material/speed:", on_change="rerun")
    if not place.open:
        return
    run, used = judged.run, judged.temperature != 1.0
    found = cached.calibration(str(state.workspace().root), run.id, judged.texts, judged.paths.metrics.stat().st_mtime)
    with place:
        before, after = found.error * 100, found.corrected_error * 100
        low, high = (one * 100 for one in found.interval)
        then_low, then_high = (one * 100 for one in found.corrected_interval)
        st.markdown(
            f"On the {judged.kind} texts the model's stated confidence is off by **{rounded(before, 1)} percentage points** "
            f"on average (95% interval {rounded(low, 1)} to {rounded(high, 1)}); after correction, by "
            f"**{rounded(after, 1)}** ({rounded(then_low, 1)} to {rounded(then_high, 1)}).",
            help="Expected calibration error over ten bins. The correction divides the logits by one number, the "
            f"temperature, fitted on the validation texts: {rounded(found.temperature, 2)}. No answer changes, "
            "only how sure it is.",
        )
        if judged.texts == "validation":
            st.caption("The correction was fitted on these texts, so it looks a little too good here.")
        charts.show(
            charts.reliability(found.bins, found.corrected_bins),
            "Accuracy by confidence, before and after the correction",
            "reliability",
            height=320,
        )
        key = f"correct_{run.id}"
        st.session_state[key] = used  # whoever chose it, wherever
        st.toggle("Correct its confidence", key=key, on_change=_correct, args=(run.id, key, found.temperature))
        if found.few_mistakes:
            st.caption(
                "There were too few mistakes on the validation texts to estimate the correction well, so a cautious one is "
                "used."
            )
        st.caption(
            "The corrected confidence is used everywhere: on this page and for the thresholds above, on the Predict page, "
            "on the command line, in the API and in exports."
        )


def _correct(run_id: str, key: str, temperature: float) -> None:
    with state.reported():
        rules.change(state.workspace(), run_id, temperature=temperature if st.session_state[key] else 1.0)


def deferral(judged: Judged) -> None:
    """One threshold for all answers, on a slider."""
    st.header(
        "What to send to a person",
        help="The model gives a confidence with each answer. Below the threshold a person answers instead. Choose it on the "
        "validation texts; the result on the test texts is the honest one.",
    )
    run = judged.run
    chosen_rules = rules.read(state.workspace().run(run.id))
    kept = chosen_rules.threshold
    kind, table = _choosing(judged)
    _, sure, right = predictions.answers(table)
    left, other = st.columns(2)
    with left:
        chosen = st.slider(
            "The model answers by itself above",
            0,
            99,
            min(99, round(kept * 100)),
            format="%d%% sure",
            key=f"threshold_{run.id}",
        )
        found = deferring.defer(sure, right, chosen / 100)
        st.markdown(_deferred(found, kind, len(table)))
        if kind != judged.kind:
            then = deferring.defer(*predictions.answers(judged.table)[1:], chosen / 100)
            st.markdown(_deferred(then, judged.kind, judged.rows))
        if st.button(
            "Use this threshold",
            icon=":material/save:",
            key="keep_threshold",
            disabled=chosen / 100 == kept and not chosen_rules.thresholds,
        ):
            rules.change(state.workspace(), run.id, threshold=chosen / 100, thresholds={})
            st.rerun()
        if chosen_rules.thresholds:
            st.caption(f"{IN_USE}: one for each answer, below.")
        elif kept:
            st.caption(f"{IN_USE}: {_from(kept)}.")
        if chosen_rules.outlived:
            st.caption(f":material/history: {rules.OUTLIVED}")
            if st.button("Keep these thresholds", icon=":material/check:", key="thresholds_stay", type="tertiary"):
                rules.change(state.workspace(), run.id, outlived=False)
                st.rerun()
    with other:
        covered, accuracy, _ = deferring.curve(sure, right)
        charts.show(
            charts.coverage(covered, accuracy, found.covered, found.accuracy),
            f"Share of the {kind} texts that the model answers by itself, against how often it is right",
            "coverage",
        )


def costs(judged: Judged) -> None:
    """A threshold for each answer, from what mistakes and people cost."""
    place = st.expander("When some mistakes cost more than others", icon=":material/balance:", on_change="rerun")
    if not place.open:
        return
    run, labels = judged.run, predictions.labels_of(judged.table)
    kept = rules.read(state.workspace().run(run.id))
    with place:
        st.markdown(
            "How much does a wrong answer cost, and how much does asking a person cost? In money, minutes, or anything else."
        )
        person = st.number_input("Cost of asking a person", 0.01, value=1.0, key=f"person_{run.id}", width=220)
        edited = st.data_editor(
            pd.DataFrame({"answer": labels, "cost": 5.0}),
            hide_index=True,
            disabled=["answer"],
            key=f"costs_{run.id}",
            width=460,
            column_config={
                "answer": st.column_config.TextColumn("Answer", width="medium"),
                "cost": st.column_config.NumberColumn("Cost if wrong", min_value=0.0, required=True),
            },
        )
        mistake = dict(zip(labels, edited["cost"].fillna(0.0), strict=True))
        learnt = predictions.answers(_choosing(judged)[1])
        found = deferring.cheapest(*learnt, mistake, person)
        said, sure, right = predictions.answers(judged.table)
        st.markdown(
            "Proposed thresholds: from this confidence on, the model's answer is used; below it, a person answers. "
            "You can change them:"
        )
        least = _by_hand(found, kept.thresholds, set(learnt[0]), f"least_{run.id}")
        cost = deferring.bill(said, sure, right, least, mistake, person)
        st.markdown(
            f"Cost for 100 {judged.kind} texts: **{rounded(cost.chosen, 1)}** with these thresholds, "
            f"{rounded(cost.all_by_model, 1)} if the model answers all, {rounded(cost.all_by_person, 1)} if a person does.",
            help="The proposed thresholds are the cheapest on the validation texts. Their cost on the test texts is the "
            "honest figure.",
        )
        if st.button(
            "Use these thresholds",
            icon=":material/save:",
            key="keep_thresholds",
            disabled=kept.thresholds == least,
        ):
            rules.change(state.workspace(), run.id, thresholds=least)
            st.rerun()


def _by_hand(proposed: dict[str, float], in_use: dict[str, float], said: set[str], key: str) -> dict[str, float]:
    """The threshold of each answer, as a person leaves it. said: answers that were given to any validation text."""
    shown = pd.DataFrame([{"answer": label, "by itself from": _percent(least)} for label, least in proposed.items()])
    if in_use:
        shown["in use"] = [_percent(in_use[label]) if label in in_use else None for label in proposed]
    edited = st.data_editor(
        shown,
        hide_index=True,
        disabled=["answer", "in use"],
        key=f"{key}_{hash(tuple(shown['by itself from']))}",  # another proposal, another table
        width=460,
        column_config={
            "answer": st.column_config.TextColumn("Answer", width="medium"),
            "by itself from": st.column_config.NumberColumn(
                "Threshold (% confidence)",
                min_value=0.0,
                max_value=101.0,
                required=True,
                format=words.cells("%.1f"),
                help="Below this confidence a person looks at the answer. 0: never. 100 or more: always.",
            ),
            "in use": st.column_config.NumberColumn("In use", format=words.cells("%.1f")),
        },
    )
    if never := [messages.plain(label) for label in proposed if label not in said]:
        st.caption(f"101 means always a person: on validation, the model never answered {', '.join(never)}.")
    chosen = dict(zip(proposed, edited["by itself from"], strict=True))
    untouched = dict(zip(proposed, shown["by itself from"], strict=True))
    return {label: proposed[label] if value == untouched[label] else _threshold(value) for label, value in chosen.items()}


def _threshold(percent: float) -> float:
    """Of a per cent that was typed; 100 is always a person, as engine/serving/rules.py takes it."""
    return deferring.ALWAYS_A_PERSON if percent >= 100 else percent / 100


def _percent(threshold: float) -> float:
    """101 for always a person."""
    return 101.0 if threshold >= 1 else round(threshold * 100, 1)


def _from(threshold: float) -> str:
    return "always a person" if threshold > 1 else percent(threshold)


def _choosing(judged: Judged) -> tuple[str, pd.DataFrame]:
    """(their kind, the predictions) of the texts that thresholds are chosen by: the validation texts, so that those of the
    test choose nothing; where a model came without any, the texts that it is judged on."""
    path = state.workspace().run(judged.run.id).predictions
    if not path.exists():
        return judged.kind, judged.table
    return "validation", cached.predicted(str(path), path.stat().st_mtime, "validation", judged.temperature)


def _deferred(found: deferring.Deferral, kind: str, rows: int) -> str:
    if found.accuracy is None:
        return f"The model never reaches this confidence: all {whole(rows)} {kind} texts would go to a person."
    return (
        f"On the {kind} texts the model answers **{percent(found.covered)}** by itself, right "
        f"**{words.of_100(found.accuracy)} of 100** times; {percent(1 - found.covered)} go to a person."
    )
