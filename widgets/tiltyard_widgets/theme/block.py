"""The base of every block: script and style sheet come from this package, nothing from the network."""

from functools import cache
from pathlib import Path
from typing import ClassVar

import anywidget

HERE = Path(__file__).parent
SCRIPTS = {path.name: path for path in HERE.parent.glob("*/*.js")}
CSS = (HERE / "look.css").read_text(encoding="utf-8")


@cache
def esm(*names: str) -> str:
    """The named scripts of this package as one module; ``dom.js`` comes first."""
    return "\n".join(SCRIPTS[name].read_text(encoding="utf-8") for name in ("dom.js", *names))


class Block(anywidget.AnyWidget):
    """A block that draws itself in the browser and follows its traits."""

    _css = CSS
    alive: ClassVar[bool] = False  # does it work in a saved page, without a kernel?
