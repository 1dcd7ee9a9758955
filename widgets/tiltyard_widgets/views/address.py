"""The page's address, kept in line with what the window shows."""

import traitlets

from ..place import Place
from ..theme.block import Block, esm


class Address(Block):
    """Writes ``run``, ``topic``, ``step`` and ``load`` into the address of a page that is Voila's; nothing in JupyterLab, whose address is its own."""

    _esm = esm("address.js")
    run = traitlets.Unicode("").tag(sync=True)
    topic = traitlets.Unicode("").tag(sync=True)
    step = traitlets.Unicode("").tag(sync=True)
    load = traitlets.Unicode("").tag(sync=True)

    def show(self, place: Place) -> None:
        """Let the address name this place."""
        with self.hold_sync():
            self.run, self.topic, self.step, self.load = place.run, place.topic, place.step, place.load
