"""A small decision tree of where an event (an error) is common; its leaves are cohorts, counted on rows that it was not grown on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.cohorts import Cohort
from ..datasets.conditions import Among, Between, Condition, InGroup, Mask, Missing, column_codes, column_numbers
from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ._slices import Slice, tested

Floats = NDArray[np.float64]
PARTS = 32


@dataclass(frozen=True, eq=False)
class _Column:
    """A column as the tree is given it: whole numbers ``codes`` (n,), NaN where missing, which stand for ``values`` in their order.

    Of numbers these are the upper ends of parts of equal size; of categories the levels from where the event is rarest to where it is commonest, by which the
    best cut of levels is a cut of this order (Breiman et al. 1984, section 4.2.2).
    """

    name: str
    codes: Floats
    values: tuple[Any, ...]
    kind: str


def columns(data: Dataset, event: Mask, grown: Mask) -> list[_Column]:
    """The columns of ``data`` but for free text, and sensitive ones that are no feature; levels are ordered by the rows ``grown`` (n,)."""
    found = []
    for feature in data.schema.features:
        if feature.grouped:
            found.append(_ordered(feature.name, column_codes(data, feature), feature.values, event, grown, "levels"))
        elif feature.numeric:
            found.append(_numbered(feature.name, column_numbers(data, feature), grown))
    names = {feature.name for feature in data.schema.features}
    for name, groups in sorted(data.sensitive.items()):
        if name not in names:
            values, codes = np.unique(groups, return_inverse=True)
            found.append(_ordered(name, codes, tuple(map(str, values)), event, grown, "groups"))
    return found


def _numbered(name: str, numbers: Floats, grown: Mask) -> _Column:
    """A number in at most `PARTS` parts of equal size, each known by its upper end: cuts between single rows would follow chance."""
    real = numbers[grown & ~np.isnan(numbers)]
    ends = np.unique(np.quantile(real, np.linspace(0, 1, PARTS + 1)[1:], method="lower")) if len(real) else np.zeros(1)
    codes = np.minimum(np.searchsorted(ends, numbers, "left"), len(ends) - 1).astype(np.float64)
    return _Column(name, np.where(np.isnan(numbers), np.nan, codes), tuple(ends.tolist()), "numbers")


def _ordered(name: str, codes: NDArray[np.intp], values: tuple[str, ...], event: Mask, grown: Mask, kind: str) -> _Column:
    n = np.bincount(codes[grown], minlength=len(values))
    hits = np.bincount(codes[grown & event], minlength=len(values))
    order = np.argsort((hits + event.mean()) / (n + 1), kind="stable")
    places = np.empty(len(values))
    places[order] = np.arange(len(values))
    return _Column(name, places[codes], tuple(values[i] for i in order), kind)


@dataclass(frozen=True)
class _Cut:
    """The part of a column's values, ``first`` to ``last`` in their order, that a path of the tree keeps; ``missing`` rows stay too."""

    first: int
    last: int
    missing: bool = True

    def cut(self, threshold: float, left: bool, missing: bool) -> "_Cut":
        """The part left of ``threshold``, which it takes in, or right of it."""
        at = int(min(np.floor(threshold), 2**31))  # a cut of missing from all others is at infinity
        kept = replace(self, last=min(self.last, at)) if left else replace(self, first=max(self.first, at + 1))
        return replace(kept, missing=self.missing and missing)


def leaves(data: Dataset, event: Mask, grown: Mask, depth: int, least: int, seed: int) -> tuple[Slice, ...]:
    """The leaves of a tree grown on the rows ``grown`` (n,) and counted on the others, where the event is commonest first; none without a cut.

    Parameters
    ----------
    depth
        Conditions that lead to a leaf, at most.
    least
        Rows that a leaf has at least among those it is grown on.
    """
    from sklearn.tree import DecisionTreeClassifier

    shown = columns(data, event, grown)
    if not shown or len(np.unique(event[grown])) < 2:
        return ()
    x = np.stack([column.codes for column in shown], 1).astype(np.float32)
    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=max(least, 1), random_state=seed).fit(x[grown], event[grown]).tree_
    paths = [conditions for conditions in _paths(tree, shown) if conditions]
    cohorts = [Cohort.of(*conditions) for conditions in paths]
    counted = tested(cohorts, [cohort.mask(data) for cohort in cohorts], event, ~grown, 1)
    return tuple(sorted(counted, key=lambda leaf: -leaf.rate))


def _paths(tree: Any, shown: list[_Column]) -> Iterator[tuple[Condition, ...]]:
    """The conditions of each leaf."""
    waiting: list[tuple[int, dict[int, _Cut]]] = [(0, {})]
    while waiting:
        node, cuts = waiting.pop()
        if tree.children_left[node] < 0:
            yield tuple(c for place, cut in cuts.items() for c in _condition(shown[place], cut))
            continue
        place, threshold = int(tree.feature[node]), float(tree.threshold[node])
        whole = _Cut(0, len(shown[place].values) - 1)
        empty_left = bool(tree.missing_go_to_left[node])
        for left, child in ((False, tree.children_right[node]), (True, tree.children_left[node])):
            kept = cuts.get(place, whole).cut(threshold, left, empty_left == left)
            waiting.append((int(child), {**cuts, place: kept}))


def _condition(column: _Column, cut: _Cut) -> tuple[Condition, ...]:
    """The cut as a condition; none where it keeps every row."""
    values = column.values[cut.first : cut.last + 1]
    if column.kind == "levels":
        return (Missing(column=column.name),) if values == (MISSING,) else (Among(column=column.name, levels=values),)
    if column.kind == "groups":
        return (InGroup(column=column.name, groups=values),)
    lacking = bool(np.isnan(column.codes).any())
    if not values:
        return (Missing(column=column.name),)
    low = column.values[cut.first - 1] if cut.first > 0 else None
    high = column.values[cut.last] if cut.last < len(column.values) - 1 else None
    if low is None and high is None:
        return (Missing(column=column.name, missing=False),) if lacking and not cut.missing else ()
    return (Between(column=column.name, low=low, high=high, above=low is not None, missing=lacking and cut.missing),)
