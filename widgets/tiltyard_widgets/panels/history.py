"""Runs of before: go on with one, compare two runs or two models."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets as w

from tiltyard.comparison.comparison import shortly
from tiltyard.errors import Problem
from tiltyard.formatting.numbers import POINTS as DIFFERENCE
from tiltyard.formatting.numbers import SHARES
from tiltyard.result import Axis, Chart, Column, Series, Table
from tiltyard.store.lines import BROKEN, OPEN, SIGNS, UNPROVEN

from ..controls.picker import Choice
from ..theme import look, plain
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
OF_ONE = {*SHARES, DIFFERENCE, "", "AUC"}  # units of numbers from 0 to 1
SHARE, UNSHARE = "Share this run", "Share it no longer"
RUNS, MODELS = "runs", "models"
NONE = "—"


class HistoryPanel(Panel):
    """What the store keeps; it survives a restart and says what was cut off."""

    title = "History"

    def build(self) -> Sequence[w.Widget]:
        self.sentence, self.kept = outcome(), look.text("", kind="lead")
        self.top = plain.VBox([self.sentence])
        self.table = TableView()
        self.what = Choice(label="Compare", options=[("Two runs", RUNS), ("Two models", MODELS)], value=RUNS, kind="segments")
        self.what.observe(lambda _: self._offer(), "value")
        self.before = Choice(label="Before", options=[NONE], value=NONE)
        self.after = Choice(label="After", options=[NONE], value=NONE)
        self._lines: list[RunLine] = []
        self.reload = look.button("Refresh")
        self.reload.on_click(lambda _: self.refresh())
        self.side = look.button("Compare", kind="primary")
        self.side.on_click(lambda _: self.compare())
        self.again = look.button("Continue this run", title="New results on its model and data join it; they must be loaded")
        self.again.on_click(lambda _: self.reopen())
        self.trend = Choice(label="A number over the runs", options=["—"], value="—")
        self.trend.observe(lambda _: self.follow(), "value")
        self.over = look.button("Show its numbers over time", title="Every run of the same model and data")
        self.over.on_click(lambda _: self.gather())
        self.line = ChartView()
        self._trends: dict[str, Trend] = {}
        self._shared: set[str] = set()
        self.lend = look.button(SHARE, title="Let everybody who logs in look at it", denied=self.session.denied("run"))
        self.lend.on_click(lambda _: self.share())
        self.before.observe(lambda _: self._apart(self.before, self.after), "value")
        self.after.observe(lambda _: self._apart(self.after, self.before), "value")
        self.after.observe(lambda _: self._chosen(), "value")
        self.changed = TableView()
        self.endings = TableView()
        self.metrics = TableView()
        self.chart = ChartView()
        self.code = CodeView()
        self.files = KeptFiles(self.session, self.message, self.code, self._store)
        self.of_which = look.text("With the run under After:", kind="help")
        self.of_run = look.stack([self.of_which, self.again, self.lend, self.over, self.trend, *self.files.controls])
        self.comparing = look.stack([self.what, self.before, self.after, self.side, self.of_run])
        look.show(self.comparing, False)
        controls = [self.comparing, self.reload]
        return [
            look.heading(self.title),
            self.message,
            self.top,
            self.table,
            look.split(controls, [self.line, self.chart, self.metrics, self.endings, self.changed, self.files.table, self.code]),
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
        self._lines = lines
        self._offer()
        self.again.disabled = self.lend.disabled = not lines
        self._chosen()
        words = f"{count} run{'s' * (count != 1)} kept." + (
            f" {len(cut)} step{'s' * (len(cut) != 1)} cut off before the end." if cut else ""
        )
        self.kept.say(words)
        self.sentence.say(
            "incomplete" if cut else "not_run", words if lines else "No run yet. What is run in any panel is kept, and listed here."
        )
        look.show(self.comparing, bool(lines))
        look.show(self.table, bool(lines))
        self.top.children = (self.kept,) if lines and not cut else (self.sentence,)

    def heard(self) -> None:
        self.refresh()

    def _offer(self) -> None:
        """Offer the runs, or the models, to be compared; what was chosen stays, and the two are never the same."""
        options = entries(self._lines) if self.what.value == RUNS else models(self._lines)
        ids = [id for _, id in options]
        before, after = self.before.value, self.after.value
        after = after if after in ids else next(iter(ids), NONE)
        others = [id for id in ids if id != after]
        self.after.offer(options or [NONE])
        self.before.offer(options or [NONE])
        self.after.value = after
        self.before.value = before if before in others else self._fitting(others, after) if others else NONE if not ids else after
        two = len(ids) > 1
        self.side.disabled = not two
        for one in (self.before, self.side, self.of_which):
            look.show(one, two)
        look.show(self.what, len(self._lines) > 1)
        self.after.label = "After" if two else "Run" if self.what.value == RUNS else "Model"
        look.show(self.of_run, self.what.value == RUNS)

    def _fitting(self, ids: Sequence[str], after: str) -> str:
        """Of several the newest on the data of ``after``, else the newest."""
        data = {line.id: line.data.fingerprint for line in self._lines}
        return next((id for id in ids if data[id] == data[after]), ids[0])

    def _apart(self, chosen: Choice, other: Choice) -> None:
        """The other choice moves on where it would be the same."""
        ids = [option["value"] for option in chosen.options]
        if chosen.value == other.value and len(ids) > 1 and {option["value"] for option in other.options} == set(ids):
            other.value = self._fitting([id for id in ids if id != chosen.value], chosen.value)

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
        """Two runs, or two models with all that is known of them: what changed, and which numbers moved beyond their intervals."""
        self.message.clear()
        try:
            store = self._store()
            a, b = store.run(self.before.value), store.run(self.after.value)
            if self.what.value == MODELS:
                from tiltyard.assessment.two_models import compare_models

                found, code = compare_models(store, a, b), MODELS_CODE
            else:
                from tiltyard.comparison.comparison import compare

                found, code = compare(a, store.records(a.id, latest=True), b, store.records(b.id, latest=True)), CODE
        except Problem as problem:
            self.message.say(problem)
            return
        self.changed.show(changes_of(found))
        self.endings.show(endings_of(found))
        self.metrics.show(metrics_of(found))
        self.chart.show(chart_of(found))
        self.code.code = code.format(a=a.short, b=b.short)

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
        """Let new results join a stored run; needs the same target and data loaded. What it found is shown without that."""
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


def entries(lines: Sequence["RunLine"]) -> list[tuple[str, str]]:
    """The runs by what was run on which model, and when."""
    return [(f"{line.about or 'nothing yet'} · {line.target.name} · {line.started:%m-%d %H:%M}", line.id) for line in lines]


def models(lines: Sequence["RunLine"]) -> list[tuple[str, str]]:
    """The models of the runs, each with the data it was measured on, and the id of its newest run there."""
    newest: dict[tuple[str, str], RunLine] = {}
    for line in lines:
        newest.setdefault((line.target.fingerprint, line.data.fingerprint), line)
    return [(f"{line.target.name} ({line.target.fingerprint[:8]}) · {line.data.name}", line.id) for line in newest.values()]


def table_of(lines: Sequence["RunLine"], count: int) -> Table:
    """The newest runs."""
    heads = ("What was run", "Model", "Data", "Started (UTC)", "State", "Checks", "With a finding", "Proof", "Run")
    columns = tuple(Column(name=n, kind="integer" if n in ("Checks", "With a finding") else "text") for n in heads)
    rows = tuple(
        (
            r.about or "nothing yet",
            r.target.name,
            r.data.name,
            f"{r.started:%Y-%m-%d %H:%M}",
            r.state,
            r.asked,
            r.with_finding,
            f"{SIGNS.get(r.proof, '?')} {r.proof or UNPROVEN}",
            r.short,
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

MODELS_CODE = """import tiltyard as ty

print(ty.compare("{a}", "{b}", models=True))
"""

FOLLOW = """from tiltyard.store.opening import open_store
from tiltyard.comparison.trend import trends

store = open_store()
for trend in trends(store, store.run("{run}")):
    if trend.key == "{key}":
        print([(p.started, p.metric.value, p.metric.low, p.metric.high) for p in trend.points])
"""
