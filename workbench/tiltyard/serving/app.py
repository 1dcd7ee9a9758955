"""The guarded endpoint as a FastAPI application: routes, refusals and the OpenAPI document. `Guarded` decides; this passes requests on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..access.roles import Action
from ..datasets.texts import text_columns
from ..errors import Problem
from ..targets.target import Target
from .admin import changed, overview
from .body import read_json
from .examples import known_rows
from .extraction_detector import ExtractionDetector, learned
from .gate import Gate, visit_of
from .guarding import Guarded, Observer
from .journal import Journal
from .keys import Key, KeyStore
from .ledger import Ledger
from .openapi import described
from .quota import Quota
from .refusal import Refusal, refuse
from .settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

    from ..datasets.schema import Rows
    from ..validation.guard import FittedGuard
    from .labels import Learner

DAY = 86_400.0
TITLE = "Guarded model"


def make_app(
    target: Target,
    settings: Settings | None = None,
    keys: KeyStore | None = None,
    observers: tuple[Observer, ...] = (),
    *,
    honest: "Rows | None" = None,
    log_to_stderr: bool = False,
    learner: "Learner | None" = None,
) -> "FastAPI":
    """The endpoint for a target, to be served by `server.Served`, `server.serve` or any ASGI server.

    Parameters
    ----------
    settings
        None for the safe ones.
    keys
        None for the file the settings name, else that of `tiltyard key`.
    observers
        See `guarding.Guarded`. More can be appended to ``app.state.guarded.observers``.
    honest
        Rows as honest clients ask them, x (n, *shape): what the extraction detector compares with. None: the reference rows of
        the guard the settings name; without either, no key is watched, and the log says so.
    log_to_stderr
        Log to standard error where the settings name no file; else there is no log then.
    learner
        Called with the labels that come to ``POST /v1/labels``.

    Raises
    ------
    Problem
        Where FastAPI is not installed, the model takes free text, a file that the settings name is not what it should be, or another server has these keys.
    """
    if texts := text_columns(target.schema.features):
        raise Problem("a model of numbers and categories to serve", f"{texts[0]!r}, which holds free text", "Serve it by another server")
    settings = settings or Settings()
    keys = keys or KeyStore(keys_place(settings))
    guarded = _guarded(target, settings, keys, log_to_stderr)
    _watch(guarded, honest)
    guarded.observers.extend(observers)
    guarded.learner = learner
    app = _application()
    app.state.guarded = guarded
    _routes(app, guarded)
    _refusals(app)
    app.state.gate = None
    app.add_middleware(_middleware(app, guarded.journal, settings.secure))
    return app


def keys_place(settings: Settings) -> Any:
    """The file of keys the settings mean."""
    from .keys import default_place

    return settings.path(settings.keys) or default_place()


def _guarded(target: Target, settings: Settings, keys: KeyStore, log_to_stderr: bool) -> Guarded:
    guard = _guard(settings, target)
    real = Path(os.path.realpath(keys.path)) if keys.path else None
    usage = settings.path(settings.usage) or (real.with_name(real.name + ".usage") if real else None)
    quota = Quota(settings.rate, Ledger(usage, settings.rate.days * DAY, keys=real))
    log = settings.path(settings.log) or (sys.stderr if log_to_stderr else None)
    return Guarded(target, settings, keys, quota, Journal(log), guard)


def _guard(settings: Settings, target: Target) -> "FittedGuard | None":
    place = settings.path(settings.guard)
    if place is None:
        return None
    from ..validation.guard import load

    guard = load(place)
    if guard.schema.shape != target.schema.shape:
        raise Problem(
            f"a guard for rows of shape {target.schema.shape}", f"{guard.schema.shape} in {place}", "Build one on this model's data"
        )
    return guard


def _watch(guarded: Guarded, honest: "Rows | None") -> None:
    """Start the extraction detector, where there are honest rows to compare with."""
    if not guarded.settings.extraction_detector.watch:
        return
    guard = guarded.guard
    if honest is None and guard is not None:
        honest = known_rows(guard)
    try:
        if honest is None:
            raise Problem("honest rows to compare with", "none", "Name a guard, or data, in the settings")
        usage = guarded.quota.ledger.path
        place = usage.with_name(usage.name + ".trail") if usage is not None else None
        guarded.keep(ExtractionDetector(learned(honest, guarded.target.predictions(honest), guarded.target.schema), place=place))
    except Problem as problem:
        if guarded.settings.extraction_detector.action == "refuse":
            guarded.close()
            raise
        guarded.journal.event({"event": "no trail", "reason": str(problem)})


def _application() -> "FastAPI":
    try:
        from fastapi import FastAPI
    except ImportError:
        raise Problem("FastAPI and uvicorn, to serve", "they are not installed", "pip install 'tiltyard[serve]'") from None
    return FastAPI(title=TITLE, version="1", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)


def _middleware(app: "FastAPI", journal: Journal, secure: bool) -> Any:
    def gate(inner: Any) -> Gate:
        app.state.gate = Gate(inner, journal, secure)
        return app.state.gate  # type: ignore[no-any-return]

    return gate


def _routes(app: "FastAPI", guarded: Guarded) -> None:
    from fastapi import Request
    from starlette.responses import JSONResponse

    def admitted(request: Request, action: Action, route: str) -> Key:
        trace = request.scope["trace"]
        trace.route = route
        return guarded.admitted(request.headers.get("authorization"), action, trace, visit_of(request.scope))

    @app.get("/healthz")
    async def healthz(request: Request) -> JSONResponse:
        request.scope["trace"].route = "/healthz"
        return JSONResponse({"status": "ok"})

    @app.get("/v1/model")
    async def model(request: Request) -> JSONResponse:
        admitted(request, "look", "/v1/model")
        return JSONResponse(guarded.facts())

    @app.get("/openapi.json")
    async def openapi(request: Request) -> JSONResponse:
        admitted(request, "look", "/openapi.json")
        return JSONResponse(described(guarded.target.schema, guarded.settings, guarded.example))

    @app.get("/v1/keys")
    async def keys(request: Request) -> JSONResponse:
        admitted(request, "keys", "/v1/keys")
        return JSONResponse(overview(guarded))

    @app.post("/v1/keys/{id}/{act}")
    async def change(request: Request, id: str, act: str) -> JSONResponse:
        by = admitted(request, "keys", "/v1/keys/{id}/{act}")
        return JSONResponse(changed(guarded, id, act, by))

    @app.post("/v1/labels")
    async def labels(request: Request) -> JSONResponse:
        admitted(request, "keys", "/v1/labels")
        return JSONResponse(await guarded.learn(await read_json(request, guarded.settings.limits)))

    @app.post("/v1/predict")
    async def predict(request: Request) -> JSONResponse:
        key = admitted(request, "run", "/v1/predict")
        body = await read_json(request, guarded.settings.limits)
        return JSONResponse(await guarded.predict(key, body, request.scope["trace"]))


def _refusals(app: "FastAPI") -> None:
    from starlette.exceptions import HTTPException
    from starlette.responses import JSONResponse

    async def refused(request: "Request", refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, Refusal)
        request.scope["trace"].reason = refusal.problem.expected
        return JSONResponse(refusal.body, refusal.status, refusal.headers)

    async def unknown(request: "Request", error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        known = error.status_code == 405
        refusal = refuse(
            error.status_code, "a method this path has" if known else "a path of this endpoint", "another", "See /openapi.json"
        )
        refusal.headers.update(error.headers or {})
        return await refused(request, refusal)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(HTTPException, unknown)


@contextmanager
def closing(app: "FastAPI") -> Iterator["FastAPI"]:
    """Let go of an application's threads and files at the end of the block."""
    try:
        yield app
    finally:
        app.state.guarded.close()
