"""A value as text: one line for its ``repr``, and a page for a terminal by rich."""

import io
from collections.abc import Iterator
from functools import singledispatch
from typing import TYPE_CHECKING, Any

from ..assessment.assessment import Assessment
from ..comparison.comparison import Comparison
from ..comparison.remeasure import Remeasured
from ..datasets.dataset import Dataset
from ..formatting import cells
from ..formatting.numbers import measured
from ..result import Record, Table
from ..targets.target import Target
from .view import MOST_ROWS, View, gravest_first, sentence_of, view_of

if TYPE_CHECKING:
    from rich.table import Table as RichTable

WIDTH = 100
STYLES = {"passed": "green", "finding": "red", "failed": "red", "incomplete": "yellow", "cancelled": "yellow"}


@singledispatch
def one_line(one: object) -> str:
    """What it is, in a line: ``<Record evasion.pgd: finding, …>``."""
    return f"<{type(one).__name__}>"


@one_line.register
def _record(one: Record) -> str:
    return f"<Record {one.check}: {one.result.status.value}; {_short(one.result.summary)}>"


@one_line.register
def _assessment(one: Assessment) -> str:
    return f"<Assessment: {sentence_of(one).removesuffix('.')}>"


@one_line.register
def _target(one: Target) -> str:
    return f"<{type(one).__name__} {one.name!r}: {len(one.classes)} classes, offers {', '.join(sorted(one.offers))}>"


@one_line.register
def _dataset(one: Dataset) -> str:
    return f"<Dataset {one.name!r}: {len(one):,} rows, {len(one.schema.features)} features, classes {_short(', '.join(one.schema.classes), 60)}>"


@one_line.register
def _comparison(one: Comparison) -> str:
    return f"<Comparison {one.before[:8]} → {one.after[:8]}: {view_of(one).sentence.removesuffix('.')}>"


@one_line.register
def _remeasured(one: Remeasured) -> str:
    return f"<Remeasured {one.defense.check}: {one.defense.result.status.value}; {_short(view_of(one).sentence)}>"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(one: object) -> str:
    """`rich` without colors, for what shows neither HTML nor a terminal's signs."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None, legacy_windows=False).print(rich(one))
    return out.getvalue().rstrip()


def rich(one: object) -> Any:
    """A page for rich: outcome, numbers, findings, tables."""
    from rich.console import Group

    return Group(*_parts(view_of(one)))


def _parts(view: View) -> Iterator[Any]:
    from rich.text import Text

    head = Text(view.title, style="bold")
    if view.state:
        head.append(f"  {view.state.replace('_', ' ')}", style=STYLES.get(view.state, ""))
    yield head
    if view.sentence:
        yield Text(view.sentence)
    if view.facts:
        yield Text(" · ".join(f"{name} {text}" for name, text in view.facts), style="dim")
    if view.numbers:
        yield _grid([(metric.label, measured(metric)) for metric in view.numbers])
    if view.risks:
        yield _grid([(line.title, line.state.replace("_", " "), line.sentence, line.number) for line in view.risks])
    given: set[str] = set()
    for finding in gravest_first(view.findings):
        yield Text(f"▲ {finding.severity.value}: {finding.title}")
        if finding.advice not in given:
            yield Text(f"  {finding.advice}", style="dim")
        given.add(finding.advice)
    yield from map(_table, view.tables)


def _grid(rows: list[tuple[str, ...]]) -> "RichTable":
    from rich.table import Table as RichTable
    from rich.text import Text

    grid = RichTable.grid(padding=(0, 2))
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _table(table: Table) -> "RichTable":
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    made = RichTable(title=table.title, title_justify="left", box=box.SIMPLE)
    for column in table.columns:
        made.add_column(Text(column.name))
    for row in cells.rows(table, MOST_ROWS):
        made.add_row(*map(Text, row))
    if len(table.rows) > MOST_ROWS:
        made.caption = f"{MOST_ROWS} of {len(table.rows):,} rows"
    return made
