"""Budgets: how many rows each key was answered in its period. Exact, never overrun, and remembered on disk."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from ..errors import Problem
from ..files.atomic import replace_file
from ..files.locking import ProcessLock
from ..result import Given

OWN = "Stop that server first, or give this one a file of its own"
LEAST_BLOCK, MOST_BLOCK = 1000, 200_000


class Account(Given):
    """One key's period: when it began (seconds since 1970) and the rows spent in it."""

    began: float
    spent: int = Field(ge=0)


class LedgerFile(Given):
    """The file of accounts. While a server runs, ``spent`` there is ahead of what was answered, so that a kill never gives rows back."""

    format: Literal[1] = 1
    accounts: dict[str, Account] = {}


class Ledger:
    """Rows spent by key, in memory and, where ``path`` is given, in a file. One ledger of one process holds it, and the file of keys.

    A block of rows (a fiftieth of the budget, at least 1,000) is written as spent before its first row is answered: the
    file is written once a block, a killed server costs a key at most one block, and none is answered more than its budget.

    Parameters
    ----------
    keys
        The file of keys, which may be spent from here alone.

    Raises
    ------
    Problem
        Where another server holds the file or the keys; see `files.locking.ProcessLock`.
    """

    def __init__(self, path: Path | None, seconds: float, clock: Callable[[], float] = time.time, keys: Path | None = None) -> None:
        held = ((keys, "a file of keys"), (path, "a file of spent budgets"))
        self._held = [ProcessLock(place, what, OWN) for place, what in held if place is not None]
        path = None if path is None else Path(os.path.realpath(path))
        self.path = path
        self.seconds = seconds
        self.clock = clock
        self._lock = threading.Lock()
        self._spent: dict[str, Account] = dict(_read(path).accounts) if path is not None else {}
        self._written: dict[str, Account] = dict(self._spent)

    def take(self, key: str, rows: int, budget: int) -> float | None:
        """Spend ``rows`` of a key, all or none. None if they were left; else the seconds until its next period begins.

        Raises
        ------
        Problem
            Where the file is no longer held, as in a forked process.
        """
        with self._lock:
            for held in self._held:
                held.check()
            now = self.clock()
            account = self._current(key, now)
            if account.spent + rows > budget:
                return max(account.began + self.seconds - now, 0.0)
            self._spent[key] = account.model_copy(update={"spent": account.spent + rows})
            self._keep(key, budget)
            return None

    def spent(self, key: str) -> int:
        """Rows of a key in its current period."""
        with self._lock:
            return self._current(key, self.clock()).spent

    def close(self) -> None:
        """Write what was spent, to the row, and let go of the files."""
        with self._lock, suppress(Problem):  # what another holds now is not ours to write
            for held in self._held:
                held.check()
            if self.path is not None and self._spent:
                self._write(self._spent)
        for held in self._held:
            held.close()

    def _current(self, key: str, now: float) -> Account:
        account = self._spent.get(key)
        return account if account is not None and now < account.began + self.seconds else Account(began=now, spent=0)

    def _keep(self, key: str, budget: int) -> None:
        account, written = self._spent[key], self._written.get(key)
        if self.path is None or (written is not None and written.began == account.began and account.spent <= written.spent):
            return
        self._written[key] = account.model_copy(update={"spent": account.spent + min(max(budget // 50, LEAST_BLOCK), MOST_BLOCK)})
        self._write(self._written)

    def _write(self, accounts: dict[str, Account]) -> None:
        assert self.path is not None
        replace_file(self.path, (LedgerFile(accounts=accounts).model_dump_json() + "\n").encode())


def _read(path: Path) -> LedgerFile:
    try:
        return LedgerFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return LedgerFile()
    except ValidationError:
        raise Problem("a file of spent budgets", f"{path}, which is none", "Restore it, or name another under usage") from None
    except OSError as error:
        raise Problem("a file of spent budgets that can be read", f"{path}: {error.strerror}", "Check its permissions") from None
