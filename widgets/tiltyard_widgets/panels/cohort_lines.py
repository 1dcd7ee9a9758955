"""Cohorts on one line each, with what can be done with them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tiltyard.datasets.cohorts import Cohort
from tiltyard.formatting.numbers import number, percent

from ..theme.markup import Markup, Node, div, el, span

if TYPE_CHECKING:
    from tiltyard.validation._slices import Slice

Press = Callable[[str], None]


def press(event: str, value: str, label: str, about: str) -> Node:
    """A button in a line; ``about`` says to a screen reader what it does with which cohort."""
    return el(
        "button",
        {
            "type": "button",
            "class": "ty-link",
            "data-send": event,
            "data-value": value,
            "data-key": f"{event} {value}",
            "aria-label": about,
        },
        label.replace(" ", "\u00a0"),
    )


def _table(title: str, heads: Sequence[tuple[str, bool]], rows: Sequence[Sequence[Node]], note: str = "") -> Node:
    """A table whose cells may hold buttons; ``heads`` are names with whether they stand over numbers."""
    head = el("tr", None, *(el("th", {"scope": "col", "class": "ty-num" if right else ""}, name) for name, right in heads))
    body = [
        el(
            "tr",
            None,
            *(
                el("td", {"class": "ty-num" if right else "" if name else "ty-acts"}, cell)
                for cell, (name, right) in zip(row, heads, strict=True)
            ),
        )
        for row in rows
    ]
    inner = el(
        "table", {"class": "ty-table"}, el("caption", {"class": "ty-hidden"}, title), el("thead", None, head), el("tbody", None, *body)
    )
    box = el("div", {"class": "ty-tablebox", "tabindex": "0", "role": "region", "aria-label": f"Table: {title}"}, inner)
    foot: list[Node] = [el("p", {"class": "ty-help"}, note)] if note else []
    return div("ty-block", el("h3", None, title), box, *foot)


class KeptLines(Markup):
    """The kept cohorts: use, change, rename, delete."""

    def __init__(self, use: Press, change: Press, rename: Press, delete: Press) -> None:
        super().__init__()
        for event, call in (("use", use), ("change", change), ("rename", rename), ("delete", delete)):
            self.on_event(event, call)

    def show(self, cohorts: Sequence[Cohort], counts: Sequence[str]) -> None:
        """One line a cohort; ``counts`` are its rows in words."""
        heads = (("Cohort", False), ("Rows where", False), ("Rows", True), ("", False))
        rows = [(c.name, c.words, count, self._buttons(c.name)) for c, count in zip(cohorts, counts, strict=True)]
        self.tree = [_table("Kept cohorts", heads, rows)] if rows else []

    def _buttons(self, name: str) -> Node:
        words = (("use", "Use in every panel"), ("change", "Change"), ("rename", "Rename"), ("delete", "Delete"))
        return span("", *(press(event, name, label, f"{label}: {name}") for event, label in words))


class SliceLines(Markup):
    """Slices or leaves: their numbers against the rest, make it a cohort, its rows as CSV."""

    def __init__(self, event: str, make: Press, rows: Press) -> None:
        super().__init__()
        self._event = event
        self.on_event(f"make-{event}", make)
        self.on_event(f"rows-{event}", rows)

    def show(self, title: str, slices: "Sequence[Slice]", word: str, note: str, downloads: bool) -> None:
        heads = (
            (title.rstrip("s") if title.endswith("slices") else "Leaf", False),
            (word, True),
            ("95 %", True),
            ("The rest", True),
            ("Rows", True),
            ("p, corrected", True),
            ("", False),
        )
        self.tree = [_table(title, heads, [self._line(i, s, downloads) for i, s in enumerate(slices)], note)] if slices else []

    def _line(self, place: int, one: "Slice", downloads: bool) -> Sequence[Node]:
        low, high = one.between
        name = el("b", None, one.cohort.words) if one.called else one.cohort.words
        made = press(f"make-{self._event}", str(place), "Make it a cohort", f"Make it a cohort: {one.cohort.words}")
        taken = press(f"rows-{self._event}", str(place), "Rows as CSV", f"Rows as CSV: {one.cohort.words}")
        ends = f"{percent(low).removesuffix(' %')} to {percent(high)}".replace(" ", "\u00a0")
        return (
            name,
            percent(one.rate).replace(" ", "\u00a0"),
            ends,
            percent(one.rest_hits / one.rest).replace(" ", "\u00a0"),
            f"{one.n:,}",
            number(one.adjusted, 2) if one.adjusted >= 0.001 else "< 0.001",
            span("", made, *([taken] if downloads else [])),
        )
