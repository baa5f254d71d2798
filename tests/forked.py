"""Worker processes that share the loading of the libraries: real ones, forked from a process that did nothing but import.

A worker spends 5 seconds on importing torch and transformers. tests/engine/runs/test_worker.py starts them as users do.
"""

import multiprocessing
import os
import sys
from pathlib import Path

from engine.runs import processes

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["engine.runs.pipeline", "tests.forked"])


def start_apart(log: Path, module: str, *arguments: object) -> None:
    """As engine.runs.processes.start_apart."""
    if module != "engine.runs.worker":
        processes.start_apart(log, module, *arguments)
        return
    _context.Process(target=_work, args=(str(log), [str(one) for one in arguments]), daemon=True).start()


def _work(log: str, arguments: list[str]) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    from engine.runs import worker

    sys.exit(worker.main(*arguments))
