"""Waiting for what a panel shows."""

import time
from collections.abc import Callable

from tiltyard_widgets.panels.session import SHOWING


def until(true: Callable[[], object], seconds: float = 300) -> None:
    """Wait for a condition, looked at when nothing is half shown: as between two turns of an event loop."""
    end = time.monotonic() + seconds
    while True:
        with SHOWING:
            if true():
                return
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
