"""The phases of a run, one after another: data, model, tokens, training, saving, test, verification."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from engine import machine
from engine.data.datasets import load_info, load_rows
from engine.errors import TrainingError
from engine.evaluation import baseline, metrics, predictions
from engine.models import adapting, tfidf
from engine.models.catalogue import find_model
from engine.models.devices import pick_device, pick_precision
from engine.models.loading import fetch, load_model, load_tokenizer
from engine.paths import RunPaths, Workspace, read_json, write_json
from engine.runs.store import Status
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.head_start import fit_head
from engine.training.layout import Encoded, Features, Source
from engine.training.learner import Learner
from engine.training.loop import EpochScored, Event, StepDone, TrainingState, train
from engine.training.scoring import features, probabilities
from engine.training.tokens import tokenize

if TYPE_CHECKING:
    from engine.runs.worker import Pulse

TOLERANCE = 1e-4  # between the probabilities of the model and of its saved copy, in fp32
VERIFIED_TEXTS = 32
LESS_MEMORY = (
    "The memory was not enough. The same step goes on with at most {} texts at a time; each correction is still computed "
    "from the whole batch."
)
NOT_YET_A_MODEL = "Stopped before the first round was complete, so there is no model."


def carry_out(workspace: Workspace, run_id: str, pulse: "Pulse") -> dict[str, object]:
    """Train, save, score and verify. Returns what the store shows of the ending: status, and scores or the reason.

    Raises TuneboardError for everything that a person can act on.
    """
    paths = workspace.run(run_id)
    asked = read_json(paths.config)
    config = TrainingConfig(**asked["config"])
    if config.model == tfidf.REFERENCE:
        from engine.runs.counting import count_words  # which stands on this module

        return count_words(workspace, asked["dataset_id"], paths, pulse)

    pulse.phase("reading data")
    labels = load_info(workspace, asked["dataset_id"]).labels
    rows = load_rows(workspace, asked["dataset_id"])

    pulse.phase("loading model")
    torch.set_num_threads(machine.cores())
    torch.manual_seed(config.seed)  # the new head's random start
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    folder = fetch(find_model(config.model, config.revision, workspace.downloads), workspace.downloads)
    tokenizer, model = load_tokenizer(folder), adapted(load_model(folder, labels), config).to(device)
    pulse.events.write(
        "setup",
        device=_device_name(device),
        precision=str(precision).removeprefix("torch."),
        threads=torch.get_num_threads(),
        parameters=model.num_parameters(),
    )

    pulse.phase("tokenizing")
    limit = min(config.max_tokens, getattr(model.config, "max_position_embeddings", config.max_tokens))
    encoded = tokenize(tokenizer, rows["text"].tolist(), limit, pulse.progress)
    state = _train(model, encoded, rows, labels, config, precision, pulse, paths)
    if not state.best_epoch:
        return {
            "status": Status.STOPPED,
            "reason": "stopped",
            "message": NOT_YET_A_MODEL,
            "action": "Start it again.",
        }
    model = load_model(folder, labels)
    shape(model, config)
    model.load_state_dict(load_file(paths.best))
    model.to(device)

    pulse.phase("saving")
    model.config.update({"max_tokens": limit})
    model.save_pretrained(paths.model)
    tokenizer.model_max_length = limit
    tokenizer.save_pretrained(paths.model)

    pulse.phase("evaluating")
    scored = (rows["split"] != "train").to_numpy().nonzero()[0]
    scored_texts = encoded.select(scored)
    found = probabilities(model, scored_texts, precision, pulse.progress)
    predicted = predictions.table(rows.iloc[scored], labels, found)
    predicted.to_parquet(paths.predictions, index=False)
    found = evaluate(predicted, rows[rows["split"] == "train"], labels)
    write_json(paths.metrics, {**found, "best_epoch": state.best_epoch})

    pulse.phase("verifying")
    some = scored_texts.select(np.arange(min(VERIFIED_TEXTS, len(scored))))
    verify(model, load_model(paths.model).to(device), some)
    pulse.events.write(
        "note",
        text=f"The saved model was loaded again and gave the same answers on "
        f"{len(some)} texts that it had not learnt from.",
    )
    figures = {key: found["test"][key] for key in ("accuracy", "macro_f1")}
    if state.stopped:
        kept = f"Stopped on request. The best round so far ({state.best_epoch}) was kept and can be used."
        return {"status": Status.STOPPED, "reason": "stopped", "message": kept, **figures}
    return {"status": Status.FINISHED, **figures}


def shape(model: PreTrainedModel, config: TrainingConfig) -> None:
    """Give `model` the layers that `config` asks for. Raises SettingsError for what this model does not have."""
    adapting.keep_layers(model, config.kept_layers)
    if config.read_mean:
        adapting.read_by_mean(model)


def adapted(model: PreTrainedModel, config: TrainingConfig) -> PreTrainedModel:
    """`model` with as many layers as asked for, of which those learn that shall, changed in place.

    Raises SettingsError for what this model does not have.
    """
    shape(model, config)
    adapting.freeze(model, config.method, config.frozen_layers, config.freeze_embeddings)
    if config.method == "lora":
        adapting.add_lora(model, config.lora_rank)
    if config.gradient_checkpointing:
        model.activation_checkpointing_enable()
    return model


def learner_for(
    model: PreTrainedModel,
    texts: Source,
    targets: np.ndarray,
    config: TrainingConfig,
    precision: torch.dtype,
    on_less_memory: Callable[[int], None] = lambda rows: None,
) -> Learner:
    """A learner of `texts`, (texts,) class numbers `targets`, as `config` has it."""
    return Learner(
        model,
        texts,
        targets,
        precision,
        weight_decay=config.weight_decay,
        layer_decay=config.layer_decay,
        clipping=config.gradient_clipping,
        dropout=config.dropout,
        balance=config.balance,
        label_smoothing=config.label_smoothing,
        accumulation=config.accumulation,
        on_less_memory=on_less_memory,
    )


def _train(
    model: PreTrainedModel,
    encoded: Encoded,
    rows: pd.DataFrame,
    labels: list[str],
    config: TrainingConfig,
    precision: torch.dtype,
    pulse: "Pulse",
    paths: RunPaths,
) -> TrainingState:
    number = {label: index for index, label in enumerate(labels)}
    targets = rows["label"].map(number).to_numpy()
    training, validation = (
        (rows["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation")
    )
    texts = encoded
    if config.method == "head":
        pulse.phase("computing features")
        texts = features(model, encoded, precision, pulse.progress)
    if config.head_first:
        pulse.phase("fitting the head")
        chosen = texts.select(training)
        known = chosen if isinstance(chosen, Features) else features(model, chosen, precision, pulse.progress)
        fit_head(model, known, targets[training])
    learner = learner_for(
        model,
        texts.select(training),
        targets[training],
        config,
        precision,
        lambda most: pulse.events.write("note", text=LESS_MEMORY.format(most)),
    )
    batches = Batches(learner.lengths, config.batch_size, config.seed)
    paths.best.parent.mkdir(exist_ok=True)
    began, steps = time.monotonic(), config.epochs * len(batches)
    pulse.phase("training", 0, steps)

    def score() -> dict[str, float]:
        step = pulse.done
        pulse.phase("evaluating")
        predicted = probabilities(model, texts.select(validation), precision, pulse.progress)
        found = metrics.scores(targets[validation], predicted.argmax(axis=1), list(number.values()))
        pulse.phase("training", step, steps)
        return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}

    def emit(event: Event) -> None:
        match event:
            case StepDone():
                pulse.events.write("step", **asdict(event))
                pulse.progress(event.step, event.steps)
                pulse.seconds_left = (time.monotonic() - began) / event.step * (event.steps - event.step)
            case EpochScored():
                pulse.events.write("epoch", **asdict(event))

    state = train(
        learner,
        batches,
        config,
        score,
        len(validation),
        lambda: save_file(learner.state(), paths.best),
        emit,
        pulse.should_stop,
    )
    pulse.seconds_left = None
    if not state.best_epoch and not state.stopped:
        raise TrainingError(
            "No round of the training gave a score.", "Try again with a lower learning rate.", "no_score"
        )
    return state


def evaluate(predicted: pd.DataFrame, train_rows: pd.DataFrame, labels: list[str]) -> dict:
    """Scores of the validation and the test rows, and of word counting on the same test rows."""
    parts = {split: predicted[predicted["split"] == split] for split in ("validation", "test")}
    found = {split: metrics.scores(part["label"], part["predicted"], labels) for split, part in parts.items()}
    test = parts["test"]
    by_counting = baseline.word_counting(train_rows["text"], train_rows["label"], test["text"])
    counted = metrics.scores(test["label"], by_counting, labels)
    return {
        **found,
        "intervals": metrics.intervals(test["label"], test["predicted"], labels),
        "baseline": {
            "name": baseline.NAME,
            **{key: counted[key] for key in ("accuracy", "macro_f1", "weighted_f1", "per_class")},
        },
    }


def verify(model: PreTrainedModel, saved: PreTrainedModel, texts: Encoded) -> None:
    """Raises TrainingError unless the saved copy gives the same probabilities."""
    difference = np.abs(probabilities(model, texts) - probabilities(saved, texts)).max()
    if difference > TOLERANCE:
        raise TrainingError(
            f"The saved model does not predict what the trained one does (they differ by {difference:.2g}).",
            "Start the run again; if it happens twice, please report it.",
            "not_verified",
        )


def _device_name(device: torch.device) -> str:
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else "Apple GPU"
        if device.type == "mps"
        else "Processor"
    )
