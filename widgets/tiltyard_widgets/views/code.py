"""The code that does the same as a click did."""

import traitlets

from ..theme.markup import Markup, copy_button, div, el


class CodeView(Markup):
    """A disclosure with plain code and a copy button; nothing while ``code`` is empty."""

    code = traitlets.Unicode("")

    def __init__(self, code: str = "", label: str = "Show the code", open: bool = False) -> None:
        self._label, self._open = label, open
        super().__init__()
        self.observe(lambda _: self._draw(), "code")
        self.code = code

    def _draw(self) -> None:
        if not self.code:
            self.tree = []
            return
        shown = el("pre", {"tabindex": "0", "role": "region", "aria-label": "Code"}, el("code", None, self.code))
        box = div("ty-code", shown, el("span", {"class": "ty-copy"}, copy_button("Copy", self.code, "code")))
        self.tree = [el("details", {"data-key": "code", "open": self._open}, el("summary", None, self._label), box)]
