"""A window hears what other windows and shells write to its store, within a few seconds."""

import asyncio
import weakref

from .session import Session

EVERY = 2.0  # s between two looks; of a SQLite store a look reads one row of sums


class Watch:
    """Looks at the store now and then, on the kernel's loop; where there is none, as in a script, it does nothing."""

    def __init__(self, session: Session, every: float = EVERY) -> None:
        self._session = weakref.ref(session)
        self.every = every
        self._next: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin; again does nothing."""
        session = self._session()
        if session is None or session.store is None or self._next is not None:
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._next = self._loop.call_later(self.every, self._look)

    def stop(self) -> None:
        """No more looks."""
        if self._next is not None:
            self._next.cancel()
        self._loop = self._next = None

    def _look(self) -> None:
        session = self._session()
        if session is None or self._loop is None:
            return
        session.look()
        self._next = self._loop.call_later(self.every, self._look)
