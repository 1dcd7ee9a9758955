"""How strongly columns go together, from 0 to 1: numbers by rank, categories, and numbers with categories."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import number
from ..result import Axis, Chart, Column, Series, Table
from .conditions import column_codes, column_numbers
from .dataset import Dataset

LOOKED, MOST, LEVELS = 20_000, 60, 200
SHOWN = 12
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Association:
    """Two columns and how strongly they go together, by ``measure``; ``sign`` is -1 where one falls as the other rises.

    ``Spearman``: correlation of ranks. ``Cramer``: Cramér's V, bias-corrected (Bergsma 2013). ``eta``: the root of the share of a number's
    rank variance that a category explains.
    """

    first: str
    second: str
    strength: float
    measure: str
    sign: int
    n: int


@dataclass(frozen=True, eq=False)
class _Held:
    """A column: ranks (n,) of a number, NaN where missing, or codes (n,) of a category."""

    name: str
    values: Floats
    category: bool


def associations(data: Dataset, seed: int = 0) -> tuple[Association, ...]:
    """All pairs of the first `MOST` columns and the label, the strongest first; of many rows a sample of `LOOKED`."""
    rows = data.at_most(LOOKED, np.random.default_rng(seed))
    held = [*_columns(rows), _Held(data.schema.label or "label", rows.y.astype(np.float64), True)]
    found = [one for i, a in enumerate(held) for b in held[i + 1 :] if (one := _pair(a, b)) is not None]
    return tuple(sorted(found, key=lambda a: -a.strength))


def _columns(data: Dataset) -> list[_Held]:
    from scipy.stats import rankdata

    found = []
    for feature in [f for f in data.schema.features if f.grouped or f.numeric][:MOST]:
        if feature.grouped:
            codes = column_codes(data, feature)
            common = np.argsort(-np.bincount(codes, minlength=len(feature.values)), kind="stable")[: LEVELS - 1]
            kept = np.full(len(feature.values), LEVELS - 1)
            kept[common] = np.arange(len(common))
            found.append(_Held(feature.name, kept[codes].astype(np.float64), True))
        else:
            values = column_numbers(data, feature)
            found.append(_Held(feature.name, rankdata(values, nan_policy="omit"), False))
    return found


def _pair(a: _Held, b: _Held) -> Association | None:
    both = ~(np.isnan(a.values) | np.isnan(b.values))
    n = int(both.sum())
    if n < 3:
        return None
    x, y = a.values[both], b.values[both]
    if a.category and b.category:
        return Association(a.name, b.name, cramer(x.astype(np.intp), y.astype(np.intp)), "Cramer", 1, n)
    if not a.category and not b.category:
        slope = correlation(x, y)
        return Association(a.name, b.name, abs(slope), "Spearman", -1 if slope < 0 else 1, n)
    codes, ranks = (x, y) if a.category else (y, x)
    return Association(a.name, b.name, eta(codes.astype(np.intp), ranks), "eta", 1, n)


def correlation(x: Floats, y: Floats) -> float:
    """Pearson's of two columns; 0 where one does not vary."""
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt((x * x).sum() * (y * y).sum()))
    return float((x * y).sum()) / spread if spread > 0 else 0.0


def cramer(a: NDArray[np.intp], b: NDArray[np.intp]) -> float:
    """Cramér's V of two columns of codes, corrected for what independent columns show by chance (Bergsma 2013)."""
    k, m, n = int(a.max()) + 1, int(b.max()) + 1, len(a)
    counts = np.bincount(a * m + b, minlength=k * m).reshape(k, m).astype(np.float64)
    counts = counts[counts.sum(1) > 0][:, counts.sum(0) > 0]
    k, m = counts.shape
    if min(k, m) < 2:
        return 0.0
    expected = counts.sum(1, keepdims=True) * counts.sum(0) / n
    phi = max(0.0, float(((counts - expected) ** 2 / expected).sum()) / n - (k - 1) * (m - 1) / (n - 1))
    rows, columns = k - (k - 1) ** 2 / (n - 1), m - (m - 1) ** 2 / (n - 1)
    return float(min(1.0, np.sqrt(phi / max(min(rows, columns) - 1, 1e-12))))


def eta(codes: NDArray[np.intp], values: Floats) -> float:
    """The correlation ratio: the root of the share of the variance of ``values`` that lies between the codes' means."""
    n = np.bincount(codes)
    sums = np.bincount(codes, values)
    mean = values.mean()
    between = float((n[n > 0] * (sums[n > 0] / n[n > 0] - mean) ** 2).sum())
    total = float(((values - mean) ** 2).sum())
    return float(np.sqrt(min(between / total, 1.0))) if total > 0 else 0.0


WORDS = {"Spearman": "Spearman's rank correlation", "Cramer": "Cramér's V (corrected)", "eta": "correlation ratio of ranks"}


def table(found: Sequence[Association], data: Dataset, most: int = 100) -> Table:
    """The strongest pairs, a row each."""
    columns = (
        Column(name="Column"),
        Column(name="With"),
        Column(name="Strength", kind="number"),
        Column(name="Measure"),
        Column(name="Rows", kind="integer"),
    )
    rows = tuple((a.first, a.second, round(a.sign * a.strength, 3), WORDS[a.measure], a.n) for a in found[:most])
    some = f" Of {LOOKED:,} rows drawn at random." if len(data) > LOOKED else ""
    left = f" Of the first {MOST} columns." if len(data.schema.features) > MOST else ""
    note = f"From 0 (nothing) to 1 (one tells the other); rank correlations have a sign.{some}{left}"
    return Table(name="associations", title="Columns that go together", columns=columns, rows=rows, total=len(found), note=note)


def with_label(found: Sequence[Association], label: str) -> Chart | None:
    """How strongly each column goes with the label, the strongest first."""
    own = [a for a in found if a.second == label][:SHOWN]
    if not own:
        return None
    return Chart(
        name="with_label",
        title=f"Columns that go with {label}",
        kind="hbar",
        x=Axis(label="Strength of association, 0 to 1", low=0),
        y=Axis(label="Column", categories=tuple(a.first for a in own)),
        series=(Series(name="strength", x=tuple(round(a.strength, 3) for a in own), y=tuple(map(float, range(len(own))))),),
        alt=f"{own[0].first} goes with {label} most, by {number(own[0].strength)}.",
    )
