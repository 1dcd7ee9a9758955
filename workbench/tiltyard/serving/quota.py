"""What one key may ask: rates by the `limits` library, and the budget of the ledger. What was used of a rate outlives a restart."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pydantic import Field, ValidationError

from ..errors import Problem
from ..files.atomic import replace_file
from ..result import Given
from .keys import Key
from .ledger import Ledger
from .refusal import refuse
from .settings import RateSettings

if TYPE_CHECKING:
    from limits import RateLimitItem

SAVED_EVERY = 5.0  # seconds; a killed server forgets at most what was used in them
SPENT = "Wait for the next period, or ask the operator"


class RatesFile(Given):
    """What was used of the rates when: by what is counted, of each account."""

    format: Literal[1] = 1
    time: float
    used: dict[str, dict[str, int]] = Field(default={})


class Quota:
    """Rates and budget of every key. A request refused here was not answered and spends nothing of the budget."""

    def __init__(self, settings: RateSettings, ledger: Ledger) -> None:
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self.settings = settings
        self.ledger = ledger
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = _item(settings.requests)
        self._rows = _item(settings.rows)
        self._place = ledger.path.with_name(ledger.path.name + ".rates") if ledger.path is not None else None
        self._met: dict[str, set[str]] = {"requests": set(), "rows": set()}
        self._saved = time.time()
        self._go_on()

    def admit(self, key: Key) -> None:
        """Count a request; `Refusal` 429 where the key's rate is used up."""
        self._hit(self._requests, "requests", key, 1)

    def spend(self, key: Key, rows: int) -> None:
        """Count rows that will be answered; `Refusal` 429 where rate or budget do not hold them, all or none."""
        self._hit(self._rows, "rows", key, rows)
        budget = self.budget(key)
        try:
            wait = self.ledger.take(key.account, rows, 2**62 if budget is None else budget)
        except Problem:
            raise refuse(503, "the one server that holds the budgets", "another", "Tell the operator") from None
        if wait is not None:
            left = max((budget or 0) - self.ledger.spent(key.account), 0)
            raise refuse(429, f"at most {left:,} more rows in this key's period", f"{rows:,}", SPENT, wait)

    def close(self) -> None:
        """Write what was used of the rates."""
        self._saved = time.time()
        if self._place is None or not any(self._met.values()):
            return
        used = {what: {a: self._used(what, a) for a in accounts} for what, accounts in self._met.items()}
        with suppress(OSError):
            replace_file(self._place, (RatesFile(time=self._saved, used=used).model_dump_json() + "\n").encode())

    def _go_on(self) -> None:
        """Count again what was used before a restart, while its window lasts."""
        if self._place is None:
            return
        try:
            found = RatesFile.model_validate_json(self._place.read_bytes())
        except (OSError, ValidationError):
            return
        for what, accounts in found.used.items():
            item = self._item_of(what)
            if item is None or not 0 <= time.time() - found.time < item.get_expiry():
                continue
            for account, used in accounts.items():
                self._limiter.hit(item, what, account, cost=max(0, min(used, item.amount)))
                self._met.setdefault(what, set()).add(account)

    def _item_of(self, what: str) -> "RateLimitItem | None":
        return {"requests": self._requests, "rows": self._rows}.get(what)

    def _used(self, what: str, account: str) -> int:
        item = self._item_of(what)
        return 0 if item is None else item.amount - self._limiter.get_window_stats(item, what, account).remaining

    def budget(self, key: Key) -> int | None:
        """Rows of this key in one period: its own, else that of the settings."""
        return key.budget if key.budget is not None else self.settings.budget

    def _hit(self, item: "RateLimitItem | None", what: str, key: Key, cost: int) -> None:
        if item is None:
            return
        self._met[what].add(key.account)
        if self._limiter.hit(item, what, key.account, cost=cost):
            if time.time() - self._saved >= SAVED_EVERY:
                self.close()
            return
        wait = self._limiter.get_window_stats(item, what, key.account).reset_time - time.time()
        raise refuse(429, f"at most {item.amount:,} {what} in {item.get_expiry():,} s", "more", "Slow down", max(wait, 1.0))


def _item(rate: str) -> "RateLimitItem | None":
    from limits import parse

    return parse(rate) if rate else None
