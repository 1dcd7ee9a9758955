"""ipywidgets' own boxes and inputs, with layouts and styles that they share.

Each widget of ipywidgets brings a layout and most a style, and each of those is a message of its own to the page: of 300 on the first
page of the workbench 168 said nothing. Those that say the same are one here.
"""

import os
import threading
from typing import Any, TypeVar, cast

import ipywidgets
import traitlets

Made = TypeVar("Made", bound=ipywidgets.Widget)

_lock = threading.RLock()
_shared: dict[tuple[int, type[ipywidgets.Widget]], ipywidgets.Widget] = {}


def one(made: type[Made]) -> Made:
    """The only one of its kind in this process."""
    key = (os.getpid(), made)
    with _lock:
        found = _shared.get(key)
        if found is None or _gone(found):  # the first, or all widgets were closed
            found = _shared[key] = made()
        return cast("Made", found)


def _gone(widget: ipywidgets.Widget) -> bool:
    return widget.was_closed if isinstance(widget, Shared) else widget.comm is None


class SharedLayout(ipywidgets.Layout):
    """A layout of many widgets, which none of them changes."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._fixed = True

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, "_fixed", False) and name in self.keys and value != getattr(self, name):
            expected = "Expected a layout of the widget's own; found one that others share. Set widget.layout = ipywidgets.Layout(…)"
            raise traitlets.TraitError(f"{expected}.")
        super().__setattr__(name, value)


def layout() -> ipywidgets.Layout:
    """The layout of all that is shown; `look.show` gives what is hidden one of its own."""
    return one(SharedLayout)


class Shared(ipywidgets.DOMWidget):
    """A widget whose layout is shared, and that the page hears of once something in the page holds it: what is not shown is not sent."""

    def __init__(self, *args: Any, **given: Any) -> None:
        self.__made, self.__closed = False, False  # names of its own: subclasses have many
        super().__init__(*args, **given)
        self.__made = True

    def open(self) -> None:
        """Tell the page of it, unless it is being made or was closed."""
        if self.__made and not self.__closed:
            super().open()

    def close(self) -> None:
        """Take it out of the page, for good."""
        self.__closed = True
        super().close()

    @property
    def was_closed(self) -> bool:
        """Was it closed?"""
        return self.__closed

    @property
    def model_id(self) -> str:
        """The id under which the page knows it, which is asked for as it is put into the page."""
        self.open()
        return str(super().model_id)

    def _repr_mimebundle_(self, **given: Any) -> Any:
        self.open()
        return super()._repr_mimebundle_(**given)

    @traitlets.default("layout")
    def _layout(self) -> ipywidgets.Layout:
        return layout()


class Styled(Shared):
    """A widget with a style too."""

    @traitlets.default("style")
    def _style(self) -> ipywidgets.Widget:
        return one(self.traits()["style"].klass)


class VBox(Shared, ipywidgets.VBox):
    """Children one below the other."""


class HTML(Styled, ipywidgets.HTML):
    """Words with markup."""


class Text(Styled, ipywidgets.Text):
    """A line to write in."""


class Textarea(Styled, ipywidgets.Textarea):
    """Several lines to write in."""


class FloatText(Styled, ipywidgets.FloatText):
    """A number to type."""


class Checkbox(Styled, ipywidgets.Checkbox):
    """A box to tick."""


class DatePicker(Styled, ipywidgets.DatePicker):
    """A day to choose."""


class SelectMultiple(Styled, ipywidgets.SelectMultiple):
    """A list to choose several of."""


class Button(Styled, ipywidgets.Button):
    """A button."""
