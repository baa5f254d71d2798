"""Worker processes that share the loading of the libraries: real ones, forked from a process that did nothing but import.

A worker spends 5 seconds on importing torch and transformers. tests/engine/runs/test_worker.py starts them as users do.
"""

import importlib
import multiprocessing
import os
import sys
from pathlib import Path
from types import ModuleType

from engine.runs import processes

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["engine.runs.pipeline", "engine.serving.predictor", "tests.forked"])
HEAVY = ("engine.runs.worker", "engine.runs.batches")


def start_apart(log: Path, module: str, *arguments: object) -> int:
    """As engine.runs.processes.start_apart."""
    if module not in HEAVY:
        return processes.start_apart(log, module, *arguments)
    told = (str(log), module, [str(one) for one in arguments])
    process = _context.Process(target=_work, args=told, daemon=True)
    # A new process first imports the main module of its parent, which is a whole page where the page starts it.
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
    return process.pid


def _work(log: str, module: str, arguments: list[str]) -> None:
    os.setsid()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.exit(importlib.import_module(module).main(*arguments))
