"""A panel without a kernel: as one HTML file whose charts and tables stay alive, and as a still picture for a saved notebook."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Protocol, runtime_checkable

import ipywidgets as w

from ..theme.block import CSS, SCRIPTS, Block
from ..theme.markup import Markup, Node
from .chart import ChartView
from .table import MOST, TableView

BARE = frozenset({"layout", "tabbable", "tooltip"})
LEFT_OUT = frozenset({"button", "img"})  # of a tree: what needs a kernel or a script, and pictures, which are looked at one by one
STILL = "ty-still"


@dataclass
class Saved:
    """What a page of blocks needs: their states, and each script once."""

    scripts: list[str] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)

    def place(self, block: Block) -> str:
        """Where ``block`` will stand; it is drawn there by its own script."""
        script = str(block._esm)
        if script not in self.scripts:
            self.scripts.append(script)
        state = {k: v for k, v in block.get_state().items() if not k.startswith("_") and k not in BARE}
        self.blocks.append({"script": self.scripts.index(script), "state": state})
        return f'<div data-block="{len(self.blocks) - 1}"></div>'


@dataclass(frozen=True)
class Folded:
    """Part of a saved page that opens with a click."""

    summary: str
    parts: Sequence[w.Widget]


@runtime_checkable
class Savable(Protocol):
    """A widget that says itself what of it stands in a saved page."""

    def saved_parts(self) -> "Sequence[w.Widget | Folded]":
        """In their order."""


def page(widget: w.Widget, title: str) -> str:
    """``widget`` as one HTML document that needs neither kernel nor network.

    Blocks that say so (``alive``: charts, tables) keep working; text stands as it is; what needs a kernel (buttons, forms) is left out.
    """
    saved = Saved()
    body = "".join(_alive(widget, saved))
    script = SCRIPTS["static.js"].read_text(encoding="utf-8")
    own = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; script-src 'sha256-{own}' blob:; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    data = json.dumps({"scripts": saved.scripts, "blocks": saved.blocks}).replace("<", "\\u003c")
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title><style>{CSS}\n{OWN}</style></head>'
        f'<body data-voila="saved"><main class="tiltyard tiltyard-stack">{body}</main>'
        f'<script type="application/json" id="tiltyard-saved">{data}</script><script type="module">{script}</script></body></html>\n'
    )


OWN = "main { max-width: 1280px; margin: 0 auto; padding: 24px; display: flex; flex-direction: column; gap: 16px; }"


def still(*parts: w.Widget | str) -> str:
    """Widgets, and HTML as it is, without script, for the output of a notebook that is saved or converted: text, tables, charts as pictures."""
    body = "".join(part if isinstance(part, str) else "".join(_still(part)) for part in parts)
    return f'<div class="{STILL}" style="font-family:system-ui,sans-serif">{body}</div>'


def _children(widget: w.Widget) -> "Sequence[w.Widget | Folded]":
    """What stands in a box that is to be seen."""
    if isinstance(widget, Savable):
        return widget.saved_parts()
    hidden = isinstance(widget, w.DOMWidget) and widget.layout.display == "none"
    return widget.children if isinstance(widget, w.Box) and not hidden else ()


def _alive(widget: "w.Widget | Folded", saved: Saved) -> Iterator[str]:
    if isinstance(widget, Folded):
        yield f'<details><summary>{escape(widget.summary)}</summary><div class="tiltyard-stack widget-box">'
        for part in widget.parts:
            yield from _alive(part, saved)
        yield "</div></details>"
    elif isinstance(widget, TableView):
        if widget.table is not None:
            yield saved.place(TableView(widget.table, limit=MOST))
    elif isinstance(widget, Block) and widget.alive and not isinstance(widget, Markup):
        yield saved.place(widget)
    elif isinstance(widget, Markup):
        yield from map(_html, widget.tree)
    elif children := _children(widget):
        yield f'<div class="{escape(" ".join(_classes(widget)))}">'
        for child in children:
            yield from _alive(child, saved)
        yield "</div>"


def _classes(widget: w.Widget) -> list[str]:
    return [*getattr(widget, "_dom_classes", ()), "widget-box"]


def _still(widget: "w.Widget | Folded") -> Iterator[str]:
    if isinstance(widget, Folded):
        yield f"<details><summary>{escape(widget.summary)}</summary>"
        for part in widget.parts:
            yield from _still(part)
        yield "</details>"
    elif isinstance(widget, ChartView):
        if widget.shown is not None:
            from tiltyard.reports.figures import svg

            picture = base64.b64encode(svg(widget.shown).encode()).decode()
            yield f"<h3>{escape(widget.shown.title)}</h3>"
            yield f'<img alt="{escape(widget.shown.alt)}" src="data:image/svg+xml;base64,{picture}">'
    elif isinstance(widget, Markup):
        yield from map(_html, widget.tree)
    else:
        for child in _children(widget):
            yield from _still(child)


def _html(node: Node) -> str:
    """A tree as text; only tags and attributes that cannot do anything."""
    if isinstance(node, str):
        return escape(node)
    tag, attributes, children = node
    if tag == "img" and str(attributes.get("src", "")).startswith("data:image/png;base64,"):
        return f'<img alt="{escape(str(attributes.get("alt", "")))}" src="{escape(attributes["src"])}">'
    if tag == "button" and attributes.get("class") == "ty-number":  # a number that a click copies
        return f'<span class="ty-number">{"".join(_html(child) for child in children[:-1])}</span>'
    if tag in LEFT_OUT:
        return ""
    kept = "".join(_attribute(key, value) for key, value in attributes.items())
    return f"<{tag}{kept}>{''.join(map(_html, children))}</{tag}>"


KEPT = frozenset({"class", "role", "title", "scope", "colspan", "open"})


def _attribute(key: str, value: Any) -> str:
    if key == "style-columns":
        return f' style="grid-template-columns:repeat({int(value)},minmax(72px,128px))"'
    if value is False or value is None or not (key in KEPT or key.startswith(("aria-", "data-"))):
        return ""
    return f" {key}" if value is True else f' {key}="{escape(str(value))}"'
