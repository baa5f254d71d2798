"""A dashboard that is really served, and visitors that speak to it as a browser does: over the websocket, in Streamlit's own
protocol buffers, ticking when the page asks for it. What a browser draws is not part of it."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

ROOT = Path(__file__).parents[1]
PATIENCE = 10.0  # seconds without a word after which an answer counts as missed


class Dashboard:
    """A server as a process of its own; a context manager. app: which file it serves. seconds: until it was healthy."""

    def __init__(self, workspace: Path, app: Path = ROOT / "app.py"):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.workspace, self.app = workspace, app

    def __enter__(self) -> "Dashboard":
        began = time.monotonic()
        options = [
            "--server.port",
            str(self.port),
            "--server.address",
            "127.0.0.1",
            "--server.headless",
            "true",
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(self.app), *options],
            cwd=self.app.parent,
            env={**os.environ, "TUNEBOARD_HOME": str(self.workspace), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self._healthy():
            time.sleep(0.02)
        self.seconds = time.monotonic() - began
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def _healthy(self) -> bool:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/_stcore/health", timeout=1).status == 200
        except OSError:
            return False

    def memory(self) -> int:
        return psutil.Process(self.process.pid).memory_info().rss


@dataclass
class Visitor:
    """A tab. ticks: seconds from each tick of the page's timers to its answer, with the interval of the timer."""

    port: int
    page: str
    query: str = ""
    ticks: list[tuple[float, float]] = field(default_factory=list)
    missed: int = 0

    async def open(self) -> float:
        """Open the page. Returns the seconds until it was complete."""
        self.socket = await websockets.connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            subprotocols=["streamlit"],
            max_size=None,
            compression=None,
        )
        self.timers: dict[str, float] = {}
        began = time.monotonic()
        await self._ask(BackMsg())
        await self._answer()
        return time.monotonic() - began

    async def watch(self, seconds: float) -> None:
        """Let the page tick for so long."""
        end, due = time.monotonic() + seconds, {name: time.monotonic() + s for name, s in self.timers.items()}
        while due and time.monotonic() < end:
            name = min(due, key=due.get)
            await asyncio.sleep(max(0.0, due[name] - time.monotonic()))
            tick = BackMsg()
            tick.rerun_script.fragment_id, tick.rerun_script.is_auto_rerun = name, True
            began, interval = time.monotonic(), self.timers[name]
            await self._ask(tick)
            await self._answer()
            self.ticks.append((time.monotonic() - began, interval))
            due = {one: due.get(one, time.monotonic() + s) for one, s in self.timers.items()}
            if name in due:
                due[name] = began + interval

    async def close(self) -> None:
        await self.socket.close()

    async def _ask(self, message: BackMsg) -> None:
        message.rerun_script.page_name = self.page
        message.rerun_script.query_string = self.query
        await self.socket.send(message.SerializeToString())

    async def _answer(self) -> None:
        """Read until the script is finished."""
        while True:
            message = ForwardMsg()
            try:
                message.ParseFromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            except TimeoutError:
                self.missed += 1
                return
            match message.WhichOneof("type"):
                case "navigation":
                    self.timers.clear()  # the whole page is drawn again, and sets its timers anew
                case "auto_rerun":
                    self.timers[message.auto_rerun.fragment_id] = message.auto_rerun.interval
                case "stop_auto_rerun":
                    self.timers.pop(message.stop_auto_rerun.fragment_id, None)
                case "script_finished":
                    if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                        return
