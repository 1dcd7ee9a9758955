"""The queue before the workers of a shared machine: so many checks run at once, and who has had least goes next."""

import os
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

QUICK = 5.0  # s that a check is expected to take at most to go past those that take long
GRACE = 1.0  # s that a free worker waits for a person who holds none
STALE = 30.0  # s after which one that waits and no longer asks has given up
LATE = 20.0  # s that a check may run among the quick ones; then it counts among the long
OVERDUE, LONGEST = (
    600.0,
    3600.0,
)  # s that a check holds a worker at least while somebody else waits, and the most that is believed of what it is expected to take
SETTLE = 5.0  # s in which those who hold a worker of a broker that died say so to the next


@dataclass(frozen=True)
class Place:
    """Where a check stands: 0 where it may run, else ``place`` (the first is 1) ``of`` so many that wait; ``seconds`` until its turn, None where that cannot be told."""

    place: int
    of: int
    seconds: float | None


@dataclass(eq=False)
class Asked:
    """A check that somebody wants to run, the seconds it is expected to take, and since when it waits or runs."""

    who: str
    seconds: float
    heard: float
    begun: float | None = None


class Running:
    """A queue that is fair by person.

    Of those who wait, the one whose person holds fewest workers, then has had fewest seconds of work.

    A second worker of one person's is given once it has been free for a second: somebody's next step comes a moment after the one before.
    Whoever comes anew counts as having had as much as the least of those who are there: nobody saves up turns by staying away.
    One that holds a worker for more than `OVERDUE` seconds and twice what was expected does not count for others who wait: nobody keeps them waiting for good, by never giving it back or by what is said to be expected.

    Parameters
    ----------
    workers
        How many run at once.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.workers = workers
        self._clock = clock
        self._alone = Lock()
        self._asked: dict[str, Asked] = {}
        self._had: dict[str, float] = {}
        self._freed = -GRACE
        self._opens = -SETTLE

    def settle(self) -> None:
        """Give out no worker for a moment, until those who hold one have said so."""
        with self._alone:
            self._opens = self._clock() + SETTLE

    def ask(self, id: str, who: str, seconds: float, holds: bool = False) -> Place:
        """Ask for a worker, and again now and then until it is one's turn; ``holds`` where it has one already, however many there are."""
        with self._alone:
            now = self._clock()
            self._forget(now)
            if id not in self._asked:
                self._came(who)
                self._asked[id] = Asked(who, min(seconds, LONGEST), now)
            me = self._asked[id]
            me.heard = now
            if me.begun is None and (holds or self._turn(me, now)):
                me.begun = now
            return self._place(me, now)

    def leave(self, id: str) -> None:
        """It has ended, or nobody waits for it any more."""
        with self._alone:
            if (left := self._asked.pop(id, None)) and left.begun is not None:
                self._freed = self._clock()
                self._had[left.who] = self._had.get(left.who, 0.0) + self._freed - left.begun
            if not self._asked:
                self._had.clear()

    def has(self, id: str) -> bool:
        """Does it wait or run here?"""
        with self._alone:
            return id in self._asked

    def late(self) -> dict[str, Asked]:
        """Those that have held a worker for more than `LATE` seconds; they count here no more."""
        with self._alone:
            now = self._clock()
            found = {id: one for id, one in self._asked.items() if one.begun is not None and now - one.begun > LATE}
            for id, one in found.items():
                del self._asked[id]
                self._had[one.who] = self._had.get(one.who, 0.0) + LATE
            return found

    def add(self, held: dict[str, Asked]) -> None:
        """Count these too, which hold a worker of another queue."""
        with self._alone:
            for id, one in held.items():
                self._came(one.who)
                self._asked[id] = one

    def _turn(self, me: Asked, now: float) -> bool:
        free = max(0, self.workers - sum(one.who == me.who or not overdue(one, now) for one in self._held()))
        return now >= self._opens and me in self._order()[:free] and self._may(me, now)

    def _may(self, me: Asked, now: float) -> bool:
        return now - self._freed >= GRACE or all(one.who != me.who for one in self._held())

    def _came(self, who: str) -> None:
        there = {one.who for one in self._asked.values()}
        if who not in there:
            least = min((self._had.get(other, 0.0) for other in there), default=0.0)
            self._had[who] = max(self._had.get(who, 0.0), least)

    def _forget(self, now: float) -> None:
        for id in [id for id, one in self._asked.items() if one.begun is None and now - one.heard > STALE]:
            del self._asked[id]

    def _held(self) -> list[Asked]:
        return [one for one in self._asked.values() if one.begun is not None]

    def _order(self) -> list[Asked]:
        """Those who wait, the next first."""
        waiting: dict[str, deque[tuple[int, Asked]]] = {}
        for at, one in enumerate(one for one in self._asked.values() if one.begun is None):
            waiting.setdefault(one.who, deque()).append((at, one))
        holds = Counter(one.who for one in self._held())
        order: list[Asked] = []
        while waiting:
            who = min(
                waiting, key=lambda who: (holds[who], self._had.get(who, 0.0), waiting[who][0][0])
            )  # of equals the one that came first
            order.append(waiting[who].popleft()[1])
            holds[who] += 1
            if not waiting[who]:
                del waiting[who]
        return order

    def _place(self, me: Asked, now: float) -> Place:
        if me.begun is not None:
            return Place(0, 0, 0.0)
        order = self._order()
        at = order.index(me)
        return Place(at + 1, len(order), self._until(order[:at], now))

    def _until(self, ahead: list[Asked], now: float) -> float | None:
        """Seconds until a worker is free once those ahead have had one; None where one that runs takes longer than was expected."""
        free = sorted(one.begun + one.seconds - now for one in self._held() if one.begun is not None)
        if not free or free[0] < 0:
            return None
        for one in ahead:
            free = sorted([free[0] + one.seconds, *free[1:]])
        return free[0]


def overdue(one: Asked, now: float) -> bool:
    """Has it held a worker for longer than others must wait for it?"""
    return one.begun is not None and now - one.begun > max(OVERDUE, 2 * one.seconds)


class Lanes:
    """Two queues, so that a check of seconds does not wait for one of minutes: each is bounded. A quick one that is not counts among the long.

    Parameters
    ----------
    running
        How many checks of more than `QUICK` seconds run at once; 0 for one for two cores.
    """

    def __init__(self, running: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        cores = os.cpu_count() or 1
        self.long, self.quick = Running(running or max(1, cores // 2), clock), Running(max(1, cores - 1), clock)

    def settle(self) -> None:
        """As `Running.settle`."""
        self.long.settle()
        self.quick.settle()

    def ask(self, id: str, who: str, seconds: float, holds: bool = False) -> Place:
        """As `Running.ask`, in the queue where checks of this length stand."""
        self.long.add(self.quick.late())
        lane = self.long if seconds > QUICK or self.long.has(id) else self.quick
        return lane.ask(id, who, seconds, holds)

    def leave(self, id: str) -> None:
        """As `Running.leave`."""
        self.quick.leave(id)
        self.long.leave(id)
