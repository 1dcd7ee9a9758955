"""Rows of a data set as people: who is nearest to the threshold, who is decided otherwise and how far away they are."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..result import Column, Table
from ..targets.decision import ClassThreshold, LargestScore, Threshold
from ..targets.target import Target
from .explaining import shown

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Order = Literal["nearest", "wrong", "highest", "lowest"]
MOST, SHOWN, LONG = 2000, 5, 4


@dataclass(frozen=True)
class People:
    """Rows of ``data`` by their ``index`` (n,) in the whole, what the target decides of each, and the score (n,) of class ``of``."""

    data: Dataset
    classes: tuple[str, ...]
    index: Indices
    labels: NDArray[np.int64]
    scores: Floats
    of: int
    threshold: float | None

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Where the decision is not the row's own label, bool (n,)."""
        found: NDArray[np.bool_] = self.labels != self.data.y[self.index]
        return found

    def ordered(self, order: Order, label: int | None = None) -> Indices:
        """Places in ``index``, the first to look at first; of those labelled ``label`` alone where it is given."""
        at = np.arange(len(self.index)) if label is None else np.flatnonzero(self.data.y[self.index] == label)
        if order == "wrong":
            at = at[self.wrong[at]]
        middle = self.threshold if self.threshold is not None else 1 / len(self.classes)
        key = {"highest": -self.scores, "lowest": self.scores}.get(order, np.abs(self.scores - middle))
        return at[np.argsort(key[at], kind="stable")]

    def line(self, place: int) -> str:
        """A row in a line: its number, its score, what is decided and what its label is."""
        row = int(self.index[place])
        own = self.classes[int(self.data.y[row])]
        right = "right" if not self.wrong[place] else f"label {own}"
        return f"Row {row}: {self.scores[place]:.3f}, {self.classes[int(self.labels[place])]}, {right}"


def people_of(target: Target, data: Dataset, of: int, rng: np.random.Generator) -> People:
    """At most two thousand rows of ``data``, drawn at random, with what the target answers."""
    chosen = np.sort(rng.permutation(len(data))[:MOST])
    found = target.predictions(data.x[chosen])
    return People(data, target.classes, chosen, found.labels, found.scores[:, of], of, threshold(target, of))


def threshold(target: Target, of: int) -> float | None:
    """The score of class ``of`` from which it is decided; None where no one number says so."""
    if len(target.classes) != 2:
        rule = target.decision
        return rule.value if isinstance(rule, ClassThreshold) and rule.index == of else None
    if isinstance(target.decision, Threshold):
        return target.decision.value if target.decision.index == of else 1 - target.decision.value
    return 0.5 if isinstance(target.decision, LargestScore) else None


def distances(schema: Schema, x: Rows, rows: Rows) -> Floats:
    """How far each of ``rows`` (n, d) is from ``x`` (d,): the sum over features of a number's change as a share of its range, 1 for
    another category, and 1 where one of both has no number (Gower 1971, not divided by the number of features)."""
    total = np.zeros(len(rows))
    for feature in schema.features:
        where = schema.slices[feature.name]
        one, many = x[where], rows[:, where]
        if not feature.numeric:
            total += (one != many).any(1)
            continue
        apart = np.abs(many[:, 0] - one[0]) / ((feature.high - feature.low) or 1.0)
        both_lost = np.isnan(many[:, 0]) & np.isnan(one[0])
        total += np.where(both_lost, 0.0, np.where(np.isnan(apart), 1.0, np.minimum(apart, 1.0)))
    return total


def otherwise(people: People, x: Rows, label: int, own: int = -1) -> Table:
    """The people nearest to ``x`` (d,), a change of row ``own``, whom the target decides otherwise than ``label``, and in what they differ."""
    other = np.flatnonzero((people.labels != label) & (people.index != own))
    far = distances(people.data.schema, x, people.data.x[people.index[other]])
    nearest = np.argsort(far, kind="stable")[:SHOWN]
    rows = tuple(
        (
            int(people.index[other[k]]),
            float(far[k]),
            people.classes[int(people.labels[other[k]])],
            float(people.scores[other[k]]),
            differences(people.data.schema, x, people.data.x[people.index[other[k]]]),
        )
        for k in nearest
    )
    return Table(
        name="otherwise",
        people=True,
        title="The nearest people decided otherwise",
        columns=(
            Column(name="row", kind="integer"),
            Column(name="distance", unit="ranges", kind="number"),
            Column(name="decision"),
            Column(name=f"score of {people.classes[people.of]}", kind="number"),
            Column(name="differs in"),
        ),
        rows=rows,
        total=len(other),
        note=f"Among {len(people.index):,} rows. A number counts by its share of the range, another category 1."
        if rows
        else f"None of {len(people.index):,} rows is decided otherwise.",
    )


def differences(schema: Schema, x: Rows, other: Rows, most: int = LONG) -> str:
    """In what two rows (d,) differ, in words: ``hours 40 → 60; town east → west``."""
    parts = []
    for feature in schema.features:
        where = schema.slices[feature.name]
        if not np.array_equal(x[where], other[where], equal_nan=True):
            parts.append(f"{feature.name} {shown(feature, x[where])} → {shown(feature, other[where])}")
    more = f"; and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more
