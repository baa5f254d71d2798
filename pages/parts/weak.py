"""Where the model is weak: groups of texts with clearly more mistakes than the others."""

import streamlit as st

from engine.figures import language, whole
from pages.parts import cached, charts, messages, state
from pages.parts.judged import Judged

NAMED = 3
MOST_IN_CHART = 20


def show(judged: Judged) -> None:
    place = st.expander("Where is it weak?", icon=":material/troubleshoot:", on_change="rerun")
    if not place.open:
        return
    found = cached.weakness(
        str(state.workspace().root),
        judged.run.id,
        judged.texts,
        judged.paths.metrics.stat().st_mtime,
        language(),
    )
    with place:
        if not found.groups:
            st.caption("There are too few texts to tell, or they are all alike.")
            return
        weak = [sentence for group, sentence in zip(found.groups, found.sentences, strict=True) if group.weak]
        if not weak:
            st.markdown(f"No group of texts stands out. The differences among the {len(found.groups)} groups could be luck.")
        for sentence in weak[:NAMED]:
            st.markdown(f":material/warning: {messages.plain(sentence)}")
        shown = found.groups[:MOST_IN_CHART]
        charts.show(
            charts.with_intervals(
                {f"{one.property}: {one.value} ({whole(one.texts)})": (one.wrong, list(one.interval)) for one in shown},
                "error rate",
            ),
            "Error rate of each group of texts, with its interval",
            "weak",
            height=70 + 26 * len(shown),
        )
        st.caption(
            "Texts are grouped by length, by how many words the model does not know, and by other columns that hold numbers "
            f"or few different values. Each group has at least {found.least} texts. Only groups whose gap is unlikely to "
            "be luck are named above (Fisher's exact test, corrected by Holm)."
        )
