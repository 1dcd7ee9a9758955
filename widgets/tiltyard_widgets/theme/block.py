"""The base of every block: script and style sheet come from this package, nothing from the network."""

from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets

from .plain import Shared

HERE = Path(__file__).parent
SCRIPTS = {path.name: path for path in HERE.parent.glob("*/*.js")}
CSS = (HERE / "look.css").read_text(encoding="utf-8")


@cache
def esm(*names: str) -> str:
    """The named scripts of this package as one module; ``dom.js`` comes first."""
    return "\n".join(SCRIPTS[name].read_text(encoding="utf-8") for name in ("dom.js", *names))


class Block(Shared, anywidget.AnyWidget):
    """A block that draws itself in the browser and follows its traits.

    The style sheet is brought by the panel it stands in, once for all blocks (`look.style`); shown by itself it brings its own.
    """

    alive: ClassVar[bool] = False  # does it work in a saved page, without a kernel?

    def _repr_mimebundle_(self, **given: Any) -> Any:
        if not self.has_trait("_css"):
            self.add_traits(_css=traitlets.Unicode(CSS).tag(sync=True))
            self.send_state("_css")
        return super()._repr_mimebundle_(**given)
