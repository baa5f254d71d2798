"""Processes that outlive the browser, this process and its terminal."""

import os
import subprocess
import sys
from pathlib import Path

from engine import machine

ROOT = Path(__file__).resolve().parents[2]


def command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def start_apart(log: Path, module: str, *arguments: object) -> None:
    """Start `python -m module arguments`. It writes into `log`: a pipe that nobody reads would bring it to a halt."""
    apart = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
        if os.name == "nt"
        else {"start_new_session": True}
    )
    with log.open("ab") as file:
        subprocess.Popen(
            command(module, *arguments),
            cwd=ROOT,
            env=machine.sharing(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            close_fds=True,
            **apart,
        )
