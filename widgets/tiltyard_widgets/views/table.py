"""A table for a person: marked cells, aligned numbers, and how many rows there are."""

import math

from tiltyard.formatting import cells
from tiltyard.formatting.cells import NUMERIC, Cell
from tiltyard.result import Column, Table

from ..theme.block import esm
from ..theme.markup import Markup, Node, div, el, span

MOST = 20_000  # rows that the page draws when all are asked for


def _head(column: Column) -> Node:
    unit: list[Node] = [span("ty-colunit", f" ({column.unit})")] if column.unit else []
    return el("th", {"scope": "col", "class": "ty-num" if column.kind in NUMERIC else ""}, column.name, *unit)


def _cell(shown: str, value: Cell, column: Column, marked: bool) -> Node:
    names = [name for name, on in (("ty-num", column.kind in NUMERIC), ("ty-marked", marked)) if on]
    hidden: list[Node] = [span("ty-hidden", " (marked)")] if marked else []
    return el("td", {"class": " ".join(names), **_number(value)}, shown, *hidden)


def _number(value: Cell) -> dict[str, str]:
    """The number itself, by which the page sorts and which its CSV holds."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return {"data-value": repr(value)} if number else {}


class TableView(Markup):
    """Shows a `Table`, at first at most ``limit`` rows of it; sorted, searched and saved as CSV in the page, the box scrolls by keyboard too."""

    _esm = esm("build.js", "save.js", "table.js")
    alive = True

    def __init__(self, table: Table | None = None, limit: int = 200) -> None:
        self._first = self._limit = limit
        self.table: Table | None = None
        super().__init__()
        self.on_event("whole", lambda _: self._whole())
        self.on_event("csv", lambda _: self._csv())
        self.show(table)

    def show(self, table: Table | None) -> None:
        if table is None or self.table is None or table.title != self.table.title:
            self._limit = self._first
        self.table = table
        self.tree = [self._draw(table)] if table is not None else []

    def _whole(self) -> None:
        """All rows that are kept, as far as a page can hold them."""
        self._limit = MOST
        if self.table is not None:
            self.tree = [self._draw(self.table)]

    def _csv(self) -> None:
        """All rows that are kept, for the page to save."""
        if self.table is not None:
            heads = [f"{c.name} ({c.unit})" if c.unit else c.name for c in self.table.columns]
            self.send({"title": self.table.title, "csv": [heads, *(list(map(_plain, row)) for row in self.table.rows)]})

    def _draw(self, table: Table) -> Node:
        if not table.rows and table.note:
            return div("ty-block", el("h3", None, table.title), el("p", {"class": "ty-help"}, table.note))
        rows = cells.rows(table, self._limit)
        marks = set(table.marked)
        body = [
            el(
                "tr",
                None,
                *(
                    _cell(shown, value, column, (i, j) in marks)
                    for j, (shown, value, column) in enumerate(zip(row, table.rows[i], table.columns, strict=True))
                ),
            )
            for i, row in enumerate(rows)
        ]
        inner = el(
            "table",
            {"class": "ty-table", **({"data-missing": str(len(table.rows) - len(rows))} if len(table.rows) > len(rows) else {})},
            el("caption", {"class": "ty-hidden"}, table.title),
            el("thead", None, el("tr", None, *map(_head, table.columns))),
            el("tbody", None, *body),
        )
        box = el("div", {"class": "ty-tablebox", "tabindex": "0", "role": "region", "aria-label": f"Table: {table.title}"}, inner)
        below = " ".join(part for part in (cells.shown_of(table, len(rows)), table.note) if part)
        nothing: list[Node] = [] if rows else [el("p", {"class": "ty-help"}, "No rows.")]
        foot: list[Node] = [el("p", {"class": "ty-help"}, below)] if below else []
        return div("ty-block", el("h3", None, table.title), box, *nothing, *foot)


def _plain(value: Cell) -> Cell:
    """A cell as strict JSON."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
