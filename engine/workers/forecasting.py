"""The process that measures what a run will cost: python -m engine.workers.forecasting WORKSPACE DATASET CONFIG

It writes what it found, or why it could not, into the workspace, where engine/runs/forecast.py reads it.
"""

import sys
import time
import traceback

from engine import libraries
from engine.errors import TuneboardError
from engine.paths import Workspace, write_json
from engine.runs import forecast
from engine.runs.measurements import Failed, Measured, kept, key
from engine.settings import TrainingConfig

LOCK_SECONDS = 120.0  # so long a process waits for another that measures


class Disturbed(Exception):
    """A run began on the device that is being measured."""


def main(root: str, dataset_id: str, asked: str) -> int:
    """Measure and keep what was found. 0 also if another process did, or does for minutes; 3: a run came in between."""
    began = time.monotonic()
    workspace, config = Workspace.open(root), TrainingConfig.model_validate_json(asked)
    path = workspace.forecast(key(dataset_id, config))

    last = ""

    def told(phase: str) -> None:
        nonlocal last
        if forecast.is_disturbed(workspace, config):
            raise Disturbed
        if phase != last:
            print(last := phase, flush=True)

    with forecast.alone(workspace, LOCK_SECONDS) as alone:
        if not alone or isinstance(kept(path), Measured):
            return 0
        try:
            told("loading libraries")
            with libraries.loading():
                from engine.workers.measuring import measured

            write_json(path, measured(workspace, dataset_id, config, began, told).model_dump())
        except Disturbed:
            return 3
        except TuneboardError as error:
            write_json(path, Failed(problem=error.message, action=error.action).model_dump())
        except Exception as error:  # whatever stops a measurement would stop no run: it is told, and logged
            traceback.print_exc()
            said = f"Time and memory could not be measured: {type(error).__name__}: {error}"
            write_json(path, Failed(problem=said, action=f"The log: {forecast.log_of(workspace)}").model_dump())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
