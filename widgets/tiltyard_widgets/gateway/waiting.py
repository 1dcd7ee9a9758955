"""Those for whom the machine has no place yet: who came first gets the next one."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .turns import OnPlace

OFTEN = 0.5  # s between looks whether there is a place


@dataclass(eq=False)
class InLine:
    """One who waits, and the place that was shown last."""

    who: str
    shown: tuple[int, int] = (0, 0)


class WaitingRoom:
    """A line of people."""

    def __init__(self) -> None:
        self._line: list[InLine] = []

    def __len__(self) -> int:
        return len(self._line)

    def of(self, who: str) -> int:
        """How many of one person's stand in line."""
        return sum(one.who == who for one in self._line)

    def first(self, line: InLine) -> bool:
        """Is it the next?"""
        return self._line[0] is line

    @contextmanager
    def entered(self, who: str) -> Iterator[InLine]:
        """Stand in line until the end of the block."""
        line = InLine(who)
        self._line.append(line)
        try:
            yield line
        finally:
            self._line.remove(line)

    async def wait(self, line: InLine, tell: OnPlace) -> None:
        """Say the place in line where it is another than before, and wait a moment."""
        now = (self._line.index(line) + 1, len(self._line))
        if now != line.shown:
            line.shown = now
            await tell(*now)
        await asyncio.sleep(OFTEN)
