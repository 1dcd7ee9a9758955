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
from ..formatting.obeyed import shown
from ..result import Record, Table
from ..samples.catalog import Sample
from ..targets.target import Target
from .steps import Steps
from .view import MOST_ROWS, View, compared, gravest_first, sentence_of, view_of

if TYPE_CHECKING:
    from rich.table import Table as RichTable
    from rich.text import Text

WIDTH = 100
STYLES = {"passed": "green", "finding": "red", "failed": "red", "incomplete": "yellow", "cancelled": "yellow"}


@singledispatch
def _named(one: object) -> str:
    return f"<{type(one).__name__}>"


def one_line(one: object) -> str:
    """What it is, in a line: ``<Record evasion.pgd: finding; …>``; nothing in it that a terminal obeys."""
    return " ".join(shown(_named(one)).split())


@_named.register
def _record(one: Record) -> str:
    return f"<Record {one.check}: {one.result.status.value}; {_short(one.result.summary)}>"


@_named.register
def _assessment(one: Assessment) -> str:
    return f"<Assessment: {sentence_of(one).removesuffix('.')}>"


@_named.register
def _target(one: Target) -> str:
    return f"<{type(one).__name__} {one.name!r}: {len(one.classes)} classes, offers {', '.join(sorted(one.offers))}>"


@_named.register
def _dataset(one: Dataset) -> str:
    return f"<Dataset {one.name!r}: {len(one):,} rows, {len(one.schema.features)} features, classes {_short(', '.join(one.schema.classes), 60)}>"


@_named.register
def _steps(one: Steps) -> str:
    return f"<Steps: {view_of(one).sentence.removesuffix('.')}>"


@_named.register
def _sample(one: Sample) -> str:
    return f"<Sample {one.card.name}: .target is {one.target.name}, .data has {len(one.data):,} rows>"


@_named.register
def _comparison(one: Comparison) -> str:
    return f"<Comparison {compared(one)}: {view_of(one).sentence.removesuffix('.')}>"


@_named.register
def _remeasured(one: Remeasured) -> str:
    return f"<Remeasured {one.defense.check}: {one.defense.result.status.value}; {_short(view_of(one).sentence)}>"


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(one: object) -> str:
    """`rich` without colors, for what shows neither HTML nor a terminal's signs."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=WIDTH, color_system=None, legacy_windows=False, force_jupyter=False).print(rich(one))
    return out.getvalue().rstrip()


def rich(one: object) -> Any:
    """A page for rich: outcome, numbers, findings, tables."""
    from rich.console import Group

    return Group(*_parts(view_of(one)))


def _text(text: str, style: str = "") -> "Text":
    from rich.text import Text

    return Text(shown(text), style=style)


def _parts(view: View) -> Iterator[Any]:
    head = _text(view.title, style="bold")
    if view.state:
        head.append(f"  {view.state.replace('_', ' ')}", style=STYLES.get(view.state, ""))
    yield head
    if view.sentence:
        yield _text(view.sentence)
    if view.facts:
        yield _text(" · ".join(f"{name} {text}" for name, text in view.facts), style="dim")
    if view.numbers:
        yield _grid([(metric.label, measured(metric)) for metric in view.numbers])
    if view.risks:
        yield _grid([(line.title, line.state.replace("_", " "), line.sentence, line.number) for line in view.risks])
    given: set[str] = set()
    for finding in gravest_first(view.findings):
        yield _text(f"▲ {finding.severity.value}: {finding.title}")
        if finding.advice not in given:
            yield _text(f"  {finding.advice}", style="dim")
        given.add(finding.advice)
    yield from map(_table, view.tables)


def _grid(rows: list[tuple[str, ...]]) -> "RichTable":
    from rich.table import Table as RichTable

    grid = RichTable.grid(padding=(0, 2))
    for row in rows:
        grid.add_row(*map(_text, row))
    return grid


def _table(table: Table) -> "RichTable":
    from rich import box
    from rich.table import Table as RichTable

    made = RichTable(title=_text(table.title), title_justify="left", box=box.SIMPLE)
    for column in table.columns:
        made.add_column(_text(column.name))
    for row in cells.rows(table, MOST_ROWS):
        made.add_row(*map(_text, row))
    if len(table.rows) > MOST_ROWS:
        made.caption = f"{MOST_ROWS} of {len(table.rows):,} rows"
    return made
