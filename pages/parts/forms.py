"""The form of the training settings: wording here, types, bounds and meaning in engine/settings.py."""

from typing import get_args

import streamlit as st

from engine import settings
from engine.settings import TrainingConfig
from engine.training.plan import Plan
from pages.parts import charts, messages, words

FIRST = ("epochs", "learning_rate", "batch_size", "max_tokens")
ADVANCED = ("warmup", "weight_decay", "schedule", "gradient_clipping", "seed", "device", "precision")
STEPS = {
    "epochs": 1,
    "learning_rate": 1e-5,
    "batch_size": 8,
    "max_tokens": 16,
    "warmup": 0.05,
    "weight_decay": 0.01,
    "gradient_clipping": 0.5,
    "seed": 1,
}
FORMATS = {"learning_rate": "%.6f", "warmup": "%.2f", "weight_decay": "%.3f", "gradient_clipping": "%.1f"}


def training(plan: Plan, key: str) -> tuple[dict[str, object], dict[str, str]]:
    """Draw the settings, filled in with the plan's. key: changes when the plan does, so that its values are shown.

    Returns the values and {field: what is wrong with it}; each problem stands under its field as well.
    """
    defaults = {name: field.default for name, field in TrainingConfig.model_fields.items()} | plan.values()
    values: dict[str, object] = {}
    places = dict(zip(FIRST, st.columns(len(FIRST)), strict=True))
    with st.expander("Advanced", icon=":material/tune:"):
        columns = st.columns(3)
        places |= {field: columns[index % 3] for index, field in enumerate(ADVANCED)}
        lengths_place = st.container()
    slots = {}
    for field in FIRST + ADVANCED:
        with places[field]:
            values[field] = _widget(field, defaults[field], f"{field}_{key}")
            slots[field] = st.container()
    wrong = plan.problems(**values)
    for field, slot in slots.items():
        with slot:
            if field in wrong:
                st.caption(f":red[{messages.plain(wrong[field])}]")
            elif field in plan.chosen.reasons and values[field] == defaults[field]:
                st.caption(messages.plain(plan.chosen.reasons[field]))
    with lengths_place:
        st.markdown("**Text lengths and where they are cut**")
        charts.show(
            charts.lengths(plan.lengths, int(values["max_tokens"] or 0)),
            "Histogram of text lengths in tokens",
            f"cut_{key}",
            height=200,
        )
    return values, wrong


def _widget(field: str, default: object, key: str) -> object:
    label, about = words.SETTINGS[field], settings.help_text(field)
    choices = get_args(TrainingConfig.model_fields[field].annotation)
    if choices:
        return st.selectbox(
            label,
            choices,
            index=choices.index(default),
            format_func=lambda one: words.CHOICES[one],
            key=key,
            help=about,
            persist_state="session",
        )
    return st.number_input(
        label,
        value=default,
        step=STEPS[field],
        format=FORMATS.get(field),
        key=key,
        help=about,
        persist_state="session",
    )
