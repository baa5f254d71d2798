"""Processes that outlive the browser, this process and its terminal."""

import os
import platform
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import psutil

from engine import machine

ROOT = Path(__file__).resolve().parents[1]
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def complain(sentence: object) -> None:
    """Write into the log of this process; when the disk is full, that is no reason to die."""
    with suppress(OSError):
        print(datetime.now(UTC).isoformat(timespec="seconds"), sentence, file=sys.stderr, flush=True)


def command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def start_apart(log: Path, module: str, *arguments: object) -> int:
    """Start `python -m module arguments`; returns its process id. It writes into `log`: a pipe that nobody reads would
    bring it to a halt."""
    apart = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    with log.open("ab") as file:
        process = subprocess.Popen(
            command(module, *arguments),
            cwd=ROOT,
            env=machine.sharing(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            close_fds=True,
            **apart,
        )
    return process.pid


def identity(pid: int) -> str | None:
    """What tells this process from any other that will ever have the same number; None when it is gone.

    The name of this machine, then on Linux the boot and the moment since then, which setting the clock does not change;
    elsewhere the time of its start.
    """
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return None
        if psutil.LINUX:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return f"{platform.node()} {BOOT_ID.read_text().strip()} {fields[19]}"  # starttime in ticks: man 5 proc
        return f"{platform.node()} {psutil.Process(pid).create_time():.2f}"
    except (psutil.Error, OSError):
        return None


def is_there(pid: int | None, process: str | None) -> bool:
    """Whether process `pid` still exists and is the one with the identity `process`."""
    return process is not None and identity(pid) == process


def is_elsewhere(process: str | None) -> bool:
    """Whether this is the identity of a process of another machine that shares the workspace."""
    return process is not None and process.split(" ")[0] != platform.node()


def lives(pid: int | None, started: float | None) -> bool:
    """Whether process `pid` that started at `started` (seconds since 1970) still exists."""
    try:
        return abs(psutil.Process(pid).create_time() - (started or 0)) < 1.0
    except psutil.NoSuchProcess:
        return False


def kill(pid: int, process: str) -> None:
    """End a process at once, if it is still the one with the identity `process`."""
    if is_there(pid, process):
        try:
            psutil.Process(pid).kill()
        except psutil.NoSuchProcess:
            return
