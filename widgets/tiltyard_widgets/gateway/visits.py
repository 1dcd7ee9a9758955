"""All pages on their way: whose turn it is, which are shown, and what runs once nobody waits for a first sight any more."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress

from nbclient.exceptions import DeadKernelError

from .running import Cells
from .skeleton import Skeletons
from .turns import Turns

LOOK = 0.5  # s between looks at whether a page's kernel is still there
LONGEST = 20.0  # s after which a page counts as shown, and after which its later cells no longer wait for other pages


class Visits:
    """Pages between the request for them and the eye.

    What is costly and not seen at first (a notebook's later cells) waits until no other page is on its way, so that eight people
    at once have eight pages before eight kernels load torch.

    Parameters
    ----------
    alive
        Is there still a kernel of this id? A page whose kernel was ended is not on its way any more.
    """

    def __init__(self, skeletons: Skeletons, at_once: int, alive: Callable[[str], bool] = lambda kernel_id: True) -> None:
        self.skeletons = skeletons
        self.alive = alive
        self.turns = Turns(at_once)
        self._coming = 0
        self._sent: dict[str, asyncio.Event] = {}
        self._change = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """A page was asked for and is not sent yet."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            self._do(self._changed())

    def sent(self, kernel_id: str, cells: Cells) -> None:
        """A page was sent whole; it is on its way until its browser says that it is shown."""
        self._sent[kernel_id] = asyncio.Event()
        self._do(self._arrival(kernel_id))
        self._do(self._later(cells))

    def shown(self, kernel_id: str) -> None:
        """A browser says that its page is shown, or that it leaves it."""
        if seen := self._sent.get(kernel_id):
            seen.set()

    async def _arrival(self, kernel_id: str) -> None:
        seen, end = self._sent[kernel_id], asyncio.get_running_loop().time() + LONGEST
        while not seen.is_set() and self.alive(kernel_id) and asyncio.get_running_loop().time() < end:
            with suppress(TimeoutError):
                await asyncio.wait_for(seen.wait(), LOOK)
        del self._sent[kernel_id]
        await self._changed()

    async def _later(self, cells: Cells) -> None:
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet(), LONGEST)
            with suppress(DeadKernelError, RuntimeError):  # its page was closed meanwhile
                await cells.run_later()
        finally:
            await cells.close()

    async def _quiet(self) -> None:
        async with self._change:
            await self._change.wait_for(lambda: not self._coming and not self._sent)

    async def _changed(self) -> None:
        async with self._change:
            self._change.notify_all()

    def _do(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
