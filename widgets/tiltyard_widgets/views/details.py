"""What a first view leaves out, folded away below one line that says what is there."""

from collections.abc import Sequence

import ipywidgets as w
import traitlets

from ..theme import look
from ..theme.markup import Markup, el


class Details(look.Stack):
    """A line that says what there is; ``unfolded`` shows it. What is folded away is in no page."""

    unfolded = traitlets.Bool(False)

    def __init__(self, words: str = "Details") -> None:
        super().__init__()
        self.add_class("ty-details")
        self._words, self._held = words, ""
        self.head, self.body = Markup(), look.stack([])
        self.body.add_class("ty-outcome-body")
        self.head.on_event("details", lambda _: self.turn())
        self.observe(lambda _: self._draw(), "unfolded")
        self._draw()
        self.children = (self.head, self.body)

    def turn(self) -> None:
        """Unfold what is folded, or fold it."""
        self.unfolded = not self.unfolded

    def hold(self, kept: str, parts: Sequence[w.Widget]) -> None:
        """Show ``parts`` while unfolded; ``kept`` says in the line what they are."""
        self._held = kept
        self._draw()
        self.body.children = tuple(parts)

    def _draw(self) -> None:
        sign = el("span", {"aria-hidden": "true"}, "▾ " if self.unfolded else "▸ ")
        kept = [el("span", {"class": "ty-muted"}, f" {self._held}")] if self._held else []
        attributes = {
            "type": "button",
            "class": "ty-fold",
            "data-send": "details",
            "data-key": "details",
            "aria-expanded": str(self.unfolded).lower(),
        }
        self.head.tree = [el("button", attributes, sign, self._words, *kept)]
        look.show(self.body, self.unfolded)
