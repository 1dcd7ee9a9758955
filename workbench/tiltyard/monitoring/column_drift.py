"""Which columns are distributed otherwise in some rows of a data set than in others: held-out against trained, a cohort against the rest."""

from collections.abc import Sequence

import numpy as np

from ..datasets.conditions import Mask, column_codes, column_numbers
from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ..result import Axis, Chart, Column, Series, Table
from . import two_sample
from .columns import Columns
from .window import Drift

LOOKED, LEVEL, SHOWN = 20_000, 0.05, 20


def column_drift(data: Dataset, rows: Mask, level: float = LEVEL, seed: int = 0) -> tuple[Drift, ...]:
    """Each column, and the label, of the rows (n,) against all others; q by Benjamini and Hochberg over all columns, the surest first.

    Numbers by Kolmogorov and Smirnov, categories by chi-square; of more than `LOOKED` rows on a side a sample of as many.
    """
    rng = np.random.default_rng(seed)
    window, rest = (_drawn(data, np.flatnonzero(part), rng) for part in (rows, ~rows))
    columns, reference = _columns(window), _columns(rest)
    found = [_tested(name, two_sample.column(name, reference, columns)) for name in reference.names]
    return tuple(sorted(_controlled(found, level), key=lambda d: (d.q is None, d.q, -(d.size or 0))))


def _drawn(data: Dataset, rows: np.ndarray, rng: np.random.Generator) -> Dataset:
    return data.take(rows if len(rows) <= LOOKED else np.sort(rng.choice(rows, LOOKED, replace=False)))


def _columns(data: Dataset) -> Columns:
    numbers = {f.name: column_numbers(data, f) for f in data.schema.features if f.numeric}
    words = {f.name: _named(f.values)[column_codes(data, f)] for f in data.schema.features if f.grouped}
    label = f"{data.schema.label or 'label'} (label)"
    return Columns(len(data), numbers, {**words, label: np.array(data.schema.classes)[data.y]})


def _named(values: Sequence[str]) -> np.ndarray:
    return np.array([MISSING if value == MISSING else value for value in values])


def _tested(name: str, answer: two_sample.TwoSampleResult) -> Drift:
    return Drift(what=name, test=answer.test, size=answer.size, p=answer.p, note=answer.note)


def _controlled(drifts: Sequence[Drift], level: float) -> tuple[Drift, ...]:
    from .reference import controlled

    return controlled(drifts, level)


def table(found: Sequence[Drift], what: str, n: int, rest: int) -> Table:
    """A row a column."""
    columns = (
        Column(name="Column"),
        Column(name="Apart", kind="number"),
        Column(name="q", kind="number"),
        Column(name="Drifts", kind="boolean"),
        Column(name="Test"),
        Column(name="Note"),
    )
    rows = tuple((d.what, d.size, d.q, d.drifting, d.test, d.note.replace("in the reference", "in the rest") or None) for d in found)
    some = f" Of {LOOKED:,} rows on a side, drawn at random." if max(n, rest) > LOOKED else ""
    note = (
        f"{what}: {n:,} rows against {rest:,}. Apart: largest gap of the distribution functions, or Cramer's V. q: p after Benjamini and "
        f"Hochberg over all columns; at most 1 in 20 of those said to drift do not.{some}"
    )
    return Table(name="drift", title="Drift", columns=columns, rows=rows, note=note)


def chart(found: Sequence[Drift], what: str) -> Chart | None:
    """How far apart the columns are, the furthest first."""
    far = sorted((d for d in found if d.size is not None), key=lambda d: -(d.size or 0))[:SHOWN]
    if not far:
        return None
    places = {d.what: float(i) for i, d in enumerate(far)}
    parts = [("drifts", "bad", [d for d in far if d.drifting]), ("not shown to drift", "neither", [d for d in far if not d.drifting])]
    series = tuple(
        Series(name=name, tone=tone, x=tuple(round(float(d.size or 0), 3) for d in some), y=tuple(places[d.what] for d in some))  # type: ignore[arg-type]
        for name, tone, some in parts
        if some
    )
    return Chart(
        name="drift",
        title=f"How far apart: {what}",
        kind="hbar",
        x=Axis(label="Distance, 0 to 1", low=0),
        y=Axis(label="Column", categories=tuple(d.what for d in far)),
        series=series,
        alt=f"{far[0].what} is furthest apart, by {far[0].size:.2f}; {sum(d.drifting for d in found)} of {len(found)} columns drift.",
    )
