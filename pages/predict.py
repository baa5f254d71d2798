"""What does it say about my text?"""

import streamlit as st

from engine.runs import queue
from engine.runs.store import Run
from engine.serving import rules, tries
from pages.parts import cached, charts, feedback, frame, messages, state, takeaway, why, words

EXAMPLES = 6
MOST_CHARACTERS = 20_000


def page() -> None:
    st.title("Predict")
    usable = queue.askable(state.workspace())
    if not usable:
        messages.empty(
            "No model to ask yet",
            "Train one, then type any text here and see what it says.",
            "pages/train.py",
            "Go to Train",
            ":material/model_training:",
        )
        return
    run = state.pick(
        "Model",
        usable,
        "run",
        lambda one: one.id,
        lambda one: f"{one.name}, {words.when(one.created_at)}, {one.id[:4]}",
    )
    left, right = st.columns(2)
    with left:
        text = box(run)
        examples(run)
    with right:
        answer(run, text)
    if text:
        reasons(run, text)
    history(run)
    feedback.listing(run)
    takeaway.elsewhere(run)


def box(run: Run) -> str:
    text = st.text_area(
        "Your text",
        key="text",
        height=150,
        max_chars=MOST_CHARACTERS,
        persist_state="session",
        placeholder="Type or paste a text, then press Ctrl+Enter or click beside the box",
    )
    st.button("Ask the model", type="primary", icon=":material/send:", key="ask")
    return text.strip()


def examples(run: Run) -> None:
    path = state.workspace().run(run.id).predictions
    if not path.exists():  # a model from elsewhere, without data
        return
    test = cached.predicted(str(path), path.stat().st_mtime, "test")
    chosen = test.drop_duplicates("label").head(EXAMPLES)
    more = test[~test["source_row"].isin(chosen["source_row"])].head(EXAMPLES - len(chosen))
    with st.expander("Examples from the test texts", icon=":material/lightbulb:"):
        for number, example in enumerate([*chosen["text"], *more["text"]]):
            st.button(
                messages.plain(example[:140]),
                key=f"example_{number}",
                type="tertiary",
                wrap=True,
                on_click=_take,
                args=(example,),
            )


def _take(example: str) -> None:
    st.session_state.text = example


def answer(run: Run, text: str) -> None:
    if not text:
        with st.container(border=True):
            st.caption("The answer appears here, with the probability of every class.")
        return
    folder = state.workspace().run(run.id).model
    chosen = rules.read(state.workspace().run(run.id))
    model = cached.predictor(str(folder), folder.stat().st_mtime)
    predicted = model.predict([text], chosen.temperature)[0]
    if state.workspace().changeable:
        tries.keep(state.workspace().run(run.id), predicted)
    with st.container(border=True, key="answer"):
        st.metric(
            "The model says",
            predicted.label,
            f"{predicted.confidence:.1%} sure",
            delta_color="off",
            delta_arrow="off",
        )
        if chosen.to_a_person(predicted.label, predicted.confidence):
            st.caption(
                f":material/person: Less than {chosen.least(predicted.label):.0%} sure: this one would go to a person."
            )
        shown = predicted.probabilities
        charts.show(
            charts.probabilities(shown),
            ", ".join(f"{label} {p:.0%}" for label, p in list(shown.items())[:5]),
            "probabilities",
            height=max(150, 34 * min(20, len(shown)) + 60),
        )
        if len(shown) > 20:
            st.caption(f"The 20 likeliest of {len(shown)} classes.")
        feedback.wrong(run, predicted)


def reasons(run: Run, text: str) -> None:
    place = st.expander("Why?", icon=":material/psychology_alt:", on_change="rerun", key="why_open")
    if place.open:
        with place:
            why.explain(run, text, "why")


def history(run: Run) -> None:
    tried = tries.last(state.workspace().run(run.id))
    if tried:
        with st.expander(
            "The last try" if len(tried) == 1 else f"The last {len(tried)} tries",
            icon=":material/history:",
            expanded=True,
        ):
            st.dataframe(
                [
                    {"answer": one["label"], "confidence": one["confidence"] * 100, "text": one["text"]}
                    for one in tried
                ],
                hide_index=True,
                alt="The last texts that were tried",
                column_config={
                    "confidence": st.column_config.NumberColumn("sure", format="%.1f%%", width="small"),
                    "text": st.column_config.TextColumn(width="large"),
                },
            )


frame.show(page)
