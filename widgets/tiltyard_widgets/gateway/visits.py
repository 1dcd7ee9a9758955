"""All pages on their way: whose turn it is, which are shown, and what runs once nobody waits for a first sight any more."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from nbclient.exceptions import DeadKernelError

from .running import Cells
from .skeleton import Skeletons
from .turns import Turns

LOOK = 0.5  # s between looks at whether a page's kernel is still there
UNSEEN = 4.0  # s after which a page that was sent counts as shown, though its browser did not say so
LONGEST = 6.0  # s after which a page's later cells no longer wait for other pages
AGAIN = 600.0  # s in which nobody waits again for whoever let a page pass unseen


@dataclass(eq=False)
class Coming:
    """A page on its way to whom, and whether it was sent, and shown."""

    who: Hashable
    sent: bool = False
    seen: asyncio.Event = field(default_factory=asyncio.Event)


class Visits:
    """Pages between the request for them and the eye.

    What is costly and not seen at first (a notebook's later cells) waits until no other page is on its way, so that eight people
    at once have eight pages before eight kernels load torch. Nobody can keep the others waiting for long: of each person one page at a
    time is waited for, by each cell once, none of a person whose page passed unseen a while ago, and for all of them `LONGEST` at most.

    Parameters
    ----------
    alive
        Is there still a kernel of this id? A page whose kernel was ended is not on its way any more.
    """

    def __init__(self, skeletons: Skeletons, at_once: int, alive: Callable[[str], bool] = lambda kernel_id: True) -> None:
        self.skeletons = skeletons
        self.alive = alive
        self.turns = Turns(at_once)
        self._way: dict[Hashable, Coming] = {}
        self._sent: dict[str, Coming] = {}
        self._unseen: dict[Hashable, float] = {}
        self._change = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def coming(self, who: Hashable) -> Iterator[Coming]:
        """A page of this person was asked for and is not sent yet."""
        page = Coming(who)
        if self._unseen.get(who, -AGAIN) + AGAIN <= self._now():
            self._way.setdefault(who, page)
        try:
            yield page
        finally:
            if not page.sent:
                self._arrived(page)

    def sent(self, kernel_id: str, cells: Cells, page: Coming) -> None:
        """A page was sent whole; it is on its way until its browser says that it is shown."""
        page.sent = True
        self._sent[kernel_id] = page
        self._do(self._arrival(kernel_id))
        self._do(self._later(cells))

    def shown(self, kernel_id: str) -> None:
        """A browser says that its page is shown, or that it leaves it."""
        if page := self._sent.get(kernel_id):
            page.seen.set()

    async def _arrival(self, kernel_id: str) -> None:
        page, end = self._sent[kernel_id], self._now() + UNSEEN
        while not page.seen.is_set() and self.alive(kernel_id) and self._now() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(page.seen.wait(), LOOK)
        del self._sent[kernel_id]
        if not page.seen.is_set() and self.alive(kernel_id):
            recent = {who: when for who, when in self._unseen.items() if when + AGAIN > self._now()}
            self._unseen = recent | {page.who: self._now()}
        self._arrived(page)

    def _arrived(self, page: Coming) -> None:
        """Nobody waits for this page any more."""
        if self._way.get(page.who) is page:
            del self._way[page.who]
        self._do(self._changed())

    async def _later(self, cells: Cells) -> None:
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet(), LONGEST)
            with suppress(DeadKernelError, RuntimeError):  # its page was closed meanwhile
                await cells.run_later()
        finally:
            await cells.close()

    async def _quiet(self) -> None:
        """Wait for everybody who has a page on its way, once each."""
        before = dict(self._way)
        over: set[Hashable] = set()
        async with self._change:
            while before.keys() - over:
                await self._change.wait()
                over |= {who for who, page in before.items() if self._way.get(who) is not page}
                before = dict(self._way)

    async def _changed(self) -> None:
        async with self._change:
            self._change.notify_all()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
