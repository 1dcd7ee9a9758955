"""The base of every block: script and style sheet come from this package, nothing from the network."""

from functools import cache
from pathlib import Path

import anywidget

FOLDER = Path(__file__).parent
CSS = (FOLDER / "look.css").read_text(encoding="utf-8")


@cache
def esm(*names: str) -> str:
    """The named scripts of this package as one module; ``dom.js`` comes first."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in ("dom.js", *names))


class Block(anywidget.AnyWidget):
    """A block that draws itself in the browser and follows its traits."""

    _css = CSS
