"""The phases of a run, one after another: data, model, tokens, training, saving, test, verification."""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
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
from engine.models import tfidf
from engine.models.catalogue import find_model
from engine.models.devices import pick_device, pick_precision
from engine.models.loading import fetch, load_model, load_tokenizer
from engine.paths import RunPaths, Workspace, read_json, write_json
from engine.runs.store import Status
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.loop import EpochScored, Event, StepDone, TrainingState, train
from engine.training.scoring import probabilities
from engine.training.tokens import tokenize

if TYPE_CHECKING:
    from engine.runs.worker import Pulse

TOLERANCE = 1e-4  # between the probabilities of the model and of its saved copy, in fp32
VERIFIED_TEXTS = 32
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
    tokenizer, model = load_tokenizer(folder), load_model(folder, labels).to(device)
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
    score_texts = partial(
        probabilities, pad_id=tokenizer.pad_token_id or 0, precision=precision, progress=pulse.progress
    )

    state = _train(model, encoded, rows, labels, config, precision, score_texts, pulse, paths)
    if not state.best_epoch:
        return {
            "status": Status.STOPPED,
            "reason": "stopped",
            "message": NOT_YET_A_MODEL,
            "action": "Start it again.",
        }
    model.load_state_dict(load_file(paths.best, device=str(device)))

    pulse.phase("saving")
    model.config.update({"max_tokens": limit})
    model.save_pretrained(paths.model)
    tokenizer.model_max_length = limit
    tokenizer.save_pretrained(paths.model)

    pulse.phase("evaluating")
    scored = rows.index[rows["split"] != "train"]
    scored_texts = [encoded[row] for row in scored]
    predicted = predictions.table(rows.loc[scored], labels, score_texts(model, scored_texts))
    predicted.to_parquet(paths.predictions, index=False)
    found = evaluate(predicted, rows[rows["split"] == "train"], labels)
    write_json(paths.metrics, {**found, "best_epoch": state.best_epoch})

    pulse.phase("verifying")
    verify(
        model, load_model(paths.model).to(device), scored_texts[:VERIFIED_TEXTS], tokenizer.pad_token_id or 0
    )
    pulse.events.write(
        "note",
        text=f"The saved model was loaded again and gave the same answers on "
        f"{len(scored_texts[:VERIFIED_TEXTS])} texts that it had not learnt from.",
    )
    figures = {key: found["test"][key] for key in ("accuracy", "macro_f1")}
    if state.stopped:
        kept = f"Stopped on request. The best round so far ({state.best_epoch}) was kept and can be used."
        return {"status": Status.STOPPED, "reason": "stopped", "message": kept, **figures}
    return {"status": Status.FINISHED, **figures}


def _train(
    model: PreTrainedModel,
    encoded: list[torch.Tensor],
    rows: pd.DataFrame,
    labels: list[str],
    config: TrainingConfig,
    precision: torch.dtype,
    score_texts: Callable[..., np.ndarray],
    pulse: "Pulse",
    paths: RunPaths,
) -> TrainingState:
    number = {label: index for index, label in enumerate(labels)}
    targets = rows["label"].map(number).to_numpy()
    training, validation = (
        (rows["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation")
    )
    batches = Batches(
        [encoded[row] for row in training],
        targets[training],
        config.batch_size,
        config.seed,
        pad_id=score_texts.keywords["pad_id"],
    )
    paths.best.parent.mkdir(exist_ok=True)
    began, steps = time.monotonic(), config.epochs * len(batches)
    pulse.phase("training", 0, steps)

    def score() -> dict[str, float]:
        step = pulse.done
        pulse.phase("evaluating")
        predicted = score_texts(model, [encoded[row] for row in validation]).argmax(axis=1)
        found = metrics.scores(targets[validation], predicted, list(number.values()))
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
        model,
        batches,
        config,
        precision,
        score,
        lambda: save_file(_weights(model), paths.best),
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


def verify(model: PreTrainedModel, saved: PreTrainedModel, texts: list[torch.Tensor], pad_id: int) -> None:
    """Raises TrainingError unless the saved copy gives the same probabilities."""
    difference = np.abs(probabilities(model, texts, pad_id) - probabilities(saved, texts, pad_id)).max()
    if difference > TOLERANCE:
        raise TrainingError(
            f"The saved model does not predict what the trained one does (they differ by {difference:.2g}).",
            "Start the run again; if it happens twice, please report it.",
            "not_verified",
        )


def _weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """A copy of the weights; safetensors refuses tensors that share memory, so tied ones are copied too."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in model.state_dict().items()
    }


def _device_name(device: torch.device) -> str:
    return (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else "Apple GPU"
        if device.type == "mps"
        else "Processor"
    )
