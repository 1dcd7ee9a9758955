"""Who wrote a row, and does that process still live?"""

from typing import TYPE_CHECKING, Any

from . import process

if TYPE_CHECKING:
    from sqlalchemy import RowMapping


def mine() -> dict[str, Any]:
    """The columns that say which process writes: this one."""
    me = process.this()
    return {"host": me.host, "pid": me.pid, "process_started": me.started}


def writer(row: "RowMapping") -> process.Process:
    """The process that wrote a row."""
    return process.Process(host=row["host"], pid=row["pid"], started=row["process_started"])


class Alive:
    """Tells of each row whether its writer lives; asks of each process once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], bool] = {}

    def __call__(self, row: "RowMapping") -> bool:
        key = (row["host"], row["pid"], row["process_started"])
        if key not in self._known:
            self._known[key] = process.lives(writer(row))
        return self._known[key]
