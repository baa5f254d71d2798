"""What the Evaluate page is about just now: a run, and the texts that it is judged on."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.evaluation import baseline
from engine.paths import RunPaths
from engine.runs.store import Run
from engine.serving import rules
from pages.parts import cached, messages, state, words

if TYPE_CHECKING:
    from engine.results.evaluations import Further  # which imports scipy

OWN = ("test", "validation")


@dataclass(frozen=True)
class Judged:
    """texts: test, validation, or the key of a further file. scores: of these texts. baseline: word counting on them.
    always: (one answer for all, the share of texts for which it is right)."""

    run: Run
    texts: str
    scores: dict
    baseline: dict | None
    always: tuple[str, float]

    @property
    def paths(self) -> RunPaths:
        """Where the predictions are."""
        paths = state.workspace().run(self.run.id)
        return paths if self.texts in OWN else paths.further(self.texts)

    @cached_property
    def temperature(self) -> float:
        """By which its confidence is corrected, if it is."""
        return rules.read(state.workspace().run(self.run.id)).temperature

    @cached_property
    def table(self) -> pd.DataFrame:
        """The predictions, a row for each text, with the probabilities that are shown everywhere: corrected ones."""
        return cached.predicted(*self.source, self.temperature)

    @property
    def source(self) -> tuple[str, float, str]:
        """(file of the predictions, when it was written, split)"""
        path = self.paths.predictions
        return str(path), path.stat().st_mtime, self.texts if self.texts in OWN else "test"

    @property
    def unseen(self) -> bool:
        """Whether the model had certainly not seen these texts before."""
        return self.texts == "test" and not self.run.imported

    @property
    def kind(self) -> str:
        """Of the texts, as in '420 test texts'."""
        return self.texts if self.texts in OWN else "further"

    @property
    def rows(self) -> int:
        return sum(one["support"] for one in self.scores["per_class"].values())

    @property
    def key(self) -> str:
        """Tells widgets of one run and texts from those of others."""
        return f"{self.run.id}_{self.texts}"


def choose(run: Run) -> Judged:
    """The test texts at first; the validation texts, and files that were given later, one click away."""
    more = {one.key: one for one in cached.further(str(state.workspace().root), run.id)}

    def name(texts: str) -> str:
        return messages.plain(more[texts].name) if texts in more else words.SPLITS[texts]

    if "show_texts" in st.session_state:  # of a file that was judged just now
        st.session_state["split"] = st.session_state.pop("show_texts")
    if st.session_state.get("split") not in (*OWN, *more):
        st.session_state["split"] = "test"
    texts = st.radio(
        "Texts",
        [*OWN, *more],
        format_func=name,
        key="split",
        horizontal=True,
        help="The test texts were used only once, at the end: their score is the honest one. "
        "The validation texts were used to choose the best epoch, so their score is a little too good. "
        "You can add further files below.",
    )
    paths = state.workspace().run(run.id)
    place = paths.further(texts) if texts in more else paths
    found = cached.scores(str(place.folder), place.metrics.stat().st_mtime)
    if texts in more:
        said(run, more[texts])
    scores = found["validation" if texts == "validation" else "test"]
    counted = found.get("baseline") if texts != "validation" else None
    return Judged(run, texts, scores, counted, baseline.always(found, scores))


def said(run: Run, further: "Further") -> None:
    """What of a further file was not scored, what makes its scores too good, and whether they are those of another model."""
    if further.outlived:
        st.caption("The run has been trained further since. These scores are for its earlier model.")
        if st.button("Evaluate again", icon=":material/refresh:", key="judge_again"):
            _judge_again(run, further.key)
    notes = []
    if further.left_out:
        notes.append(
            f"Left out: {words.count(further.left_out, 'row')} without a text or with a label that the model does not know."
        )
    if further.too_good:
        notes.append(further.too_good)
    if notes:
        st.caption(" ".join(notes))


def _judge_again(run: Run, key: str) -> None:
    from engine.results.evaluations import judge_again

    with state.reported():
        judge_again(
            state.workspace(),
            run,
            key,
            messages.answering(),
        )
        st.rerun()
