"""Tries to log in: each costs a hash of 64 MiB, so they wait in a line, and a flood neither costs more nor keeps anybody out.

A few of each address are sure to be looked at; those beyond are *crowded*, and of them fewer are: those whose turn comes within the pause. A name that is there goes before
one that is not. That this cannot be seen from outside is what the rest is for: a wrong try is answered at the same time and in the same
words whether its name is there or not, looked at or not. One that is not crowded is answered after a pause, or once all that came
before it are; one that is crowded after the same pause, to the moment. Only the right password is answered at once.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
AT_ONCE = 2
BY_ADDRESS = 8
IN_ALL = 16
CROWDED = 32  # a class that comes at once is one address to us, behind its router or a tunnel
MOST = 512


class Crowded(Exception):
    """Too many tries at once; this one was not right, or was not looked at."""


@dataclass(eq=False)
class _Try(Generic[T]):
    known: bool
    address: str
    crowded: bool
    look: Callable[[], Awaitable[T | None]]
    answer: "asyncio.Future[T | None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Tries(Generic[T]):
    """The line. ``pause`` waits as long as a wrong try is kept waiting."""

    def __init__(self, pause: Callable[[], Awaitable[None]]) -> None:
        self._pause = pause
        self._pending: list[_Try[T]] = []
        self._waiting: list[_Try[T]] = []
        self._last: asyncio.Event | None = None
        self._looking: set[asyncio.Task[None]] = set()

    async def judged(self, known: bool, address: str, look: Callable[[], Awaitable[T | None]]) -> T | None:
        """What ``look`` finds, None where it is not right.

        Parameters
        ----------
        known
            Is there such a name?
        address
            Whence it comes; addresses take turns.
        look
            Hashes the password; called for few of a flood.

        Raises
        ------
        Crowded
            Where too many were tried at once.
        """
        if len(self._pending) >= MOST:
            raise Crowded
        own = sum(one.address == address for one in self._pending)
        sure = sum(not one.crowded for one in self._pending)
        me = _Try[T](known, address, own >= BY_ADDRESS or sure >= IN_ALL, look)
        before, self._last = self._last, self._last if me.crowded else me.settled
        self._pending.append(me)
        self._enter(me)
        try:
            return await self._outcome(me, before)
        finally:
            self._pending.remove(me)
            if me in self._waiting:
                self._waiting.remove(me)
            me.settled.set()

    async def _outcome(self, me: _Try[T], before: asyncio.Event | None) -> T | None:
        pause = asyncio.ensure_future(self._pause())
        try:
            ways: list[asyncio.Future[Any]] = [pause, me.answer]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if not me.crowded:
                await me.answer
            if me.answer.done() and (found := me.answer.result()) is not None:
                return found
            await pause
            if me.crowded:
                raise Crowded
            if before is not None:
                await before.wait()
            return None
        finally:
            pause.cancel()

    def _enter(self, me: _Try[T]) -> None:
        self._waiting.append(me)
        crowded = [one for one in self._order() if one.crowded]
        for one in crowded[CROWDED:]:
            self._waiting.remove(one)
        self._next()

    def _order(self) -> list[_Try[T]]:
        """Names that are there first, then those sure to be looked at; of the crowded each address's first before any one's second."""
        nth: Counter[str] = Counter()
        ranks: list[tuple[bool, bool, int]] = []
        for one in self._waiting:
            ranks.append((not one.known, one.crowded, nth[one.address]))
            nth[one.address] += one.crowded
        return [one for _, one in sorted(zip(ranks, self._waiting, strict=True), key=lambda pair: pair[0])]

    def _next(self) -> None:
        while self._waiting and len(self._looking) < AT_ONCE:
            one = self._order()[0]
            self._waiting.remove(one)
            task = asyncio.ensure_future(self._look(one))
            self._looking.add(task)
            task.add_done_callback(self._looked)

    async def _look(self, one: _Try[T]) -> None:
        try:
            one.answer.set_result(await one.look())
        except Exception as error:
            one.answer.set_exception(error)
            one.answer.exception()  # whoever asked may have been answered already

    def _looked(self, task: "asyncio.Task[None]") -> None:
        self._looking.discard(task)
        self._next()
