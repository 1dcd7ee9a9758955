"""The rail of topics at the left, and the header over everything."""

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets

from tiltyard.result import Identity

from ..theme.block import Block, esm
from ..theme.markup import Markup, Node, copy_button, el, span
from .states import STATES, badge

SHORT = 12


class Rail(Block):
    """Topics with their states: ``items`` of ``{"id", "label", "state", "words", "group"}``; ``selected`` is the id of one of them.

    ``state`` is left out where there is none; ``words`` say it in a few words, as ``2 of 6 asked``; ``group`` is a heading over those
    that follow one another under it. Arrow keys, Home and End move between topics; Enter or space opens one.
    """

    _esm = esm("rail.js")
    items: traitlets.List[dict[str, str]] = traitlets.List().tag(sync=True)
    selected = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("Topics").tag(sync=True)
    states = traitlets.Dict().tag(sync=True)

    def __init__(self, items: Sequence[Mapping[str, str]] = (), selected: str = "", label: str = "Topics") -> None:
        given = [dict(item) for item in items]
        first = selected or (given[0]["id"] if given else "")
        super().__init__(items=given, selected=first, label=label, states={key: list(value) for key, value in STATES.items()})

    @traitlets.validate("items")
    def _known_states(self, proposal: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
        for item in proposal["value"]:
            if item.get("state", "not_run") not in STATES:
                raise traitlets.TraitError(f"expected a state of {sorted(STATES)}, found {item['state']!r}")
        return proposal["value"]

    def mark(self, id: str, state: str, words: str = "") -> None:
        """Give the topic ``id`` another state."""
        self.marked({id: (state, words)})

    def marked(self, states: Mapping[str, tuple[str, str]]) -> None:
        """Give topics other states and words, all at once."""
        self.items = [{**item, **dict(zip(("state", "words"), states.get(item["id"], ()), strict=False))} for item in self.items]

    def set_state(self, data: Any, state: str = "") -> None:
        """Of ipywidgets: take over traits from the browser. With two arguments the same as `mark`."""
        if isinstance(data, str):
            self.mark(data, state)
        else:
            super().set_state(data)


class Header(Markup):
    """Target, data set, their fingerprints, and the verdict so far; of one height whatever they are."""

    def __init__(self, title: str) -> None:
        self._title = title
        super().__init__()
        self.show(None, None)

    def show(
        self,
        target: Identity | None,
        data: Identity | None,
        state: str = "not_run",
        verdict: str = "",
        former: str = "",
        cohort: bool = False,
    ) -> None:
        """``state`` is a key of `states.STATES`; ``verdict`` says in a few words what it rests on.

        Where the target was made by a defense here, ``former`` is the name of the one before: a button sends ``undo``.
        Where the rows are a ``cohort`` of the data a button sends ``all_rows``.
        """
        back = [_undo(former)] if former else []
        parts: list[Node] = [
            el("span", {"class": "ty-brand"}, self._title),
            _what("Target", target, back),
            _what("Data", data, [_all_rows()] if cohort else []),
        ]
        reason: list[Node] = [el("span", {"class": "ty-reason", "title": verdict}, f" · {verdict}")] if verdict else []
        parts.append(el("span", {"class": "ty-verdict"}, span("ty-muted", "So far: "), badge(state), *reason))
        self.tree = [el("div", {"class": "ty-header", "role": "group", "aria-label": "What is assessed"}, *parts)]


def _undo(former: str) -> Node:
    about = {
        "type": "button",
        "class": "ty-link",
        "data-send": "undo",
        "data-key": "undo",
        "title": f"Show {former} again, as before the defense",
    }
    return el("button", about, f"Back to {former}")


def _all_rows() -> Node:
    about = {"type": "button", "class": "ty-link", "data-send": "all_rows", "data-key": "all_rows", "title": "Leave the cohort"}
    return el("button", about, "All\u00a0rows")


def _what(word: str, identity: Identity | None, more: Sequence[Node]) -> Node:
    if identity is None:
        return span("ty-what", span("ty-muted", f"{word}:"), span("ty-muted", "none yet"))
    facts = [identity.detail, f"It is given {identity.given}." if identity.given else ""]
    facts += [f"It decides by {identity.decision}." if identity.decision else ""]
    about = " ".join(filter(None, facts))
    parts = [span("ty-muted", f"{word}:"), el("span", {"class": "ty-name", "title": f"{identity.name}. {about}".strip()}, identity.name)]
    if identity.fingerprint:
        parts += [el("code", {"title": f"SHA-256 {identity.fingerprint}"}, identity.fingerprint[:SHORT])]
        parts += [copy_button("copy", identity.fingerprint, f"fingerprint of the {word.lower()}")]
    if identity.decision:
        parts += [el("span", {"class": "ty-muted ty-rule", "title": about}, f"decides by {identity.decision}")]
    if identity.doubts:
        n = len(identity.doubts)
        parts += [el("span", {"class": "ty-doubts", "title": " ".join(identity.doubts)}, f"⚠ {n} doubt{'s' * (n != 1)}")]
    return el("span", {"class": "ty-what"}, *parts, *more)


def header(title: str = "Tiltyard") -> Header:
    """The bar at the top; ``.show(target, data, state, verdict)`` changes it in place."""
    return Header(title)
