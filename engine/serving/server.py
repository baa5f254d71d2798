"""The service as a process: it listens once its models are open, opens them again on SIGHUP, and leaves on SIGTERM or Ctrl-C
when everything is answered."""

import asyncio
import errno
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from engine.errors import SettingsError, TuneboardError
from engine.serving.batching import Limits
from engine.serving.opened import Source
from engine.serving.service import Service, build

LEAVING_SECONDS = 0.5  # in which it still takes requests, but tells everybody to go elsewhere
LAST_SECONDS = 60  # in which everything is answered and taken; who does not take an answer by then is cut off
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
SWITCH_SECONDS = 0.0005  # Python's own 5 ms between two threads would be added to every step of the model


def run(
    sources: Sequence[Source],
    host: str,
    port: int,
    key: str | None,
    limits: Limits,
    say: Callable[[str], None],
    allowed: Sequence[str] = (),
) -> int:
    """Serve the models until a signal ends it. port: 0 takes a free one. allowed: names that it answers to besides those of
    this machine; none: every name, unless only this machine reaches it. Returns how many requests were answered.

    Raises SettingsError where nobody can listen there, and TuneboardError for a model that cannot be opened.
    """
    with _bound(host, port) as listening:
        say("Opening " + ", ".join(source.name for source in sources))
        service = Service(sources, limits)
        sys.setswitchinterval(SWITCH_SECONDS)
        server = Server(service, key, say, hosts_of(host, allowed))
        server.run(sockets=[listening])
    return service.meters.answered


def hosts_of(host: str, allowed: Sequence[str] = ()) -> list[str]:
    """The names to answer to where one listens on `host`; allowed: as in `run`."""
    return [*LOOPBACK, *allowed] if allowed or host in LOOPBACK else ["*"]


class Server(uvicorn.Server):
    def __init__(self, service: Service, key: str | None, say: Callable[[str], None], hosts: Sequence[str]):
        super().__init__(
            uvicorn.Config(
                build(service, key, hosts),
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=LAST_SECONDS,
                ws="none",
            )
        )
        self._service, self._say, self._asked_at = service, say, None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, lambda: self.server_state.tasks.add(self._reload_soon()))
        host, port = sockets[0].getsockname()[:2]
        self._say(f"Ready at http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks to leave, a second one to leave at once."""
        if self._asked_at is not None:
            self.should_exit = self.force_exit = True
        self._asked_at, self._service.stopping = time.monotonic(), True

    async def on_tick(self, counter: int) -> bool:
        if self._asked_at is not None and time.monotonic() - self._asked_at > LEAVING_SECONDS:
            self.should_exit = True
        return await super().on_tick(counter)

    def _reload_soon(self) -> asyncio.Task:
        task = asyncio.create_task(self._reload())
        task.add_done_callback(self.server_state.tasks.discard)
        return task

    async def _reload(self) -> None:
        try:
            versions = await self._service.reload()
            self._say("Opened again: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
        except TuneboardError as error:
            self._say(f"Not opened again: {error}")


def _bound(host: str, port: int) -> socket.socket:
    """A socket that has its address but does not listen yet."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, number)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address[0], port, *address[2:]))
    except (OSError, OverflowError) as error:
        taken = getattr(error, "errno", None) == errno.EADDRINUSE
        why = "something listens there already" if taken else getattr(error, "strerror", None) or error
        raise SettingsError({"port": f"nobody can listen on {host}:{port} ({why}); choose another."}) from error
    return bound
