"""What is shown of a result where one works: a card in a notebook, text in a terminal, one line as its ``repr``; and its numbers as tables.

How it looks is said by `tiltyard.display`, which knows all that can be shown and stands further down: it is imported when first asked.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Shown:
    """What is shown of itself in a notebook, in a terminal and as a word in an error."""

    def __repr__(self) -> str:
        return str(_display("text").one_line(self))

    def _repr_html_(self) -> str:
        """A card: HTML with its own style and no script, so that saved and converted notebooks show it as well."""
        return str(_display("cards").html(self))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The card, and its text for what shows no HTML."""
        return {"text/html": self._repr_html_(), "text/plain": str(_display("text").plain(self))}

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if cycle else str(_display("text").plain(self)))

    def __rich__(self) -> Any:
        return _display("text").rich(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON holds it: dicts, lists, texts and numbers."""
        return dict(_display("numbers").plain_dict(self))


class Tabled(Shown):
    """What has numbers too: as a DataFrame, as tables by name, as a picture."""

    @property
    def frame(self) -> "pd.DataFrame":
        """Its numbers, a row each, with their intervals and n."""
        found: pd.DataFrame = _display("numbers").frame(self)
        return found

    @property
    def tables(self) -> "Mapping[str, pd.DataFrame]":
        """Its tables by name, as DataFrames; shares are from 0 to 1."""
        found: Mapping[str, pd.DataFrame] = _display("numbers").Tables(self)
        return found

    def plot(self, name: str = "", ax: "Axes | None" = None) -> "Axes":
        """Draw its chart called ``name``, or its first, with matplotlib.

        Parameters
        ----------
        ax
            Where to draw; None for a figure of its own.

        Raises
        ------
        Problem
            It has no chart of that name, or none.
        """
        drawn: Axes = _display("numbers").plot(self, name, ax)
        return drawn


def _display(module: str) -> Any:
    return importlib.import_module(f"tiltyard.display.{module}")
