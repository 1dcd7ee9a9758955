"""One record as a person reads it: the sentence, three numbers, one picture, what to do; behind *Details* all the rest."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import ipywidgets as w
import traitlets

from tiltyard.catalogue import titles
from tiltyard.formatting import numbers as numerals
from tiltyard.result import Chart, Column, Gallery, Metric, Record, Table

from ..theme import look, plain
from .cards import advice, findings, metric_cards, outcome
from .chart import ChartView
from .code import CodeView
from .details import Details
from .gallery import GalleryView, gallery_view
from .layers import Layers, layers
from .static import Folded
from .table import TableView

V = TypeVar("V")


class OutcomeView(plain.VBox):
    """Shows a `Record`; ``show(None)`` goes back to the empty state. ``unfolded`` says whether its details are seen."""

    unfolded = traitlets.Bool(False)

    def __init__(self, empty: str, on_defense: Callable[[str], None] | None = None) -> None:
        super().__init__()
        self._empty = empty
        self._record: Record | None = None
        self._layers: Layers | None = None
        self._sentence, self._dated = outcome(), look.text("", kind="help")
        self._cards, self._chart, self._gallery = metric_cards(), ChartView(height=260), gallery_view()
        self._table = TableView()
        self._advice, self._findings = advice(titles()), findings((), titles())
        if on_defense is not None:
            self._advice.on_defense(on_defense)
            self._findings.on_defense(on_defense)
        self._first = plain.VBox()
        self._first.add_class("ty-first")
        self._charts: list[ChartView] = []
        self._galleries: list[GalleryView] = []
        self._tables: list[TableView] = []
        self._pairs = plain.VBox()
        self._pairs.add_class("ty-pairs")
        self._notes, self._origin = look.text("", kind="help"), look.text("", kind="help")
        self._code = CodeView()
        self.details = Details()
        traitlets.link((self, "unfolded"), (self.details, "unfolded"))
        self.observe(lambda _: self._fill_details(), "unfolded")
        self.add_class("ty-outcome")
        self.show(None)

    def say(self, state: str, sentence: str) -> None:
        """The outcome line alone: what was shown of another result goes."""
        self._record = self._layers = None
        self._sentence.say(state, sentence)
        self._stand(self._sentence)

    def wait(self, sentence: str, state: Literal["waiting", "running"] = "running") -> None:
        """Something runs, or waits for its turn: the former result of the same target stays below, dimmed and dated."""
        record = self._record
        self._sentence.say(state, sentence)
        if record is None or self._layers is None:
            self._stand(self._sentence)
            return
        self._dated.say(f"The result of before, of {record.started:%Y-%m-%d %H:%M} UTC:")
        self.add_class("ty-former")
        self.children = (self._sentence, self._dated, self._first, self.details)

    def show(self, record: Record | None, code: str = "") -> None:
        """Draw the whole record; widgets already shown are reused."""
        if record is None:
            self.say("not_run", self._empty)
            return
        self._record, self._layers = record, layers(record)
        self._sentence.show(record.result)
        self._code.code = code
        self._draw_first(self._layers)
        self._fill_details()
        rest = self._has_more(self._layers, record)
        self._stand(self._sentence, *([self._first] if self._first.children else []), *([self.details] if rest else []))

    def saved_parts(self) -> Sequence[w.Widget | Folded]:
        """For a page without a kernel: what is seen, then the details whether they are unfolded or not."""
        seen = [part for part in self.children if part is not self.details]
        if self._record is None or self._layers is None or self.details not in self.children:
            return seen
        return [*seen, Folded(f"Details: {contents(self._layers, self._record)}", self._parts(self._layers, self._record))]

    def _stand(self, *parts: w.Widget) -> None:
        self.remove_class("ty-former")
        self.children = parts

    def _draw_first(self, layered: Layers) -> None:
        self._cards.show(layered.metrics)
        self._advice.show(layered.action)
        picture: list[w.Widget] = []
        if isinstance(layered.picture, Chart):
            self._chart.show(layered.picture)
            picture = [self._chart]
        elif isinstance(layered.picture, Gallery):
            self._gallery.show(layered.picture)
            picture = [self._gallery]
        elif layered.picture is not None:
            self._table.show(layered.picture)
            picture = [self._table]
        beside = layered.action is not None and isinstance(layered.picture, Chart | Gallery)
        (self._first.add_class if beside else self._first.remove_class)("ty-beside")
        self._first.children = (*([self._cards] if layered.metrics else []), *picture, *([self._advice] if layered.action else []))

    @staticmethod
    def _has_more(layered: Layers, record: Record) -> bool:
        return record.result.status.value != "not_applicable" or bool(layered.other_metrics or layered.other_tables)

    def _fill_details(self) -> None:
        """Draw what is unfolded; folded it costs nothing."""
        if self._record is None or self._layers is None:
            return
        self.details.hold(contents(self._layers, self._record), self._parts(self._layers, self._record) if self.unfolded else ())

    def _parts(self, layered: Layers, record: Record) -> list[w.Widget]:
        result = record.result
        charts = _fill(self._charts, len(layered.other_charts), ChartView)
        for chart_view, chart in zip(charts, layered.other_charts, strict=True):
            chart_view.show(chart)
        galleries = _fill(self._galleries, len(layered.other_galleries), gallery_view)
        for gallery_view_, gallery in zip(galleries, layered.other_galleries, strict=True):
            gallery_view_.show(gallery)
        kept = [*([more_numbers(layered.other_metrics)] if layered.other_metrics else []), *layered.other_tables]
        tables = _fill(self._tables, len(kept), TableView)
        for table_view, table in zip(tables, kept, strict=True):
            table_view.show(table)
        self._findings.show(layered.findings)
        self._notes.say("  ".join(result.notes))
        self._origin.say(origin(record))
        self._pairs.children = tuple(charts)
        shown: list[w.Widget] = [self._findings] if layered.findings else []
        pairs = [self._pairs] if charts else []
        notes = [self._notes] if result.notes else []
        more = tables[:1] if layered.other_metrics else []
        return [*shown, *more, *pairs, *galleries, *tables[len(more) :], *notes, self._code, self._origin]


def contents(layered: Layers, record: Record) -> str:
    """What stands behind *Details*, counted."""
    counted = [
        (len(layered.findings), "finding with its evidence", "findings with their evidence"),
        (len(layered.other_metrics), "more number", "more numbers"),
        (len(layered.other_charts) + len(layered.other_galleries), "more picture", "more pictures"),
        (len(layered.other_tables), "table", "tables"),
    ]
    words = [f"{count} {one if count == 1 else many}" for count, one, many in counted if count]
    return ", ".join([*words, *(["notes"] if record.result.notes else []), "code", "where the numbers come from"])


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
