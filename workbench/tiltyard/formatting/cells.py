"""How the cells of a `Table` are written, in a panel and in a report."""

from collections.abc import Sequence

from ..result import Table
from .numbers import number, percent, together

Cell = str | float | int | bool | None
NUMERIC = frozenset({"number", "integer", "percent"})
DIGITS = 4


def cell(value: Cell, kind: str) -> str:
    """One cell as text; ``percent`` cells are shares from 0 to 1."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if kind == "percent":
        return percent(value)
    return f"{value:,}".replace("-", "−") if isinstance(value, int) else number(value, DIGITS)


def column(values: Sequence[Cell], kind: str) -> list[str]:
    """All cells of one column; plain numbers get equal decimals so that they align."""
    numbers = [v for v in values if isinstance(v, float) or (isinstance(v, int) and not isinstance(v, bool))]
    if kind != "number" or any(isinstance(v, str | bool) for v in values) or all(isinstance(v, int) for v in numbers):
        return [cell(v, kind) for v in values]
    return together([None if v is None else float(v) for v in values], DIGITS)


def rows(table: Table, most: int | None = None) -> list[tuple[str, ...]]:
    """The first ``most`` rows of ``table`` as texts."""
    kept = table.rows[:most]
    return list(zip(*(column([row[j] for row in kept], head.kind) for j, head in enumerate(table.columns)), strict=True))


def shown_of(table: Table, shown: int) -> str:
    """``Showing 200 of 1,024 rows.``, or nothing where all are shown."""
    total = table.total if table.total is not None else len(table.rows)
    return f"Showing {shown:,} of {total:,} rows." if total > shown else ""
