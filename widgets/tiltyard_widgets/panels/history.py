"""Runs of before: open one again, lay two side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.comparison.comparison import shortly
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import SHARES
from tiltyard.result import Axis, Chart, Column, Series, Table
from tiltyard.store.lines import BROKEN, OPEN, SIGNS, UNPROVEN

from ..controls.picker import Choice
from ..theme import look
from ..views.cards import outcome
from ..views.chart import ChartView
from ..views.code import CodeView
from ..views.table import TableView
from .kept_files import KeptFiles
from .panel import Panel

if TYPE_CHECKING:
    from tiltyard.comparison.comparison import Comparison
    from tiltyard.comparison.trend import Trend
    from tiltyard.store.lines import RunLine
    from tiltyard.store.store import Store

PAGE = 50
MOST_DOUBTS = 3
OPENED = "Open: its window is there, and nothing runs in it."
POINTS = "Shares are in percent, their differences in percentage points; in brackets the intervals."
OF_ONE = {*SHARES, "", "AUC"}  # units of numbers from 0 to 1
SHARE, UNSHARE = "Share this run (After)", "Share it no longer (After)"


class HistoryPanel(Panel):
    """What the store keeps; it survives a restart and says what was cut off."""

    title = "History"

    def build(self) -> Sequence[w.Widget]:
        self.sentence, self.kept = outcome(), look.text("", kind="lead")
        self.top = w.VBox([self.sentence])
        self.table = TableView()
        self.before = Choice(label="Before", options=["—"], value="—")
        self.after = Choice(label="After", options=["—"], value="—")
        self.reload = look.button("Look again")
        self.reload.on_click(lambda _: self.refresh())
        self.side = look.button("Lay side by side", kind="primary")
        self.side.on_click(lambda _: self.compare())
        self.again = look.button("Show this run (After) in the panels")
        self.again.on_click(lambda _: self.reopen())
        self.trend = Choice(label="A number over the runs", options=["—"], value="—")
        self.trend.observe(lambda _: self.follow(), "value")
        self.over = look.button("Follow the numbers of After", title="Every run of the same model and data")
        self.over.on_click(lambda _: self.gather())
        self.line = ChartView()
        self._trends: dict[str, Trend] = {}
        self._shared: set[str] = set()
        self.lend = look.button(SHARE, title="Let everybody who logs in look at it", denied=self.session.denied("run"))
        self.lend.on_click(lambda _: self.share())
        self.after.observe(lambda _: self._chosen(), "value")
        self.changed = TableView()
        self.endings = TableView()
        self.metrics = TableView()
        self.chart = ChartView()
        self.code = CodeView()
        self.files = KeptFiles(self.session, self.message, self.code, self._store)
        controls = [self.reload, self.before, self.after, self.side, self.again, self.lend, self.over, self.trend, *self.files.controls]
        return [
            look.heading(self.title),
            self.message,
            look.split(
                controls,
                [self.top, self.line, self.chart, self.metrics, self.endings, self.changed, self.files.table, self.table, self.code],
            ),
        ]

    def refresh(self) -> None:
        if self.session.store is None:
            self.sentence.say("not_run", "No store: runs of this window are kept in memory only.")
            return
        try:
            lines = self.session.store.runs(limit=PAGE)
            count = self.session.store.count()
            cut = self.session.store.cut_off()
            self._shared = self.session.store.shared()
            doubts = self.session.store.doubts()
        except Problem as problem:
            self.message.say(problem)
            return
        self.table.show(table_of(lines, count))
        self._doubted(lines, doubts)
        options = [(f"{line.short} {line.started:%m-%d %H:%M} {line.name}", line.id) for line in lines]
        kept = (self.before.value, self.after.value)
        for choice, value, place in ((self.before, kept[0], 1), (self.after, kept[1], 0)):
            choice.offer(options or ["—"])
            if options:
                ids = [id for _, id in options]
                choice.value = value if value in ids else ids[min(place, len(ids) - 1)]
        self.side.disabled = len(lines) < 2
        self.again.disabled = self.lend.disabled = not lines
        self._chosen()
        words = f"{count} run{'s' * (count != 1)} kept." + (
            f" {len(cut)} step{'s' * (len(cut) != 1)} cut off before the end." if cut else ""
        )
        self.kept.say(words)
        self.sentence.say("incomplete" if cut else "not_run", words if lines else "No run yet.")
        self.top.children = (self.kept,) if lines and not cut else (self.sentence,)

    def _doubted(self, lines: Sequence["RunLine"], doubts: Sequence[str]) -> None:
        """Say what does not hold: the store as a whole, and runs one by one."""
        broken = [f"run {line.short}: {line.doubt}" for line in lines if line.proof == BROKEN and line.doubt not in doubts]
        if reasons := [*doubts, *broken]:
            more = f" And {len(reasons) - MOST_DOUBTS} more." if len(reasons) > MOST_DOUBTS else ""
            self.message.say(f"Not as it was written: {'; '.join(reasons[:MOST_DOUBTS])}.{more}", level="warning")

    def share(self) -> None:
        """Let everybody look at the chosen run, or keep it to its owner again."""
        self.message.clear()
        try:
            store = self._store()
            on = self.after.value not in store.shared()
            unlogged = store.share(self.after.value, on)
            self._shared = store.shared()
        except Problem as problem:
            self.message.say(problem)
            return
        self._lent()
        seen = "Everybody who logs in may look at it." if on else "Only its owner and admins see it."
        self.message.say(f"{seen} {unlogged}".strip(), level="warning" if unlogged else "info")

    def _chosen(self) -> None:
        self._lent()
        self.files.show(self.after.value)

    def _lent(self) -> None:
        self.lend.description = UNSHARE if self.after.value in self._shared else SHARE

    def compare(self) -> None:
        """Two runs side by side: what changed, and which numbers moved beyond their intervals."""
        self.message.clear()
        try:
            store = self._store()
            from tiltyard.comparison.comparison import compare

            a, b = store.run(self.before.value), store.run(self.after.value)
            found = compare(a, store.records(a.id, latest=True), b, store.records(b.id, latest=True))
        except Problem as problem:
            self.message.say(problem)
            return
        self.changed.show(changes_of(found))
        self.endings.show(endings_of(found))
        self.metrics.show(metrics_of(found))
        self.chart.show(chart_of(found))
        self.code.code = CODE.format(a=a.short, b=b.short)

    def gather(self) -> None:
        """Offer every number that several runs of the same model and data have measured."""
        self.message.clear()
        try:
            from tiltyard.comparison.trend import trends

            store = self._store()
            found = trends(store, store.run(self.after.value))
        except Problem as problem:
            self.message.say(problem)
            return
        self._trends = {t.key: t for t in found}
        self.trend.offer([(f"{t.title}: {t.label}", t.key) for t in found] or ["—"])
        if not found:
            self.message.say("No number was measured by two runs of this model and data yet.", level="info")
        self.trend.value = next(iter(self._trends), "—")
        self.follow()

    def follow(self) -> None:
        """Draw the chosen number over the runs, and show the code that does the same."""
        trend = self._trends.get(self.trend.value)
        self.line.show(trend.chart if trend else None)
        if trend:
            self.code.code = FOLLOW.format(run=trend.points[-1].run[:8], key=trend.key)

    def reopen(self) -> None:
        """Show a stored run's results in the panels; needs the same target and data loaded."""
        self.message.clear()
        try:
            store = self._store()
            run = store.run(self.after.value)
            if self.session.target is None or self.session.data is None or run.target.fingerprint != self.session.target.fingerprint:
                raise Problem(f"{run.target.name} ({run.target.fingerprint[:8]}) to be loaded", "another target or none", "Load it first")
            self.session.resume(run, store.records(run.id))
        except Problem as problem:
            self.message.say(problem)

    def _store(self) -> "Store":
        if self.session.store is None:
            raise Problem("a store", "none", "Open the window with a store")
        return self.session.store


def table_of(lines: Sequence["RunLine"], count: int) -> Table:
    """The newest runs."""
    columns = tuple(Column(name=n) for n in ("Run", "Started (UTC)", "Target", "Data", "State", "Steps", "Findings", "Proof"))
    rows = tuple(
        (
            r.short,
            f"{r.started:%Y-%m-%d %H:%M}",
            r.target.name,
            r.data.name,
            r.state,
            r.total,
            r.counts.get("finding", 0),
            f"{SIGNS.get(r.proof, '?')} {r.proof or UNPROVEN}",
        )
        for r in lines
    )
    note = OPENED if any(r.state == OPEN for r in lines) else ""
    return Table(name="runs", title="Runs, newest first", columns=columns, rows=rows, total=count, note=note)


def changes_of(found: "Comparison") -> Table:
    """What differs between the runs besides their numbers."""
    columns = tuple(Column(name=n) for n in ("What", "Before", "After"))
    rows = tuple((c.what, shortly(c.before), shortly(c.after)) for c in found.changed)
    return Table(name="changed", title="What changed", columns=columns, rows=rows, note="" if rows else "Nothing but the numbers.")


def endings_of(found: "Comparison") -> Table:
    """Steps that ended otherwise, and those that only one of the runs has."""
    columns = tuple(Column(name=n) for n in ("Step", "Before", "After"))
    rows = tuple((s.title, _state(s.before), _state(s.after)) for s in found.statuses if s.before != s.after)
    return Table(name="endings", title="How steps ended", columns=columns, rows=rows, note="" if rows else "As before.")


def _state(status: str | None) -> str:
    return "not run" if status is None else status.replace("_", " ")


def metrics_of(found: "Comparison") -> Table:
    """Each number before and after with the difference and its interval."""
    columns = tuple(Column(name=n) for n in ("Step", "Measure", "Before", "After", "Difference", "Verdict"))
    rows = tuple((m.title, m.label, m.told_before, m.told_after, m.told_difference, m.verdict) for m in found.metrics)
    return Table(name="metrics", title="Numbers side by side", columns=columns, rows=rows, note=POINTS if rows else "No number in common.")


def chart_of(found: "Comparison", most: int = 14) -> Chart | None:
    """The differences on a scale of 1 that have an interval, in hundredths, as points with whiskers; nothing where there are none."""
    shown = [m for m in found.metrics if m.low is not None and m.unit in OF_ONE and abs(m.difference or 0) <= 1][:most]
    if not shown:
        return None
    names = tuple(f"{m.title}: {m.label}" for m in shown)
    series = Series(
        name="after minus before",
        x=tuple(100 * float(m.difference or 0) for m in shown),
        y=tuple(float(i) for i in range(len(shown))),
        low=tuple(100 * float(m.low or 0) for m in shown),
        high=tuple(100 * float(m.high or 0) for m in shown),
    )
    return Chart(
        name="difference",
        title="After minus before",
        kind="hbar",
        x=Axis(label="Difference", unit="points"),
        y=Axis(label="", categories=names),
        series=(series,),
        alt=f"Differences of {len(shown)} numbers between the two runs, in hundredths: percentage points of shares.",
    )


CODE = """import tiltyard as ty

print(ty.compare("{a}", "{b}"))
"""

FOLLOW = """from tiltyard.store.opening import open_store
from tiltyard.comparison.trend import trends

store = open_store()
for trend in trends(store, store.run("{run}")):
    if trend.key == "{key}":
        print([(p.started, p.metric.value, p.metric.low, p.metric.high) for p in trend.points])
"""
