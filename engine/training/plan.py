"""From a data set, a model and a preset to the settings of a run; for the form and the command line alike."""

from dataclasses import dataclass, replace

import numpy as np

from engine import preferences
from engine.data.datasets import DatasetInfo, first_rows
from engine.errors import SettingsError
from engine.figures import whole
from engine.models import architectures
from engine.models.cards import BY_REFERENCE
from engine.models.catalogue import ModelSource, bundled_folder, find_model
from engine.models.folders import USUAL, Shape, read_config, shape_of
from engine.models.tokens import count_tokens
from engine.paths import Workspace
from engine.settings import WORD_COUNTING_HAS, TrainingConfig, problems
from engine.training.presets import Chosen, derive

MEASURED_TEXTS = 2000


@dataclass(frozen=True)
class Plan:
    """chosen: the preset's values with reasons. lengths: (texts,) tokens of a sample of the training texts.

    longest: the most tokens that the model can read. layers: how many it has.
    """

    chosen: Chosen
    source: ModelSource
    lengths: np.ndarray
    longest: int
    layers: int

    def config(self, **explicit: object) -> TrainingConfig:
        """The preset's settings with `explicit` ones in their place. Raises SettingsError naming each wrong one."""
        found = self.problems(**explicit)
        if found:
            raise SettingsError(found)
        return TrainingConfig(**{**self.values(), **explicit})

    def problems(self, **explicit: object) -> dict[str, str]:
        """{field: sentence} for every setting that cannot be used with this model."""
        values = {**self.values(), **explicit}
        found = problems(**values)
        if self.source.kind == "tfidf":
            none = "word counting has no such setting; leave it out, or choose another model."
            return found | {field: none for field in explicit if field not in WORD_COUNTING_HAS}
        config = TrainingConfig(**{field: value for field, value in values.items() if field not in found})
        return self._beyond(config) | found

    def _beyond(self, config: TrainingConfig) -> dict[str, str]:
        """{field: sentence} for what this model cannot, and others can."""
        found, layers = {}, config.kept_layers or self.layers
        if config.max_tokens > self.longest:
            found["max_tokens"] = f"this model reads at most {whole(self.longest)} tokens; it is {config.max_tokens}."
        if config.frozen_layers > layers:
            found["frozen_layers"] = architectures.lacks_layers(layers, config.frozen_layers)
        elif config.method == "lora" and config.frozen_layers == layers and not config.read_mean:
            found["frozen_layers"] = architectures.NONE_FOR_LORA
        if layers > self.layers:
            found["kept_layers"] = architectures.lacks_layers(self.layers, layers)
        if self.source.folder:
            kind = read_config(self.source.folder).get("model_type")
            if config.read_mean and kind != "bert":
                found["read_mean"] = architectures.ONLY_BERT.format(kind)
            if not reads_first(self.source):
                by_first = {"method": config.method == "head", "head_first": config.head_first}
                found |= {field: architectures.NOT_BY_FIRST.format(kind) for field, asked in by_first.items() if asked}
        return found

    def values(self) -> dict[str, object]:
        return {**self.chosen.values, "model": self.source.reference, "revision": self.source.revision}


def plan(workspace: Workspace, info: DatasetInfo, model: str, preset: str, revision: str | None = None) -> Plan:
    """Raises SettingsError when there is no such preset, ModelError when there is no such model."""
    if wrong := problems(preset=preset):
        raise SettingsError(wrong)
    source = find_model(model, revision, workspace.downloads)
    if source.kind == "tfidf":
        return Plan(Chosen({"preset": preset, "device": "cpu"}, {}), source, np.zeros(0, dtype=np.int64), 0, 0)
    lengths = text_lengths(workspace, info, source)
    shape = _shape(source)
    chosen = derive(
        preset,
        info.rows["train"],
        list(info.classes.values()),
        lengths,
        shape.tokens,
        shape.width,
        is_sentence_encoder(source),
        reads_first(source),
    )
    decided = preferences.of_new_runs(workspace)
    reasons = {field: "As chosen in Settings." for field in decided}
    chosen = replace(chosen, values=chosen.values | decided, reasons=chosen.reasons | reasons)
    return Plan(chosen, source, lengths, shape.tokens, shape.layers)


def _shape(source: ModelSource) -> Shape:
    if source.folder:
        return shape_of(read_config(source.folder))
    card = BY_REFERENCE.get(source.reference)
    return Shape(card.tokens, card.layers.width, card.layers.count) if card else USUAL


def is_sentence_encoder(source: ModelSource) -> bool:
    """Whether the model is a BERT that was pretrained to be read by the mean of its tokens, as its folder says."""
    pooling = source.folder / "1_Pooling" / "config.json" if source.folder else None
    if pooling is None or not pooling.is_file() or read_config(source.folder).get("model_type") != "bert":
        return False
    return bool(read_config(pooling.parent).get("pooling_mode_mean_tokens"))


def reads_first(source: ModelSource) -> bool:
    """Whether the model answers from the first token of a text; taken for granted before its download."""
    config = read_config(source.folder) if source.folder else {"model_type": "bert"}
    return architectures.reads_first(config.get("model_type"), config.get("classifier_pooling"))


def text_lengths(workspace: Workspace, info: DatasetInfo, source: ModelSource | None = None) -> np.ndarray:
    """(texts,) lengths in tokens of the first 2,000 training texts, by the model's tokenizer, or the bundled one's
    where the model is not on this machine yet."""
    texts = first_rows(workspace, info.id, MEASURED_TEXTS, "train")["text"].tolist()
    return count_tokens(texts, source.folder if source and source.folder else bundled_folder())
