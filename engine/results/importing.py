"""A model from elsewhere becomes a run: taken for hostile, checked, asked in a fresh process, scored where there is data.

One that counts words holds nothing but words and numbers: it is read, and written anew.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock

from engine.data.datasets import DatasetInfo, load_rows
from engine.data.samples import SAMPLES, read_sample
from engine.errors import DataError, ModelError, TrainingError
from engine.evaluation import predictions
from engine.evaluation.judging import judge_run
from engine.figures import rounded, whole
from engine.models import tfidf
from engine.models.folders import check_to_ask, is_part, longest_input, read_config
from engine.models.zips import MAX_BYTES, unpack_model
from engine.names import tidy
from engine.paths import RunPaths, Workspace, read_json, write_json, writing
from engine.runs import queue
from engine.runs.events import EventLog
from engine.runs.store import Run, Status, Store, now
from engine.serving.predictor import Predictor
from engine.serving.proof import TOLERANCE, VERIFIED_TEXTS, FreshProcess, verify
from engine.serving.speed import milliseconds_per_text
from engine.settings import LEAST_TOKENS, MOST_TOKENS, TrainingConfig

OTHERWISE = 512  # tokens that are read where nothing names a limit
UNKNOWN = "This model was imported, so it is not known which texts it was trained on."
SAVE_AS = "Choose a folder, or a ZIP of one, that was written by export or save_pretrained."
Progress = Callable[[int, int], None]


def bring(
    workspace: Workspace,
    source: Path,
    called: str,
    *,
    info: DatasetInfo | None = None,
    name: str = "",
    progress: Progress = lambda done, total: None,
) -> Run:
    """A finished run with the model in `source`, a folder or a ZIP of one; scored on the data set `info`, where it is given.

    called: what a person knows the source as. Raises ModelError for what is no classifier that is safe to open, DataError
    for a ZIP that is damaged or unsafe or for data with labels that the model does not know; nothing of it is kept then.
    """
    workspace.may_change()
    run_id = queue.new_ticket()
    final = workspace.run(run_id)
    paths = RunPaths(final.folder.with_suffix(".part"))  # until it is whole: what a kill leaves of it is swept
    try:
        with writing(paths.folder):
            paths.folder.mkdir(parents=True)
        with FileLock(paths.lock):  # says that somebody is at work in it
            with writing(paths.folder):
                _take(source, called, paths)
            opened = _open_counter if tfidf.is_saved_in(paths.model) else _open_transformer
            config, note, checked = opened(paths.model, called, info)
            if not config.counts_words:
                config = config.model_copy(update={"model": str(final.model)})
            asked = {"dataset_id": "", "config": config.model_dump(), "imported": called, "checked": checked}
            write_json(paths.config, asked)
            with EventLog(paths.events) as events:
                events.write("note", text=f"Imported from {called}. {UNKNOWN}")
                events.write("note", text=note)
            found = _score(workspace, paths, info, progress) if info else {}
            paths.unlisted.touch()
        paths.folder.rename(final.folder)
        plain = tidy(Path(called).stem) or "model"
        run = Store(workspace).add(
            id=run_id,
            name=tidy(name) or plain,
            dataset_id=info.id if info else "",
            dataset_name=info.name if info else "",
            model_name=plain,
            slot="cpu",
            status=Status.FINISHED,
            ended_at=now(),
            message=UNKNOWN,
            **found,
        )
    except BaseException:
        for folder in (paths.folder, final.folder):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    final.unlisted.unlink()
    return run


def score(workspace: Workspace, run: Run, info: DatasetInfo, progress: Progress = lambda done, total: None) -> Run:
    """Score a run that came without data on the held-out rows of a data set. Raises DataError for labels unknown to it."""
    workspace.may_change()
    paths = workspace.run(run.id)
    found = _score(workspace, paths, info, progress)
    Store(workspace).change(run.id, dataset_id=info.id, dataset_name=info.name, **found)
    return Store(workspace).get(run.id)


def _take(source: Path, called: str, paths: RunPaths) -> None:
    """Put the files of a model, and nothing else, into the run's folder."""
    if source.is_file():
        place = paths.folder / "unpacked"
        unpack_model(source, called, place, check_to_ask).rename(paths.model)
        place.rmdir()
        return
    if not source.is_dir():
        raise ModelError(f"There is no folder or ZIP {called}.", SAVE_AS, "no_such_model")
    # Its own files, and what the cache of the hub keeps beside the folders of its versions.
    allowed = (source.resolve(), source.resolve().parent.parent / "blobs")
    wanted = [path for path in sorted(source.iterdir()) if is_part(path.name)]
    files = [path for path in wanted if path.is_file()]
    if any(path.resolve().parent not in allowed for path in files):
        raise ModelError(f"A file in {called} leads out of the folder.", SAVE_AS, "not_a_model")
    if sum(path.stat().st_size for path in files) > MAX_BYTES:
        raise ModelError(f"{called} holds more than {rounded(MAX_BYTES / 2**30)} GB.", SAVE_AS, "too_large")
    paths.model.mkdir()
    for path in files:
        shutil.copyfile(path, paths.model / path.name)
    check_to_ask(paths.model, f"The folder {called}")


def _open_counter(folder: Path, called: str, info: DatasetInfo | None) -> tuple[TrainingConfig, str, dict]:
    """As _open_transformer, of a model that counts words."""
    counter = tfidf.load(folder, called)
    _check_labels(counter.labels, called)
    if info:
        _fits(info, counter.labels)
    shutil.rmtree(folder)
    tfidf.save(counter, folder)
    texts = _sample_texts()
    if not np.array_equal(tfidf.load(folder).probabilities(texts), counter.probabilities(texts)):
        raise ModelError(f"{called} gives different answers after it was saved again.", SAVE_AS, "not_verified")
    said = f"It counts {whole(len(counter.terms))} words and pairs of words. The model was saved again and gave the same "
    return (
        TrainingConfig(model=tfidf.REFERENCE),
        f"{said}answers on {len(texts)} texts.",
        {"texts": len(texts), "within": 0.0},
    )


def _open_transformer(folder: Path, called: str, info: DatasetInfo | None) -> tuple[TrainingConfig, str, dict]:
    """What the run tells of its settings; a sentence on how the model was checked, and what to keep of that.

    info: of the data set that it shall be scored on.
    """
    with FreshProcess() as fresh:  # loads its libraries meanwhile
        labels = _prepare(folder, called)
        if info:
            _fits(info, labels)
        note, checked = _prove(fresh, folder, labels, called)
    return TrainingConfig(model=str(folder), max_tokens=_limit(folder)), note, checked


def _prepare(folder: Path, called: str) -> list[str]:
    """Open the model once, and make its tokenizer cut texts where the model ends. Returns its labels."""
    from engine.models.loading import load_classifier, load_tokenizer

    labels = _labels(read_config(folder), called)
    load_classifier(folder, called)
    tokenizer = load_tokenizer(folder, called)
    limit = _limit(folder)
    if tokenizer.model_max_length > limit:
        tokenizer.model_max_length = limit
        tokenizer.save_pretrained(folder)
    return labels


def _labels(config: dict, called: str) -> list[str]:
    """The answers in the order of their numbers. Raises ModelError where they are not those of one label per text."""
    named = config.get("id2label")
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ModelError(
            f"{called} does not give one label per text; it is made for {config['problem_type']!r}.",
            "Choose a model that gives one.",
            "not_one_label",
        )
    try:
        numbered = {int(number): label for number, label in named.items()}
        labels = [numbered[number] for number in range(len(numbered))]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{called} does not name its labels: its config.json has no id2label.",
            "Choose a model that was trained as a classifier of texts.",
            "no_labels",
        ) from error
    _check_labels(labels, called)
    return labels


def _check_labels(labels: Sequence[str], called: str) -> None:
    if len(set(labels)) < 2 or len(set(labels)) < len(labels) or not all(_is_label(one) for one in labels):
        raise ModelError(
            f"{called} does not give two or more different labels.",
            "Choose a model that was trained as a classifier of texts.",
            "no_labels",
        )


def _is_label(label: object) -> bool:
    return isinstance(label, str) and 0 < len(label.strip()) <= 200


def _limit(folder: Path) -> int:
    """The tokens of a text that the model reads."""
    return max(LEAST_TOKENS, min(MOST_TOKENS, longest_input(read_config(folder), OTHERWISE)))


def _prove(fresh: FreshProcess, folder: Path, labels: list[str], called: str) -> tuple[str, dict]:
    """That it says in a fresh process what it says here, on texts of the samples. Returns a sentence, and what to keep."""
    from engine.serving.transformer import OpenTransformer

    texts = _sample_texts()
    try:
        here, there = OpenTransformer(folder), fresh.ask(folder, texts)
        difference = verify(here.probabilities(texts), there.probabilities)
    except TrainingError as error:
        raise ModelError(
            f"{called} gives different answers in a fresh process, or cannot be used there.",
            "Choose another model.",
            "not_verified",
        ) from error
    if there.labels != labels:
        raise ModelError(f"{called} names other labels than its weights have.", SAVE_AS, "no_labels")
    within = f"to within {max(difference, 1e-7):.0e}"
    said = f"It was loaded in a fresh process, and gave the same answers on {len(texts)} texts ({within})."
    return said, {"texts": len(texts), "within": TOLERANCE}


def _sample_texts() -> list[str]:
    return [text for name in SAMPLES for text in read_sample(name).frame["text"].tolist()][:VERIFIED_TEXTS]


def _score(workspace: Workspace, paths: RunPaths, info: DatasetInfo, progress: Progress) -> dict[str, float]:
    """Write predictions and metrics as a run leaves them. Returns accuracy and macro_f1 on the test rows."""
    asked = read_json(paths.config)
    model = Predictor(paths.model)
    _fits(info, model.labels)
    rows = load_rows(workspace, info.id)
    held_out = rows[rows["split"] != "train"]
    texts = held_out["text"].tolist()
    found = model.probabilities(texts, progress)
    milliseconds = milliseconds_per_text(model.probabilities, texts)
    predicted = predictions.table(held_out, model.labels, found)
    judged = judge_run(predicted, rows[rows["split"] == "train"])
    predictions.write(predicted, paths.predictions)
    write_json(
        paths.metrics,
        {**judged, "milliseconds_per_text": milliseconds, "checked": asked["checked"], "imported": True},
    )
    write_json(paths.config, {**asked, "dataset_id": info.id})
    return {key: judged["test"][key] for key in ("accuracy", "macro_f1")}


def _fits(info: DatasetInfo, labels: Sequence[str]) -> None:
    """Raises DataError where a data set has labels that are none of the model's."""
    if unknown := [label for label in info.labels if label not in labels]:
        raise DataError(
            f"The model does not know these labels of {info.name}: {', '.join(unknown[:5])}.",
            f"It knows: {', '.join(labels[:20])}. Rename the labels on the Data page.",
            "unknown_labels",
        )
