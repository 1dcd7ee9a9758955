"""uvicorn's HTTP/1.1 protocol with deadlines: a client that dawdles over its head or its answer loses the connection."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from .settings import LimitSettings


class Deadlined(H11Protocol):
    """Bounds what uvicorn leaves open: the time until a whole head is there, the time for taking an answer, and connections.

    `limited` makes the class for given limits. The body's time is bounded where it is read (`body.read_json`).
    """

    limits = LimitSettings()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or end it at once where there are too many."""
        super().connection_made(transport)
        self._head: asyncio.TimerHandle | None = None
        self._answer: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._clear_head()
        self._clear_answer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; bytes of an unfinished head do not move its deadline."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_head()
        else:
            self._clear_head()

    def on_response_complete(self) -> None:
        """A pipelined request begins at once; else the idle time runs."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._await_taking()

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection, also where its last answer was never taken."""
        super().timeout_keep_alive_handler()
        self._await_taking()

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        self._await_taking()

    def resume_writing(self) -> None:
        """It does again."""
        super().resume_writing()
        self._clear_answer()

    def _await_head(self) -> None:
        if self._head is None and not self.transport.is_closing():
            self._head = self.loop.call_later(self.limits.header_seconds, self.transport.abort)

    def _clear_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _await_taking(self) -> None:
        if self._answer is None:
            self._answer = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def _clear_answer(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None


def limited(limits: LimitSettings) -> Any:
    """The protocol class with these limits, as uvicorn's ``http`` takes it."""
    return type("Deadlined", (Deadlined,), {"limits": limits})
