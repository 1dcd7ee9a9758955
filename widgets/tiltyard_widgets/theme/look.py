"""How panels look: the style sheet, the layout of a page, headings, text and buttons."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import ipywidgets
import traitlets

from . import plain
from .block import CSS, Block, esm
from .markup import Text

Made = TypeVar("Made", bound=ipywidgets.DOMWidget)

KINDS = {"plain": "ty-prose", "help": "ty-help ty-prose", "lead": "ty-lead", "empty": "ty-empty"}


class Style(Block):
    """Brings the style sheet of blocks and of pages made of plain ipywidgets."""

    _css = CSS
    _esm = esm("style.js")


def style() -> Style:
    """A widget without extent that puts the style sheet into the page: the same one in all panels, for a page needs it once."""
    return plain.one(Style)


def _box(children: Iterable[ipywidgets.Widget], classes: Sequence[str]) -> ipywidgets.VBox:
    box = plain.VBox(list(children))
    for name in ("tiltyard", *classes):
        box.add_class(name)
    return box


class Stack(plain.VBox):
    """Children one below the other with even gaps."""

    def __init__(self, children: Iterable[ipywidgets.Widget] = ()) -> None:
        super().__init__(list(children))
        for name in ("tiltyard", "tiltyard-stack"):
            self.add_class(name)


def stack(children: Iterable[ipywidgets.Widget], tight: bool = False) -> Stack:
    """A `Stack` of ``children``; ``tight`` has smaller gaps."""
    made = Stack(children)
    if tight:
        made.add_class("tiltyard-tight")
    return made


def row(children: Iterable[ipywidgets.Widget]) -> ipywidgets.VBox:
    """Children side by side, wrapping where there is no room: buttons, short controls."""
    return _box(children, ["tiltyard-row"])


def split(controls: Iterable[ipywidgets.Widget], results: Iterable[ipywidgets.Widget]) -> ipywidgets.VBox:
    """A narrow column of controls with results beside it; stacked where narrower than 680 px."""
    inner = _box([stack(controls), stack(results)], ["tiltyard-split"])
    return _box([inner], ["tiltyard-splitter"])


def frame(
    header: ipywidgets.Widget, rail: ipywidgets.Widget, middle: ipywidgets.Widget, foot: ipywidgets.Widget | None = None
) -> ipywidgets.VBox:
    """The one window: header above, rail at the left, topic in the middle, drawer at the foot; stacked below 800 px."""
    body = _box([middle], ["tiltyard-middle"])
    inner = [header, rail, body, *([_box([foot], ["tiltyard-drawer"])] if foot is not None else [])]
    return _box([style(), _box(inner, ["tiltyard-frame"])], ["tiltyard-page"])


def page(children: Iterable[ipywidgets.Widget]) -> ipywidgets.VBox:
    """A panel alone in a cell: the style sheet and its blocks."""
    return _box([style(), stack(children)], ["tiltyard-page"])


class Button(plain.Button):
    """A button that stays disabled while ``denied`` says why the person's role does not allow what it does."""

    denied = traitlets.Unicode("")

    @traitlets.validate("disabled")
    def _stays(self, proposal: dict[str, bool]) -> bool:
        return bool(self.denied) or proposal["value"]


def button(label: str, kind: str = "plain", title: str = "", denied: str = "") -> Button:
    """An ipywidgets button in our look; ``kind`` is plain, primary or danger.

    Parameters
    ----------
    denied
        Why the role does not allow it (`Session.denied`); the button then says so and stays disabled. Whoever sends the
        click all the same is refused by the policy: the button is only polite.
    """
    made = Button(description=label, tooltip=denied or title or None, denied=denied, disabled=bool(denied))
    for name in ("tiltyard", "tiltyard-button", f"tiltyard-{kind}"):
        made.add_class(name)
    return made


def entry(label: str, hint: str = "", value: str = "", help: str = "") -> ipywidgets.Text:
    """A line to write in, its label above; ``hint`` stands in it while it is empty."""
    return labelled(plain.Text(value=value, description=label, placeholder=hint, tooltip=help or hint, continuous_update=False))


def labelled(made: Made) -> Made:
    """An input of ipywidgets whose description stands above it, as its label."""
    made.add_class("ty-entry")
    return made


def show(widget: ipywidgets.DOMWidget, visible: bool) -> None:
    """Show or hide a widget that is already in the page, for a screen reader too."""
    if isinstance(widget.layout, plain.SharedLayout):
        if visible:
            return
        widget.layout = ipywidgets.Layout()  # from now on of its own: a page that is given another layout keeps the display of the former
    widget.layout.display = None if visible else "none"  # no class: the page of a block follows its layout, not its classes


def heading(words: str, level: int = 2) -> Text:
    """A heading of level 2, 3 or 4."""
    return Text(words, f"h{min(max(level, 2), 4)}", "ty-heading")


def text(words: str, kind: str = "plain") -> Text:
    """A paragraph; ``kind`` is plain, help, lead or empty (an empty state that says what to do first)."""
    return Text(words, "p", KINDS[kind])
