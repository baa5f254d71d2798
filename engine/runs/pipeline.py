"""The phases of a run, one after another: data, model, tokens, training, saving, test, verification."""

import time
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel

from engine import machine
from engine.errors import TrainingError, is_out_of_memory
from engine.evaluation import metrics, predictions
from engine.evaluation.judging import judge_run
from engine.figures import significant
from engine.models import adapting, devices
from engine.models.architectures import NOT_BY_FIRST
from engine.models.catalogue import find_model
from engine.models.devices import pick_device, pick_precision
from engine.models.folders import longest_input
from engine.models.heads import reads_first
from engine.models.loading import fetch, fill_up, load_model, load_tokenizer
from engine.paths import Workspace, read_json, write_json
from engine.runs import answering, ending, outcome, space
from engine.runs.proof import AGAIN, VERIFIED_TEXTS, FreshProcess
from engine.runs.pulse import Pulse, StopAsked
from engine.runs.rows import read_rows
from engine.runs.speed import milliseconds_per_text, passed
from engine.runs.store import Request, Status
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.checkpoints import Checkpoints, Point, restore
from engine.training.head_start import fit_head
from engine.training.layout import Encoded, Features, Source
from engine.training.learner import Learner
from engine.training.loop import EpochScored, Event, StepDone, TrainingState, train
from engine.training.scoring import features, probabilities
from engine.training.timing import VERIFYING_SECONDS, Timing, counting_seconds
from engine.training.tokens import tokenize

MB = 1_000_000
TOLERANCE = 1e-4  # between the probabilities of the model and of its saved copy, in fp32
LESS_MEMORY = (
    "The memory was not enough. The same step goes on with at most {} texts at a time; each correction is still computed "
    "from the whole batch."
)
NOT_YET_A_MODEL = "Stopped before the training began, so there is no model."


def carry_out(workspace: Workspace, run_id: str, pulse: Pulse, fresh: FreshProcess) -> dict[str, object]:
    """Train, save, score and verify. Returns what the store shows of the ending: status, and scores or the reason.

    fresh: asks the saved model. A run that was begun before goes on from its last saved state. Raises TuneboardError for
    everything that a person can act on, and StopAsked.
    """
    paths = workspace.run(run_id)
    asked = read_json(paths.config)
    config = TrainingConfig(**asked["config"])

    said: list[str] = []
    checkpoints = Checkpoints(paths.checkpoints, config.checkpoint_seconds, said.append)
    point = checkpoints.newest()
    pulse.events.rewind(point.facts["events"] if point else 0)
    if point:
        pulse.makes_model = True
        said.append(f"Resumed after step {point.state.step}.")

    def say(sentence: str | None) -> None:
        if sentence:
            pulse.events.write("note", text=sentence)

    for sentence in said:
        say(sentence)
    checkpoints.say = say

    labels, rows = read_rows(workspace, asked["dataset_id"], config, pulse)
    source = find_model(config.model, config.revision, workspace.downloads)
    if source.download_bytes:
        say(space.make_room(workspace, source.bytes // space.WEIGHT, 0, source.download_bytes))
        pulse.phase("downloading model", 0, -(-source.download_bytes // MB))
    folder = fetch(source, workspace.downloads, lambda done: pulse.reached(done // MB))

    pulse.phase("loading model", 0, 3)
    torch.set_num_threads(machine.cores())
    torch.manual_seed(config.seed)  # the new head's random start
    device = pick_device(config.device)
    # Measured anew, it could turn out otherwise, and what was learnt so far would not fit to what follows.
    precision = _dtype(point.facts["precision"]) if point else pick_precision(config.precision, device)
    pulse.progress(1, 3)
    tokenizer = load_tokenizer(folder)
    pulse.progress(2, 3)
    model = adapted(load_model(folder, labels), config).to(device)
    fill_up(tokenizer, model)
    pulse.progress(3, 3)
    if not point:
        parameters = model.num_parameters()
        pulse.events.write(
            "setup",
            device=devices.name(device),
            precision=_name(precision),
            threads=torch.get_num_threads(),
            parameters=parameters,
            versions=machine.versions(),
        )
        say(space.make_room(workspace, parameters, model.num_parameters(only_trainable=True)))

    pulse.phase("tokenizing", 0, len(rows))
    limit = min(config.max_tokens, longest_input(model.config.to_dict(), config.max_tokens))
    encoded = tokenize(tokenizer, rows["text"].tolist(), limit, pulse.progress)
    state = _train(model, encoded, rows, labels, config, precision, pulse, checkpoints, point)
    if state.stopped and pulse.request != Request.STOP:
        ended = ending.PAUSED if pulse.request == Request.PAUSE else ending.STOPPED
        saved = checkpoints.place == (state.step, state.epoch)
        return {"status": Status.STOPPED, **ended, **({} if saved else {"message": ending.NOT_SAVED})}
    pulse.makes_model = True
    if not checkpoints.best:
        return {"status": Status.STOPPED, **ending.STOPPED, "message": NOT_YET_A_MODEL}
    model = load_model(folder, labels)
    fill_up(tokenizer, model)
    shape(model, config)
    adapting.load_plain(model, checkpoints.best)
    model.to(device)

    made = outcome.prepare(paths)
    scored = (rows["split"] != "train").to_numpy().nonzero()[0]
    held_out = rows.iloc[scored]
    pulse.phase("saving", 0, 2)
    model.config.update({"max_tokens": limit})
    model.save_pretrained(made.model)
    pulse.progress(1, 2)
    tokenizer.model_max_length = limit
    tokenizer.save_pretrained(made.model)
    pulse.progress(2, 2)

    pulse.phase("evaluating", 0, len(scored))
    scored_texts = encoded.select(scored)
    found = probabilities(model, scored_texts, precision, pulse.progress)
    milliseconds = milliseconds_per_text(
        lambda texts: probabilities(model, tokenize(tokenizer, texts, limit), precision),
        held_out["text"].tolist(),
    )
    predicted = predictions.table(held_out, labels, found)
    found = judge_run(predicted, rows[rows["split"] == "train"])

    some = held_out["text"].tolist()[:VERIFIED_TEXTS]
    pulse.phase("verifying", 0, len(some))
    pulse.expect(VERIFYING_SECONDS)
    here = probabilities(model, scored_texts.select(np.arange(len(some))))
    there = fresh.ask(made.model, some)
    if there.labels != labels:
        raise TrainingError("The saved model has other labels than the trained one.", AGAIN, "not_verified")
    difference = verify(here, there.probabilities)
    pulse.progress(len(some), len(some))
    pulse.events.write(
        "note",
        text="The saved model was loaded in a fresh process, with torch and transformers alone, and gave the same answers "
        f"on {len(some)} texts that it had not learnt from (to within {max(difference, 1e-7):.0e}).",
    )
    predictions.write(predicted, made.predictions)
    write_json(
        made.metrics,
        {
            **found,
            "best_epoch": state.best_epoch,
            "milliseconds_per_text": milliseconds,
            "checked": {"texts": len(some), "within": TOLERANCE},
        },
    )
    older = paths.metrics.exists()
    outcome.hand_over(paths)
    for sentence in answering.outlive(workspace, run_id) if older else []:
        pulse.events.write("note", text=sentence)
    figures = {key: found["test"][key] for key in ("accuracy", "macro_f1")}
    if state.stopped:
        best = f"the best round so far ({state.best_epoch})"
        kept = best if state.best_epoch else "the model as it was in its first round"
        return {
            "status": Status.STOPPED,
            "reason": "stopped",
            "message": f"Stopped on request. What was kept and can be used: {kept}.",
            **figures,
        }
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
        seed=config.seed,
        on_less_memory=on_less_memory,
    )


def _train(
    model: PreTrainedModel,
    encoded: Encoded,
    rows: pd.DataFrame,
    labels: list[str],
    config: TrainingConfig,
    precision: torch.dtype,
    pulse: Pulse,
    checkpoints: Checkpoints,
    point: Point | None,
) -> TrainingState:
    """Train from `point` on, or from the beginning. The best weights are then in `checkpoints`."""
    number = {label: index for index, label in enumerate(labels)}
    targets = rows["label"].map(number).to_numpy()
    training, validation = (
        (rows["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation")
    )
    texts, asked = encoded, _asked_at_end(encoded.lengths, np.setdiff1d(np.arange(len(encoded)), training))
    scoring_at_end = None
    if config.method == "head":
        pulse.phase("computing features", 0, len(encoded))
        began = time.monotonic()
        texts = features(model, encoded, precision, pulse.progress)
        scoring_at_end = (time.monotonic() - began) * asked / encoded.lengths.sum()
    if config.head_first and not point and not reads_first(model):
        pulse.events.write(
            "note", text=f"The head did not come first: {NOT_BY_FIRST.format(model.config.model_type)}"
        )
    elif config.head_first and not point:
        pulse.phase("fitting the head", 0, len(training))
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
    checkpoints.expect(space.point(model.num_parameters(), model.num_parameters(only_trainable=True)))
    batches = Batches(learner.lengths, config.batch_size, config.seed)
    steps, state = config.epochs * len(batches), TrainingState()
    if point:
        restore(point, learner)
        state = point.state
        if config.epochs > point.facts["epochs"]:
            state.improved = state.epoch  # asked to go further: patience begins anew
    else:
        torch.manual_seed(config.seed)
    counting = counting_seconds(encoded.lengths[training].sum(), len(labels))
    timing = Timing(batches, config.epochs, texts.lengths[validation].sum(), asked, counting, scoring_at_end)
    mark = [time.monotonic(), state.step]  # when and after which step the last report came

    def score() -> dict[str, float] | None:
        try:
            return checked()
        except StopAsked:
            return None

    def checked() -> dict[str, float]:
        pulse.phase("checking the round", 0, len(validation))
        began = time.monotonic()
        try:
            predicted = probabilities(model, texts.select(validation), precision, pulse.progress)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            learner.rest()
            predicted = probabilities(model, texts.select(validation), precision, pulse.progress)
        timing.scored_in(time.monotonic() - began)
        found = metrics.scores(targets[validation], predicted.argmax(axis=1), list(number.values()))
        pulse.phase("training", state.step, steps)
        mark[0] = time.monotonic()
        return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}

    def emit(event: Event) -> None:
        match event:
            case StepDone():
                pulse.events.write("step", **asdict(event))
                pulse.reached(event.step)
                now, last = time.monotonic(), mark[1]
                in_epoch = event.step - (event.epoch - 1) * len(batches)
                timing.trained(event.epoch - 1, in_epoch, min(event.step - last, in_epoch), now - mark[0])
                mark[:] = now, event.step
                if (left := timing.left()) is not None:
                    pulse.expect(left + checkpoints.last)
            case EpochScored():
                pulse.events.write("epoch", **asdict(event))

    def save(over: bool, always: bool = False) -> None:
        if checkpoints.place != (state.step, state.epoch) and (always or checkpoints.due(over)):
            facts = {"events": pulse.events.settle(), "precision": _name(precision), "epochs": config.epochs}
            if checkpoints.save(state, learner, facts):
                pulse.events.write("saved", step=state.step, seconds=checkpoints.last)

    def keep_best() -> None:
        checkpoints.best = learner.state()

    state.stopped = pulse.should_stop()  # before this attempt began, or while it loaded
    if not state.stopped:
        pulse.phase("training", state.step, steps)
        pulse.makes_model = False
        scored_rows = len(validation)
        train(learner, batches, config, score, scored_rows, keep_best, emit, pulse.should_stop, state, save)
    if state.stopped and pulse.request == Request.STOP and not state.best_epoch and state.step:
        keep_best()
    pulse.expect(timing.closing() + checkpoints.last)
    save(True, always=True)
    pulse.expect(timing.closing())
    if not state.best_epoch and not state.stopped:
        raise TrainingError(
            "No round of the training gave a score.", "Try again with a lower learning rate.", "no_score"
        )
    return state


def _asked_at_end(lengths: np.ndarray, held_out: np.ndarray) -> float:
    """Tokens that the model is asked after the training: all that it did not learn from, some for its speed, some as proof.

    lengths: (texts,) in tokens.
    """
    texts = len(held_out) + passed(len(held_out)) + 2 * min(VERIFIED_TEXTS, len(held_out))
    return float(lengths[held_out].mean() * texts)


def verify(here: np.ndarray, there: np.ndarray) -> float:
    """The largest difference between the probabilities of the trained model and of its saved copy, (texts, classes) each.

    Raises TrainingError when it is more than TOLERANCE.
    """
    difference = float(np.abs(here - there).max())
    if not difference <= TOLERANCE:
        raise TrainingError(
            f"The saved model does not predict what the trained one does (they differ by {significant(difference, 2)}).",
            AGAIN,
            "not_verified",
        )
    return difference


def _name(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def _dtype(name: str) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
