"""Which features move a model: mean size of their Shapley values over rows, as metrics, table and charts."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..result import Axis, Chart, Column, Levels, Series, Table
from ..statistics.intervals import LEVEL
from ._shapley import Attribution
from .explaining import shown

Floats = NDArray[np.float64]
BARS, SWARMS, SWARM_ROWS, STRIPS, GROUPS = 15, 8, 150, 3, 6
OTHERS = "others"


def importance(values: Floats, rng: np.random.Generator, draws: int = 1000) -> tuple[Floats, Floats, Floats]:
    """Mean absolute value of each player and the ends of its bootstrap interval over rows; each float64 (m,)."""
    size = np.abs(values)
    n = len(size)
    again = rng.multinomial(n, np.full(n, 1 / n), draws) @ size / n
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(again, [tail, 1 - tail], axis=0)
    return size.mean(0), low, high


def table(found: Attribution, sizes: tuple[Floats, Floats, Floats], order: list[int], marked: set[str]) -> Table:
    """The players by importance, at most 50."""
    mean, low, high = sizes
    total = max(float(mean.sum()), 1e-12)
    rows = tuple(
        (
            found.players.names[j],
            float(mean[j]),
            float(low[j]),
            float(high[j]),
            float(mean[j] / total),
            float(found.values[:, j].mean()),
            float(np.sqrt((found.error[:, j] ** 2).mean())) if np.isfinite(found.error[:, j]).all() else None,
        )
        for j in order[:50]
    )
    return Table(
        name="importance",
        title="Mean size of each feature's contribution",
        columns=(
            Column(name="feature"),
            Column(name="mean |value|", unit=found.unit, kind="number"),
            Column(name="low", unit=found.unit, kind="number"),
            Column(name="high", unit=found.unit, kind="number"),
            Column(name="share", kind="percent"),
            Column(name="mean value", unit=found.unit, kind="number"),
            Column(name="standard error of a value", unit=found.unit, kind="number"),
        ),
        rows=rows,
        marked=tuple((i, 0) for i, row in enumerate(rows) if row[0] in marked),
        total=len(order),
        note=f"Over {len(found.values):,} rows, with a 95% bootstrap interval over them. Marked: sensitive, or not to be changed.",
    )


def bars(found: Attribution, sizes: tuple[Floats, Floats, Floats], order: list[int], of: str) -> Chart:
    """Horizontal bars of the most important players."""
    top = order[:BARS]
    mean, low, high = sizes
    series = Series(
        name="mean |value|",
        x=tuple(float(mean[j]) for j in top),
        y=tuple(float(i) for i in range(len(top))),
        low=tuple(float(low[j]) for j in top),
        high=tuple(float(high[j]) for j in top),
    )
    return Chart(
        name="importance",
        title=f"What moves {of}",
        kind="hbar",
        x=Axis(label="mean |Shapley value|", unit=found.unit, low=0.0),
        y=Axis(label="feature", categories=tuple(found.players.names[j] for j in top)),
        series=(series,),
        alt=f"Mean absolute Shapley value of the {len(top)} most important features for {of}, with bootstrap intervals over rows; "
        f"the largest is {found.players.names[top[0]]}.",
    )


def swarm(found: Attribution, sample: Dataset, order: list[int], of: str) -> Chart:
    """One point a row and feature, colored by the feature's own value; of a category each level is a strip of its own, in one color.

    Features lie in the order of the bars.
    """
    rows = np.linspace(0, len(found.values) - 1, min(len(found.values), SWARM_ROWS)).astype(int)
    kept = sample.take(rows)
    strips = [strip for j in order[:SWARMS] for strip in _strips(found.players.names[j], found.values[rows, j], kept)]
    lanes = np.repeat(np.arange(len(strips)), [len(strip.x) for strip in strips])
    series = Series(
        name="rows",
        x=tuple(np.concatenate([strip.x for strip in strips]).tolist()),
        y=tuple(lanes.astype(float).tolist()),
        level=tuple(None if np.isnan(v) else float(v) for strip in strips for v in strip.level),
        remarks=tuple(text for strip in strips for text in strip.remarks),
    )
    return Chart(
        name="swarm",
        title=f"Each row's values, {len(rows):,} of {len(found.values):,} rows" if len(rows) < len(found.values) else "Each row's values",
        kind="swarm",
        x=Axis(label="Shapley value", unit=found.unit),
        y=Axis(label="feature", categories=tuple(strip.name for strip in strips)),
        series=(series,),
        levels=Levels(label="the feature's own value"),
        alt=f"Shapley values of {len(rows)} rows for the {len(order[:SWARMS])} most important features of {of}, colored by the feature's own "
        "value; each level of a category is a strip of its own.",
    )


@dataclass(frozen=True)
class _Strip:
    """A lane of the swarm: values (n,), color levels (n,), and what is said of each point."""

    name: str
    x: Floats
    level: Floats
    remarks: tuple[str, ...]


def _strips(name: str, values: Floats, sample: Dataset) -> list[_Strip]:
    """The lane of a number; the lanes of a category's levels, the one that raises most first."""
    feature = sample.schema.feature(name)
    own = [shown(feature, row[sample.schema.slices[name]]) for row in sample.x]
    remarks = [f"{name} = {text}" for text in own]
    if not feature.grouped:
        return [_Strip(name, values, level(sample, name), tuple(remarks))]
    often = [text for text, _ in Counter(own).most_common(STRIPS)]
    named = np.array([text if text in often else OTHERS for text in own])
    names = sorted({*named.tolist()}, key=lambda text: -float(values[named == text].mean()))
    color = {text: 1 - place / max(len(names) - 1, 1) for place, text in enumerate(names)}
    inside = [np.flatnonzero(named == text) for text in names]
    return [
        _Strip(f"{name}: {text}", values[at], np.full(len(at), color[text]), tuple(remarks[i] for i in at))
        for text, at in zip(names, inside, strict=True)
    ]


def level(sample: Dataset, name: str) -> Floats:
    """Rank of a number among the rows, 0 to 1; of a category its place among its levels; NaN for a text and for a row without a number."""
    feature = sample.schema.feature(name)
    column = sample.x[:, sample.schema.slices[name]]
    if feature.grouped:
        codes = column.argmax(1) if feature.kind == "onehot" else column[:, 0]
        return np.asarray(codes / max(len(feature.values) - 1, 1), np.float64)
    if feature.kind == "text":
        return np.full(len(sample), np.nan)
    own = column[:, 0].astype(np.float64)
    values = np.sort(own[~np.isnan(own)])
    rank = (np.searchsorted(values, own, "left") + np.searchsorted(values, own, "right")) / (2 * max(len(values), 1))
    return np.where(np.isnan(own), np.nan, rank)


def by_group(found: Attribution, order: list[int], groups: NDArray[np.str_], column: str) -> Table:
    """Mean |value| of the most important features in each group of rows, and how many rows it has."""
    names = [text for text, _ in Counter(groups.tolist()).most_common(GROUPS)]
    inside = [groups == text for text in names]
    rows = tuple(_grouped_row(found, j, inside) for j in order[:BARS])
    return Table(
        name=f"importance_by_{column}",
        title=f"Mean size of contributions by {column}",
        columns=(
            Column(name="feature"),
            *(
                Column(name=f"{text} (n = {int(at.sum()):,})", unit=found.unit, kind="number")
                for text, at in zip(names, inside, strict=True)
            ),
            Column(name="largest less smallest", unit=found.unit, kind="number"),
        ),
        rows=rows,
        total=len(order),
        note="What moves the answer in one group need not move it in another; groups of few rows are rough.",
    )


def _grouped_row(found: Attribution, j: int, inside: list[NDArray[np.bool_]]) -> tuple[str | float, ...]:
    sizes = [float(np.abs(found.values[at, j]).mean()) for at in inside]
    return (found.players.names[j], *sizes, max(sizes) - min(sizes))
