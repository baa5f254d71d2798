"""Finished models behind HTTP: which address answers what. engine/serving/server.py makes a process of it."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from engine import __version__
from engine.errors import ModelError, TuneboardError
from engine.serving import meters
from engine.serving.batching import Batcher, Full, Limits
from engine.serving.bodies import About, Answers, Asked, Health, Many, Models, Versions, Wrong
from engine.serving.front import front
from engine.serving.gate import NO_KEY, Gate, Refused, check
from engine.serving.meters import Meters
from engine.serving.opened import Opened, Source

SEE = "See /openapi.json for what is expected."
RETRY = {
    "headers": {
        "Retry-After": {
            "description": "Seconds to wait.",
            "schema": {"type": "string", "pattern": "^[0-9]+$"},
        }
    }
}
WRONG = {
    400: "The body is no JSON.",
    401: NO_KEY,
    403: "Reloading over HTTP needs an API key.",
    404: "There is no such model.",
    408: "The body did not arrive in time.",
    409: "A model could not be opened again; those from before go on.",
    413: "The body is too large.",
    415: "The body is not said to be JSON.",
    422: "The body is not what is expected.",
    429: "Too much waits already; the request was not taken.",
    503: "The service is stopping.",
}


class Served:
    """A model at its address. `opened` may be replaced at any time; what is being answered goes on with the one before."""

    def __init__(self, opened: Opened, source: Source):
        self.opened, self.source = opened, source
        self.batcher: Batcher | None = None

    def answer(self, texts: list[str]) -> list[tuple[str, dict]]:
        """(version, prediction) of each text."""
        version, found = self.opened.predict(texts)
        return [(version, one) for one in found]


class Service:
    """The models by name. All are computed in one thread of their own: two would fight for the same cores."""

    def __init__(self, sources: Sequence[Source], limits: Limits):
        """Raises TuneboardError when one of the models cannot be opened."""
        self.models = {source.name: Served(Opened(source), source) for source in sources}
        self.limits, self.meters, self.stopping = limits, Meters(), False
        self._reloading = asyncio.Lock()

    async def start(self) -> None:
        self._executor = ThreadPoolExecutor(1, "model")
        for name, served in self.models.items():
            measured = self.meters.batch(name)
            batcher = served.batcher = Batcher(served.answer, self._executor, self.limits, measured)
            self.meters.queue(name, lambda batcher=batcher: batcher.waiting)

    async def close(self) -> None:
        for served in self.models.values():
            await served.batcher.close()
        self._executor.shutdown()

    def find(self, name: str | None = None) -> Served:
        """None: the first. Raises Refused."""
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            known = ", ".join(self.models)
            raise Refused(404, "no_such_model", "There is no such model.", f"There are: {known}.")
        return self.models[name]

    async def predict(self, name: str | None, texts: list[str]) -> dict:
        served = self.find(name)
        try:
            found = await served.batcher.ask(texts)
        except Full as full:
            seconds = self.seconds_to_wait()
            raise Refused(
                429,
                "queue_full",
                "Too much waits already.",
                f"Ask again in {seconds} s.",
                {"Retry-After": str(seconds)},
            ) from full
        return {"model": served.source.name, "version": found[0][0], "predictions": [one for _, one in found]}

    def seconds_to_wait(self) -> int:
        """After which the queues should have emptied: all of them, since one thread answers them."""
        return max(1, math.ceil(sum(served.batcher.backlog for served in self.models.values())))

    async def reload(self) -> dict[str, str]:
        """Open every model again, then let them take the others' places; meanwhile answers go on. Returns {name: version}.

        Raises TuneboardError when one of them cannot be opened; then all stay as they were.
        """
        async with self._reloading:
            try:
                again = [await asyncio.to_thread(Opened, served.source) for served in self.models.values()]
            except TuneboardError:
                raise
            except Exception as error:
                message = f"A model could not be opened again ({type(error).__name__}: {error})."
                raise ModelError(message, "Those from before go on.", "not_opened") from error
            for served, opened in zip(self.models.values(), again, strict=True):
                served.opened = opened
        return {name: served.opened.version for name, served in self.models.items()}


def build(service: Service, key: str | None = None, hosts: Sequence[str] = ("*",)) -> FastAPI:
    """The application. key: what has to be sent as `Authorization: Bearer KEY`, except to / and /health.

    hosts: the names that it answers to, so that no web page can ask it under a name of its own (DNS rebinding).
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.close()

    app = FastAPI(
        title="Tuneboard",
        version=__version__,
        description="Ask fine-tuned text classifiers.",
        lifespan=lifespan,
        docs_url=None,  # those pages of FastAPI fetch scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            HTTPException: _refused,
            RequestValidationError: _not_valid,
            Exception: _unexpected,
        },
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    app.add_middleware(Gate, key=key, meters=service.meters, is_stopping=lambda: service.stopping)
    guard = [Depends(_guard(key))] if key else []

    def wrong(*statuses: int) -> dict[int, dict]:
        """For openapi.json: how else an address may answer."""
        return {
            status: {"model": Wrong, "description": WRONG[status], **(RETRY if status == 429 else {})}
            for status in [*([401] if key else []), *statuses]
        }

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> HTMLResponse:
        return front(app.openapi(), str(request.base_url), guarded=bool(key))

    @app.head("/health/live", include_in_schema=False)  # some load balancers ask so
    @app.get("/health/live", response_model=Health, summary="Is the process alive?")
    async def live() -> dict:
        return _health(service)

    @app.head("/health", include_in_schema=False)
    @app.get(
        "/health",
        response_model=Health,
        summary="Should requests be sent here?",
        responses={503: {"model": Health, "description": WRONG[503]}},
    )
    async def health() -> Response:
        return JSONResponse(_health(service), 503 if service.stopping else 200)

    @app.get(
        "/metrics",
        dependencies=guard,
        summary="Requests, latencies, queues and batches, for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **wrong()},
    )
    async def metrics() -> Response:
        return Response(service.meters.page(), media_type=meters.FORMAT)

    @app.get(
        "/model",
        response_model=About,
        dependencies=guard,
        summary="What is the first model?",
        responses=wrong(),
    )
    async def model() -> dict:
        return service.find().opened.about()

    @app.get(
        "/models",
        response_model=Models,
        dependencies=guard,
        summary="Which models are there?",
        responses=wrong(),
    )
    async def models() -> dict:
        return {"models": [served.opened.about() for served in service.models.values()]}

    @app.get(
        "/models/{name}",
        response_model=About,
        dependencies=guard,
        summary="What is this model?",
        responses=wrong(404),
    )
    async def named(name: str) -> dict:
        return service.find(name).opened.about()

    asking = {"response_model": Answers, "dependencies": guard}
    refusals = (400, 408, 413, 415, 422, 429)

    @app.post("/predict", summary="Ask the first model", responses=wrong(*refusals), **asking)
    async def predict(asked: Asked) -> Response:
        return JSONResponse(await service.predict(None, _texts(asked)))

    @app.post("/models/{name}/predict", summary="Ask this model", responses=wrong(404, *refusals), **asking)
    async def predict_named(name: str, asked: Asked) -> Response:
        return JSONResponse(await service.predict(name, _texts(asked)))

    @app.post(
        "/reload",
        response_model=Versions,
        dependencies=guard,
        summary="Open the models again, after a run was trained further; changed rules hold by themselves",
        responses=wrong(*([] if key else [403]), 409),
    )
    async def reload() -> dict:
        if not key:
            raise Refused(403, "no_key", WRONG[403], "Start it with one, or send the process SIGHUP.")
        try:
            return {"versions": await service.reload()}
        except TuneboardError as error:
            raise Refused(409, error.code, error.message, error.action) from error

    return app


def _health(service: Service) -> dict:
    return {"status": "stopping" if service.stopping else "ok", "models": list(service.models)}


def _texts(asked: Asked) -> list[str]:
    return asked.texts if isinstance(asked, Many) else [asked.text]


def _guard(key: str):
    async def guard(request: Request, _: object = Depends(HTTPBearer(auto_error=False))) -> None:
        check(key, request.headers.get("authorization", "").encode("latin-1"))  # as headers are read

    return guard


# -- what is wrong, as JSON: never a traceback, and nothing that was sent is repeated unread ---------------


def _refused(request: Request, error: HTTPException) -> Response:
    if isinstance(error, Refused):
        return _wrong(error.status_code, error.code, error.message, error.action, error.headers)
    if error.status_code == 400:  # FastAPI, of a body that cannot be decoded
        return _wrong(400, "not_json", WRONG[400], SEE)
    if error.status_code == 405:
        action = f"Use {error.headers['Allow']}. {SEE}"
        return _wrong(405, "wrong_method", "This address is not asked that way.", action, error.headers)
    return _wrong(error.status_code, "no_such_address", f"{error.detail}.", SEE, error.headers)


def _not_valid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return _wrong(400, "not_json", WRONG[400], SEE)
    if first["loc"][0] == "body" and "json" not in request.headers.get("content-type", ""):
        return _wrong(415, "not_json", WRONG[415], "Send it with Content-Type: application/json.")
    place = ".".join(str(part) for part in first["loc"][1:] if part not in ("one", "many"))
    return _wrong(422, "not_valid", f"{place[:100] or 'The body'}: {first['msg']}.", SEE)


def _unexpected(request: Request, error: Exception) -> Response:
    action = "The details are where it was started; try again, or tell whoever runs it."
    return _wrong(500, "unexpected", "An unexpected error occurred.", action)


def _wrong(status: int, code: str, message: str, action: str, headers: dict | None = None) -> Response:
    # json.dumps as it is writes half characters (lone surrogates) as escapes, which a JSONResponse cannot send.
    body = json.dumps({"code": code, "message": message, "action": action})
    return Response(body, status, headers, "application/json")
