"""What is accepted of a model's numbers, and whether they keep to it: by the value a finding, by the bound of its interval a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..formatting.numbers import number
from ..result import Axis, Chart, Column, Metric, Series, Table

Kept = Literal["kept", "open", "broken"]
WORDS: dict[Kept, str] = {"kept": "within", "open": "not settled", "broken": "beyond"}


@dataclass(frozen=True)
class Limit:
    """Of ``metric`` at least ``accepted`` where higher is safer, else at most; what ``chance`` reaches by itself breaks nothing."""

    metric: Metric
    accepted: float
    chance: float | None = None

    @property
    def least(self) -> bool:
        """Is it a smallest value?"""
        return self.metric.safer == "higher"

    @property
    def state(self) -> Kept:
        """Broken by the value, kept by the bound of the interval on the unsafe side, open between."""
        value, bound = self.metric.value, self.metric.low if self.least else self.metric.high
        if value is None or bound is None:
            return "open"
        if (value < self.accepted if self.least else value > self.accepted) and (self.chance is None or value > self.chance):
            return "broken"
        return "kept" if (bound >= self.accepted if self.least else bound <= self.accepted) else "open"

    @property
    def sure(self) -> bool:
        """Is the whole interval beyond what is accepted?"""
        far = self.metric.high if self.least else self.metric.low
        return far is not None and (far < self.accepted if self.least else far > self.accepted)

    @property
    def rule(self) -> str:
        """``at least 0.5``."""
        return f"{'at least' if self.least else 'at most'} {self.accepted:g}"

    @property
    def sentence(self) -> str:
        """The number with its interval beside what is accepted."""
        m = self.metric
        if m.value is None:
            return f"{_lower(m.label)} is not known ({m.note}; {self.rule} is accepted)"
        return f"{_lower(m.label)} is {m.value:.3f} ({m.low:.3f} to {m.high:.3f}; {self.rule} is accepted)"


def judgment(limits: Sequence[Limit]) -> str:
    """One or two sentences: what is beyond what is accepted, what these rows do not settle, or that all is within."""
    broken, left = ([limit.sentence for limit in limits if limit.state == state] for state in ("broken", "open"))
    sentences = ([f"Beyond what is accepted: {'; '.join(broken)}."] if broken else []) + (
        [f"Not settled by so few rows: {'; '.join(left)}."] if left else []
    )
    within = "; ".join(f"{_lower(limit.metric.label)} {limit.rule}" for limit in limits)
    return " ".join(sentences) or f"All within what is accepted by the ends of their intervals: {within}."


def _lower(label: str) -> str:
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


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
