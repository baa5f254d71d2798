"""The phases of a run that counts words: data, counting, saving, scores, verification. It takes seconds and no rounds."""

import shutil

import numpy as np

from engine import machine
from engine.data.datasets import load_info, load_rows
from engine.data.splitting import thinned
from engine.errors import TrainingError
from engine.evaluation import predictions
from engine.evaluation.judging import judge_run
from engine.figures import whole
from engine.models import tfidf
from engine.paths import RunPaths, Workspace, replace_folder, write_json
from engine.runs.pipeline import VERIFIED_TEXTS
from engine.runs.proof import AGAIN
from engine.runs.pulse import Pulse
from engine.runs.speed import milliseconds_per_text
from engine.runs.store import Status
from engine.settings import TrainingConfig


def count_words(
    workspace: Workspace, dataset_id: str, config: TrainingConfig, paths: RunPaths, pulse: Pulse
) -> dict[str, object]:
    """Returns what the store shows of the ending, as carry_out of the pipeline. Raises TuneboardError likewise."""
    pulse.events.rewind(0)
    pulse.makes_model = True  # it takes a moment
    pulse.phase("reading data")
    labels = load_info(workspace, dataset_id).labels
    rows = thinned(load_rows(workspace, dataset_id), config.train_share, config.seed)
    training, scored = rows[rows["split"] == "train"], rows[rows["split"] != "train"]

    pulse.phase("counting words")
    counter = tfidf.fit(training["text"].tolist(), training["label"].tolist(), labels)
    parameters = counter.weights.size + counter.offsets.size
    pulse.events.write(
        "setup",
        device="Processor",
        precision="float64",
        threads=1,
        parameters=parameters,
        versions=machine.versions(),
    )

    pulse.phase("saving")
    part = paths.model_part
    shutil.rmtree(part, ignore_errors=True)  # what an attempt that was killed left
    tfidf.save(counter, part)

    pulse.phase("evaluating")
    texts = scored["text"].tolist()
    probabilities = counter.probabilities(texts)
    milliseconds = milliseconds_per_text(counter.probabilities, texts)
    predicted = predictions.table(scored, labels, probabilities)
    found = judge_run(predicted, training)

    pulse.phase("verifying")
    some = texts[:VERIFIED_TEXTS]
    if not np.array_equal(tfidf.load(part).probabilities(some), probabilities[: len(some)]):
        raise TrainingError(
            "The saved model does not predict what the trained one does.",
            AGAIN,
            "not_verified",
        )
    pulse.events.write(
        "note",
        text=f"{whole(len(counter.terms))} words and pairs of words are counted. The saved model was loaded again and gave "
        f"the same answers on {len(some)} texts that it had not learnt from.",
    )
    replace_folder(part, paths.model)
    predictions.write(predicted, paths.predictions)
    checked = {"texts": len(some), "within": 0.0}
    write_json(paths.metrics, {**found, "milliseconds_per_text": milliseconds, "checked": checked})
    return {"status": Status.FINISHED, **{key: found["test"][key] for key in ("accuracy", "macro_f1")}}
