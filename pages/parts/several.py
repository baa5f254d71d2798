"""The Train page when several runs are asked for as one question."""

from pathlib import Path
from typing import get_args

import streamlit as st

from engine.data.datasets import DatasetInfo
from engine.errors import SettingsError
from engine.figures import rounded, whole
from engine.models.cards import BY_REFERENCE, CARDS
from engine.models.zips import uploaded_models
from engine.runs import queue
from engine.settings import WORD_COUNTING, TrainingConfig
from engine.studies import curve as studied
from engine.studies import grid, records
from engine.studies import search as searching
from engine.studies.records import Kind, Member
from engine.training.plan import Plan
from engine.training.presets import PRESETS
from pages.parts import cached, costs, forms, messages, models, state, words

WAYS = {
    "one": "One run",
    "several": "Several runs to compare",
    "curve": "Would more labels help?",
    "search": "Search for good settings",
}
TRIED = 3  # times more and less than the preset's value are proposed


def way() -> str:
    """What shall be trained; one run at first."""
    st.session_state.setdefault("way", "one")
    return st.radio(
        "What do you want to train?",
        list(WAYS),
        format_func=WAYS.get,
        key="way",
        horizontal=True,
        persist_state="session",
    )


def comparison(info: DatasetInfo) -> None:
    """Models, presets and values of settings, of which every combination is trained."""
    references = st.multiselect(
        "Models to try",
        _models(),
        format_func=_called,
        default=["bundled", WORD_COUNTING],
        accept_new_options=True,
        key="several_models",
        persist_state="session",
        help="Choose from the list, or type any name on the Hugging Face hub or a folder on this machine.",
    )
    presets = st.pills(
        "How thorough?",
        list(PRESETS),
        format_func=str.capitalize,
        selection_mode="multi",
        default=["balanced"],
        key="several_presets",
        persist_state="session",
        help="  \n".join(f"{name.capitalize()}: {one.about.lower()}." for name, one in PRESETS.items()),
    )
    models.compare()
    if not references or not presets:
        st.caption("Choose at least one model and how thorough to train it.")
        return
    with state.reported():
        plans = [
            cached.planned(str(state.workspace().root), info.id, model, preset, info)
            for model in references
            for preset in presets
        ]
        tried = _values(plans)
        try:
            found = grid.combinations(plans, tried)
        except SettingsError as error:
            _refuse(error)
            return
        first = _called(references[0]) if len(references) == 1 else "Models"
        _start(info, plans, found, f"{first} on {info.name}", "comparison")


def curve(info: DatasetInfo, plan: Plan, values: dict[str, object], wrong: dict[str, str]) -> None:
    """The one model on a tenth of the training texts, then on more and more of them."""
    if wrong:
        st.warning("Some settings above must be changed first.", icon=":material/rule:")
        return
    with state.reported():
        found = studied.members(info, plan, plan.config(**values))
        texts = [whole(round(one.config.train_share * info.rows["train"])) for one in found]
        st.caption(
            f"Trains on {', '.join(texts[:-1])} and {texts[-1]} texts, each part contained in the next. With fewer texts it "
            "runs more epochs, as the preset would. Everything else stays the same."
        )
        _start(info, [plan], found, f"More labels? {plan.source.name} on {info.name}", "curve")


def search(info: DatasetInfo, plan: Plan) -> None:
    """One trial after another, for as long as somebody gives it."""
    if plan.source.kind == "tfidf":
        st.caption("Word counting has no settings to search. Choose another model.")
        return
    minutes = st.number_input(
        "Time for the search, in minutes",
        min_value=1,
        max_value=7 * 24 * 60,
        value=30,
        step=10,
        key="search_minutes",
        persist_state="session",
        help="For all trials together, without waiting. No trial starts that would not fit into the remaining time.",
    )
    config = plan.config()
    st.caption(
        "Starts with the preset's settings, then tries others: learning rate, epochs, batch size, dropout and more. Trials "
        "are compared on the validation texts only, and hopeless ones stop early. The best one is a run like any other."
    )
    costs.show(info, plan, config, "search")
    if seconds := costs.seconds_of(info.id, config):
        fit = 60 * minutes / seconds
        told = f"about {rounded(fit)} will fit" if fit >= 2 else "hardly more than one will fit, so allow more time"
        st.caption(f"This is for one trial with the preset's settings; {told}.")
    name_key = f"search_name_{info.id}_{plan.source.reference}_{info.name}"
    name = forms.name("Name of the study", f"Search with {plan.source.name} on {info.name}", name_key)
    ticket = st.session_state.setdefault("search_ticket", queue.new_ticket())
    if st.button("Start the search", type="primary", icon=":material/play_arrow:", key="start_search"):
        with state.reported():
            study = searching.begin(state.workspace(), info, plan, config, 60.0 * minutes, name=name, ticket=ticket)
            del st.session_state["search_ticket"], st.session_state[name_key]
            st.switch_page("pages/compare.py", query_params={"study": study.id})


def _values(plans: list[Plan]) -> dict[str, list[str]]:
    """{setting: the values to try}, of those settings that shall be varied."""
    learns = [plan for plan in plans if plan.source.kind != "tfidf"]
    if not learns:
        return {}
    offered = [field for field in words.SETTINGS if field in TrainingConfig.model_fields]
    fields = st.multiselect(
        "Try several values of",
        offered,
        format_func=words.SETTINGS.get,
        key="several_fields",
        persist_state="session",
        placeholder="None: all settings as in the preset",
        max_selections=3,
    )
    found = {}
    for field in fields:
        values = _proposed(field, learns[0].config())
        found[field] = st.multiselect(
            words.SETTINGS[field],
            values,
            default=values,
            format_func=lambda one: words.CHOICES.get(one, one),
            accept_new_options=field in forms.STEPS,
            key=f"several_{field}_{learns[0].source.reference}_{learns[0].chosen.values['preset']}",
            persist_state="session",
            help="You can type other values." if field in forms.STEPS else None,
        )
    return {field: values for field, values in found.items() if values}


def _proposed(field: str, config: TrainingConfig) -> list[str]:
    """Values worth trying: what the preset has, a third and three times of it; or all that there are."""
    value, kind = getattr(config, field), TrainingConfig.model_fields[field].annotation
    if kind is bool:
        return ["no", "yes"]
    if get_args(kind):
        return list(get_args(kind))
    near = [value / TRIED, value, value * TRIED] if value else [value, forms.STEPS[field]]
    if kind is int:
        near = [max(1, round(one)) if value else round(one) for one in near]
    return list(dict.fromkeys(f"{one:.3g}" if kind is float else str(one) for one in near))


def _start(info: DatasetInfo, plans: list[Plan], members: list[Member], proposed: str, kind: Kind) -> None:
    name_key = f"study_name_{info.id}_{proposed}"
    name = forms.name("Name of the study", proposed, name_key)
    by_model = {plan.source.reference: plan for plan in plans}
    wanted = [(by_model[one.config.model], one.config) for one in members]
    with st.expander(f"The {len(members)} runs", icon=":material/list:", on_change="rerun") as place:
        if place.open:
            _list(info, members)
    costs.total(info.id, wanted)
    costs.disk(*(plan for plan, _ in wanted))
    ticket = st.session_state.setdefault("study_ticket", queue.new_ticket())
    if st.button(f"Start {len(members)} runs", type="primary", icon=":material/play_arrow:", key="start_study"):
        study = records.begin(state.workspace(), info, members, name=name, kind=kind, ticket=ticket)
        del st.session_state["study_ticket"], st.session_state[name_key]
        st.switch_page("pages/compare.py", query_params={"study": study.id})


def _list(info: DatasetInfo, members: list[Member]) -> None:
    st.dataframe(
        words.table(
            [
                {
                    "Run": one.label,
                    words.SETTINGS["epochs"]: None if one.config.counts_words else one.config.epochs,
                    words.SETTINGS["learning_rate"]: None if one.config.counts_words else one.config.learning_rate,
                    "Time": "" if (seconds := costs.seconds_of(info.id, one.config)) is None else words.roughly(seconds),
                }
                for one in members
            ]
        ),
        hide_index=True,
        alt="The runs that will be queued",
        placeholder="",
    )


def _refuse(error: SettingsError) -> None:
    for field, sentence in error.problems.items():
        called = words.SETTINGS.get(field)
        st.warning(f"{f'{called}: ' if called else ''}{messages.plain(sentence)}", icon=":material/rule:")


def _models() -> list[str]:
    uploaded = [str(folder) for folder in uploaded_models(state.workspace().uploaded_models)]
    return [*(card.reference for card in CARDS), *uploaded]


def _called(reference: str) -> str:
    if card := BY_REFERENCE.get(reference):
        return card.name
    uploaded = Path(reference).parent == state.workspace().uploaded_models
    return Path(reference).name if uploaded else reference
