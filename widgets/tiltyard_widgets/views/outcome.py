"""One record as a person reads it: the outcome, the few numbers, pictures, tables, what to do, the code."""

from collections.abc import Callable
from typing import TypeVar

import ipywidgets as w

from tiltyard.catalogue import titles
from tiltyard.formatting import numbers as numerals
from tiltyard.reports.findings import described
from tiltyard.result import CheckResult, Column, Metric, Record, Table

from ..theme import look
from .cards import findings, metric_cards, outcome
from .chart import ChartView
from .code import CodeView
from .gallery import gallery_view
from .table import TableView

V = TypeVar("V")
CARDS = 8


class OutcomeView(w.VBox):
    """Shows a `Record`; ``show(None)`` goes back to the empty state."""

    def __init__(self, empty: str, on_defense: Callable[[str], None] | None = None) -> None:
        self._empty = empty
        self._sentence = outcome()
        self._cards = metric_cards()
        self._charts: list[ChartView] = []
        self._galleries: list[w.Widget] = []
        self._tables: list[TableView] = []
        self._findings = findings((), titles())
        if on_defense is not None:
            self._findings.on_defense(on_defense)
        self._notes = look.text("", kind="help")
        self._origin = look.text("", kind="help")
        self._code = CodeView()
        super().__init__()
        self.add_class("ty-outcome")
        self.show(None)

    def say(self, state: str, sentence: str) -> None:
        """The outcome line alone (running, waiting)."""
        self._sentence.say(state, sentence)

    def show(self, record: Record | None, code: str = "") -> None:
        """Draw the whole record; widgets already shown are reused."""
        result = record.result if record else None
        if record is None or result is None:
            self._sentence.say("not_run", self._empty)
            self.children = (self._sentence,)
            return
        self._sentence.show(result)
        self._cards.show(result.metrics[:CARDS])
        self._findings.show(described(result))
        self._notes.say("  ".join(result.notes))
        self._origin.say(origin(record))
        self._code.code = code
        self._draw(result)

    def _draw(self, result: CheckResult) -> None:
        charts = _fill(self._charts, len(result.charts), ChartView)
        for view, chart in zip(charts, result.charts, strict=True):
            view.show(chart)
        galleries = _fill(self._galleries, len(result.galleries), gallery_view)
        for view, gallery in zip(galleries, result.galleries, strict=True):
            view.show(gallery)
        kept = [*([more_numbers(result.metrics[CARDS:])] if len(result.metrics) > CARDS else []), *result.tables]
        tables = _fill(self._tables, len(kept), TableView)
        for view, table in zip(tables, kept, strict=True):
            view.show(table)
        notes = [self._notes] if result.notes else []
        shown: list[w.Widget] = [self._sentence, self._cards, *galleries, *charts, *tables, *notes]
        if result.findings:
            shown.append(self._findings)
        self.children = (*shown, self._code, self._origin)


def more_numbers(metrics: tuple[Metric, ...]) -> Table:
    """The numbers that are no cards, as a table."""
    columns = (Column(name="Measure"), Column(name="Value"), Column(name="Interval"), Column(name="n", kind="integer"))
    rows = tuple((m.label, " ".join(filter(None, numerals.value(m))), numerals.interval(m) or m.note or None, m.n) for m in metrics)
    return Table(name="more", title="More numbers", columns=columns, rows=rows)


def _fill(have: list[V], count: int, make: Callable[[], V]) -> list[V]:
    while len(have) < count:
        have.append(make())
    return have[:count]


def origin(record: Record) -> str:
    """Where the numbers come from, in a line."""
    parts = [
        f"run on {record.started:%Y-%m-%d %H:%M} UTC",
        numerals.took(record.seconds),
        f"{record.queries:,} rows sent to the target",
        f"seed {record.seed}",
        f"target {record.target.name} {record.target.fingerprint[:8]}",
        *((f"given {record.target.given}",) if record.target.given else ()),
        *((f"decided by {record.target.decision}",) if record.target.decision else ()),
        f"data {record.data.name} {record.data.fingerprint[:8]}",
        f"record {record.id[:8]}",
    ]
    return " · ".join(parts)
