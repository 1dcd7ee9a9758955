"""The settings of a step, which fold once it has run, so that the result has the width."""

from collections.abc import Sequence

import ipywidgets as w
import traitlets

from ..theme import look


class Settings(look.Stack):
    """Form and other controls; ``folded`` hides them, and ``change`` is the button that opens and folds them.

    The button is there once they were folded; until then nothing wants opening.
    """

    folded = traitlets.Bool(False)

    def __init__(self, parts: Sequence[w.Widget]) -> None:
        super().__init__(parts)
        self.change = look.button("Change settings")
        self.change.on_click(lambda _: self.turn())
        look.show(self.change, False)
        self.observe(lambda _: self._draw(), "folded")

    def turn(self) -> None:
        """Open what is folded, or fold it."""
        self.folded = not self.folded

    def fold(self, on: bool = True) -> None:
        """Fold them, or open them, with the button to do otherwise."""
        self.folded = on

    def _draw(self) -> None:
        look.show(self, not self.folded)
        look.show(self.change, True)
        self.change.description = "Change settings" if self.folded else "Hide settings"
