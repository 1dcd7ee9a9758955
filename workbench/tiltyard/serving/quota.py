"""What one key may ask: rates by the `limits` library, and the budget of the ledger."""

import time
from typing import TYPE_CHECKING

from ..errors import Problem
from .keys import Key
from .ledger import Ledger
from .refusal import refuse
from .settings import RateSettings

if TYPE_CHECKING:
    from limits import RateLimitItem

SPENT = "Wait for the next period, or ask the operator"


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

    def budget(self, key: Key) -> int | None:
        """Rows of this key in one period: its own, else that of the settings."""
        return key.budget if key.budget is not None else self.settings.budget

    def _hit(self, item: "RateLimitItem | None", what: str, key: Key, cost: int) -> None:
        if item is None or self._limiter.hit(item, what, key.account, cost=cost):
            return
        wait = self._limiter.get_window_stats(item, what, key.account).reset_time - time.time()
        raise refuse(429, f"at most {item.amount:,} {what} in {item.get_expiry():,} s", "more", "Slow down", max(wait, 1.0))


def _item(rate: str) -> "RateLimitItem | None":
    from limits import parse

    return parse(rate) if rate else None
