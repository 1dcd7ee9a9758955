"""Settings that most people leave as they are, folded away under a line of their own."""

from collections.abc import Sequence

import ipywidgets
import traitlets

from ..theme import look
from ..theme.markup import Markup, el

TITLE = "More settings"


class Fold(look.Stack):
    """Fields below *More settings*, or another ``title``; ``unfolded`` shows them, and one that is filled in opens it.

    Parameters
    ----------
    fields
        The lines to write in that are counted.
    children
        What is folded away: the fields, as they stand below one another.
    """

    unfolded = traitlets.Bool(False)

    def __init__(self, fields: Sequence[ipywidgets.Text], children: Sequence[ipywidgets.Widget], title: str = TITLE) -> None:
        super().__init__()
        self._title = title
        self._fields = tuple(fields)
        self.head, self.body = Markup(), look.stack(children)
        self.head.on_event("fold", lambda _: self._turn())
        self.observe(lambda _: self._draw(), "unfolded")
        for field in self._fields:
            field.observe(lambda _: self._filled(), "value")
        self._draw()
        self.children = (self.head, self.body)

    def _turn(self) -> None:
        self.unfolded = not self.unfolded

    def _filled(self) -> None:
        self.unfolded = self.unfolded or self._count > 0
        self._draw()

    @property
    def _count(self) -> int:
        return sum(bool(str(field.value).strip()) for field in self._fields)

    def _draw(self) -> None:
        words = f"{self._title} ({self._count} filled in)" if self._count else self._title
        sign = el("span", {"aria-hidden": "true"}, "▾ " if self.unfolded else "▸ ")
        attributes = {
            "type": "button",
            "class": "ty-fold",
            "data-send": "fold",
            "data-key": "fold",
            "aria-expanded": str(self.unfolded).lower(),
        }
        self.head.tree = [el("button", attributes, sign, words)]
        look.show(self.body, self.unfolded)
