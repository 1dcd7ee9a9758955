"""Slices of rows on which an event (an error) is commoner than on the rest: looked for on one half of the rows, tested on the other.

Depth-limited search as in Chung et al. 2020 (Slice Finder, arXiv 1807.06068), who test on the rows that they searched and control the
false discovery rate; here the halves are apart, so that a test of what was found holds its level, and Holm's step-down over the slices
tested bounds the chance that any is called in error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..datasets.cohorts import Cohort
from ..datasets.conditions import Among, Between, Condition, InGroup, Mask, Missing, column_codes, column_numbers, missing_in
from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING, Feature
from ..progress import Progress
from ..statistics.intervals import LEVEL, clopper_pearson, wilson

PAIRED = 300  # conditions, those that stand out most by themselves, that are joined two by two
GROUPS = 200  # levels of one column that are looked at, the commonest
MANY = 400  # pairs, those that stand out most, of which the slices to test are chosen
SAME, WITHIN, STEP = 0.6, 0.85, 2.0
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece:
    """One condition of a slice and the rows (n,) that meet it."""

    condition: Condition
    rows: Mask

    @property
    def column(self) -> str:
        """The column that it is about."""
        return str(getattr(self.condition, "column", ""))


def pieces(data: Dataset, cuts: int, least: int) -> list[Piece]:
    """All conditions of one column that at least ``least`` rows meet and as many do not: quantiles, levels, groups, missing."""
    found = [piece for feature in data.schema.features for piece in _of_feature(data, feature, cuts)]
    names = {feature.name for feature in data.schema.features}
    for name, groups in sorted(data.sensitive.items()):
        if name not in names:
            values, counts = np.unique(groups, return_counts=True)
            kept = values[np.argsort(-counts, kind="stable")[:GROUPS]]
            found += [Piece(InGroup(column=name, groups=(str(value),)), groups == value) for value in kept]
    return [piece for piece in found if least <= piece.rows.sum() <= len(data) - least]


def _of_feature(data: Dataset, feature: Feature, cuts: int) -> list[Piece]:
    if feature.grouped:
        return _levels(data, feature)
    empty = missing_in(data, feature)
    lacking = [Piece(Missing(column=feature.name), empty)] if empty.any() else []
    return [*(_numbers(data, feature, cuts) if feature.numeric else []), *lacking]


def _levels(data: Dataset, feature: Feature) -> list[Piece]:
    codes = column_codes(data, feature)
    counts = np.bincount(codes, minlength=len(feature.values))
    kept = np.sort(np.argsort(-counts, kind="stable")[:GROUPS])
    return [Piece(_level(feature, int(place)), codes == place) for place in kept if counts[place]]


def _level(feature: Feature, place: int) -> Condition:
    value = feature.values[place]
    return Missing(column=feature.name) if value == MISSING else Among(column=feature.name, levels=(value,))


def _numbers(data: Dataset, feature: Feature, cuts: int) -> list[Piece]:
    """A number cut at its quantiles; one of few values, value by value."""
    values = column_numbers(data, feature)
    real = values[~np.isnan(values)]
    if not len(real):
        return []
    single = np.unique(real) if len(real) <= 1000 else np.unique(real[:: len(real) // 1000])
    if len(single) <= cuts and len(single := np.unique(real)) <= cuts:
        return [_piece(data, Between(column=feature.name, low=float(v), high=float(v))) for v in single]
    edges = np.unique(np.quantile(real, np.linspace(0, 1, cuts + 1)[1:-1], method="lower"))
    ends = [None, *(float(edge) for edge in edges), None]
    spans = pairwise(ends)
    return [_piece(data, Between(column=feature.name, low=low, high=high, above=low is not None)) for low, high in spans if low != high]


def _piece(data: Dataset, condition: Between) -> Piece:
    return Piece(condition, condition.rows(data, None))


@dataclass(frozen=True)
class Slice:
    """A cohort, and how often the event is in it and in the rest, counted on the rows that were not searched.

    Attributes
    ----------
    hits, n, rest_hits, rest
        Events and rows in the slice, and of all other rows.
    p, adjusted
        One-sided exact test (Fisher 1934) that the event is commoner in it, and that after Holm (1979) over all slices tested.
    together
        How many were tested, for an interval that holds for all of them at once.
    """

    cohort: Cohort
    hits: int
    n: int
    rest_hits: int
    rest: int
    p: float
    adjusted: float
    together: int = 1

    @property
    def rate(self) -> float:
        """The share of its rows with the event."""
        return self.hits / self.n

    @property
    def gap(self) -> float:
        """That share minus the rest's."""
        return self.rate - self.rest_hits / self.rest

    @property
    def called(self) -> bool:
        """Is the event surely commoner in it, however many slices were tested?"""
        return self.adjusted <= 1 - LEVEL

    @property
    def between(self) -> tuple[float, float]:
        """Interval of its share (Clopper and Pearson)."""
        return clopper_pearson(self.hits, self.n)

    @cached_property
    def apart(self) -> tuple[float, float]:
        """Interval of ``gap`` that holds for all slices tested at once (Bonferroni), by Newcombe's square-and-add (1998, method 10)."""
        return separate(self.hits, self.n, self.rest_hits, self.rest, 1 - (1 - LEVEL) / self.together)


def separate(hits: int, n: int, others: int, rest: int, level: float) -> tuple[float, float]:
    """Newcombe's interval (1998, method 10) of the difference of two shares of separate rows."""
    a, b = hits / n, others / rest
    (low_a, high_a), (low_b, high_b) = wilson(a, n, level), wilson(b, rest, level)
    gap = a - b
    return gap - float(np.hypot(a - low_a, high_b - b)), gap + float(np.hypot(high_a - a, b - low_b))


@dataclass(frozen=True)
class Search:
    """What was looked at: ``conditions`` of one column, ``pairs`` of two, and the ``slices`` that were tested, called ones first."""

    conditions: int
    pairs: int
    slices: tuple[Slice, ...]


def search(pieces: Sequence[Piece], event: Mask, searched: Mask, least: int, most: int, progress: Progress) -> Search:
    """The ``most`` slices on which ``event`` stands out on the rows ``searched`` (n,), tested on the others.

    Parameters
    ----------
    event
        Which rows (n,) have it.
    least
        Rows that a slice has at least in each half.
    """
    if not pieces:
        return Search(0, 0, ())
    rows = np.stack([piece.rows for piece in pieces])
    looked = _Looked(rows[:, searched], event[searched], pieces, least)
    progress.step(0.4, "joining conditions two by two")
    pairs = looked.pairs()
    progress.step(0.7, "testing on the other half")
    chosen = looked.distinct([*looked.single, *pairs.found], most)
    cohorts = [Cohort.of(*(pieces[place].condition for place in places)) for places in chosen]
    return Search(len(pieces), pairs.looked, tested(cohorts, [_all(rows, p) for p in chosen], event, ~searched, least))


def _all(rows: Mask, places: Sequence[int]) -> Mask:
    """Which rows (n,) meet the conditions at ``places`` of ``rows`` (k, n)."""
    met: Mask = np.logical_and.reduce(rows[list(places)], axis=0)
    return met


def tested(cohorts: Sequence[Cohort], rows: Sequence[Mask], event: Mask, held: Mask, least: int) -> tuple[Slice, ...]:
    """Each cohort tested on the rows ``held`` (n,), the surest first; those with fewer than ``least`` rows there are left out."""
    counts = [(c, int((r & held & event).sum()), int((r & held).sum())) for c, r in zip(cohorts, rows, strict=True)]
    n, hits = int(held.sum()), int((held & event).sum())
    counts = [(c, h, m) for c, h, m in counts if m >= max(least, 1) and n - m >= 1]
    p = np.array([commoner(h, m, hits, n) for _, h, m in counts])
    found = [Slice(c, h, m, hits - h, n - m, float(q), float(a), len(counts)) for (c, h, m), q, a in zip(counts, p, holm(p), strict=True)]
    return tuple(sorted(found, key=lambda s: (not s.called, -s.apart[0])))


def commoner(hits: int, n: int, all_hits: int, rows: int) -> float:
    """Fisher's exact test: the chance of at least ``hits`` of ``all_hits`` events among ``n`` of ``rows`` where nothing sets them apart."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(hits - 1, rows, all_hits, n))


def holm(p: Floats) -> Floats:
    """``p`` (m,) adjusted by Holm's step-down (1979): calling those at most alpha errs at all in at most alpha of all cases."""
    m = len(p)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(m, 0, -1)) if m else p
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


@dataclass(frozen=True, eq=False)
class _Looked:
    """Conditions over the searched rows: ``rows`` (k, n), events, and for each pair of conditions how many rows and events it has."""

    rows: Mask
    event: Mask
    pieces: Sequence[Piece]
    least: int

    def scores(self, n: Floats, hits: Floats) -> Floats:
        """How many standard errors the event is commoner in a slice of ``n`` rows with ``hits`` than in the rest; -inf of too small ones."""
        rows, events = len(self.event), int(self.event.sum())
        share = events / rows
        inside = (n >= self.least) & (rows - n >= self.least)
        rest = np.maximum(rows - n, 1)
        gap = hits / np.maximum(n, 1) - (events - hits) / rest
        error = np.sqrt(max(share * (1 - share), 1e-12) * (1 / np.maximum(n, 1) + 1 / rest))
        return np.where(inside, gap / error, -np.inf)

    @cached_property
    def _ones(self) -> tuple[Floats, Floats]:
        return self.rows.sum(1).astype(float), (self.rows & self.event).sum(1).astype(float)

    @cached_property
    def alone(self) -> Floats:
        """The score of each condition (k,)."""
        return self.scores(*self._ones)

    @property
    def single(self) -> list[tuple[int, ...]]:
        """The conditions under which the event is commoner."""
        return [(int(place),) for place in np.flatnonzero(self.alone > 0)]

    def pairs(self) -> "_Pairs":
        """Pairs of conditions of two columns on which the event is commoner than under either alone."""
        picked = np.sort(np.argsort(-self.alone, kind="stable")[:PAIRED])
        part = self.rows[picked].astype(np.float32)
        n, hits = (part @ part.T).astype(float), ((part * self.event) @ part.T).astype(float)
        score = self.scores(n, hits)
        ones, events = self._ones
        share = (events / np.maximum(ones, 1))[picked]
        better = hits / np.maximum(n, 1) > np.maximum(share[:, None], share[None, :])
        columns = np.array([self.pieces[place].column for place in picked], object)
        large = np.triu((columns[:, None] != columns[None, :]) & np.isfinite(score), 1)
        good = large & (score > 0) & better
        order = np.argwhere(good)[np.argsort(-score[good], kind="stable")[:MANY]]
        return _Pairs(int(large.sum()), [(int(picked[i]), int(picked[j])) for i, j in order])

    def distinct(self, slices: Sequence[tuple[int, ...]], most: int) -> list[tuple[int, ...]]:
        """The ``most`` slices with the highest score that say something that those before them do not; of equal ones the simpler."""
        ranked = sorted(slices, key=lambda places: (-self._score(places), len(places), places))
        kept: dict[tuple[int, ...], Mask] = {}
        for places in ranked:
            mask = _all(self.rows, places)
            if len(kept) < most and not any(self._alike(mask, other) for other in kept.values()):
                kept[places] = mask
        return list(kept)

    def _score(self, places: tuple[int, ...]) -> float:
        mask = _all(self.rows, places)
        n, hits = np.array([mask.sum()], float), np.array([(mask & self.event).sum()], float)
        return float(self.scores(n, hits)[0])

    def _alike(self, mask: Mask, other: Mask) -> bool:
        """Mostly the same rows, or rows of ``other`` on which the event is hardly commoner."""
        both = int((mask & other).sum())
        if both > SAME * int((mask | other).sum()):
            return True
        n, share = int(mask.sum()), float(self.event[other].mean())
        error = np.sqrt(max(share * (1 - share), 1 / len(other)) / n)
        return both > WITHIN * n and float(self.event[mask].mean()) < share + STEP * error


@dataclass(frozen=True)
class _Pairs:
    """How many pairs were ``looked`` at, and those ``found`` on which the event is commoner, the highest score first."""

    looked: int
    found: list[tuple[int, ...]]
