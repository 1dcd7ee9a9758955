"""Who may hold a connection: strangers share a few places by address; the rest belong to those who showed a key."""

import ipaddress
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .settings import LimitSettings

GRACE = 1.0  # seconds in which a new connection may show its key before it is counted
PREFIX = 64  # bits of an IPv6 address that one holder has to himself
Group = dict["Visit", None]  # oldest first


class Visit:
    """One connection, from its address to the key it showed.

    Attributes
    ----------
    owner
        The key's account once a valid one was shown, or the address it came from.
    known
        Was a valid key shown by its last request, or does it come from a proxy that is trusted?
    asking
        Is a request of it under way?
    receiving
        Is that request's body not all there?
    judged
        Was it answered or refused before?
    end
        Closes the connection.
    """

    def __init__(self, end: Callable[[], None], changed: Callable[["Visit"], None] = lambda visit: None) -> None:
        self.end = end
        self.changed = changed
        self.owner = ""
        self.since = 0.0
        self.known = False
        self.trusted = False
        self.asking = False
        self.receiving = False
        self.judged = False
        self.places: Places | None = None

    @property
    def spared(self) -> bool:
        """Is it not to be ended to make room? With a key, once its request is whole, for then rows are spent; without, while its first is read."""
        return self.asking and not (self.receiving if self.known else self.judged)

    def shown(self, account: str) -> bool:
        """A valid key was shown; False where there is no place for one more with a key."""
        if self.trusted or self.places is None:
            return True
        held = self.places.promoted(self, account)
        self.changed(self)
        return held

    def refused(self) -> None:
        """No valid key was shown: it is a stranger, and may be ended at any moment."""
        self.judged = True
        if self.known and not self.trusted and self.places is not None:
            self.places.demoted(self)
            self.changed(self)

    def answered(self) -> None:
        """What it asked is being answered; the answer to a stranger waits for nobody."""
        self.judged = True


class Places:
    """Shares out connections. Strangers never cost those with a key a place, and one address costs another none.

    In its first second a connection is not counted among strangers, so that whoever knocks and shows its key is never ended for being
    one of many at an address. Where all places are taken, the oldest of the address that holds most goes if that is more than its
    share, else the oldest of all.

    Parameters
    ----------
    trusted
        Addresses and networks of proxies: their connections are not shared out by address and count as known.
    """

    def __init__(self, limits: LimitSettings, trusted: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self.most = limits.connections
        self.strangers = min(limits.strangers, max(1, self.most // 2))
        self.each = min(limits.strangers_each, self.strangers)
        self.trusted = tuple(ipaddress.ip_network(network, strict=False) for network in trusted)
        self.clock = clock
        self._strange: dict[str, Group] = {}
        self._known: dict[str, Group] = {}
        self._origins: dict[Visit, str] = {}
        self._planned: TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._origins)

    def count(self, known: bool) -> int:
        """Connections with a key, or without."""
        return sum(map(len, (self._known if known else self._strange).values()))

    def enter(self, visit: Visit, address: str) -> bool:
        """Give a new connection a place; False where there is none."""
        origin = network(address)
        visit.trusted = visit.known = self._is_trusted(address)
        if visit.trusted and not self._fits(origin):
            return False
        if len(self) >= self.most and not self._stranger_ended():
            return False
        visit.places, visit.since, self._origins[visit] = self, self.clock(), origin
        self._put(visit, origin)
        return True

    def leave(self, visit: Visit) -> None:
        """It is closed."""
        if self._origins.pop(visit, None) is not None:
            self._take(visit)
        visit.places = None

    def promoted(self, visit: Visit, account: str) -> bool:
        """It showed a valid key of ``account``; False where as many have as may, and it stays a stranger."""
        self._take(visit)
        visit.known = self._fits(account)
        self._put(visit, account if visit.known else self._origins[visit])
        return visit.known

    def demoted(self, visit: Visit) -> None:
        """Its key is no longer valid."""
        self._take(visit)
        visit.known = False
        self._put(visit, self._origins[visit])

    def plan(self, loop: AbstractEventLoop) -> None:
        """Count strangers in a moment, where there are too many."""
        crowded = self.count(known=False) > self.strangers or any(len(group) > self.each for group in self._strange.values())
        if self._planned is None and crowded:
            self._planned = loop.call_later(GRACE, self._settle, loop)

    def settle(self) -> None:
        """End strangers that have been there longest until no address, and not all together, hold more than they may."""
        end = self.clock() - GRACE
        kept: Counter[str] = Counter()
        for visit in [v for v in reversed(self._origins) if not v.known and v.since <= end]:
            full = kept[visit.owner] >= self.each or kept.total() >= self.strangers
            if full and not visit.spared:
                _ended(visit)
            else:
                kept[visit.owner] += 1

    def _settle(self, loop: AbstractEventLoop) -> None:
        self._planned = None
        self.settle()
        self.plan(loop)

    def _stranger_ended(self) -> bool:
        """End a stranger, to let in another; False where all are spared."""
        most = max(self._strange.values(), key=len, default={})
        among = most if len(most) > self.each else (v for v in self._origins if not v.known)
        return _ended(next((visit for visit in among if not visit.spared), None))

    def _fits(self, owner: str) -> bool:
        """Is there a place for one more known one, once whoever holds as many as ``owner`` or more gave one back?"""
        free = self.count(known=True) < max(1, self.most - self.strangers)
        holds = len(self._known.get(owner, ()))
        rich = (group for group in sorted(self._known.values(), key=len, reverse=True) if len(group) >= holds)
        return free or _ended(next((visit for group in rich for visit in group if not visit.spared), None))

    def _is_trusted(self, address: str) -> bool:
        found = parsed(address)
        return found is not None and any(found in network for network in self.trusted)

    def _put(self, visit: Visit, owner: str) -> None:
        visit.owner = owner
        (self._known if visit.known else self._strange).setdefault(owner, {})[visit] = None

    def _take(self, visit: Visit) -> None:
        groups = self._known if visit.known else self._strange
        group = groups[visit.owner]
        del group[visit]
        if not group:
            del groups[visit.owner]


def _ended(visit: Visit | None) -> bool:
    """End this one, if it is one."""
    if visit is None or visit.places is None:
        return False
    visit.places.leave(visit)
    visit.end()
    return True


def parsed(address: str) -> Any:
    """The address; an IPv4 one that is written as IPv6 is what it is. None for what is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def network(address: str) -> str:
    """What counts as one address: that of IPv4, the first 64 bits of IPv6."""
    found = parsed(address)
    if found is None:
        return address
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, PREFIX), strict=False))
