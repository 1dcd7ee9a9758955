"""A table for a person: marked cells, aligned numbers, and how many rows there are."""

from collections.abc import Sequence

from tiltyard.formatting import numbers as numerals
from tiltyard.result import Column, Table

from ..theme.markup import Markup, Node, div, el, span

Cell = str | float | int | bool | None
NUMERIC = {"number", "integer", "percent"}


def written(value: Cell, kind: str) -> str:
    """One cell as text; ``percent`` cells are shares from 0 to 1."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if kind == "percent":
        return numerals.percent(value)
    return f"{value:,}".replace("-", "−") if isinstance(value, int) else numerals.number(value, 4)


def _head(column: Column) -> Node:
    unit: list[Node] = [span("ty-colunit", f" ({column.unit})")] if column.unit else []
    return el("th", {"scope": "col", "class": "ty-num" if column.kind in NUMERIC else ""}, column.name, *unit)


def column_text(values: Sequence[Cell], kind: str) -> list[str]:
    """All cells of one column; plain numbers get equal decimals so that they align."""
    numbers = [v for v in values if isinstance(v, float) or (isinstance(v, int) and not isinstance(v, bool))]
    if kind != "number" or any(isinstance(v, str | bool) for v in values) or all(isinstance(v, int) for v in numbers):
        return [written(v, kind) for v in values]
    return numerals.together([None if v is None else float(v) for v in values], 4)


def _cell(shown: str, column: Column, marked: bool) -> Node:
    names = [name for name, on in (("ty-num", column.kind in NUMERIC), ("ty-marked", marked)) if on]
    hidden: list[Node] = [span("ty-hidden", " (marked)")] if marked else []
    return el("td", {"class": " ".join(names)}, shown, *hidden)


def said_rows(table: Table, shown: int) -> str:
    """``Showing 200 of 1,024 rows``, or nothing when all are shown."""
    total = table.total if table.total is not None else len(table.rows)
    return f"Showing {shown:,} of {total:,} rows." if total > shown else ""


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
        rows = table.rows[: self._limit]
        marks = set(table.marked)
        texts = [column_text([row[j] for row in rows], column.kind) for j, column in enumerate(table.columns)]
        body = [
            el("tr", None, *(_cell(texts[j][i], column, (i, j) in marks) for j, column in enumerate(table.columns)))
            for i in range(len(rows))
        ]
        inner = el(
            "table",
            {"class": "ty-table"},
            el("caption", {"class": "ty-hidden"}, table.title),
            el("thead", None, el("tr", None, *map(_head, table.columns))),
            el("tbody", None, *body),
        )
        box = el("div", {"class": "ty-tablebox", "tabindex": "0", "role": "region", "aria-label": f"Table: {table.title}"}, inner)
        below = " ".join(part for part in (said_rows(table, len(rows)), table.note) if part)
        nothing: list[Node] = [] if rows else [el("p", {"class": "ty-help"}, "No rows.")]
        foot: list[Node] = [el("p", {"class": "ty-help"}, below)] if below else []
        return div("ty-block", el("h3", None, table.title), box, *nothing, *foot)
