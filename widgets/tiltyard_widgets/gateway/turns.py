"""Whose turn it is: so many at once, and each person's first before anybody's second."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OnPlace = Callable[[int, int], Awaitable[None]]


@dataclass(eq=False)
class _Waiting:
    who: str
    change: asyncio.Event = field(default_factory=asyncio.Event)


class Turns:
    """A queue with ``at_once`` places before the counter."""

    def __init__(self, at_once: int) -> None:
        self.at_once = at_once
        self._now = 0
        self._had: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @property
    def busy(self) -> int:
        """How many have their turn or wait for it."""
        return self._now + len(self._waiting)

    @asynccontextmanager
    async def turn(self, who: str, tell: OnPlace) -> AsyncIterator[None]:
        """A turn for ``who``; until it comes, ``tell`` hears of each new place, the first being 1, and of how many wait."""
        me = _Waiting(who)
        self._waiting.append(me)
        try:
            await self._called(me, tell)
            self._now += 1
            self._had[who] += 1
        finally:
            self._waiting.remove(me)
            self._changed()
        try:
            yield
        finally:
            self._now -= 1
            self._changed()

    async def _called(self, me: _Waiting, tell: OnPlace) -> None:
        shown: tuple[int, int] | None = None
        while (place := self._order().index(me)) >= self.at_once - self._now:
            me.change.clear()
            if (now := (place + 1, len(self._waiting))) != shown:
                shown = now
                await tell(*now)
            await me.change.wait()

    def _order(self) -> list[_Waiting]:
        """Those who wait, first come first served; but whoever has had a turn, or waits further ahead, comes after those who do not."""
        before = Counter(self._had)
        rounds: list[tuple[int, _Waiting]] = []
        for one in self._waiting:
            rounds.append((before[one.who], one))
            before[one.who] += 1
        return [one for _, one in sorted(rounds, key=lambda pair: pair[0])]

    def _changed(self) -> None:
        """Let all look again whether it is their turn. Nothing is waited for here: who is cancelled meanwhile would keep a turn."""
        if not self._waiting:
            self._had.clear()
        for one in self._waiting:
            one.change.set()
