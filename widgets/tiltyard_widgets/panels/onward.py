"""The offer to go on where the person was."""

from collections.abc import Callable

import ipywidgets as w

from ..theme import look
from .session import Session


class Onward(look.Stack):
    """One line and a button; empty until `offer`, and again once something is loaded."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.children: tuple[w.Widget, ...] = ()
        self._words = look.text("", kind="lead")
        self._go: Callable[[], None] = lambda: None
        self.button = look.button("Go on", kind="primary", title="Open that model and its data again, with all that was measured")
        self.button.on_click(lambda _: self.go())
        session.observe(lambda _: self.withdraw(), ["target", "busy"])

    def offer(self, words: str, go: Callable[[], None]) -> None:
        """Offer what ``go()`` does."""
        self._words.say(f"Go on where you were: {words}.")
        self._go = go
        self.children = (self._words, look.row([self.button]))

    def go(self) -> None:
        """Take the offer."""
        self.withdraw()
        self._go()

    def withdraw(self) -> None:
        """Take the offer back."""
        self.children = ()
