"""A few real steps, at the worst length and over the lengths that there are, and what they say of the whole run.

Does what pipeline.py does, with the same data, model and settings, in a process whose memory is that of a run.
"""

import contextlib
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import torch
from safetensors.torch import load_file, save_file
from scipy.optimize import nnls
from transformers import PreTrainedModel

from engine import machine
from engine.data.datasets import load_info, load_rows
from engine.errors import ForecastError
from engine.evaluation import baseline, predictions
from engine.evaluation.judging import judge_run
from engine.models import adapting, attention, tfidf
from engine.models.catalogue import find_model
from engine.models.devices import pick_device, pick_precision
from engine.models.folders import longest_input
from engine.models.heads import reads_first
from engine.models.loading import fetch, fill_up, load_model, load_tokenizer
from engine.paths import Workspace
from engine.runs.measurements import Measured
from engine.serving.proof import VERIFIED_TEXTS, verify
from engine.settings import TrainingConfig
from engine.training.batches import Batches
from engine.training.head_start import fit_head
from engine.training.layout import MOST_TOKENS, Encoded, Source, padded_length, pieces
from engine.training.learner import Learner
from engine.training.scoring import features, probabilities
from engine.training.tokens import tokenize

SAMPLED, LONGEST = 10_000, 1_000  # texts that are tokenized: by chance, and those with the most letters
COUNTED = 1_000  # texts whose words are counted
SCORED_PIECES = 3
TIMED_BATCHES, STEP_SECONDS = 10, 6.0  # at most so many, and no further one after so long
HEAD_STEPS = 50
# Laps of a batch before one counts: the first sets up, on a graphics card the second is recorded.
SETTING_UP = {"cpu": 1, "mps": 1, "cuda": 2}
GENTLE = 1e-6  # learning rate: the steps cost what they cost, and leave the model as it is
# Each further shape of a batch leaves a processor's process this much larger: programs that the matrix library keeps, and
# freed memory in pieces that do not fit the next batch. Seen with the bundled model, in batches of 32 and of 64.
SHAPE_BYTES, KEPT_SHAPES = 13_000_000, 50
SHAPED_ROUNDS = 4  # in which the shapes are counted
Told = Callable[[str], None]


def measured(workspace: Workspace, dataset_id: str, config: TrainingConfig, began: float, told: Told) -> Measured:
    """began: when the process did (time.monotonic). told: hears the phases; may raise to end it.

    Raises TuneboardError for everything that a person can act on.
    """
    _die_first()
    told("reading data")
    labels, rows = load_info(workspace, dataset_id).labels, load_rows(workspace, dataset_id)
    if config.model == tfidf.REFERENCE:
        return _word_counting(workspace, rows, labels, began, told)

    told("loading model")
    source = find_model(config.model, config.revision, workspace.downloads)
    if source.folder is None:
        raise ForecastError(
            f"The model {source.name} is not on this machine yet.",
            "The first run downloads it; after that, time and memory can be estimated.",
            "not_downloaded",
        )
    torch.set_num_threads(machine.cores())
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    precision = pick_precision(config.precision, device)
    folder = fetch(source, workspace.downloads)
    tokenizer, model = load_tokenizer(folder), adapting.adapted(load_model(folder, labels), config).to(device)
    fill_up(tokenizer, model)
    loading, clock = time.monotonic() - began, Clock(device)

    told("tokenizing")
    sample = Sample.of(rows)
    letters = rows["text"].str.len()
    limit = min(config.max_tokens, longest_input(model.config.to_dict(), config.max_tokens))
    clock.lap()
    encoded = tokenize(tokenizer, rows["text"].iloc[sample.rows].tolist(), limit)
    tokenizing = clock.lap() * letters.sum() / max(1, letters.iloc[sample.rows].sum())

    def seconds(model: PreTrainedModel, texts: Source, count: int) -> float:
        return _pass_seconds(lambda some: probabilities(model, some, precision), texts, count, clock)

    checked, scored = (encoded.select(some) for some in (sample.validation, sample.scored))
    counts = rows["split"].value_counts()
    number = {label: index for index, label in enumerate(labels)}
    targets = rows["label"].map(number).to_numpy()[sample.rows][sample.learnt]
    preparing, texts, usual = 0.0, encoded.select(sample.learnt), sample.usual
    if (config.method == "head" or config.head_first) and reads_first(model):
        told("computing features")
        encoder, every = model, len(rows) if config.method == "head" else int(counts["train"])
        preparing = _pass_seconds(lambda some: features(encoder, some, precision), encoded, every, clock)
        few = _few(texts, device)
        known = features(encoder, texts.select(few), precision)
        if config.head_first and len(set(targets[few])) > 1:
            told("fitting the head")
            clock.lap()
            fit_head(model, known, targets[few])
            preparing += clock.lap() * counts["train"] / len(few)
        if config.method == "head":
            texts, targets, usual = known, targets[few], len(few)
            checked = features(encoder, checked.select(_few(checked, device)), precision)

    told("timing steps")
    shortages: list[int] = []
    with _limited_memory(device):
        learner = Learner(model, texts, targets, precision, config, shortages.append)
        steps = _time_steps(learner, usual, config, clock, told)
        learning = steps.seconds * counts["train"] / usual

        told("timing scores")
        checking = seconds(model, checked, int(counts.get("validation", 0)))

        told("timing saving")
        with tempfile.TemporaryDirectory(dir=workspace.forecasts) as place:
            best = Path(place, "best.safetensors")
            clock.lap()
            save_file(learner.state(), best)
            keeping = clock.lap()
            del learner
            model = load_model(folder, labels)
            fill_up(tokenizer, model)
            adapting.shape(model, config)
            adapting.load_plain(model, load_file(best))
            model.to(device).save_pretrained(place)
            tokenizer.save_pretrained(place)
            some = scored.select(np.arange(min(VERIFIED_TEXTS, len(scored))))
            verify(probabilities(model, some), probabilities(load_model(Path(place)).to(device), some))
            saving = clock.lap()

        told("timing the test")
        evaluating = seconds(model, scored, len(rows) - int(counts["train"]))
    evaluating += _scores_seconds(rows, labels, clock)
    total = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None
    memory = clock.peak() + steps.later + _later_of_pass(scored, device)
    return Measured(
        loading=loading,
        tokenizing=tokenizing,
        preparing=preparing,
        learning=learning,
        checking=checking,
        keeping=keeping,
        evaluating=evaluating,
        saving=saving,
        memory_bytes=max(memory, total or machine.memory_bytes()) if shortages else memory,
        resting_bytes=steps.resting,
        device_bytes=total,
        piece_tokens=steps.piece_tokens,
        most_tokens=MOST_TOKENS[device.type],
        longest=int(texts.lengths.max()),
    )


def _word_counting(workspace: Workspace, rows: pd.DataFrame, labels: list[str], began: float, told: Told) -> Measured:
    """Words are counted on a part of the texts: the time grows with their number."""
    loading, clock = time.monotonic() - began, Clock()
    told("counting words")
    training, others = rows[rows["split"] == "train"], rows[rows["split"] != "train"]
    few = training.sample(min(COUNTED, len(training)), random_state=0)
    resting = _resident()
    clock.lap()
    counter = tfidf.fit(few["text"].tolist(), few["label"].tolist(), labels)
    learning = clock.lap() * len(training) / len(few)
    with tempfile.TemporaryDirectory(dir=workspace.forecasts) as place:
        tfidf.save(counter, Path(place))
        tfidf.load(Path(place))
    saving = clock.lap() * len(training) / len(few)
    some = others["text"].iloc[:COUNTED].tolist()
    counter.probabilities(some)
    evaluating = clock.lap() * len(others) / len(some)
    evaluating += _scores_seconds(rows, labels, clock)
    growth = max(0, _peak_memory() - resting) * (len(training) / len(few))
    return Measured(
        loading=loading,
        tokenizing=0,
        preparing=0,
        learning=learning,
        checking=0,
        keeping=0,
        evaluating=evaluating,
        saving=saving,
        memory_bytes=int(resting + growth),
        resting_bytes=resting,
    )


# -- the texts ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """Some rows of a data set, and where in them those of each split are.

    rows: (sampled,) of the data set. learnt: training rows, the first `usual` of them by chance, then those with the most
    letters, so that the worst length is among them. scored: all others.
    """

    rows: np.ndarray
    learnt: np.ndarray
    usual: int
    validation: np.ndarray
    scored: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> "Sample":
        chance = np.random.default_rng(0)
        by_chance = np.sort(chance.permutation(len(rows))[:SAMPLED])
        training = (rows["split"] == "train").to_numpy()
        usual = by_chance[training[by_chance]]
        rest = np.setdiff1d(training.nonzero()[0], usual)
        letters = rows["text"].str.len().to_numpy()
        longest = rest[np.argsort(-letters[rest], kind="stable")[:LONGEST]]
        others = by_chance[~training[by_chance]]
        chosen = np.concatenate([usual, longest, others])
        split = rows["split"].to_numpy()[chosen]
        return cls(
            chosen,
            np.arange(len(usual) + len(longest)),
            len(usual),
            (split == "validation").nonzero()[0],
            (split != "train").nonzero()[0],
        )


def _few(texts: Encoded, device: torch.device) -> np.ndarray:
    """Which of the texts, of all lengths alike, fill a few pieces."""
    every = max(1, int(texts.lengths.sum()) // (SCORED_PIECES * MOST_TOKENS[device.type]))
    return np.argsort(texts.lengths, kind="stable")[::-every]


# -- steps --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Steps:
    """seconds: of one round of the texts that were asked about. later: bytes that the shapes of further batches will take.

    resting: bytes between the steps, those included. piece_tokens: worked through at once at the worst length.
    """

    seconds: float
    later: int
    resting: int
    piece_tokens: int


def _time_steps(learner: Learner, usual: int, config: TrainingConfig, clock: "Clock", told: Told) -> Steps:
    """Steps at the worst length, then with some of the real batches of a round over the first `usual` texts."""
    rounds = Batches(learner.lengths[:usual], config.batch_size, config.seed)
    batches = rounds.order(0)
    packs = attention.choose(learner.model) == attention.PACKED
    by_cost = sorted(batches, key=lambda rows: _cost(learner, rows, packs)[1])
    worst = np.argsort(-learner.lengths, kind="stable")[: config.batch_size]

    learner.learn(by_cost[0], GENTLE)  # the optimizer's own memory comes with the first step
    resting = clock.allocated()
    often = SETTING_UP[learner.model.device.type] + 1
    for _ in range(often):
        clock.lap()
        learner.learn(worst, GENTLE)
        times = [(_cost(learner, worst, packs), clock.lap())]
    places = (np.arange(TIMED_BATCHES) + 0.5) / TIMED_BATCHES * len(by_cost)
    before, seen, end = _resident(), set(), time.monotonic() + STEP_SECONDS
    for place in np.random.default_rng(0).permutation(places):
        told("timing steps")
        rows = by_cost[int(place)]
        seen |= _shapes(learner, rows)
        for _ in range(often if config.method != "head" else HEAD_STEPS):
            clock.lap()
            learner.learn(rows, GENTLE)
            taken = clock.lap()
        times.append((_cost(learner, rows, packs), taken))
        if time.monotonic() > end:
            break
    costs, taken = np.array([cost for cost, _ in times], dtype=float), np.array([one for _, one in times])
    # Of relative errors, so that short steps count as long ones do.
    fitted, _ = nnls(costs / taken[:, None], np.ones(len(taken)))
    seconds = sum(np.dot(_cost(learner, rows, packs), fitted) for rows in batches)
    grown = (_resident() - before) // max(1, len(seen))
    shapes = set().union(
        *(_shapes(learner, rows) for epoch in range(min(config.epochs, SHAPED_ROUNDS)) for rows in rounds.order(epoch))
    )
    unseen = max(0, min(len(shapes), KEPT_SHAPES) - len(seen)) if clock.device.type == "cpu" else 0
    later = unseen * max(grown, SHAPE_BYTES)
    most = max(rows * longest for rows, longest in _shapes(learner, worst))
    return Steps(float(seconds), later, resting + later, most)


def _shapes(learner: Learner, rows: np.ndarray) -> set[tuple[int, int]]:
    """(texts, tokens) of each piece of a batch."""
    longest = int(learner.lengths.max())
    return {(len(piece), padded_length(learner.lengths[piece], longest)) for piece in _pieces(learner, rows)}


def _pieces(learner: Learner, rows: np.ndarray) -> list[np.ndarray]:
    return pieces(learner.lengths, rows, learner.most_tokens, -(-len(rows) // learner.config.accumulation))


def _cost(learner: Learner, rows: np.ndarray, packs: bool) -> tuple[float, float, float]:
    """(steps, tokens, tokens times those that each attends to): what the time of a step is made of."""
    tokens = attended = 0
    for piece in _pieces(learner, rows):
        lengths = learner.lengths[piece].astype(float)
        laid = lengths if packs else np.full(len(piece), lengths.max())
        tokens, attended = tokens + laid.sum(), attended + (laid**2).sum()
    return 1.0, float(tokens), float(attended)


# -- passes and scores --------------------------------------------------------------------------------


def _pass_seconds(ask: Callable[[Source], object], texts: Source, count: int, clock: "Clock") -> float:
    """Seconds that `ask` takes for `count` texts like these, by a few of them."""
    if not count or not len(texts):
        return 0.0
    few = texts.select(_few(texts, clock.device)) if isinstance(texts, Encoded) else texts
    ask(few.select(np.arange(len(few))[:: SCORED_PIECES * 2]))
    clock.lap()
    ask(few)
    return clock.lap() * float(texts.lengths.sum() / few.lengths.sum()) * count / len(texts)


def _later_of_pass(texts: Encoded, device: torch.device) -> int:
    """Bytes that the shapes of all these texts will take, beyond those of the few that were asked about."""
    if device.type != "cpu":
        return 0
    parts = pieces(texts.lengths, np.arange(len(texts)), MOST_TOKENS[device.type], 2**31)
    shapes = {(len(part), padded_length(texts.lengths[part], texts.longest)) for part in parts}
    return SHAPE_BYTES * max(0, min(len(shapes), KEPT_SHAPES) - 2 * SCORED_PIECES)


def _scores_seconds(rows: pd.DataFrame, labels: list[str], clock: "Clock") -> float:
    """Seconds of the scores at the end, with their intervals and with word counting on the same texts."""
    training, others = rows[rows["split"] == "train"], rows[rows["split"] != "train"]
    few = training.sample(min(COUNTED, len(training)), random_state=0)
    made_up = np.random.default_rng(0).random((len(others), len(labels)), dtype=np.float32)
    predicted = predictions.table(others, labels, made_up)
    clock.lap()
    judge_run(predicted, few)
    seconds = clock.lap()
    if len(few) < len(training):
        baseline.word_counting(few["text"], few["label"], few["text"][:1])
        seconds += clock.lap() * (len(training) / len(few) - 1)
    return seconds


# -- time and memory ----------------------------------------------------------------------------------


class Clock:
    """Seconds and bytes of a device."""

    def __init__(self, device: torch.device | None = None):
        self.device = device or torch.device("cpu")
        self.last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap, with all the work that was given to the device."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
        before, self.last = self.last, time.perf_counter()
        return self.last - before

    def allocated(self) -> int:
        return torch.cuda.memory_allocated(self.device) if self.device.type == "cuda" else _resident()

    def peak(self) -> int:
        return torch.cuda.max_memory_reserved(self.device) if self.device.type == "cuda" else _peak_memory()


def _resident() -> int:
    return psutil.Process().memory_info().rss


def _peak_memory() -> int:
    """The most memory, in bytes, that this process has held so far.

    Linux's VmHWM and not getrusage's figure, which starts with that of the process that started this one.
    """
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        if found := re.search(r"VmHWM:\s*(\d+) kB", status):
            return int(found[1]) * 1024
    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return info.peak_wset
    import resource  # not on Windows, which was told above

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _die_first() -> None:
    """Where memory runs out in spite of all, the system shall end this process and no other."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


@contextlib.contextmanager
def _limited_memory(device: torch.device) -> Iterator[None]:
    """On Linux: what is more than the machine has left is refused, which can be told, instead of killing a process."""
    if sys.platform != "linux" or device.type != "cpu":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    most = psutil.Process().memory_info().data + psutil.virtual_memory().available
    if before[1] != resource.RLIM_INFINITY:
        most = min(most, before[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
