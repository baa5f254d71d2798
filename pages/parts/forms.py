"""The form of the training settings: wording here, types, bounds and meaning in engine/settings.py."""

from typing import get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from engine import settings
from engine.settings import TrainingConfig
from engine.training.plan import Plan
from pages.parts import charts, messages, words

FIRST = ("epochs", "learning_rate", "batch_size", "max_tokens")
OFFERED = ("balance",)  # beside the first ones where the data give a reason
ADVANCED = {
    "What is trained": (
        "method", "layer_decay", "frozen_layers", "kept_layers", "freeze_embeddings", "read_mean", "head_first",
        "lora_rank",
    ),
    "How it is trained": (
        "warmup", "schedule", "average_weights", "gradient_clipping", "weight_decay", "dropout", "patience", "train_share",
    ),
    "Loss": ("balance", "label_smoothing"),
    "Computation": ("device", "precision", "accumulation", "gradient_checkpointing", "seed",
        "checkpoint_seconds",
    ),
}  # fmt: skip
COLUMNS = 3
STEPS = {
    "epochs": 1,
    "learning_rate": 1e-5,
    "batch_size": 8,
    "max_tokens": 16,
    "lora_rank": 4,
    "frozen_layers": 1,
    "kept_layers": 1,
    "layer_decay": 0.05,
    "label_smoothing": 0.05,
    "dropout": 0.05,
    "patience": 1,
    "train_share": 0.05,
    "accumulation": 1,
    "warmup": 0.05,
    "weight_decay": 0.01,
    "gradient_clipping": 0.5,
    "seed": 1,
    "checkpoint_seconds": 10,
}
FORMATS = {
    "learning_rate": "%.6f",
    "warmup": "%.2f",
    "weight_decay": "%.3f",
    "gradient_clipping": "%.1f",
    "layer_decay": "%.2f",
    "label_smoothing": "%.2f",
    "dropout": "%.2f",
    "train_share": "%.3f",
}


def training(plan: Plan, key: str, taken: dict[str, object]) -> tuple[dict[str, object], dict[str, str]]:
    """Draw the settings, filled in with the plan's, or with those `taken` from a run. key: changes when they do.

    Returns the values and {field: what is wrong with it}; each problem stands under its field as well.
    """
    defaults = {name: field.default for name, field in TrainingConfig.model_fields.items()}
    defaults |= plan.values() | taken
    values: dict[str, object] = {}
    shown = FIRST + tuple(field for field in OFFERED if field in plan.chosen.reasons)
    places = dict(zip(shown, st.columns(len(shown)), strict=True))
    with st.expander("Advanced", icon=":material/tune:"):
        for title, fields in ADVANCED.items():
            places |= _places(title, [field for field in fields if field not in shown])
        lengths_place = st.container()
    slots = {}
    for field, place in places.items():
        with place:
            if field == "lora_rank" and values["method"] != "lora":
                continue  # the last of its row, so that no gap is left
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
        st.markdown("**Text lengths, and where texts are cut off**")
        charts.show(
            charts.lengths(plan.lengths, int(values["max_tokens"] or 0)),
            "Histogram of text lengths in tokens",
            f"cut_{key}",
            height=200,
        )
    return values, wrong


def name(label: str, proposed: str, key: str) -> str:
    """What a run or a study shall be called. key: changes with what is proposed; what is typed stays under it."""
    return st.text_input(label, value=proposed, max_chars=80, key=key, persist_state="session")


def _places(title: str, fields: list[str]) -> dict[str, DeltaGenerator]:
    """A place for each of the fields, under their title."""
    st.markdown(f"**{title}**")
    found = {}
    for start in range(0, len(fields), COLUMNS):
        found |= dict(zip(fields[start : start + COLUMNS], st.columns(COLUMNS), strict=False))
    return found


def _widget(field: str, default: object, key: str) -> object:
    label, about = words.SETTINGS[field], settings.help_text(field)
    kind = TrainingConfig.model_fields[field].annotation
    choices = get_args(kind)
    if kind is bool:
        return st.checkbox(label, value=default, key=key, help=about, persist_state="session")
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
