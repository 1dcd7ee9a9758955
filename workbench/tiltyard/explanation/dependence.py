"""How one feature moves the answer: its Shapley values by its own value, partial dependence with single rows, and what it interacts with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.feature import Feature
from ..datasets.schema import Rows
from ..progress import Progress
from ..result import Axis, Chart, Levels, Series
from ._shapley import Attribution, Indices, Score
from .explaining import shown
from .importance import level

Floats = NDArray[np.float64]
BINS, GRID, CURVES, CURVE_ROWS, CATEGORIES, POINTS = 10, 20, 40, 100, 12, 300
Z = 1.959963984540054


def strongest_partner(found: Attribution, sample: Dataset, j: int) -> int | None:
    """The feature whose own value explains most of what is left of feature ``j``'s Shapley values among rows of nearly the same ``j``.

    Mean squared correlation with its rank (of a category: share of variance between its levels) within ten bins of ``j``; as
    shap's ``approximate_interactions`` chooses, but also for categories. None where nothing is left to explain.
    """
    own = _bins(sample, found.players.names[j])
    best, most = None, 1e-9
    for k, name in enumerate(found.players.names):
        if k != j and (size := _explained(found.values[:, j], own, sample, name)) > most:
            best, most = k, size
    return best


def _bins(sample: Dataset, name: str) -> NDArray[np.intp]:
    rank = level(sample, name)
    if sample.schema.feature(name).grouped:
        return (rank * max(len(sample.schema.feature(name).values) - 1, 1)).round().astype(np.intp)
    return np.where(np.isnan(rank), BINS, np.minimum(np.nan_to_num(rank) * BINS, BINS - 1)).astype(np.intp)


def _explained(values: Floats, own: NDArray[np.intp], sample: Dataset, name: str) -> float:
    """The sum of squares within bins that ``name`` explains, less what chance explains, as a mean over rows."""
    grouped = sample.schema.feature(name).grouped
    other = level(sample, name)
    total = 0.0
    for at in (np.flatnonzero(own == bin) for bin in np.unique(own)):
        at = at[~np.isnan(other[at])]
        if len(at) > 4:
            left, by = values[at] - values[at].mean(), other[at]
            total += _between(left, by) if grouped else _along(left, by)
    return total / len(values)


def _along(left: Floats, by: Floats) -> float:
    moved = by - by.mean()
    size = float((moved**2).sum())
    return max(float(left @ moved) ** 2 / size - float((left**2).mean()), 0.0) if size > 0 else 0.0


def _between(left: Floats, by: Floats) -> float:
    groups = [left[by == g] for g in np.unique(by)]
    return max(sum(len(g) * float(g.mean()) ** 2 for g in groups) - (len(groups) - 1) * float((left**2).mean()), 0.0)


def dependence(found: Attribution, sample: Dataset, j: int, of: str) -> Chart:
    """A point a row: the feature's own value, its Shapley value, and in color the feature that it interacts with most."""
    name, partner = found.players.names[j], strongest_partner(found, sample, j)
    feature = sample.schema.feature(name)
    rows = np.linspace(0, len(sample) - 1, min(len(sample), POINTS)).astype(int)
    column = _own(sample, feature)[rows]
    kept = rows[~np.isnan(column)]
    series = Series(
        name="rows",
        x=tuple(column[~np.isnan(column)].tolist()),
        y=tuple(found.values[kept, j].tolist()),
        level=() if partner is None else _colors(sample, found.players.names[partner], kept),
        remarks=() if partner is None else _remarks(sample, found.players.names[partner], kept),
    )
    by = f", by {found.players.names[partner]}" if partner is not None else ""
    return Chart(
        name="dependence",
        title=f"How {name} moves it{by}",
        kind="scatter",
        x=_axis(feature),
        y=Axis(label=f"Shapley value of {name}", unit=found.unit),
        series=(series,),
        levels=None if partner is None else _levels(sample, found.players.names[partner]),
        alt=f"Shapley values of {name} for {of} against its own value, {len(kept)} rows"
        + (f"; colored by {found.players.names[partner]}, with which it interacts most." if partner is not None else "."),
    )


def _own(sample: Dataset, feature: Feature) -> Floats:
    column = sample.x[:, sample.schema.slices[feature.name]]
    return np.asarray(column.argmax(1) if feature.kind == "onehot" else column[:, 0], np.float64)


def _axis(feature: Feature) -> Axis:
    return Axis(
        label=feature.name, unit="" if feature.grouped else feature.unit, categories=tuple(feature.values) if feature.grouped else ()
    )


def _colors(sample: Dataset, name: str, rows: Indices) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else float(v) for v in level(sample, name)[rows])


def _remarks(sample: Dataset, name: str, rows: Indices) -> tuple[str, ...]:
    feature, where = sample.schema.feature(name), sample.schema.slices[name]
    return tuple(f"{name} = {shown(feature, sample.x[i, where])}" for i in rows)


def _levels(sample: Dataset, name: str) -> Levels:
    """The scale of a feature by rank: its least and its largest value among the rows, its first and last category."""
    feature = sample.schema.feature(name)
    if feature.grouped:
        return Levels(label=name, low=feature.values[0], high=feature.values[-1])
    own = _own(sample, feature)
    if np.isnan(own).all():
        return Levels(label=name)
    low, high = (shown(feature, np.array([v])) for v in (np.nanmin(own), np.nanmax(own)))
    return Levels(label=name, low=low, high=high)


@dataclass(frozen=True)
class Curves:
    """The answers (rows, places) of each row with the feature set to each of ``places`` (its values)."""

    places: Floats
    answers: Floats


def curves(score: Score, x: Rows, of: Indices, sample: Dataset, name: str, progress: Progress) -> Curves:
    """Individual conditional expectation (Goldstein et al. 2015, arXiv 1309.6392) of at most a hundred rows ``x`` (n, d)."""
    feature, where = sample.schema.feature(name), sample.schema.slices[name]
    places = _places(_own(sample, feature), feature)
    answers = np.empty((len(x), len(places)))
    for k, place in enumerate(places):
        progress.step(k / len(places), f"{name} = {shown(feature, _cells(feature, place))}")
        moved = x.copy()
        moved[:, where] = _cells(feature, place)
        answers[:, k] = score(moved)[np.arange(len(x)), of]
    return Curves(places, answers)


def _places(own: Floats, feature: Feature) -> Floats:
    if feature.grouped:
        values, counts = np.unique(own, return_counts=True)
        return np.sort(values[np.argsort(-counts, kind="stable")[:CATEGORIES]])
    known = own[~np.isnan(own)]
    grid = np.quantile(known, np.linspace(0.01, 0.99, GRID), method="nearest") if len(known) else known
    return np.unique(grid)


def _cells(feature: Feature, place: float) -> Floats:
    return np.eye(feature.width)[int(place)] if feature.kind == "onehot" else np.array([place])


def partial_dependence(found: Curves, sample: Dataset, name: str, of: str, unit: str) -> Chart:
    """The mean over rows with its interval (Friedman 2001), and the curves of single rows behind it; of a category points."""
    feature = sample.schema.feature(name)
    mean = found.answers.mean(0)
    half = Z * found.answers.std(0, ddof=1) / np.sqrt(len(found.answers)) if len(found.answers) > 1 else np.zeros_like(mean)
    x = tuple(found.places.tolist())
    average = Series(
        name="mean of all rows", x=x, y=tuple(mean.tolist()), low=tuple((mean - half).tolist()), high=tuple((mean + half).tolist())
    )
    thin = tuple(Series(name="one row", thin=True, x=x, y=tuple(row.tolist())) for row in found.answers[:CURVES])
    return Chart(
        name="partial_dependence",
        title=f"The answer as {name} is set",
        kind="dot" if feature.grouped else "line",
        x=_axis(feature),
        y=Axis(label=unit, low=0.0 if unit == "probability" else None, high=1.0 if unit == "probability" else None),
        series=(average,) if feature.grouped else (*thin, average),
        alt=f"Mean {unit} of {of} over {len(found.answers)} rows as {name} is set to each value, with 95 % intervals over rows"
        + ("." if feature.grouped else f" and the curves of {len(thin)} single rows."),
    )
