"""How many rows may be asked of a target, and how many were."""

import threading

from ..errors import Problem, Unavailable


class BudgetSpent(Unavailable):
    """The attacker's query budget is used up."""

    code = "TY-BUDGET"


class Meter:
    """Rows that were answered, and how many may be; safe from any thread.

    Parameters
    ----------
    allowed
        Rows in all; None for no end.
    spent
        Rows answered before, as when a campaign goes on.
    """

    def __init__(self, allowed: int | None = None, spent: int = 0) -> None:
        if allowed is not None and allowed < 0:
            raise Problem("a query budget of at least 0 rows", f"{allowed}", "Correct the budget")
        self.allowed = allowed
        self.spent = spent
        self._lock = threading.Lock()

    @property
    def left(self) -> int | None:
        """Rows that may still be asked; None for no end."""
        return None if self.allowed is None else max(self.allowed - self.spent, 0)

    def afford(self, rows: int) -> None:
        """`BudgetSpent` where ``rows`` are not left; counts nothing."""
        if self.left is not None and rows > self.left:
            found = f"{rows:,} asked for with {self.left:,} left"
            raise BudgetSpent(
                f"at most {self.allowed:,} rows in all, the attacker's query budget", found, "Give it a larger budget or ask for fewer"
            )

    def take(self, rows: int) -> None:
        """Count ``rows``, all or none; `BudgetSpent` where they are not left."""
        with self._lock:
            self.afford(rows)
            self.spent += rows

    def give_back(self, rows: int) -> None:
        """Uncount ``rows`` that were taken and are known not to have been answered."""
        with self._lock:
            self.spent -= rows
