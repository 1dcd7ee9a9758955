"""Whose a line is, and whether it still is."""

import os
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic

from ..access.person import Person
from ..access.roles import Denied
from ..access.users import Users
from ..errors import Problem
from ..store.process import Process

A_DAY = 86_400.0
MOST_A_DAY = 4 << 30
LEAST_COUNTED = 1 << 10  # what a call costs beside its bytes: a row, a line of the log
BEHIND = "Log in again: your role, password or name has changed"


class Allowance:
    """How much each person's kernels may have written in a day, so that one cannot fill the disk; forgotten at a restart."""

    def __init__(self, most: int = MOST_A_DAY) -> None:
        self.most = most
        self._alone = Lock()
        self._spent: dict[str, tuple[float, int]] = {}

    def take(self, name: str, size: int) -> None:
        """Count so many bytes; `Problem` where that is more than is left."""
        now = monotonic()
        with self._alone:
            since, spent = self._spent.get(name, (now, 0))
            since, spent = (since, spent) if now - since < A_DAY else (now, 0)
            if spent + size > self.most:
                most = f"at most {self.most >> 20:,} MiB kept by one person in a day"
                raise Problem(most, "more", "Go on tomorrow, or ask an admin to start the app anew")
            self._spent[name] = (since, spent + max(size, LEAST_COUNTED))


@dataclass
class Client:
    """A kernel's person, as it logged in; ``mark`` changes with their role and password, and is empty where a Hub answers for them.

    Attributes
    ----------
    process
        The kernel, once the app has reported it; what it writes counts as that process's.
    renewed
        Had it a line to a broker that died since?
    """

    person: Person
    mark: str = ""
    process: Process | None = None
    renewed: bool = False
    users: Users = field(default_factory=Users)
    _stamp: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise `Denied` where the person is no longer who logged in."""
        if not self.mark:
            return
        try:
            found = os.stat(self.users.path)
        except OSError:
            raise Denied("people who may log in", "their file gone", BEHIND) from None
        stamp = (found.st_ino, found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        user = self.users.find(self.person.name)
        if user is None or f"{user.mark} {user.role}" != self.mark:
            raise Denied("the login that this page was opened with", "another", BEHIND)
        self._stamp = stamp


class Turns:
    """One large message of a person at a time, so that what one sends fills no more of the memory than one of them."""

    def __init__(self) -> None:
        self._alone = Lock()
        self._locks: dict[str, Lock] = defaultdict(Lock)

    def of(self, name: str) -> Lock:
        """The lock of this person."""
        with self._alone:
            return self._locks[name]
