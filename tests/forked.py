"""Processes that share the loading of the libraries: real ones, each forked from a process that did nothing but import.

A worker spends 5 seconds on importing torch and transformers, and so do the fresh process that verifies its model and the
one that forecasts what it costs. Whatever carries the mark `as_users_do` starts them as users do.

python -I forked.py serve SOCKET MODULE…     import the modules, then answer until the standard input is closed
python -I -S forked.py ask SOCKET ARGUMENT…  stands for `python ARGUMENT…`, with these streams, folder and environment
"""

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOCKETS = "TUNEBOARD_TEST_SOCKETS"  # the variable that leads those that were forked to the same two processes
ENGINE = ["engine.cli", "engine.workers.pipeline", "engine.serving.predictor", "tests.forked"]
FRESH = ["torch", "transformers"]
SOON = 0.02  # seconds


# -- who asks -------------------------------------------------------------------------------------------


@cache
def addresses() -> list[str]:
    """Of the process that the engine's are forked from, and of that for those that know nothing of the engine.

    Both end with this one, which keeps their input open.
    """
    if told := os.environ.get(SOCKETS):
        return told.split(os.pathsep)
    folder = tempfile.mkdtemp(prefix="forked-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = [f"{folder}/engine", f"{folder}/fresh"]
    addresses.servers = [
        subprocess.Popen([sys.executable, "-I", __file__, "serve", address, *modules], stdin=subprocess.PIPE, cwd=ROOT)
        for address, modules in zip(found, (ENGINE, FRESH), strict=True)
    ]
    os.environ[SOCKETS] = os.pathsep.join(found)
    return found


def asking(address: str, *arguments: object) -> list[str]:
    """The command that stands for `python arguments`."""
    return [sys.executable, "-I", "-S", __file__, "ask", address, *map(str, arguments)]


def command(module: str, *arguments: object) -> list[str]:
    """As engine.processes.command."""
    return asking(addresses()[0], "-m", module, *arguments)


def start_apart(log: Path, module: str, *arguments: object) -> int:
    """As engine.processes.start_apart."""
    with Path(os.devnull).open("rb") as nothing, log.open("ab") as file:
        streams = [nothing.fileno(), file.fileno(), file.fileno()]
        with _asked(addresses()[0], ["-m", module, *map(str, arguments)], streams, apart=True) as connection:
            return int(connection.makefile().readline())


def substitutes() -> list[tuple[object, str, object]]:
    """(module, name, value) of everything in the engine that starts a process."""
    from engine.results import batches
    from engine.runs import forecast, queue
    from engine.serving import proof

    return [
        *((module, "start_apart", start_apart) for module in (queue, batches, forecast)),
        (forecast, "command", command),
        (proof, "command", lambda: asking(addresses()[1], proof.PROGRAM)),
    ]


def substitute() -> None:
    for module, name, value in substitutes():
        setattr(module, name, value)


def ask(address: str, arguments: list[str]) -> int:
    with _asked(address, arguments, [0, 1, 2], apart=False) as connection:
        answers = connection.makefile()
        answers.readline()  # its process id
        return int(answers.readline() or 1)


def _asked(address: str, arguments: list[str], streams: list[int], apart: bool) -> socket.socket:
    told = {
        "arguments": arguments,
        "apart": apart,
        "cwd": str(ROOT if apart else Path.cwd()),
        "env": dict(os.environ),
    }
    connection = socket.socket(socket.AF_UNIX)
    while connection.connect_ex(address):  # it is still coming up
        time.sleep(SOON)
    connection.sendmsg([b"!"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", streams))])
    connection.sendall(json.dumps(told).encode() + b"\n")
    return connection


# -- who is forked --------------------------------------------------------------------------------------


def serve(address: str, modules: list[str]) -> dict[str, object]:
    """Returns only in a process that was forked: with what it is asked to be."""
    if "tests.forked" in modules:
        sys.path.insert(0, str(ROOT))
    with socket.socket(socket.AF_UNIX) as server:
        for module in modules:
            importlib.import_module(module)
        runpy.run_path(str(ROOT / "tests" / "warm.py"))
        gc.freeze()  # nobody who is forked needs to look through all this
        server.bind(address)
        server.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
        while True:
            ready, _, _ = select.select([server, sys.stdin], [], [])
            if sys.stdin in ready:
                os._exit(0)
            connection, _ = server.accept()
            _, streams, _, _ = socket.recv_fds(connection, 1, 3)
            if not os.fork():
                server.close()
                told = json.loads(connection.makefile().readline())
                return _kept(connection, streams, told)
            connection.close()
            for stream in streams:
                os.close(stream)


def _kept(connection: socket.socket, streams: list[int], told: dict[str, object]) -> dict[str, object]:
    """Fork once more: the child goes on, its keeper tells how it ends, and ends it when nobody waits for it any longer."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if not child:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        return told
    for stream in (*streams, 0, 1, 2):
        os.close(stream)
    connection.sendall(b"%d\n" % child)
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            if not told["apart"]:
                connection.sendall(b"%d\n" % (os.waitstatus_to_exitcode(status) & 0xFF))
            os._exit(0)
        if told["apart"]:
            time.sleep(SOON)
        elif select.select([connection], [], [], SOON)[0]:
            os.kill(child, signal.SIGKILL)
            os._exit(0)


def become(told: dict[str, object]) -> None:
    """Do what `python arguments` does, and end; taking all the libraries down as it does would be half a second more."""
    code: object = 0
    try:
        _run(told)
    except SystemExit as asked:
        code = asked.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _run(told: dict[str, object]) -> None:
    if told["apart"]:
        os.setsid()
    os.chdir(told["cwd"])
    os.environ.clear()
    os.environ.update(told["env"])
    if "tests.forked" in sys.modules:
        sys.modules["tests.forked"].substitute()
    first, *rest = told["arguments"]
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "ask":
        sys.exit(ask(sys.argv[2], sys.argv[3:]))
    become(serve(sys.argv[2], sys.argv[3:]))
