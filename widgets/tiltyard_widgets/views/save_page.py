"""A button that saves what stands in a panel as one HTML file."""

from collections.abc import Callable

import traitlets

from ..theme.block import Block, esm


class SavePage(Block):
    """The page is made when the button is pressed; ``denied`` says why the person may not take it.

    Parameters
    ----------
    make
        Gives the document.
    name
        What the file is called, without suffix.
    """

    _esm = esm("save.js", "save_page.js")
    busy = traitlets.Bool(False).tag(sync=True)
    denied = traitlets.Unicode("").tag(sync=True)

    def __init__(self, make: Callable[[], str], name: str, denied: str = "") -> None:
        self._make, self._name = make, name
        super().__init__(denied=denied)
        self.on_msg(self._heard)

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        if self.denied or not isinstance(content, dict) or content.get("event") != "save":
            return
        self.busy = True
        try:
            self.send({"page": self._make(), "name": f"{self._name}.html"})
        finally:
            self.busy = False
