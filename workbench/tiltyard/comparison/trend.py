"""The numbers of earlier runs of the same model and data over time, each with its interval."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from ..result import Axis, Chart, Frozen, Metric, Record, Series
from ..store.lines import RunLine
from ..store.store import Store

MOST = 60


class Point(Frozen):
    """One number of one run."""

    run: str
    started: datetime
    metric: Metric


class Trend(Frozen):
    """One number over the runs, oldest first."""

    check: str
    title: str
    label: str
    unit: str
    safer: str
    points: tuple[Point, ...]

    @property
    def key(self) -> str:
        """What tells it from other trends."""
        return f"{self.check} {self.points[0].metric.name}"

    @property
    def chart(self) -> Chart:
        """A line with a band where there are intervals; a gap where a run did not measure it."""
        series = Series(
            name=self.label,
            x=tuple(float(i) for i in range(len(self.points))),
            y=tuple(p.metric.value for p in self.points),
            low=tuple(p.metric.low for p in self.points),
            high=tuple(p.metric.high for p in self.points),
        )
        safer = "" if self.safer == "none" else f" ({'nearer to 0' if self.safer == 'zero' else self.safer} is safer)"
        last = self.points[-1].metric
        value = "not measured" if last.value is None else f"{last.value:.4g}"
        return Chart(
            name="trend",
            title=f"{self.title}: {self.label}{safer}",
            kind="line",
            x=Axis(label="Run, oldest first", categories=tuple(f"{p.started:%m-%d %H:%M} {p.run[:4]}" for p in self.points)),
            y=Axis(label=self.label, unit=self.unit),
            series=(series,),
            alt=f"{self.label} of {self.title} in {len(self.points)} runs; in the last it is {value}.",
        )


class TrendList(Frozen):
    """The trends of a model and its data, as ``tiltyard runs --trend RUN --json`` writes them."""

    format: int = 1
    kind: Literal["tiltyard-trends"] = "tiltyard-trends"
    target: str
    data: str
    trends: tuple[Trend, ...]


def trends(store: Store, line: RunLine, limit: int = MOST) -> list[Trend]:
    """Every number that at least two runs of the model and data of ``line`` measured, by name of both; the newest ``limit`` runs."""
    alike = [
        r for r in store.runs(limit=10_000, search=line.target.name) if (r.target.name, r.data.name) == (line.target.name, line.data.name)
    ]
    found: dict[tuple[str, str], list[tuple[Record, Point]]] = {}
    for run in reversed(alike[:limit]):
        for record, metric in _numbers(store.records(run.id, latest=True)):
            point = Point(run=run.id, started=run.started, metric=metric)
            found.setdefault((record.check, metric.name), []).append((record, point))
    return [_trend(pairs) for pairs in found.values() if sum(p.metric.value is not None for _, p in pairs) > 1]


def _numbers(records: Sequence[Record]) -> list[tuple[Record, Metric]]:
    """The numbers of a run; of a check that ran twice, the last."""
    return list({(r.check, m.name): (r, m) for r in records for m in r.result.metrics}.values())


def _trend(pairs: Sequence[tuple[Record, Point]]) -> Trend:
    record, point = pairs[-1]
    metric = point.metric
    facts = {"label": metric.label, "unit": metric.unit, "safer": metric.safer}
    return Trend(check=record.check, title=record.title, points=tuple(p for _, p in pairs), **facts)
