"""The curve of an extraction attack: copies after ever more queries, and how they are shown."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..result import Axis, Chart, Column, Metric, Series, Table
from ..statistics.intervals import LEVEL, bootstrap, rate
from ..targets.decision import Labels
from ._copies import WORDS, Kind


@dataclass(frozen=True)
class Point:
    """One copy of the curve, compared on the judge's rows.

    ``queries`` were spent on it; ``alike`` (n,) marks the rows on which it gives the target's label, ``correct`` (n,) those it gets right.
    It is of ``kind``, the best by ``agreed`` of those tried, on answers that were held out; nothing was tried where that is empty.
    """

    queries: int
    alike: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    kind: Kind
    tried: dict[Kind, float]

    @property
    def agreed(self) -> int:
        """Rows on which copy and target give the same label."""
        return int(self.alike.sum())

    @property
    def right(self) -> int:
        """Rows on which the copy is right."""
        return int(self.correct.sum())

    @property
    def n(self) -> int:
        """Rows the copy was compared on."""
        return len(self.alike)


def chart(curve: list[Point], common: int, known: str) -> Chart:
    """Fidelity and accuracy of the copies; ``common`` rows would be agreed on by always saying the commonest label."""
    first, last = curve[0], curve[-1]
    return Chart(
        name="extraction",
        title="Fidelity and accuracy against queries",
        kind="line",
        x=Axis(label="Queries", unit="rows", scale="log" if len(curve) > 1 else "linear"),
        y=Axis(label=f"Share of {known}", unit="share", low=0, high=1),
        series=(_series("fidelity", curve, "agreed"), _series("accuracy of the copy", curve, "right")),
        reference=(("majority-class baseline", common / last.n),),
        alt=f"Fidelity goes from {first.agreed / first.n:.2f} at {first.queries} queries to {last.agreed / last.n:.2f} at {last.queries}.",
    )


def tables(curve: list[Point], known: str) -> tuple[Table, ...]:
    """The curve in numbers, and what each kind of copy reached on answers that were held out."""
    columns = (
        Column(name="Queries", kind="integer", unit="rows"),
        Column(name="Best copy"),
        Column(name="Fidelity", kind="percent"),
        Column(name="Accuracy", kind="percent"),
    )
    rows = tuple((p.queries, WORDS[p.kind], p.agreed / p.n, p.right / p.n) for p in curve)
    numbers = Table(name="extraction", title="The curve in numbers", columns=columns, rows=rows, note=f"Each on {curve[-1].n:,} {known}.")
    last = curve[-1]
    if not last.tried:
        return (numbers,)
    kinds = (Column(name="Copy"), Column(name="Agreement", kind="percent"), Column(name="Taken"))
    tried = tuple((WORDS[kind], share, "yes" if kind == last.kind else "") for kind, share in last.tried.items())
    note = f"On a fifth of the {last.queries:,} answers, which it was not trained on; the thief takes the best and trains it on all."
    return numbers, Table(name="copies", title="The thief's own choice", columns=kinds, rows=tried, note=note)


def balanced(answers: Labels, alike: NDArray[np.bool_], seed: int) -> Metric:
    """The mean over the labels that the target gives of the copy's agreement on its rows; a copy of one answer gets 1 in as many."""
    kinds = np.unique(answers)

    def mean(rows: NDArray[np.intp]) -> float:
        given, same = answers[rows], alike[rows]
        shares = [same[given == kind].mean() if (given == kind).any() else np.nan for kind in kinds]
        return float(np.mean(shares))

    low, high = bootstrap(mean, len(answers), np.random.default_rng([seed, 1]), draws=200)
    value = mean(np.arange(len(answers)))
    sure = np.isfinite(low)
    return Metric(
        name="balanced_fidelity",
        label="Fidelity, mean over the target's labels",
        value=value,
        low=min(low, value) if sure else None,
        high=max(high, value) if sure else None,
        level=LEVEL if sure else None,
        n=len(answers),
        unit="share",
        safer="lower",
        interval="bootstrap" if sure else "",
        note="" if sure else "too few rows of a label for an interval",
    )


def _series(name: str, curve: list[Point], what: Literal["agreed", "right"]) -> Series:
    rates = [rate(what, name, p.agreed if what == "agreed" else p.right, p.n) for p in curve]
    return Series(
        name=name,
        x=tuple(float(p.queries) for p in curve),
        y=tuple(m.value for m in rates),
        low=tuple(m.low for m in rates),
        high=tuple(m.high for m in rates),
    )
