"""The base of every block: script and style sheet come from this package, nothing from the network."""

from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self, cast

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

    def __new__(cls, *given: Any, **more: Any) -> Self:
        """One of its kind that has script and id as traits already; else each block would get a class of its own, for these two."""
        kind: Any = cls  # a class is hashable, which mypy does not know of this one
        return cast(Self, super().__new__(_drawn(kind), *given, **more))

    def add_traits(self, **traits: Any) -> None:
        """Of traitlets; anywidget adds what `_drawn` has seen to."""
        if more := {name: trait for name, trait in traits.items() if not self.has_trait(name)}:
            super().add_traits(**more)

    def _repr_mimebundle_(self, **given: Any) -> Any:
        if not self.has_trait("_css"):
            self.add_traits(_css=traitlets.Unicode(CSS).tag(sync=True))
            self.send_state("_css")
        return super()._repr_mimebundle_(**given)


@cache
def _drawn(kind: type[Block]) -> type[Any]:
    """The class of a kind's instances: with what anywidget makes traits of, for each instance anew, in its `__init__`."""
    if "_anywidget_id" in kind.class_trait_names():
        return kind
    script = {"_esm": traitlets.Unicode(str(kind._esm)).tag(sync=True)} if hasattr(kind, "_esm") else {}
    name = traitlets.Unicode(f"{kind.__module__}.{kind.__name__}").tag(sync=True)
    made: Any = traitlets.MetaHasTraits(
        kind.__name__, (kind,), {"__module__": kind.__module__, "__doc__": kind.__doc__, **script, "_anywidget_id": name}
    )
    return made  # type: ignore[no-any-return]
