"""Where is this model right, where wrong?"""

import streamlit as st

from engine.evaluation import RESAMPLES
from engine.figures import rounded, whole
from engine.runs import queue
from pages.parts import (
    bringing,
    cached,
    classes,
    confusion,
    frame,
    further,
    judged,
    messages,
    review,
    state,
    takeaway,
    trust,
    weak,
    words,
)
from pages.parts.judged import Judged


def page() -> None:
    st.title("Evaluate")
    scored = queue.askable(state.workspace())
    if not scored:
        messages.empty(
            "No model to evaluate yet",
            "Train one, then see here where it is right and where it is wrong.",
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
    if bringing.unscored(run):
        return
    if run.imported:
        bringing.note(run)
    found = judged.choose(run)
    headline(found)
    if not run.imported:
        takeaway.report(run)
    more_scores(found)
    confusion.show(found)
    classes.show(found)
    trust.deferral(found)
    trust.costs(found)
    trust.confidence(found)
    weak.show(found)
    review.show(run)
    further.show(run)


def headline(found: Judged) -> None:
    scores, base = found.scores, found.baseline
    st.markdown(in_words(found))
    note = f"{found.kind}, n = {whole(found.rows)}"
    with st.container(horizontal=True):
        st.metric(
            f"Accuracy ({note})",
            words.share(scores["accuracy"]),
            border=True,
            width=260,
            **_beside(scores["accuracy"], base and base["accuracy"]),
            help=words.SCORES["accuracy"][1],
        )
        st.metric(
            f"Macro-F1 ({note})",
            rounded(scores["macro_f1"], 3),
            border=True,
            width=260,
            **_beside(scores["macro_f1"], base and base["macro_f1"]),
            help=words.SCORES["macro_f1"][1],
        )
        if base:
            counted = "the training texts of the data set" if found.run.imported else "the same texts"
            st.metric(
                f"Word counting ({note})",
                words.share(base["accuracy"]),
                border=True,
                width=260,
                delta_description="accuracy",
                help=f"A simple baseline that only counts words ({base['name']}), trained on {counted}. "
                f"Its macro-F1 is {rounded(base['macro_f1'], 3)}.",
            )


def _beside(score: float, counting: float | None) -> dict[str, str]:
    """How far a score is ahead of word counting's, as st.metric shows it; no arrow where it is not."""
    if counting is None:
        return {}
    points = round((score - counting) * 100, 1)
    if not points:
        return {"delta_description": "same as word counting"}
    return {
        "delta": f"{rounded(points, 1, signed=True)} points",
        "delta_description": "vs. word counting",
    }


def in_words(found: Judged) -> str:
    """The score as one would say it to somebody, with what it has to be compared with."""
    scores, base = found.scores, found.baseline
    low, high = scores["intervals"]["accuracy"]
    sure = f"95% sure: between {words.of_100(low)} and {words.of_100(high)}"
    answer, share = found.always
    times = words.of_100(share)
    always = f"Always answering “{messages.plain(answer)}” would be right {times} time{'' if times == '1' else 's'}"
    unseen = " that it had not seen" if found.unseen else ""
    counting = f", word counting {words.of_100(base['accuracy'])}" if base else ""
    texts = words.count(found.rows, f"{found.kind} text")
    right = words.of_100(scores["accuracy"])
    return f"**Right {right} of 100 times** ({sure}), on {texts}{unseen}. {always}{counting}."


def more_scores(found: Judged) -> None:
    place = st.expander("More scores, with 95% intervals", icon=":material/query_stats:", on_change="rerun")
    if not place.open:
        return
    sure = found.scores["intervals"]
    told = [(*said, found.scores[key], sure[key]) for key, said in words.SCORES.items() if found.scores[key] is not None]
    if found.temperature != 1.0:
        corrected = cached.corrected_log_loss(*found.source, found.temperature)
        told.append((*words.CORRECTED_LOG_LOSS, *corrected))
    with place:
        st.dataframe(
            words.table(
                [
                    {"score": name, "value": value, "95% interval": words.between(edges, words.score), "meaning": meaning}
                    for name, meaning, value, edges in told
                ],
                value=words.score,
            ),
            hide_index=True,
            alt="All scores with their intervals",
            column_config={
                "value": st.column_config.NumberColumn(width="small"),
                "meaning": st.column_config.TextColumn(width="large"),
            },
        )
        st.caption(f"Intervals: Wilson for accuracy; Bayesian bootstrap with {whole(RESAMPLES)} resamples for the others.")


frame.show(page)
