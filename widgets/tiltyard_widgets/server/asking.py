"""How a request is asked and answered: who may, what they gave, and each refusal in one line.

Nothing heavy is imported here, for JupyterLab waits for this module when it starts.
"""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from tiltyard.access.person import Person
from tiltyard.access.roles import Action
from tiltyard.errors import Problem, Trouble
from tiltyard.store.troubles import Locked

from .refusals import MEANT, UNKNOWN_ERROR, TooLarge, Unequipped, WrongType, status_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tiltyard.store.store import Store

    from .service import Service
    from .work import WorkerOutput

MOST_BODY = 64 << 10
MOST_ANSWERS = 100
LEFT = (499, "Client Closed Request")
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
                if isinstance(problem, Trouble):
                    self.service.desk(self.person).watch.doubt("locked" if isinstance(problem, Locked) else "broken")
            except asyncio.CancelledError:
                if not self.left:
                    raise
                self.set_status(*LEFT)  # for the log alone
                self.finish()

        return inner

    return around


def allowed(action: str | None = None) -> Callable[[Method], Method]:
    """Jupyter's authorizer must allow ``action``, by default what goes with the method, on ``tiltyard``."""
    return cast("Callable[[Method], Method]", authorized(action))


class Handler(APIHandler):
    """What all have in common: who asks, what they gave, and how they are answered."""

    auth_resource = "tiltyard"

    def initialize(self, service: "Service") -> None:
        self.service = service
        self._work: asyncio.Task[Any] | None = None
        self.left = False

    @property
    def person(self) -> Person:
        """Who asks, with their role."""
        return self.service.person(self.identity_provider, self.current_user)

    @property
    def store(self) -> "Store":
        """The store as they may see it."""
        return self.service.desk(self.person).store

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
        if not isinstance(problem, Trouble):
            return problem
        from . import history

        return history.public(problem, self.store)

    def refuse(self, problem: Problem) -> None:
        """Answer with the one line and its status."""
        self._wrong(status_of(problem), (problem.expected, problem.found, problem.do), str(problem))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Tornado's and Jupyter's own refusals, in the same form."""
        parts = MEANT.get(status_code, UNKNOWN_ERROR)
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, web.HTTPError) and error.log_message and status_code not in MEANT:
            parts = ("a request that can be read", str(error.log_message).rstrip("."), "Fix it")
        if status_code == 405:
            there = [name.upper() for name in ("get", "post", "delete") if name in vars(type(self))]
            self.set_header("Allow", ", ".join(sorted(["OPTIONS", *there])))
        self._wrong(status_code, parts, str(Problem(*parts)))

    def _wrong(self, status: int, parts: tuple[str, str, str], message: str) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        if status == 503:
            self.set_header("Retry-After", "2")
        self.finish(json.dumps(dict(zip(("expected", "found", "do", "message"), (*parts, message), strict=True))))

    async def worked(self, order: dict[str, Any], scan: bool = False) -> "WorkerOutput":
        """Have a process of its own do it; it ends where the asker hangs up."""
        settings = self.service.settings
        work = asyncio.ensure_future(self.service.workers.do(order, settings.scan if scan else settings.report))
        self._work = work
        return await work

    async def remembered(self, order: dict[str, Any], what: str) -> dict[str, Any]:
        """The one line of an answer that stays the same while the server runs."""
        key, known = json.dumps(order, sort_keys=True), self.service.answers
        if key not in known:
            found = (await self.worked(order)).first(what)
            while len(known) >= MOST_ANSWERS:
                known.pop(next(iter(known)))
            known[key] = found
        return known[key]

    def on_connection_close(self) -> None:
        self.left = True
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
        raise Problem(f"{where[:80]} as openapi.json has it", ascii(first["msg"])[1:-1].lower(), "Fix it") from None
