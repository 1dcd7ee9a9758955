"""What answers each request. Nothing heavy is imported here, for JupyterLab waits for this module when it starts."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.iostream import StreamClosedError

from tiltyard.access.person import Person
from tiltyard.access.roles import Action
from tiltyard.errors import Problem

from .inside import Unequipped

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tiltyard.running.store import Store

    from .extension import TiltyardExtension
    from .work import Answer

MOST_BODY = 64 << 10
MOST_ANSWERS = 100
STATUS = {
    "Denied": 403,
    "Malformed": 400,
    "Outside": 403,
    "Absent": 404,
    "Shut": 403,
    "Unknown": 404,
    "Conflict": 409,
    "WrongType": 415,
    "TooLarge": 413,
    "Unequipped": 501,
    "Late": 503,
    "Trouble": 503,
}
SAID = {
    401: ("a login", "none", "Log in"),
    403: ("leave to do this", "none", "Log in, or ask an admin"),
    404: ("an address of this API", "another", "See openapi.json"),
    405: ("a method this address has", "another", "See openapi.json"),
}
UNSAID = ("an answer", "an error, which the server's log tells", "Report it where it comes back")


class WrongType(Problem):
    """A body that is no JSON by its own words."""


class TooLarge(Problem):
    """More than anyone needs to ask."""


def status_of(problem: Problem) -> int:
    """The HTTP status that goes with a problem."""
    return next((STATUS[kind.__name__] for kind in type(problem).__mro__ if kind.__name__ in STATUS), 400)


Method = Callable[..., Awaitable[None]]


def asks(action: Action) -> Callable[[Method], Method]:
    """The role must allow ``action``, and every `Problem` becomes one line with its status."""

    def around(method: Method) -> Method:
        @functools.wraps(method)
        async def inner(self: "Handler", *given: str) -> None:
            try:
                self.person.must(action)
                await method(self, *given)
            except Problem as problem:
                self.refuse(await asyncio.to_thread(self.public, problem))

        return inner

    return around


def allowed(action: str | None = None) -> Callable[[Method], Method]:
    """Jupyter's authorizer must allow ``action``, by default what goes with the method, on ``tiltyard``."""
    return cast("Callable[[Method], Method]", authorized(action))


class Handler(APIHandler):
    """What all have in common: who asks, what they gave, and how they are answered."""

    auth_resource = "tiltyard"

    def initialize(self, extension: "TiltyardExtension") -> None:
        self.extension = extension
        self._work: asyncio.Task[Any] | None = None

    @property
    def person(self) -> Person:
        """Who asks, with their role."""
        return self.extension.person(self.identity_provider, self.current_user)

    @property
    def store(self) -> "Store":
        """The store as they may see it."""
        return self.extension.desk(self.person).store

    def query(self, form: "type[BaseModel]") -> Any:
        """The query's parameters that ``form`` knows; browsers add others of their own."""
        return checked(form, {name: self.get_query_argument(name) for name in form.model_fields if name in self.request.query_arguments})

    def body(self, form: "type[BaseModel]") -> Any:
        """The request's JSON as ``form``."""
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise WrongType("a body of type application/json", "another type or none", "Set Content-Type")
        if len(self.request.body) > MOST_BODY:
            raise TooLarge(f"a body of at most {MOST_BODY >> 10} kB", f"{len(self.request.body) >> 10} kB", "Send what is asked only")
        return checked(form, self.request.body)

    def say(self, model: "BaseModel") -> None:
        """Answer with JSON."""
        self.set_header("Cache-Control", "no-store")
        self.finish(model.model_dump_json())

    def public(self, problem: Problem) -> Problem:
        """The problem as everybody may read it."""
        if "Trouble" not in {kind.__name__ for kind in type(problem).__mro__}:
            return problem
        from . import history

        return history.public(problem, self.store)

    def refuse(self, problem: Problem) -> None:
        """Answer with the one line and its status."""
        self._wrong(status_of(problem), (problem.expected, problem.found, problem.do), str(problem))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado's and Jupyter's own refusals, in the same form."""
        said = SAID.get(status_code, UNSAID)
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, web.HTTPError) and error.log_message and status_code not in SAID:
            said = ("a request that can be read", str(error.log_message).rstrip("."), "Mend it")
        if status_code == 405:
            there = [name.upper() for name in ("get", "post", "delete") if name in vars(type(self))]
            self.set_header("Allow", ", ".join(sorted(["OPTIONS", *there])))
        self._wrong(status_code, said, str(Problem(*said)))

    def _wrong(self, status: int, said: tuple[str, str, str], message: str) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        if status == 503:
            self.set_header("Retry-After", "2")
        self.finish(json.dumps(dict(zip(("expected", "found", "do", "message"), (*said, message), strict=True))))

    async def worked(self, order: dict[str, Any], scan: bool = False) -> "Answer":
        """Have a process of its own do it; it ends where the asker hangs up."""
        work = asyncio.ensure_future(self.extension.workers.do(order, **self.extension.limits(scan)))
        self._work = work
        return await work

    async def remembered(self, order: dict[str, Any], what: str) -> dict[str, Any]:
        """The one line of an answer that stays the same while the server runs."""
        key, known = json.dumps(order, sort_keys=True), self.extension.answers
        if key not in known:
            found = (await self.worked(order)).first(what)
            while len(known) >= MOST_ANSWERS:
                known.pop(next(iter(known)))
            known[key] = found
        return known[key]

    def on_connection_close(self) -> None:
        if self._work is not None:
            self._work.cancel()
        super().on_connection_close()

    async def files(self, path: str) -> dict[str, Any]:
        """A file of the file browser for a worker; the authorizer is asked for leave to read files too."""
        from jupyter_core.utils import ensure_async

        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", "contents")):
            raise web.HTTPError(403)
        root = getattr(self.contents_manager, "root_dir", None)
        if not root:
            raise Unequipped("a contents manager that keeps files on disk", "another kind", "Scan with `tiltyard scan` where the files are")
        return {"root": str(root), "path": path, "hidden": bool(self.contents_manager.allow_hidden)}


def checked(form: "type[BaseModel]", given: dict[str, str] | bytes) -> Any:
    """``given`` as ``form``, or its first error in one line."""
    from pydantic import ValidationError

    try:
        return form.model_validate_json(given) if isinstance(given, bytes) else form.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Problem(f"{where[:80]} as openapi.json has it", ascii(first["msg"])[1:-1].lower(), "Mend it") from None


class VersionHandler(Handler):
    """``version``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.version, self.store))


class ScanHandler(Handler):
    """``scan``"""

    @web.authenticated
    @allowed("execute")
    @asks("run")
    async def post(self) -> None:
        from . import scans
        from .forms import PathAsked

        asked = self.body(PathAsked)
        order = {"do": "scan"} | await self.files(asked.path)
        self.say(scans.answer(await self.worked(order, scan=True)))


class RunsHandler(Handler):
    """``runs``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history
        from .forms import RunsAsked

        self.say(await asyncio.to_thread(history.page, self.store, self.query(RunsAsked)))


class RunHandler(Handler):
    """``runs/{id}``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.detail, self.store, run))

    @web.authenticated
    @allowed()
    @asks("delete")
    async def delete(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.delete, self.store, run))


class CancelHandler(Handler):
    """``runs/{id}/cancel``"""

    @web.authenticated
    @allowed("execute")
    @asks("run")
    async def post(self, run: str) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.cancel, self.store, run))


class RunReportHandler(Handler):
    """``runs/{id}/report``"""

    @web.authenticated
    @allowed()
    @asks("export")
    async def get(self, run: str) -> None:
        import base64

        from . import history
        from .forms import MEDIA, ReportAsked

        asked = self.query(ReportAsked)
        item = await asyncio.to_thread(history.found, self.store, run)
        order = {"do": "report", "run": item.id, "format": asked.format, "store": self.extension.store_place or None}
        made = (await self.worked(order | {"person": vars(self.person)})).first("the report")
        kind, suffix = MEDIA[asked.format]
        # Should a browser open it as a page of this origin, none of its scripts would run and nothing would be fetched.
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
        self.set_header("Content-Disposition", f'inline; filename="tiltyard-{item.short}{suffix}"')
        self.set_header("Cache-Control", "no-store")
        if made["unlogged"]:
            self.set_header("X-Tiltyard-Unlogged", ascii(made["unlogged"])[1:-1])
        self.finish(base64.b64decode(made["content"]), set_content_type=kind)


class ReportHandler(Handler):
    """``report``"""

    @web.authenticated
    @allowed("read")
    @asks("look")
    async def post(self) -> None:
        from .forms import PathAsked, ReportView

        asked = self.body(PathAsked)
        order = {"do": "view", "keys": list(self.extension.trusted_keys)} | await self.files(asked.path)
        self.say(ReportView.model_validate((await self.worked(order)).first("the report")))


class ModelsHandler(Handler):
    """``models``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history

        self.say(await asyncio.to_thread(history.models, self.store))


class CompareHandler(Handler):
    """``compare``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from . import history
        from .forms import CompareAsked

        asked = self.query(CompareAsked)
        self.say(await asyncio.to_thread(history.side_by_side, self.store, asked.before, asked.after))


class CodeHandler(Handler):
    """``code``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from .forms import CodeAsked, CodeCells

        asked = self.query(CodeAsked)
        self.say(CodeCells.model_validate(await self.remembered({"do": "cells"} | asked.model_dump(), "the cells")))


class PanelsHandler(Handler):
    """``panels``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from .forms import PanelList

        self.say(PanelList.model_validate(await self.remembered({"do": "panels"}, "the panels")))


class EventsHandler(Handler):
    """``events``"""

    _track_activity = False  # a page left open keeps no server awake

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        watch = self.extension.desk(self.person).watch
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("Content-Type", "text/event-stream")
        self.listener = await watch.listen()
        try:
            while (piece := await self.listener.next()) is not None:
                self.write(piece)
                await self.flush()
        except StreamClosedError:
            pass
        finally:
            watch.leave(self.listener)
        self.finish(set_content_type="text/event-stream")

    def on_connection_close(self) -> None:
        if "listener" in vars(self):
            self.listener.end()
        super().on_connection_close()


class OpenAPIHandler(Handler):
    """``openapi.json``"""

    @web.authenticated
    @allowed()
    @asks("look")
    async def get(self) -> None:
        from importlib.resources import files

        self.finish(files(__package__).joinpath("openapi.json").read_bytes())


class NowhereHandler(Handler):
    """Any other address."""

    @web.authenticated
    @allowed()
    async def get(self) -> None:
        raise web.HTTPError(404)

    post = put = patch = delete = get


RUN = r"runs/([^/]+)"
ROUTES: tuple[tuple[str, type[Handler]], ...] = (
    ("version", VersionHandler),
    ("scan", ScanHandler),
    ("runs", RunsHandler),
    (RUN, RunHandler),
    (f"{RUN}/cancel", CancelHandler),
    (f"{RUN}/report", RunReportHandler),
    ("models", ModelsHandler),
    ("compare", CompareHandler),
    ("report", ReportHandler),
    ("code", CodeHandler),
    ("panels", PanelsHandler),
    ("events", EventsHandler),
    ("openapi.json", OpenAPIHandler),
    (".*", NowhereHandler),
)
