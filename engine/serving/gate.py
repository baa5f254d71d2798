"""What every request passes: nothing of its body is read before its key is known, its size is limited and the time that it
takes to arrive, it is counted and timed, and while the service stops it is the last one of its connection."""

import asyncio
import hmac
import time
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.serving.bodies import MOST_BYTES
from engine.serving.meters import Meters

BODY_SECONDS = 10.0  # in which a body has to arrive; the service cannot leave before it has
NO_KEY = "The API key is missing or wrong."


class Refused(HTTPException):
    """A request that is not answered, with what TuneboardError has: message, action and code."""

    def __init__(self, status: int, code: str, message: str, action: str, headers: dict | None = None):
        super().__init__(status, message, headers)
        self.code, self.message, self.action = code, message, action


def check(key: str | None, authorization: bytes) -> None:
    """Raises Refused unless `authorization`, the header of that name, brings the key, where one is wanted."""
    scheme, _, sent = authorization.partition(b" ")
    if key and not (scheme.lower() == b"bearer" and hmac.compare_digest(sent.strip(), key.encode())):
        action = "Send it as Authorization: Bearer KEY."
        raise Refused(401, "no_key", NO_KEY, action, {"WWW-Authenticate": "Bearer"})


class Gate:
    def __init__(self, app: ASGIApp, key: str | None, meters: Meters, is_stopping: Callable[[], bool]):
        self._app, self._key, self._meters, self._is_stopping = app, key, meters, is_stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status, size, whole = time.perf_counter(), 500, 0, False

        async def limited() -> Message:
            nonlocal size, whole
            check(self._key, dict(scope["headers"]).get(b"authorization", b""))
            left = None if whole else began + BODY_SECONDS - time.perf_counter()
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                action = f"Send it within {BODY_SECONDS:.0f} seconds."
                raise Refused(408, "too_slow", "The body did not arrive in time.", action, {"Connection": "close"}) from None
            whole = not message.get("more_body")
            size += len(message.get("body", b""))
            if size > MOST_BYTES:
                action = f"Send at most {MOST_BYTES:,} bytes at a time."
                raise Refused(413, "too_large", "The body is too large.", action)
            return message

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if self._is_stopping():
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, limited, told)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")  # and not what was typed, of which there is no end
            self._meters.request(path, status, time.perf_counter() - began)
