"""Several models, presets and values of settings, as the runs that try every combination of them."""

from collections.abc import Mapping, Sequence
from itertools import product

from engine import settings
from engine.errors import SettingsError
from engine.settings import WORD_COUNTING_HAS, TrainingConfig
from engine.studies.records import Member
from engine.training.plan import Plan

LEAST, MOST = 2, 24
NOT_VARIED = ("model", "revision", "preset")  # which are asked for by themselves


def combinations(plans: Sequence[Plan], values: Mapping[str, Sequence[object]]) -> list[Member]:
    """Every combination once, the first plan's first; word counting with those few settings that it has.

    plans: one for each model and preset. values: {setting: the values to try}, of which one alone holds for all.
    Raises SettingsError for values that cannot be used, and where there are too few or too many combinations.
    """
    if wrong := {field: "it is chosen by itself." for field in values if field in NOT_VARIED}:
        raise SettingsError(wrong)
    several = {field for field, tried in values.items() if len(tried) > 1}
    presets = {plan.chosen.values["preset"] for plan in plans if plan.source.kind != "tfidf"}
    found: dict[str, Member] = {}
    for plan in plans:
        counts = plan.source.kind == "tfidf"
        varied = {field: tried for field, tried in values.items() if not counts or field in WORD_COUNTING_HAS}
        for chosen in product(*varied.values()):
            explicit = dict(zip(varied, chosen, strict=True))
            config = plan.config(**explicit)
            parts = [plan.source.name]
            parts += [config.preset] if len(presets) > 1 and not counts else []
            telling = several & settings.applying(config).keys()
            parts += [told(field, config) for field in explicit if field in telling]
            member = Member(label=", ".join(parts), model_name=plan.source.name, config=config)
            found.setdefault(_same(config), member)
    if not LEAST <= len(found) <= MOST:
        raise SettingsError({"runs": f"{LEAST} to {MOST} runs can be compared at once; these choices make {len(found)}."})
    return list(found.values())


def told(field: str, config: TrainingConfig) -> str:
    """'learning rate 0.0003', 'freeze embeddings: yes'"""
    value, name = getattr(config, field), field.replace("_", " ")
    if isinstance(value, bool):
        return f"{name}: {'yes' if value else 'no'}"
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"


def _same(config: TrainingConfig) -> str:
    """Configurations that do the same have the same; only the name of a preset may set them apart."""
    return str({key: value for key, value in settings.applying(config).items() if key != "preset"})
