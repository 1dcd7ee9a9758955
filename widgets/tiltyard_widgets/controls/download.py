"""A link that hands a file to the browser, made in the page from bytes that come over the comm."""

import traitlets as t

from ..theme.block import Block, esm


class Download(Block):
    """``offer(name, type, content)`` shows a link; nothing is fetched from anywhere."""

    _esm = esm("download.js")
    name = t.Unicode("").tag(sync=True)
    type = t.Unicode("").tag(sync=True)
    content = t.Unicode("").tag(sync=True)

    def offer(self, name: str, type: str, content: str) -> None:
        """Show the link. ``content`` is base64."""
        with self.hold_trait_notifications():
            self.name, self.type, self.content = name, type, content
