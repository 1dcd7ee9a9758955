"""Text, cards and tables as a tree of elements that the browser builds; text stays text."""

from collections.abc import Callable
from typing import Any, TypeAlias

import traitlets

from tiltyard.formatting.terms import help_of

from .block import Block, esm

Node: TypeAlias = str | list[Any]


def el(tag: str, attrs: dict[str, Any] | None = None, *children: Node) -> Node:
    """One element: ``[tag, attributes, children]``; a string is a text node."""
    return [tag, attrs or {}, list(children)]


def div(name: str, *children: Node) -> Node:
    """A ``div`` with a class."""
    return el("div", {"class": name}, *children)


def span(name: str, *children: Node) -> Node:
    """A ``span`` with a class."""
    return el("span", {"class": name}, *children)


def copy_button(label: str, text: str, about: str) -> Node:
    """A button that puts ``text`` on the clipboard; ``about`` says of what."""
    return el(
        "button", {"type": "button", "class": "ty-link", "data-copy": text, "data-key": f"copy {about}", "title": f"Copy {about}"}, label
    )


def term(label: str) -> Node:
    """``label``, with the help of the term in it on hover, focus and tap; as it is where no term of the field stands in it."""
    help = help_of(label)
    return tipped(label, help) if help else label


def tipped(label: str, help: str) -> Node:
    """``label``, with ``help`` on hover, focus and tap."""
    sign = el("button", {"type": "button", "class": "ty-term", "data-key": f"term {label}"}, label)
    return el("span", {"class": "ty-termbox"}, sign, el("span", {"class": "ty-termtip", "role": "tooltip"}, help))


def words(node: Node) -> str:
    """All text of a tree in order, for tests and for plain text."""
    return node if isinstance(node, str) else " ".join(words(child) for child in node[2])


class Markup(Block):
    """Shows ``tree``, a list of nodes; change the trait and it redraws in place.

    Buttons in it send ``{"event", "value"}``; `on_event` calls back in the kernel.
    """

    _esm = esm("build.js", "markup.js")
    tree: traitlets.List[Node] = traitlets.List().tag(sync=True)
    live = traitlets.Unicode("").tag(sync=True)

    def show_tree(self, *nodes: Node) -> None:
        self.tree = list(nodes)

    def on_event(self, name: str, call: Callable[[str], None]) -> None:
        """Call ``call(value)`` when a button with ``data-send=name`` is pressed."""

        def heard(_widget: object, content: object, _buffers: object) -> None:
            if isinstance(content, dict) and content.get("event") == name:
                call(str(content.get("value", "")))

        self.on_msg(heard)

    def plain_text(self) -> str:
        """What it says, as plain text."""
        return "\n".join(words(node) for node in self.tree)


class Text(Markup):
    """A paragraph or heading whose words can change."""

    def __init__(self, text: str, tag: str, name: str) -> None:
        self._tag, self._name = tag, name
        super().__init__()
        self.say(text)

    def say(self, text: str) -> None:
        self.tree = [el(self._tag, {"class": self._name}, text)] if text else []
