"""The phases of a run, one after another: data, model, tokens, training, saving, test, verification."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from engine import machine
from engine.errors import TrainingError
from engine.evaluation import predictions
from engine.evaluation.judging import judge_run
from engine.models import adapting, devices
from engine.models.architectures import NOT_BY_FIRST
from engine.models.catalogue import find_model
from engine.models.devices import pick_device, pick_precision
from engine.models.folders import longest_input
from engine.models.heads import reads_first
from engine.models.loading import fetch, fill_up, load_model, load_tokenizer
from engine.paths import RunPaths, Workspace, read_json, write_json
from engine.results import answering
from engine.runs import ending, outcome, space
from engine.runs.pulse import Pulse
from engine.runs.store import Request, Status
from engine.serving.proof import AGAIN, TOLERANCE, VERIFIED_TEXTS, FreshProcess, verify
from engine.serving.speed import milliseconds_per_text, passed
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.checkpoints import Checkpoints, Point, restore
from engine.training.head_start import fit_head
from engine.training.layout import Encoded, Features, Source
from engine.training.learner import Learner
from engine.training.loop import TrainingState
from engine.training.scoring import features, probabilities
from engine.training.timing import VERIFYING_SECONDS, Timing, counting_seconds
from engine.training.tokens import tokenize
from engine.workers.course import Course
from engine.workers.reading import read_rows

MB = 1_000_000
LESS_MEMORY = (
    "Memory ran out. The same step continues with at most {} texts at a time; each update is still computed "
    "from the whole batch."
)
NOT_YET_A_MODEL = "Stopped before the training began, so there is no model."


@dataclass(frozen=True)
class _Run:
    """What is asked of this process, and whom it tells."""

    workspace: Workspace
    id: str
    config: TrainingConfig
    pulse: Pulse

    @property
    def paths(self) -> RunPaths:
        return self.workspace.run(self.id)

    def say(self, sentence: str | None) -> None:
        if sentence:
            self.pulse.events.write("note", text=sentence)


@dataclass(frozen=True)
class _Opened:
    """A pretrained model on this machine, and how it is used. limit: the most tokens of a text that are read.

    precision: what is multiplied in.
    """

    folder: Path
    labels: list[str]
    tokenizer: PreTrainedTokenizerBase
    limit: int
    device: torch.device
    precision: torch.dtype

    def answers(self, model: PreTrainedModel, texts: list[str]) -> np.ndarray:
        """(texts, classes)"""
        return probabilities(model, tokenize(self.tokenizer, texts, self.limit), self.precision)


def carry_out(workspace: Workspace, run_id: str, pulse: Pulse, fresh: FreshProcess) -> dict[str, object]:
    """Train, save, score and verify. Returns what the store shows of the ending: status, and scores or the reason.

    fresh: asks the saved model. A run that was begun before goes on from its last saved state. Raises TuneboardError for
    everything that a person can act on, and StopAsked.
    """
    asked = read_json(workspace.run(run_id).config)
    run = _Run(workspace, run_id, TrainingConfig(**asked["config"]), pulse)
    checkpoints, point = _last_saved(run)
    labels, rows = read_rows(workspace, asked["dataset_id"], run.config, pulse)
    opened, model = _open(run, _fetch(run), labels, point)
    pulse.phase("tokenizing", 0, len(rows))
    encoded = tokenize(opened.tokenizer, rows["text"].tolist(), opened.limit, pulse.progress)
    state = _train(run, opened, model, encoded, rows, checkpoints, point)
    if state.stopped and pulse.request != Request.STOP:
        ended = ending.PAUSED if pulse.request == Request.PAUSE else ending.STOPPED
        saved = checkpoints.place == (state.step, state.epoch)
        return {"status": Status.STOPPED, **ended, **({} if saved else {"message": ending.NOT_SAVED})}
    pulse.makes_model = True
    if not checkpoints.best:
        return {"status": Status.STOPPED, **ending.STOPPED, "message": NOT_YET_A_MODEL}
    model = _plain(run, opened, checkpoints.best)
    model.to(opened.device)  # only now: the one that learnt is gone, and its memory is free
    made = outcome.prepare(run.paths)
    _save(run, opened, model, made)
    judged = _judge(run, opened, model, encoded, rows, made, fresh)
    write_json(made.metrics, {**judged, "best_epoch": state.best_epoch})
    _hand_over(run)
    return _ended(state, judged)


def _last_saved(run: _Run) -> tuple[Checkpoints, Point | None]:
    """The saved states, and the one to go on from, to which the record is cut back."""
    said: list[str] = []
    checkpoints = Checkpoints(run.paths.checkpoints, run.config.checkpoint_seconds, said.append)
    point = checkpoints.newest()
    run.pulse.events.rewind(point.facts["events"] if point else 0)
    if point:
        run.pulse.makes_model = True
        said.append(f"Resumed after step {point.state.step}.")
    elif run.pulse.events.before:
        said.append("There was no saved state, so it started from the beginning.")
    for sentence in said:  # only now: it would have been cut off
        run.say(sentence)
    checkpoints.say = run.say
    return checkpoints, point


def _fetch(run: _Run) -> Path:
    """The folder of the pretrained model, downloaded where it has to be."""
    downloads, pulse = run.workspace.downloads, run.pulse
    source = find_model(run.config.model, run.config.revision, downloads)
    if source.download_bytes:
        run.say(space.make_room(run.workspace, source.bytes // space.WEIGHT, 0, source.download_bytes))
        pulse.phase("downloading model", 0, -(-source.download_bytes // MB))
    return fetch(source, downloads, lambda done: pulse.reached(done // MB))


def _open(run: _Run, folder: Path, labels: list[str], point: Point | None) -> tuple[_Opened, PreTrainedModel]:
    """The pretrained model, and the same ready to learn."""
    config, pulse = run.config, run.pulse
    pulse.phase("loading model", 0, 3)
    torch.set_num_threads(machine.cores())
    torch.manual_seed(config.seed)  # the new head's random start
    device = pick_device(config.device)
    # Measured anew, it could turn out otherwise, and what was learnt so far would not fit to what follows.
    precision = _dtype(point.facts["precision"]) if point else pick_precision(config.precision, device)
    pulse.progress(1, 3)
    tokenizer = load_tokenizer(folder)
    pulse.progress(2, 3)
    model = adapting.adapted(load_model(folder, labels), config).to(device)
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
        run.say(space.make_room(run.workspace, parameters, model.num_parameters(only_trainable=True)))
    limit = min(config.max_tokens, longest_input(model.config.to_dict(), config.max_tokens))
    return _Opened(folder, labels, tokenizer, limit, device, precision), model


def _plain(run: _Run, opened: _Opened, weights: dict[str, torch.Tensor]) -> PreTrainedModel:
    """The model as it is saved, with what was learnt."""
    model = load_model(opened.folder, opened.labels)
    fill_up(opened.tokenizer, model)
    adapting.shape(model, run.config)
    adapting.load_plain(model, weights)
    return model


def _save(run: _Run, opened: _Opened, model: PreTrainedModel, made: RunPaths) -> None:
    run.pulse.phase("saving", 0, 2)
    model.save_pretrained(made.model)
    run.pulse.progress(1, 2)
    opened.tokenizer.model_max_length = opened.limit
    opened.tokenizer.save_pretrained(made.model)
    run.pulse.progress(2, 2)


def _judge(
    run: _Run,
    opened: _Opened,
    model: PreTrainedModel,
    encoded: Encoded,
    rows: pd.DataFrame,
    made: RunPaths,
    fresh: FreshProcess,
) -> dict[str, object]:
    """Score `model`, have its saved copy verified, and write the predictions. Returns what the metrics say."""
    scored = (rows["split"] != "train").to_numpy().nonzero()[0]
    held_out, texts = rows.iloc[scored], encoded.select(scored)
    written = held_out["text"].tolist()
    run.pulse.phase("evaluating", 0, len(scored))
    answers = probabilities(model, texts, opened.precision, run.pulse.progress)
    milliseconds = milliseconds_per_text(lambda some: opened.answers(model, some), written)
    predicted = predictions.table(held_out, opened.labels, answers)
    judged = judge_run(predicted, rows[rows["split"] == "train"])

    some = written[:VERIFIED_TEXTS]
    run.pulse.phase("verifying", 0, len(some))
    run.pulse.expect(VERIFYING_SECONDS)
    here = probabilities(model, texts.select(np.arange(len(some))))
    there = fresh.ask(made.model, some)
    if there.labels != opened.labels:
        raise TrainingError("The saved model has other labels than the trained one.", AGAIN, "not_verified")
    difference = verify(here, there.probabilities)
    run.pulse.progress(len(some), len(some))
    run.say(
        "The saved model was loaded in a fresh process, with torch and transformers alone, and gave the same answers "
        f"on {len(some)} texts that it was not trained on (to within {max(difference, 1e-7):.0e})."
    )
    predictions.write(predicted, made.predictions)
    return {
        **judged,
        "milliseconds_per_text": milliseconds,
        "checked": {"texts": len(some), "within": TOLERANCE},
    }


def _hand_over(run: _Run) -> None:
    """Let the new model and its scores count, and say what becomes of what was said of the old one."""
    older = run.paths.metrics.exists()
    outcome.hand_over(run.paths)
    for sentence in answering.outlive(run.workspace, run.id) if older else []:
        run.say(sentence)


def _ended(state: TrainingState, judged: dict) -> dict[str, object]:
    figures = {key: judged["test"][key] for key in ("accuracy", "macro_f1")}
    if not state.stopped:
        return {"status": Status.FINISHED, **figures}
    best = f"The best epoch so far ({state.best_epoch})"
    kept = best if state.best_epoch else "The unfinished first epoch"
    return {
        "status": Status.STOPPED,
        "reason": "stopped",
        "message": f"Stopped on request. {kept} was kept as the model.",
        **figures,
    }


def _train(
    run: _Run,
    opened: _Opened,
    model: PreTrainedModel,
    encoded: Encoded,
    rows: pd.DataFrame,
    checkpoints: Checkpoints,
    point: Point | None,
) -> TrainingState:
    """Train `model` from `point` on, or from the beginning. The best weights are then in `checkpoints`."""
    config, pulse = run.config, run.pulse
    number = {label: index for index, label in enumerate(opened.labels)}
    targets = rows["label"].map(number).to_numpy()
    training, validation = ((rows["split"] == split).to_numpy().nonzero()[0] for split in ("train", "validation"))
    texts, asked = encoded, _asked_at_end(encoded.lengths, np.setdiff1d(np.arange(len(encoded)), training))
    scoring_at_end = None
    if config.method == "head":
        pulse.phase("computing features", 0, len(encoded))
        began = time.monotonic()
        texts = features(model, encoded, opened.precision, pulse.progress)
        scoring_at_end = (time.monotonic() - began) * asked / encoded.lengths.sum()
    if config.head_first and not point:
        _fit_head(run, opened, model, texts.select(training), targets[training])
    learner = Learner(
        model,
        texts.select(training),
        targets[training],
        opened.precision,
        config,
        on_less_memory=lambda most: run.say(LESS_MEMORY.format(most)),
    )
    checkpoints.expect(space.point(model.num_parameters(), model.num_parameters(only_trainable=True)))
    batches, state = Batches(learner.lengths, config.batch_size, config.seed), TrainingState()
    if point:
        restore(point, learner)
        state = point.state
        if config.epochs > point.facts["epochs"]:
            state.improved = state.epoch  # asked to go further: patience begins anew
    else:
        torch.manual_seed(config.seed)
    counting = counting_seconds(encoded.lengths[training].sum(), len(number))
    timing = Timing(batches, config.epochs, texts.lengths[validation].sum(), asked, counting, scoring_at_end)
    facts = {"precision": _name(opened.precision), "epochs": config.epochs}
    Course(
        learner=learner,
        batches=batches,
        config=config,
        state=state,
        validation=texts.select(validation),
        targets=targets[validation],
        precision=opened.precision,
        timing=timing,
        checkpoints=checkpoints,
        facts=facts,
        pulse=pulse,
    ).follow()
    return state


def _fit_head(run: _Run, opened: _Opened, model: PreTrainedModel, texts: Source, targets: np.ndarray) -> None:
    """Let the head know something before the rest learns, where it can be used by itself."""
    if not reads_first(model):
        run.say(f"The head did not come first: {NOT_BY_FIRST.format(model.config.model_type)}")
        return
    run.pulse.phase("fitting the head", 0, len(texts))
    known = texts
    if not isinstance(texts, Features):
        known = features(model, texts, opened.precision, run.pulse.progress)
    fit_head(model, known, targets)


def _asked_at_end(lengths: np.ndarray, held_out: np.ndarray) -> float:
    """Tokens that the model is asked after the training: all that it did not learn from, some for its speed, some as proof.

    lengths: (texts,) in tokens.
    """
    texts = len(held_out) + passed(len(held_out)) + 2 * min(VERIFIED_TEXTS, len(held_out))
    return float(lengths[held_out].mean() * texts)


def _name(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


def _dtype(name: str) -> torch.dtype:
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[name]
