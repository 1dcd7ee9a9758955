"""A table for a person: marked cells, aligned numbers, and how many rows there are."""

from tiltyard.formatting import cells
from tiltyard.formatting.cells import NUMERIC
from tiltyard.result import Column, Table

from ..theme.markup import Markup, Node, div, el, span


def _head(column: Column) -> Node:
    unit: list[Node] = [span("ty-colunit", f" ({column.unit})")] if column.unit else []
    return el("th", {"scope": "col", "class": "ty-num" if column.kind in NUMERIC else ""}, column.name, *unit)


def _cell(shown: str, column: Column, marked: bool) -> Node:
    names = [name for name, on in (("ty-num", column.kind in NUMERIC), ("ty-marked", marked)) if on]
    hidden: list[Node] = [span("ty-hidden", " (marked)")] if marked else []
    return el("td", {"class": " ".join(names)}, shown, *hidden)


class TableView(Markup):
    """Shows a `Table`, at most ``limit`` rows of it; the box scrolls by keyboard too."""

    def __init__(self, table: Table | None = None, limit: int = 200) -> None:
        self._limit = limit
        super().__init__()
        self.show(table)

    def show(self, table: Table | None) -> None:
        self.tree = [self._draw(table)] if table is not None else []

    def _draw(self, table: Table) -> Node:
        if not table.rows and table.note:
            return div("ty-block", el("h3", None, table.title), el("p", {"class": "ty-help"}, table.note))
        rows = cells.rows(table, self._limit)
        marks = set(table.marked)
        body = [
            el(
                "tr",
                None,
                *(_cell(shown, column, (i, j) in marks) for j, (shown, column) in enumerate(zip(row, table.columns, strict=True))),
            )
            for i, row in enumerate(rows)
        ]
        inner = el(
            "table",
            {"class": "ty-table"},
            el("caption", {"class": "ty-hidden"}, table.title),
            el("thead", None, el("tr", None, *map(_head, table.columns))),
            el("tbody", None, *body),
        )
        box = el("div", {"class": "ty-tablebox", "tabindex": "0", "role": "region", "aria-label": f"Table: {table.title}"}, inner)
        below = " ".join(part for part in (cells.shown_of(table, len(rows)), table.note) if part)
        nothing: list[Node] = [] if rows else [el("p", {"class": "ty-help"}, "No rows.")]
        foot: list[Node] = [el("p", {"class": "ty-help"}, below)] if below else []
        return div("ty-block", el("h3", None, table.title), box, *nothing, *foot)
