"""What a notebook keeps of a panel: beside the live widget a picture of it without script, brought up to date as results come.

A saved or converted notebook has no kernel, so the widget itself shows nothing there. While the widget lives the style sheet hides the picture.
"""

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .session import Session

REST = 1.0  # s without news before the picture is drawn anew


def kept(draw: Callable[[], str], session: "Session") -> "StillOutput | None":
    """The picture that ``draw`` makes, HTML, in the cell that shows the widget; None where no notebook keeps what is shown, as under Voila."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    if getattr(shell, "kernel", None) is None or os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return None
    return StillOutput(draw, session)


class StillOutput:
    """One output of a cell, replaced in place."""

    def __init__(self, draw: Callable[[], str], session: "Session") -> None:
        from IPython.display import DisplayHandle

        self._made, self._handle = draw, DisplayHandle()  # type: ignore[no-untyped-call]
        self._waiting: Any = None
        self._handle.display(self._content(), raw=True)  # type: ignore[no-untyped-call]
        session.observe(lambda _: self.renew(), "version")

    def renew(self) -> None:
        """Draw it anew once the news rests; without a running loop at once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._draw()
            return
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = loop.call_later(REST, self._draw)

    def _draw(self) -> None:
        self._handle.update(self._content(), raw=True)  # type: ignore[no-untyped-call]

    def _content(self) -> dict[str, str]:
        return {"text/html": self._made()}
