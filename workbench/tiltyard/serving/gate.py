"""The outermost layer: every request passes it, and nothing passes out without its headers. Errors end here."""

import asyncio
import random
import secrets
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from .journal import Journal, Trace
from .places import Visit
from .refusal import Refusal, refuse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LINGER_BYTES = 32 * 2**20
LINGER_SECONDS = 2.0
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
STRICT = (b"strict-transport-security", b"max-age=31536000")
ONCE = (b"authorization", b"content-length", b"content-type", b"content-encoding", b"host")


class Gate:
    """ASGI middleware: request id, security headers, smuggling checks, one log line a request, and no exception that gets by.

    Parameters
    ----------
    secure
        Served over TLS: adds Strict-Transport-Security.
    """

    def __init__(self, app: App, journal: Journal, secure: bool) -> None:
        self.app = app
        self.journal = journal
        self.headers = [*HEADERS, STRICT] if secure else HEADERS
        self.draining = False
        self._ids = random.Random(secrets.randbits(128))  # names requests and guards nothing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace = scope["trace"] = Trace(f"{self._ids.getrandbits(64):016x}")
        waits = any(name == b"expect" for name, _ in scope["headers"])  # the client sends no body before we ask for it
        passage = _Passage(self, trace, receive, send, waits, visit_of(scope))
        begun = time.perf_counter()
        try:
            if bad := smuggled(scope):
                await passage.refused(bad)
            else:
                await self.app(scope, passage.receive, passage.send)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            await self._broken(error, trace, passage)
        finally:
            client = scope.get("client")
            self.journal.request(trace, scope["method"], client[0] if client else "", passage.status, time.perf_counter() - begun)

    async def _broken(self, error: Exception, trace: Trace, passage: "_Passage") -> None:
        if type(error).__name__ == "ClientDisconnect":
            trace.reason = "the client left"
            return
        trace.error = where(error)
        if not passage.status:
            await passage.refused(refuse(500, "an answer", "an error in the server", f"Tell its operator the id {trace.id}"))


class _Passage:
    """One request on its way: what was read of its body, and what was sent."""

    def __init__(self, gate: Gate, trace: Trace, receive: Receive, send: Send, waits: bool, visit: Visit | None) -> None:
        self.gate = gate
        self.visit = visit
        self.trace = trace
        self.status = 0
        self._receive = receive
        self._send = send
        self._whole = False
        self._waits = waits

    async def receive(self) -> Message:
        message = await self._receive()
        self._whole = self._whole or message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self.visit is not None:
                self.visit.answered()
            if not self._whole and not self._waits:
                with suppress(TimeoutError):
                    await self._linger()
            self.status = message["status"]
            close = [(b"connection", b"close")] if self.gate.draining or not self._whole else []
            id_ = (b"x-request-id", self.trace.id.encode())
            message = {**message, "headers": [*message.get("headers", []), *self.gate.headers, id_, *close]}
        await self._send(message)

    async def _linger(self) -> None:
        """Take and drop a bounded rest of the body, for a client that is still sending would not read our refusal."""
        left = LINGER_BYTES
        async with asyncio.timeout(LINGER_SECONDS):
            while not self._whole and left > 0:
                left -= len((await self.receive()).get("body", b""))

    async def refused(self, refusal: Refusal) -> None:
        from starlette.responses import JSONResponse

        self.trace.reason = self.trace.reason or refusal.problem.expected
        response = JSONResponse(refusal.body, refusal.status, refusal.headers)
        await response({"type": "http"}, self.receive, self.send)


def visit_of(scope: Scope) -> Visit | None:
    """The connection a request came on; None where another server than ours serves."""
    visit: Visit | None = scope.get("state", {}).get("visit")
    return visit


def smuggled(scope: Scope) -> Refusal | None:
    """A refusal for a head that two servers could read differently (RFC 9112, section 6.3), else None."""
    names = [name for name, _ in scope["headers"]]
    if b"transfer-encoding" in names and b"content-length" in names:
        return refuse(400, "a length or chunks", "both Content-Length and Transfer-Encoding", "Send one of them")
    if twice := next((name for name in ONCE if names.count(name) > 1), None):
        return refuse(400, f"one {twice.decode()} header", "several", "Send it once")
    return None


def where(error: BaseException) -> str:
    """Kind and place of an error; not its message, in which a row may stand."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" at {last.filename.rpartition('/')[2]}:{last.lineno}" if last else ""
    return f"{type(error).__name__}{place}"
