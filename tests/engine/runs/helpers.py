"""Start real runs of the tiny model, and wait for them."""

import time

from engine.paths import Workspace
from engine.runs import queue
from engine.runs.store import Run
from engine.settings import TrainingConfig

QUICK = {"epochs": 2, "learning_rate": 3e-3, "batch_size": 16, "max_tokens": 32}


def submit(workspace: Workspace, info, model, ticket=None, name="", **settings) -> Run:
    config = TrainingConfig(**{**QUICK, "model": str(model), **settings})
    return queue.submit(
        workspace,
        config,
        dataset_id=info.id,
        dataset_name=info.name,
        model_name="tiny",
        name=name,
        ticket=ticket,
    )


def wait(workspace: Workspace, run_id: str, until=lambda run: run.status.ended, seconds: float = 180) -> Run:
    """The run once `until` holds for it; the test fails when it takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        run = queue.get_run(workspace, run_id)
        if until(run):
            return run
        time.sleep(0.1)
    log = workspace.run(run_id).log
    raise AssertionError(f"still {run.status} ({run.phase}) after {seconds} s: {log.read_text() if log.exists() else ''}")
