"""Worker processes that share the loading of the libraries: real ones, forked from a process that did nothing but import.

A worker spends 5 seconds on importing torch and transformers. So does the fresh process that verifies its model, which is
forked from a process of its own (fresh_server.py). tests/engine/runs/test_worker.py starts them as users do.
"""

import atexit
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from engine.runs import processes, proof

FRESH_SERVER = Path(__file__).with_name("fresh_server.py")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["engine.runs.pipeline", "tests.forked", "tests.warm"])


def start_apart(log: Path, module: str, *arguments: object) -> None:
    """As engine.runs.processes.start_apart."""
    if module != "engine.runs.worker":
        processes.start_apart(log, module, *arguments)
        return
    told = (str(log), fresh_server(), [str(one) for one in arguments])
    _context.Process(target=_work, args=told, daemon=True).start()


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


def _work(log: str, fresh: str, arguments: list[str]) -> None:
    os.setsid()
    proof.COMMAND[:] = fresh_command(fresh)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(file, stream)
    from engine.runs import worker

    sys.exit(worker.main(*arguments))
