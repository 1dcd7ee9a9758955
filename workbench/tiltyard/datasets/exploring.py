"""What the columns of a data set hold: missing values, quantiles, outliers, levels, distributions by label and group.

Counts of rows, missing values and the ends of a column are exact; of more than `LOOKED` rows all else is of a sample, which is said.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import number, percent
from ..result import Axis, Chart, Column, Series, Table
from .column_names import words
from .conditions import Mask, column_codes, column_numbers, missing_in
from .dataset import Dataset
from .feature import MISSING, Feature
from .texts import Texts

LOOKED, CHUNK = 100_000, 8192
FEW, BINS, LEVELS, GROUPS = 12, 24, 20, 6
FAR = 1.5  # quartile distances beyond the quartiles from which on a number is called an outlier (Tukey 1977)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnSummary:
    """One column in numbers.

    Attributes
    ----------
    missing, distinct
        Rows without a value; different values among the rows looked at.
    low, quarter, middle, three, high
        Smallest value, quartiles and largest; None of what is no number.
    outliers
        The share of numbers further than 1.5 quartile distances from the quartiles (Tukey 1977); None where the quartiles are equal.
    top
        The commonest levels with how many rows have them, of what is no number.
    """

    name: str
    kind: str
    n: int
    missing: int
    distinct: int
    low: float | None = None
    quarter: float | None = None
    middle: float | None = None
    three: float | None = None
    high: float | None = None
    outliers: float | None = None
    top: tuple[tuple[str, int], ...] = ()


def looked_at(data: Dataset, seed: int = 0) -> Dataset:
    """The rows that are looked at where not all are needed: all, or a sample of `LOOKED`."""
    if len(data) <= LOOKED:
        return data
    return data.take(np.sort(np.random.default_rng(seed).choice(len(data), LOOKED, replace=False)))


def sampled_note(data: Dataset) -> str:
    """That only some rows were looked at; empty where all were."""
    return (
        f"Quartiles, outliers, levels and pictures are of {LOOKED:,} rows drawn at random of {len(data):,}." if len(data) > LOOKED else ""
    )


@dataclass(frozen=True, eq=False)
class _Ends:
    """Of each column of x the rows without a number, the smallest and the largest, over all rows."""

    missing: NDArray[np.intp]
    low: Floats
    high: Floats

    @classmethod
    def of(cls, data: Dataset) -> "_Ends":
        """In one pass, some rows at a time."""
        parts = [data.x[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
        missing = np.sum([np.isnan(part).sum(0) for part in parts], axis=0)
        low, high = (ends.reduce([ends.reduce(part, axis=0) for part in parts], axis=0) for ends in (np.fmin, np.fmax))
        return cls(missing, low, high)


def summaries(data: Dataset, looked: Dataset | None = None) -> tuple[ColumnSummary, ...]:
    """One for each feature; ``looked`` are the rows of `looked_at`, where they are drawn already."""
    looked = looked or looked_at(data)
    if data.schema.images:
        return ()
    ends = _Ends.of(data)
    return tuple(_summary(data, looked, feature, ends) for feature in data.schema.features)


def _summary(data: Dataset, looked: Dataset, feature: Feature, ends: _Ends) -> ColumnSummary:
    if feature.numeric:
        return _number(data, looked, feature, ends)
    if feature.grouped:
        gone = int(missing_in(data, feature).sum()) if MISSING in feature.values else 0
        counts = np.bincount(column_codes(looked, feature), minlength=len(feature.values))
        order = np.argsort(-counts, kind="stable")[:LEVELS]
        top = tuple((feature.values[i], int(counts[i])) for i in order if counts[i])
        return ColumnSummary(feature.name, "category", len(data), gone, int((counts > 0).sum()), top=top)
    values = column_numbers(looked, feature)
    gone = int(ends.missing[data.schema.slices[feature.name].start])
    return ColumnSummary(feature.name, "text", len(data), gone, len(np.unique(values[~np.isnan(values)])))


def _number(data: Dataset, looked: Dataset, feature: Feature, ends: _Ends) -> ColumnSummary:
    kind, at = "whole\u00a0number" if feature.kind == "integer" else "number", data.schema.slices[feature.name].start
    values = column_numbers(looked, feature)
    real = np.sort(values[~np.isnan(values)])
    gone = int(ends.missing[at])
    if not len(real):
        return ColumnSummary(feature.name, kind, len(data), gone, 0)
    quarter, middle, three = (float(q) for q in np.quantile(real, (0.25, 0.5, 0.75)))
    reach = FAR * (three - quarter)
    far = float(((real < quarter - reach) | (real > three + reach)).mean()) if reach > 0 else None
    distinct = 1 + int((real[1:] != real[:-1]).sum())
    return ColumnSummary(
        feature.name, kind, len(data), gone, distinct, float(ends.low[at]), quarter, middle, three, float(ends.high[at]), far
    )


def overview(found: tuple[ColumnSummary, ...], note: str = "") -> Table:
    """All columns as a table, a row each."""
    heads = (
        Column(name="Column"),
        Column(name="Kind"),
        Column(name="Missing", kind="percent"),
        Column(name="Different", kind="integer"),
        Column(name="Commonest"),
        *(Column(name=name, kind="number") for name in ("Lowest", "Quartile 1", "Median", "Quartile 3", "Highest")),
        Column(name="Outliers", kind="percent"),
    )
    rows = tuple(
        (s.name, s.kind, s.missing / s.n, s.distinct, _top(s), s.low, s.quarter, s.middle, s.three, s.high, s.outliers) for s in found
    )
    outliers = "Outliers: further than 1.5 quartile distances from the quartiles (Tukey)."
    return Table(name="columns", title="Columns", columns=heads, rows=rows, note=" ".join(filter(None, (outliers, note))))


def _top(found: ColumnSummary) -> str | None:
    """The commonest level and its share."""
    name, count = found.top[0] if found.top else ("", 0)
    return f"{name}, {percent(count / min(found.n, LOOKED))}".replace(" %", "\u00a0%") if found.top else None


def splits(data: Dataset, by: str) -> dict[str, Mask]:
    """The rows of each class (``by`` is ``label``), trained on and not (``member``), or of each group of a sensitive column; all where empty."""
    if by == "label":
        counts = np.bincount(data.y, minlength=len(data.schema.classes))
        order = np.argsort(-counts, kind="stable")[:GROUPS]
        return {data.schema.classes[i]: data.y == i for i in np.sort(order) if counts[i]}
    if by == "member" and data.member is not None:
        return {"trained on": data.member, "held out": ~data.member}
    if by in data.sensitive:
        groups = data.sensitive[by]
        names = [name for name, _ in Counter(groups.tolist()).most_common(GROUPS)]
        return {name: groups == name for name in sorted(names)}
    return {"all rows": np.ones(len(data), bool)}


def distribution(data: Dataset, feature: Feature, split: Mapping[str, Mask]) -> Chart | None:
    """How the rows of each part lie over the column's values, as shares of the part's rows that have one; None where no row has one."""
    if feature.grouped:
        return _levels(data, feature, split)
    values = lengths(data, feature) if feature.kind == "text" else column_numbers(data, feature)
    real = values[~np.isnan(values)]
    if not len(real):
        return None
    few = np.unique(real)
    if len(few) <= FEW:
        return _few(feature, values, few, split)
    return _histogram(feature, values, real, split)


def _title(feature: Feature, data_n: int, gone: int) -> str:
    name = f"Length of the texts in {feature.name}" if feature.kind == "text" else feature.name
    return f"{name} (missing: {percent(gone / data_n)})" if gone else name


def _histogram(feature: Feature, values: Floats, real: Floats, split: Mapping[str, Mask]) -> Chart:
    """Bins of equal width between the 0.5 % and 99.5 % quantiles; what lies beyond falls into the first and the last."""
    low, high = np.quantile(real, (0.005, 0.995))
    if not low < high:
        low, high = real.min(), real.max()
    edges = np.linspace(low, high, BINS + 1)
    if feature.whole and high - low < 4 * BINS:
        step = max(1, round((high - low) / BINS))
        edges = np.arange(np.floor(low), np.ceil(high) + step + 1, step) - 0.5
    middles = tuple(float(a + b) / 2 for a, b in pairwise(edges))
    series = []
    for name, rows in split.items():
        held = values[rows & ~np.isnan(values)]
        counts = np.histogram(np.clip(held, edges[0], edges[-1]), edges)[0]
        series.append(Series(name=name, x=middles, y=tuple((counts / max(len(held), 1)).tolist())))
    beyond = ", first and last with all beyond" if real.min() < edges[0] or real.max() > edges[-1] else ""
    return Chart(
        name="distribution",
        title=_title(feature, len(values), len(values) - len(real)),
        kind="bar" if len(series) == 1 else "line",
        x=Axis(label=f"Characters{beyond}" if feature.kind == "text" else f"{feature.name}{beyond}", unit=feature.unit),
        y=Axis(label="Rows", unit="share", low=0),
        series=tuple(series),
        alt=f"{feature.name} from {number(float(real.min()))} to {number(float(real.max()))}, median {number(float(np.median(real)))}.",
    )


def _few(feature: Feature, values: Floats, few: Floats, split: Mapping[str, Mask]) -> Chart:
    counted = {name: np.array([(values[rows] == v).sum() for v in few]) for name, rows in split.items()}
    gone = int(np.isnan(values).sum())
    names = tuple(number(float(v), 6) for v in few)
    return _bars(feature, names, counted, len(values), gone)


def _levels(data: Dataset, feature: Feature, split: Mapping[str, Mask]) -> Chart | None:
    codes = column_codes(data, feature)
    whole = np.bincount(codes, minlength=len(feature.values))
    order = np.argsort(-whole, kind="stable")[:LEVELS]
    order = np.array([i for i in order if whole[i]], np.intp)
    if not len(order):
        return None
    counted = {name: np.bincount(codes[rows], minlength=len(feature.values)) for name, rows in split.items()}
    shown = {name: counts[order] for name, counts in counted.items()}
    rest = {name: int(counts.sum() - shown[name].sum()) for name, counts in counted.items()}
    names = tuple(feature.values[i] for i in order)
    if any(rest.values()):
        other = int((whole > 0).sum()) - len(order)
        names = (*names, f"{other:,} others")
        shown = {name: np.append(counts, rest[name]) for name, counts in shown.items()}
    gone = int(whole[feature.values.index(MISSING)]) if MISSING in feature.values else 0
    return _bars(feature, names, shown, len(data), gone)


def _bars(feature: Feature, names: tuple[str, ...], counted: Mapping[str, NDArray[np.intp]], n: int, gone: int) -> Chart:
    places = tuple(map(float, range(len(names))))
    shares = {name: tuple((counts / max(counts.sum(), 1)).tolist()) for name, counts in counted.items()}
    first = next(iter(counted.values()))
    flat = len(names) > 6 or max(map(len, names)) > 12
    series = tuple(Series(name=name, x=share if flat else places, y=places if flat else share) for name, share in shares.items())
    category, share_axis = Axis(label=feature.name, categories=names), Axis(label="Rows", unit="share", low=0)
    return Chart(
        name="distribution",
        title=_title(feature, n, gone),
        kind="hbar" if flat else "bar",
        x=share_axis if flat else category,
        y=category if flat else share_axis,
        series=series,
        alt=f"{feature.name}: {names[0]} on {percent(float(first[0] / max(first.sum(), 1)))} of {next(iter(counted))}.",
    )


def lengths(data: Dataset, feature: Feature) -> Floats:
    """Characters of each text (n,), NaN where there is none."""
    codes = column_numbers(data, feature)
    values, places = np.unique(codes, return_inverse=True)
    return np.array([np.nan if text is None else len(text) for text in Texts(feature).at(values)], np.float64)[places]


def common_words(data: Dataset, feature: Feature, split: Mapping[str, Mask], most: int = 20) -> Table:
    """The words that most texts have, and the share of each part's texts that have them; upper and lower case alike."""
    texts = Texts(feature).at(column_numbers(data, feature))
    sets = [frozenset(word.casefold() for word in words(text)) if text else frozenset() for text in texts]
    found = Counter(word for held in sets for word in held if len(word) > 2)
    chosen = [word for word, _ in found.most_common(most)]
    parts = {name: np.flatnonzero(rows) for name, rows in split.items()}
    lines: list[tuple[str | float, ...]] = [
        (word, *(float(np.mean([word in sets[i] for i in rows] or [False])) for rows in parts.values())) for word in chosen
    ]
    columns = (Column(name="Word"), *(Column(name=name, kind="percent") for name in parts))
    return Table(
        name="words", title=f"Words in {feature.name}", columns=columns, rows=tuple(lines), note="The share of texts that have the word."
    )


def class_balance(data: Dataset) -> Chart:
    """Rows of each class, of trained and held-out rows where that is known; of many classes the commonest."""
    k = len(data.schema.classes)
    parts = splits(data, "member")
    whole = np.bincount(data.y, minlength=k)
    order = np.arange(k) if k <= LEVELS else np.sort(np.argsort(-whole, kind="stable")[:LEVELS])
    names = tuple(data.schema.classes[i] for i in order)
    places = tuple(map(float, range(len(names))))
    flat = len(names) > 6
    series = []
    for name, rows in parts.items():
        share = tuple((np.bincount(data.y[rows], minlength=k)[order] / max(int(rows.sum()), 1)).tolist())
        series.append(Series(name=name, x=share if flat else places, y=places if flat else share))
    category, share_axis = Axis(label=data.schema.label or "Class", categories=names), Axis(label="Rows", unit="share", low=0)
    rare = int(whole[whole > 0].argmin())
    rarest = data.schema.classes[int(np.flatnonzero(whole > 0)[rare])]
    return Chart(
        name="classes",
        title="Classes",
        kind="hbar" if flat else "bar",
        x=share_axis if flat else category,
        y=category if flat else share_axis,
        series=tuple(series),
        alt=f"{k} classes; the rarest, {rarest}, has {percent(whole[whole > 0].min() / len(data))} of {len(data):,} rows.",
    )
