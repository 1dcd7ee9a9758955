"""News from the store for those who listen, whichever process made them: one look at a time serves all who see the same."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from tiltyard.errors import Trouble
from tiltyard.result import Frozen
from tiltyard.store.lines import LIVE, StepLine
from tiltyard.store.store import Store

from . import history
from .forms import Hello, ProgressEvent, RecordEvent, RunEvent, RunItem, RunsAsked, StoreEvent, StoreState

LOG = logging.getLogger(__name__)
LOOK = 0.5  # seconds between looks
AGAIN = 5.0  # a killed process leaves no mark, so while runs go on look anyway
BEAT = 15.0  # a line for proxies that cut silent connections
WINDOW = 100  # newest runs that are watched
MOST_WAITING = 1000


def encoded(name: str, data: Frozen) -> str:
    """One server-sent event."""
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n"


@dataclass(frozen=True)
class Look:
    """How things stood at one look: the newest runs and those under way, and which of their steps had ended."""

    store: StoreState
    total: int = 0
    runs: dict[str, RunItem] = field(default_factory=dict)
    steps: dict[str, dict[str, StepLine]] = field(default_factory=dict)

    @property
    def going(self) -> bool:
        """Has any kernel or shell a run in hand?"""
        return any(run.state in LIVE for run in self.runs.values())

    def hello(self) -> str:
        """The first event of a connection."""
        return encoded("hello", Hello(store=self.store, total=self.total, runs=tuple(self.runs.values())))


def look(store: Store, before: Look | None) -> Look:
    """How things stand now; of a store that does not answer, how they stood before."""
    try:
        page = history.page(store, RunsAsked(limit=WINDOW))
        runs = {run.id: run for run in page.runs}
        if page.runs:
            runs |= {id: history.found(store, id) for id in store.jobs.underway() if id not in runs}
        watched = [run for run in runs.values() if run.state in LIVE or (before and (run.id in before.steps or run.id not in before.runs))]
        return Look(page.store, page.total, runs, {run.id: _ended(store, run, before) for run in watched})
    except Trouble as trouble:
        state = history.troubled(trouble, store)
        return replace(before, store=state) if before else Look(state)


def _ended(store: Store, run: RunItem, before: Look | None) -> dict[str, StepLine]:
    known = before.runs.get(run.id) if before else None
    if before and known and known.counts == run.counts and run.id in before.steps:
        return before.steps[run.id]
    return {line.token: line for line in store.steps(run.id) if line.ended is not None}


def news(before: Look, after: Look, doubted: bool = False) -> list[str]:
    """The events between two looks; how the store does too, where somebody was told otherwise in between."""
    pieces = [piece for id, run in reversed(after.runs.items()) for piece in _of_run(before, after, run)]
    if after.store.state == "ok":
        gone = [id for id in before.runs if id not in after.runs and _deleted(before.runs[id], after)]
        pieces += [encoded("run", RunEvent(change="deleted", id=id, run=None, total=after.total)) for id in gone]
    if doubted or before.store != after.store or (before.total != after.total and not pieces):
        pieces.append(encoded("store", StoreEvent(store=after.store, total=after.total)))
    return pieces


def _of_run(before: Look, after: Look, run: RunItem) -> list[str]:
    known, pieces = before.runs.get(run.id), []
    if known is None:
        pieces.append(encoded("run", RunEvent(change="started", id=run.id, run=run, total=after.total)))
    old = before.steps.get(run.id, {})
    pieces += [encoded("record", RecordEvent(step=line)) for token, line in after.steps.get(run.id, {}).items() if token not in old]
    if (known is None or known.state in LIVE) and run.state not in LIVE:
        return [*pieces, encoded("run", RunEvent(change="ended", id=run.id, run=run, total=after.total))]
    if known is None or known == run:
        return pieces
    if known.model_copy(update={"progress": run.progress}) != run:
        return [*pieces, encoded("run", RunEvent(change="changed", id=run.id, run=run, total=after.total))]
    return [*pieces, encoded("progress", ProgressEvent(id=run.id, progress=run.progress))]


def _deleted(run: RunItem, after: Look) -> bool:
    """Gone, and not only pushed out of the window by newer ones."""
    return len(after.runs) < WINDOW or run.started >= min(other.started for other in after.runs.values())


class Listener:
    """One open connection. ``ended`` is called where nothing more follows."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[str | None] = asyncio.Queue(MOST_WAITING)
        self.ended: Callable[[], object] = lambda: None

    def tell(self, piece: str) -> None:
        """Have it sent; one that takes nothing any more is cut off, and comes again by itself."""
        try:
            self._waiting.put_nowait(piece)
        except asyncio.QueueFull:
            self.end()

    def end(self) -> None:
        """Nothing more follows."""
        while self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)
        self.ended()

    async def next(self) -> str | None:
        """The next piece; a comment where nothing happens for long; None at the end."""
        try:
            return await asyncio.wait_for(self._waiting.get(), BEAT)
        except TimeoutError:
            return ": still here\n\n"


class Streams:
    """All open connections of a server: at most ``each`` of a person and ``most`` in all. The oldest makes room for a new one.

    Where all are too many, it is the oldest of the person who has most, so that nobody takes another's place.
    """

    def __init__(self, each: int, most: int) -> None:
        self._each, self._most = each, most
        self._open: dict[str, list[Listener]] = {}

    def opened(self, who: str) -> Listener:
        """A new one, counted from this moment on."""
        mine = self._open.get(who, [])
        if len(mine) >= self._each:
            self._make_room(mine)
        elif sum(map(len, self._open.values())) >= self._most:
            self._make_room(max(self._open.values(), key=len))
        listener = Listener()
        self._open.setdefault(who, []).append(listener)
        return listener

    def closed(self, listener: Listener) -> None:
        """It is no more."""
        for who, theirs in tuple(self._open.items()):
            if listener in theirs:
                theirs.remove(listener)
                if not theirs:
                    del self._open[who]

    def _make_room(self, theirs: list[Listener]) -> None:
        oldest = theirs[0]
        self.closed(oldest)
        oldest.end()


class Watch:
    """Looks into one person's view of the store while someone listens."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._listeners: set[Listener] = set()
        self._last: Look | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._doubted = False

    async def listen(self, listener: Listener | None = None) -> Listener:
        """A listener that has been told how things stand."""
        listener = listener or Listener()
        async with self._turn:
            if self._last is None:
                self._last = await asyncio.to_thread(look, self._store, None)
            listener.tell(f"retry: 3000\n\n{self._last.hello()}")
            self._listeners.add(listener)
            if self._task is None:
                self._task = asyncio.ensure_future(self._go())
        return listener

    def doubt(self, state: str) -> None:
        """A request found the store so. Where the looks saw it otherwise, all are told after the next how it stands then.

        A look may wait while another program holds the store, and find it free, when a request has given up.
        """
        self._doubted = self._doubted or (self._last is not None and self._last.store.state != state)

    def leave(self, listener: Listener) -> None:
        """It listens no more; without any the looking ends."""
        self._listeners.discard(listener)

    async def stop(self) -> None:
        """End all connections."""
        for listener in self._listeners:
            listener.end()
        self._listeners.clear()
        if self._task is not None:
            await self._task

    async def _go(self) -> None:
        mark, looked = "", 0.0
        while True:  # it ends inside the lock, where nobody can be listening anew
            await asyncio.sleep(LOOK)
            async with self._turn:
                now = await asyncio.to_thread(self._mark)
                late = self._last is not None and self._last.going and time.monotonic() - looked > AGAIN
                if now != mark or late or self._doubted or (self._last and self._last.store.state != "ok"):
                    mark, looked = now, time.monotonic()
                    await self._tell()
                if not self._listeners:
                    self._last, self._task = None, None
                    return

    def _mark(self) -> str:
        with suppress(Exception):  # the look that follows says what is wrong
            return self._store.mark()
        return "no answer"

    async def _tell(self) -> None:
        before, doubted, self._doubted = self._last, self._doubted, False
        try:
            self._last = await asyncio.to_thread(look, self._store, before)
            pieces = news(before, self._last, doubted) if before else []
        except Exception:  # whoever listens comes again, and is told how things stand then
            LOG.exception("tiltyard could not tell the news")
            self._last, pieces = None, []
            for listener in self._listeners:
                listener.end()
        for piece in pieces:
            for listener in list(self._listeners):
                listener.tell(piece)
