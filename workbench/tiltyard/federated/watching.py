"""Watching a federation while it runs: a listener gets the charts so far after each round."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..result import Chart

Listener = Callable[[tuple[Chart, ...]], None]
_present: ContextVar[Listener | None] = ContextVar("tiltyard_rounds", default=None)


@contextmanager
def watched(listener: Listener) -> Iterator[None]:
    """Tell ``listener`` of every round that ends within; it is called on the thread that trains."""
    token = _present.set(listener)
    try:
        yield
    finally:
        _present.reset(token)


def listening() -> bool:
    """Does anybody want to know?"""
    return _present.get() is not None


def tell(charts: tuple[Chart, ...]) -> None:
    """The charts so far, to who listens."""
    listener = _present.get()
    if listener is not None:
        listener(charts)
