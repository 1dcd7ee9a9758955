"""uvicorn's HTTP/1.1 protocol with deadlines and places: a client that dawdles, or shows no key, loses the connection."""

import asyncio
import ssl
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from .places import Places, Visit
from .settings import LimitSettings


class Deadlined(H11Protocol):
    """Bounds what uvicorn leaves open: who may hold a connection, and the time for the handshake, the head and taking an answer.

    `limited` makes the class for given limits. The body's time is bounded where it is read (`body.read_json`). TLS is begun
    here and not by the server, so that a connection is counted from its first moment on.
    """

    limits = LimitSettings()
    places = Places(limits)
    context: ssl.SSLContext | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the connection a place, or end it at once where there is none."""
        self.transport = transport
        self._head: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        self._stranger: asyncio.TimerHandle | None = None
        self._early: list[bytes] | None = []
        self.visit = Visit(self._end, self._await_key)
        peer = transport.get_extra_info("peername")
        self.connections.add(self)
        if not self.places.enter(self.visit, str(peer[0]) if peer else ""):
            self._end()
            return
        self.places.plan(self.loop)
        self._await_key(self.visit)
        if self.context is None:
            self._begin(transport)
            return
        transport.pause_reading()
        self._shaking = self.loop.create_task(self._shake(transport, self.context))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines and give the place back."""
        self._gone()
        if self._early is None:
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; bytes of an unfinished head do not move its deadline."""
        if self._early is not None:
            self._early.append(data)
            return
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """A pipelined request begins at once; else the idle time runs."""
        super().on_response_complete()
        self.visit.asking = self._busy
        if self.transport.is_closing():
            self._await_taking()

    def shutdown(self) -> None:
        """End gracefully; one whose TLS handshake has not begun, at once."""
        if self._early is None:
            super().shutdown()
        else:
            self.transport.abort()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also where its last answer was never received."""
        super().timeout_keep_alive_handler()
        self._await_taking()

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._clear(self._answer)
        self._answer = None

    @property
    def _busy(self) -> bool:
        """Is a request under way?"""
        return self.cycle is not None and not self.cycle.response_complete

    async def _shake(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        """Speak TLS from here on."""
        secure: asyncio.Transport | None = None
        try:
            wait = self.limits.stranger_seconds
            secure = await self.loop.start_tls(transport, self, context, server_side=True, ssl_handshake_timeout=wait)
        except (OSError, TimeoutError):
            transport.abort()
        if secure is None or self.visit.places is None:  # it left, or was ended, meanwhile
            transport.abort()
            self._gone()
            return
        self._begin(secure)

    def _begin(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "visit": self.visit}
        early, self._early = self._early, None
        self._await_head()
        if early:
            self.data_received(b"".join(early))

    def _gone(self) -> None:
        for timer in (self._head, self._answer, self._stranger):
            self._clear(timer)
        self.places.leave(self.visit)
        self.connections.discard(self)

    def _end(self) -> None:
        self.transport.abort()

    def _look(self) -> None:
        self.visit.asking = self._busy
        self.visit.receiving = self._busy and self.cycle.more_body
        if self.visit.asking:
            self._clear(self._head)
            self._head = None
        else:
            self._await_head()

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.limits.header_seconds, self._end)

    def _await_key(self, visit: Visit) -> None:
        """A stranger has little time; whoever showed a key has as much as `_await_head` and uvicorn give."""
        if visit.known:
            self._clear(self._stranger)
            self._stranger = None
        elif self._stranger is None:
            self._stranger = self.loop.call_later(self.limits.stranger_seconds, self._end)

    def _await_taking(self) -> None:
        if self._answer is None:
            self._answer = self.loop.call_later(self.limits.write_seconds, self._end)

    @staticmethod
    def _clear(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


def limited(limits: LimitSettings, proxies: tuple[str, ...] = (), context: ssl.SSLContext | None = None) -> Any:
    """The protocol class with these limits, as uvicorn's ``http`` takes it."""
    return type("Deadlined", (Deadlined,), {"limits": limits, "places": Places(limits, proxies), "context": context})
