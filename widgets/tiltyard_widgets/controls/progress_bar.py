"""How far a long action is, how long it will take, and its cancel. Set from any thread; never displayed anew."""

import threading
import time
from collections.abc import Callable

import traitlets

from tiltyard.progress import Report

from ..theme.block import Block, esm


class ProgressView(Block):
    """Before: the cost. During: bar, message, elapsed, time left, Cancel. After: how it ended.

    ``report`` may be called thousands of times a second: at most ten of them a second are sent.
    """

    EVERY = 0.1
    _esm = esm("progressbar.js")
    value = traitlets.Float(0.0, help="share done, 0 to 1; below 0 while it is not known").tag(sync=True)
    message = traitlets.Unicode("").tag(sync=True)
    elapsed = traitlets.Float(0.0, help="seconds").tag(sync=True)
    left = traitlets.Float(None, allow_none=True, help="seconds").tag(sync=True)
    active = traitlets.Bool(False).tag(sync=True)
    cancelling = traitlets.Bool(False).tag(sync=True)
    waiting = traitlets.Bool(False, help="in a queue, not begun").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._sent = 0.0
        self._calls: list[Callable[[], None]] = []
        self.on_msg(self._heard)

    def on_cancel(self, call: Callable[[], None]) -> None:
        """Call ``call()`` once when Cancel is pressed."""
        self._calls.append(call)

    def cost(self, text: str) -> None:
        """Say before the start what it will take."""
        if not self.active:
            self.message = text

    def start(self, message: str = "starting") -> None:
        """Show the bar; until the first report the share is not known."""
        with self._lock, self.hold_sync():
            self._sent = 0.0
            self.value, self.elapsed, self.left = -1.0, 0.0, None
            self.message, self.cancelling, self.waiting, self.active = message, False, False, True

    def wait(self, message: str) -> None:
        """Say where it stands in a queue; Cancel takes it out."""
        with self._lock, self.hold_sync():
            self.value, self.left = -1.0, None
            self.message, self.cancelling, self.waiting, self.active = message, False, True, True

    def report(self, report: Report) -> None:
        """Take over one progress message, from any thread; too frequent ones are left out."""
        now = time.monotonic()
        if not self.active or (now - self._sent < self.EVERY and report.done < 1):
            return
        with self._lock, self.hold_sync():
            self._sent = now
            self.value, self.elapsed, self.left = report.done, report.elapsed, report.left
            self.message = report.message or self.message

    def finish(self, message: str = "") -> None:
        """Put the bar away and say how it ended."""
        with self._lock, self.hold_sync():
            self.active, self.cancelling, self.waiting, self.message, self.left = False, False, False, message, None

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if not (isinstance(content, dict) and content.get("event") == "cancel") or not self.active or self.cancelling:
            return
        self.cancelling = True
        for call in self._calls:
            call()
