"""The phases of a run that counts words: data, counting, saving, scores, verification. It takes seconds and no rounds."""

import numpy as np

from engine import machine
from engine.errors import TrainingError
from engine.evaluation import predictions
from engine.evaluation.judging import judge_run
from engine.figures import whole
from engine.models import tfidf
from engine.paths import Workspace, read_json, write_json
from engine.runs import outcome
from engine.runs.pulse import Pulse
from engine.runs.store import Status
from engine.serving.proof import AGAIN, VERIFIED_TEXTS
from engine.serving.speed import milliseconds_per_text
from engine.settings import TrainingConfig
from engine.workers.reading import read_rows


def carry_out(workspace: Workspace, run_id: str, pulse: Pulse, fresh: None = None) -> dict[str, object]:
    """Returns what the store shows of the ending, as carry_out of the pipeline. Raises TuneboardError likewise.

    fresh: there is no process to ask, as reading the model again takes a moment.
    """
    paths = workspace.run(run_id)
    asked = read_json(paths.config)
    pulse.events.rewind(0)
    pulse.makes_model = True  # it takes a moment
    config = TrainingConfig(**asked["config"])
    labels, rows = read_rows(workspace, asked["dataset_id"], config, pulse)
    training, scored = rows[rows["split"] == "train"], rows[rows["split"] != "train"]

    pulse.phase("counting words", 0, len(training))
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

    pulse.phase("saving", 0, 1)
    made = outcome.prepare(paths)
    tfidf.save(counter, made.model)

    texts = scored["text"].tolist()
    pulse.phase("evaluating", 0, len(texts))
    probabilities = counter.probabilities(texts)
    milliseconds = milliseconds_per_text(counter.probabilities, texts)
    predicted = predictions.table(scored, labels, probabilities)
    found = judge_run(predicted, training)

    some = texts[:VERIFIED_TEXTS]
    pulse.phase("verifying", 0, len(some))
    if not np.array_equal(tfidf.load(made.model).probabilities(some), probabilities[: len(some)]):
        raise TrainingError(
            "The saved model does not predict what the trained one does.",
            AGAIN,
            "not_verified",
        )
    pulse.events.write(
        "note",
        text=f"{whole(len(counter.terms))} words and pairs of words are counted. The saved model was loaded again and gave "
        f"the same answers on {len(some)} texts that it was not trained on.",
    )
    predictions.write(predicted, made.predictions)
    checked = {"texts": len(some), "within": 0.0}
    write_json(made.metrics, {**found, "milliseconds_per_text": milliseconds, "checked": checked})
    outcome.hand_over(paths)
    return {"status": Status.FINISHED, **{key: found["test"][key] for key in ("accuracy", "macro_f1")}}
