"""What is accepted of a model's numbers, as a table and a chart beside the majority-class baseline."""

from collections.abc import Mapping, Sequence

from ..formatting.numbers import number
from ..result import Axis, Chart, Column, Metric, Series, Table
from ..statistics.ruling import Kept, Limit

WORDS: dict[Kept, str] = {"kept": "within", "open": "not settled", "broken": "beyond"}


def table(metrics: Sequence[Metric], baseline: Mapping[str, float], limits: Sequence[Limit], commonest: str) -> Table:
    """Every number with its interval, beside the majority-class baseline and what is accepted."""
    kept = {limit.metric.name: limit for limit in limits}
    shown = [m for m in metrics if m.name != "majority_accuracy"]
    rows = tuple(
        (
            m.label,
            m.value,
            m.low,
            m.high,
            m.n,
            baseline.get(m.name),
            kept[m.name].rule if m.name in kept else None,
            WORDS[kept[m.name].state] if m.name in kept else None,
        )
        for m in shown
    )
    columns = (
        Column(name="Measure"),
        Column(name="Model", kind="number"),
        Column(name="from", kind="number"),
        Column(name="to", kind="number"),
        Column(name="n", kind="integer"),
        Column(name=f"Always {commonest!r}", kind="number"),
        Column(name="Accepted"),
        Column(name="Kept"),
    )
    marked = tuple((i, 7) for i, m in enumerate(shown) if m.name in kept and kept[m.name].state == "broken")
    note = "Intervals of 95%; the baseline's scores are the classes' shares of these rows."
    return Table(
        name="measures", title="Beside the majority-class baseline", columns=columns, rows=rows, marked=marked, total=len(rows), note=note
    )


def chart(limits: Sequence[Limit], baseline: Mapping[str, float], commonest: str) -> Chart:
    """The numbers that are held against a limit, each with its interval and the limit beside it."""
    places = tuple(float(i) for i in range(len(limits)))
    ends = [(m.low, m.high) for m in (limit.metric for limit in limits)]
    measured = Series(
        name="model",
        x=places,
        y=tuple(limit.metric.value for limit in limits),
        low=tuple(low for low, _ in ends),
        high=tuple(high for _, high in ends),
    )
    always = Series(name=f"always {commonest!r}", x=places, y=tuple(baseline.get(limit.metric.name) for limit in limits))
    rule = Series(name="accepted", tone="neither", x=places, y=tuple(limit.accepted for limit in limits))
    names = tuple(f"{limit.metric.label} ({limit.rule})" for limit in limits)
    each = "; ".join(f"{limit.metric.label} {number(limit.metric.value)}, {limit.rule} accepted" for limit in limits)
    return Chart(
        name="accepted",
        title="Measured, and what is accepted",
        kind="dot",
        x=Axis(label="Measure", categories=names),
        y=Axis(label="Value", low=0, high=1),
        series=(measured, always, rule),
        alt=f"{each}.",
    )
