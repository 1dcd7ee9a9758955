"""The smallest valid change of a row that turns the model's decision: few features first, then little of each.

Looks at what a person could do, in the table's own columns: one feature set to each of its values, then two, three and more together,
led by the scores; where that finds nothing, HopSkipJump from labels alone, whose changes are taken back one by one. What is found is
decided otherwise by the target itself, within the schema's bounds, and changes only what may change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.feature import MISSING, Feature
from ..datasets.schema import Rows, Schema
from ..progress import Progress
from ..targets.target import Target

GRID, BEAM, PAIRS, MOST_FEATURES, HALVINGS = 24, 36, 24, 4, 24
SEARCHED = 0.5  # of the queries, for the search by labels where few features are not enough


@dataclass(frozen=True)
class Step:
    """One feature set to ``cells`` (width,), at a ``cost``: the share of its range for a number, 1 for another category."""

    feature: Feature
    cells: NDArray[np.float64]
    cost: float


@dataclass(frozen=True)
class Turned:
    """A row (d,) that is decided otherwise, by which ``features`` it differs, what that costs in ranges, and how many rows were asked.

    ``x`` is None where none was found.
    """

    x: Rows | None
    features: tuple[str, ...]
    cost: float
    asked: int


class _Search:
    """Asks the target about one row with some features set."""

    def __init__(self, target: Target, schema: Schema, x: Rows, most: int, progress: Progress) -> None:
        self.target, self.schema, self.x, self.most, self.progress = target, schema, x, most, progress
        self.label = int(target.labels(x[None])[0])
        self.asked = 1

    def row(self, steps: Sequence[Step]) -> Rows:
        """The row with ``steps`` taken."""
        moved = self.x.copy()
        for step in steps:
            moved[self.schema.slices[step.feature.name]] = step.cells
        return moved

    def ask(self, many: Sequence[Sequence[Step]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Which are decided otherwise, and the score of the present class in each; as many as may still be asked."""
        self.progress.step(min(self.asked / self.most, 1.0), f"{self.asked:,} rows asked")
        many = many[: max(self.most - self.asked, 0)]
        if not many:
            return np.zeros(0, bool), np.zeros(0)
        found = self.target.predictions(np.stack([self.row(steps) for steps in many]))
        self.asked += len(many)
        return found.labels != self.label, found.scores[:, self.label]

    def near(self, sets: Sequence[Sequence[Step]]) -> list[list[Step]]:
        """The same features, each number as near to the row's own as still turns it, one after the other; all sets in the same calls."""
        kept = [list(steps) for steps in sets]
        for place in range(max(map(len, kept), default=0)):
            self._halved(kept, place)
        return kept

    def _halved(self, sets: list[list[Step]], place: int) -> None:
        """Halve the way between the row's own number and the step's, in every set that has a number at ``place``."""
        ways = [_Way.of(self, k, steps[place]) for k, steps in enumerate(sets) if place < len(steps)]
        for _ in range(HALVINGS):
            going = [way for way in ways if way is not None and way.middle is not None][: max(self.most - self.asked, 0)]
            if not going:
                return
            trials = [way.step(way.middle or 0.0) for way in going]
            turned, _ = self.ask([[*sets[w.set][:place], trial, *sets[w.set][place + 1 :]] for w, trial in zip(going, trials, strict=True)])
            for way, trial, won in zip(going, trials, turned, strict=True):
                if won:
                    sets[way.set][place] = trial
                way.settle(bool(won))


@dataclass
class _Way:
    """Between a number that does not turn set number ``set`` (``near``, at first the row's own) and one that does (``far``)."""

    set: int
    feature: Feature
    own: float
    near: float
    far: float

    @classmethod
    def of(cls, search: _Search, place: int, step: Step) -> "_Way | None":
        own = float(search.x[search.schema.slices[step.feature.name]][0])
        return None if not step.feature.numeric or np.isnan(own) else cls(place, step.feature, own, own, float(step.cells[0]))

    @property
    def middle(self) -> float | None:
        """What to try next; None where nothing lies between."""
        middle = (self.near + self.far) / 2
        if self.feature.whole:
            middle = float(np.floor(middle) if self.far > self.near else np.ceil(middle))
        return None if middle in (self.near, self.far) else middle

    def step(self, value: float) -> Step:
        return _number(self.feature, value, self.own)

    def settle(self, won: bool) -> None:
        middle = self.middle
        if middle is not None:
            self.near, self.far = (self.near, middle) if won else (middle, self.far)


def smallest_change(
    target: Target, schema: Schema, x: Rows, observed: Rows, most: int = 4000, progress: Progress | None = None, seed: int = 0
) -> Turned:
    """The smallest change that turns the decision on ``x`` (d,), asking for at most ``most`` rows.

    Parameters
    ----------
    observed : rows (n, d)
        Rows of the data: values that occur, and rows to start from.
    """
    search = _Search(target, schema, x, most, progress or Progress())
    steps = [
        step
        for feature in schema.features
        for step in _steps(feature, x[schema.slices[feature.name]], observed[:, schema.slices[feature.name]])
    ]
    found = _sparse(search, steps)
    if found is None:
        found = _by_labels(search, observed, seed)
    if found is None or not _valid(target, schema, search, found):
        return Turned(None, (), float("inf"), search.asked)
    return Turned(search.row(found), tuple(step.feature.name for step in found), sum(step.cost for step in found), search.asked)


def _steps(feature: Feature, own: Rows, observed: Rows) -> list[Step]:
    """What the feature may be set to: all categories, or values over the range that occur and its bounds."""
    if not feature.mutable or feature.kind in ("text", "pixels"):
        return []
    if feature.grouped:
        now = int(own[0]) if feature.kind == "categorical" else int(own.argmax())
        open_to = [c for c, name in enumerate(feature.values) if c != now and (name != MISSING or feature.optional)]
        cells = [np.array([float(c)]) if feature.kind == "categorical" else np.eye(feature.width)[c] for c in open_to]
        return [Step(feature, cell, 1.0) for cell in cells]
    if np.isnan(own[0]):
        return []
    known = observed[:, 0][~np.isnan(observed[:, 0])]
    grid = np.quantile(known, np.linspace(0, 1, GRID), method="nearest") if len(known) else known
    values = np.unique(np.concatenate([grid, [feature.low, feature.high]]).clip(feature.low, feature.high))
    values = np.unique(np.rint(values).clip(np.ceil(feature.low), np.floor(feature.high))) if feature.whole else values
    return [_number(feature, float(value), float(own[0])) for value in values if value != own[0]]


def _number(feature: Feature, value: float, own: float) -> Step:
    span = feature.high - feature.low
    return Step(feature, np.array([value]), abs(value - own) / span if span else 0.0)


def _sparse(search: _Search, steps: list[Step]) -> list[Step] | None:
    """One feature, then two, then more: of those that turn it with as few, the nearest."""
    sets: list[tuple[Step, ...]] = [(step,) for step in steps]
    turned, scores = search.ask(sets)
    best = [sets[i] for i in np.argsort(scores, kind="stable")]
    led = _led(best)
    for size in range(1, MOST_FEATURES + 1):
        if turned.any():
            return _nearest(search, [sets[i] for i in np.flatnonzero(turned)])
        if size == MOST_FEATURES or not led:
            return None
        sets = (
            _joined(best[:PAIRS], led)
            if size > 1
            else [(*a, *b) for a, b in combinations(led, 2) if a[0].feature.name != b[0].feature.name]
        )
        turned, scores = search.ask(sets)
        best = [sets[i] for i in np.argsort(scores, kind="stable")]
    return None


def _led(best: list[tuple[Step, ...]]) -> list[tuple[Step, ...]]:
    """Of each feature the most promising steps, and of a number its two ends too: scores may say nothing of a step that needs another."""
    by_feature: dict[str, list[Step]] = {}
    for (step,) in best:
        by_feature.setdefault(step.feature.name, []).append(step)
    kept = {id(step): step for steps in by_feature.values() for step in _promising(steps)}
    return [single for single in best if id(single[0]) in kept][: 2 * BEAM]


def _promising(steps: list[Step]) -> list[Step]:
    if steps[0].feature.grouped:
        return steps[:6]
    ordered = sorted(steps, key=lambda step: float(step.cells[0]))
    return [*steps[:2], ordered[0], ordered[-1]]


def _joined(sets: list[tuple[Step, ...]], led: list[tuple[Step, ...]]) -> list[tuple[Step, ...]]:
    return [(*many, *one) for many in sets for one in led if one[0].feature.name not in {step.feature.name for step in many}]


def _nearest(search: _Search, turned: list[tuple[Step, ...]]) -> list[Step]:
    """Of each set of features that turns it the cheapest, drawn as near as it goes; of these the nearest."""
    cheapest: dict[tuple[str, ...], tuple[Step, ...]] = {}
    for steps in sorted(turned, key=_cost):
        cheapest.setdefault(tuple(step.feature.name for step in steps), steps)
    return min(search.near(list(cheapest.values())[:BEAM]), key=_cost)


def _cost(steps: Sequence[Step]) -> float:
    return sum(step.cost for step in steps)


def _by_labels(search: _Search, observed: Rows, seed: int) -> list[Step] | None:
    """HopSkipJump with what is left of the queries, its changes taken back one by one while the row stays turned."""
    left = search.most - search.asked
    if left < 200 or search.schema.images:
        return None
    import torch

    from ..attacks.label_search import search as walk
    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.queries import LabelsOnly, rows_of
    from ..datasets.encoding import encoding_of

    schema = search.schema
    encode = encoding_of(schema)
    row, others = (torch.from_numpy(encode.encode(rows, np.float64, holding=True)) for rows in (search.x[None], observed))
    generator, before = torch.Generator().manual_seed(seed), search.target.queries
    space, budget = PerturbationSpace.of(schema, torch.float64), int(left * SEARCHED)
    found, size = walk(LabelsOnly(search.target), row, torch.tensor([search.label]), others, space, "l2", budget, generator, flips=3)
    search.asked += search.target.queries - before
    if not bool(size.isfinite()[0]):
        return None
    there = rows_of(found, schema, search.x[None])[0]
    return _taken_back(search, there)


def _taken_back(search: _Search, there: Rows) -> list[Step] | None:
    schema = search.schema
    steps = [_step(feature, search.x[schema.slices[feature.name]], there[schema.slices[feature.name]]) for feature in schema.features]
    kept = [step for step in steps if step is not None]
    if not search.ask([kept])[0].any():
        return None
    for step in sorted(kept, key=lambda one: one.cost):
        fewer = [one for one in kept if one is not step]
        if fewer and search.ask([fewer])[0].any():
            kept = fewer
    return search.near([kept])[0]


def _step(feature: Feature, own: Rows, there: Rows) -> Step | None:
    if np.array_equal(own, there, equal_nan=True):
        return None
    if feature.numeric and not np.isnan([own[0], there[0]]).any():
        return _number(feature, float(there[0]), float(own[0]))
    return Step(feature, np.asarray(there, np.float64), 1.0)


def _valid(target: Target, schema: Schema, search: _Search, steps: list[Step]) -> bool:
    """Decided otherwise when asked again, the same row after a trip through the person's own table, within bounds."""
    row: Any = search.row(steps)[None]
    again = schema.encode(schema.decode(row))
    within = all(
        step.feature.low <= step.cells[0] <= step.feature.high for step in steps if step.feature.numeric and not np.isnan(step.cells[0])
    )
    search.asked += 1
    return within and int(target.labels(again)[0]) != search.label
