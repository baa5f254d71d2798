"""Worker processes that share the loading of the libraries: real ones, forked from a process that did nothing but import.

A worker spends 5 seconds on importing torch and transformers. So does the fresh process that verifies its model, which is
forked from a process of its own (fresh_server.py). tests/engine/runs/test_worker.py starts them as users do.
"""

import atexit
import importlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from engine.runs import processes, proof

FRESH_SERVER = Path(__file__).with_name("fresh_server.py")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    ["engine.runs.pipeline", "engine.serving.predictor", "tests.forked", "tests.warm"]
)
HEAVY = ("engine.runs.worker", "engine.runs.batches")


def start_apart(log: Path, module: str, *arguments: object) -> int:
    """As engine.runs.processes.start_apart."""
    if module not in HEAVY:
        return processes.start_apart(log, module, *arguments)
    told = (str(log), fresh_server(), module, [str(one) for one in arguments])
    process = _context.Process(target=_work, args=told, daemon=True)
    # A new process first imports the main module of its parent, which is a whole page where the page starts it.
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = main
    return process.pid


@cache
def fresh_server() -> str:
    """The address of the process that fresh ones are forked from; it ends with this one, which keeps its input open."""
    folder = tempfile.mkdtemp(prefix="fresh-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    address = f"{folder}/socket"
    command = [sys.executable, "-I", str(FRESH_SERVER), "serve", address, proof.COMMAND[-1]]
    fresh_server.process = subprocess.Popen(command, stdin=subprocess.PIPE)
    return address


def fresh_command(address: str) -> list[str]:
    return [sys.executable, "-I", "-S", str(FRESH_SERVER), "ask", address]


def _work(log: str, fresh: str, module: str, arguments: list[str]) -> None:
    os.setsid()
    proof.COMMAND[:] = fresh_command(fresh)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.exit(importlib.import_module(module).main(*arguments))
