"""Passwords as argon2id hashes (RFC 9106), and a lock after failed tries."""

import threading
import time
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import Problem

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 1024
PASSES, MEMORY, LANES = 3, 64 * 1024, 4  # RFC 9106, second recommended setting; memory in KiB
FREE_TRIES = 5
FIRST_WAIT, LONGEST_WAIT = 30.0, 900.0
MOST_NAMES = 10_000


def hashed(password: str) -> str:
    """The argon2id hash of a new password, in its standard text form; refuses one shorter than 12 characters."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Problem(f"a password of {SHORTEST} to {LONGEST:,} characters", f"{len(password):,}", "Take several words")
    return _hasher().hash(_plain(password))


def matches(hash: str, password: str) -> bool:
    """Is it this password? Takes the same time for a hash that is none (empty), so that names cannot be guessed by the clock."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(hash or _nobody(), _plain(password[:LONGEST])) and bool(hash)
    except (VerificationError, InvalidHashError):
        return False


def _plain(password: str) -> bytes:
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogateescape")


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY, parallelism=LANES)


_cache: list[str] = []


def _nobody() -> str:
    if not _cache:
        _cache.append(_hasher().hash(b"a password that nobody has"))
    return _cache[0]


class Lockout:
    """Counts failed tries by name. After five a name is locked for 30 s, then twice as long each time, 15 minutes at most.

    Kept in memory: a restart forgets it. It is by name and not by address, for behind a proxy all come from one; so
    whoever knows a name can keep its owner out while they go on trying, and cannot get in.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._failed: dict[str, tuple[int, float]] = {}

    def wait(self, name: str) -> float:
        """Seconds until this name may try again, 0 where it may now."""
        with self._guard:
            count, last = self._failed.get(name, (0, 0.0))
        if count < FREE_TRIES:
            return 0.0
        pause = min(FIRST_WAIT * 2.0 ** min(count - FREE_TRIES, 30), LONGEST_WAIT)
        return max(0.0, last + pause - self._clock())

    def failed(self, name: str) -> None:
        """A try with a wrong password."""
        with self._guard:
            count, _ = self._failed.pop(name, (0, 0.0))
            if len(self._failed) >= MOST_NAMES:  # made-up names can neither fill the memory nor push out one that is locked
                self._failed.pop(min(self._failed, key=lambda known: self._failed[known]))
            self._failed[name] = (count + 1, self._clock())

    def passed(self, name: str) -> None:
        """The right password: forget what failed."""
        with self._guard:
            self._failed.pop(name, None)
