"""The relations that a schema states, over rows of x: which rows break them, and derived columns made anew."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from . import expressions as ex
from .feature import Feature
from .relation_kinds import Clause, Derived, Implied, Relation, relation_of
from .table import table_of

EXCEPTIONS = 0.01
FIRST = 5


@dataclass(frozen=True)
class TableCells:
    """Rows of x as a relation looks at them."""

    x: NDArray[np.floating[Any]]
    features: tuple[Feature, ...]
    maths: Any = field(default=np)

    def number(self, name: str) -> NDArray[np.float64]:
        """A column's numbers, (n,)."""
        return self.x[:, table_of(self.features).slices[name].start].astype(np.float64, copy=False)

    def among(self, name: str, values: tuple[str, ...]) -> NDArray[np.bool_]:
        """Where a category is one of ``values``, bool (n,)."""
        (feature,) = (f for f in self.features if f.name == name)
        part = self.x[:, table_of(self.features).slices[name]]
        places = part.argmax(1) if feature.kind == "onehot" else part[:, 0]
        return np.isin(places, [feature.values.index(value) for value in values])


def stated(texts: Sequence[str], features: tuple[Feature, ...]) -> tuple[Relation, ...]:
    """The relations of a table with these features.

    Raises
    ------
    Problem
        In one line, naming the relation: one that cannot be read, or names a column, category or kind that is not there.
    """
    found = tuple(relation_of(text) for text in texts)
    for relation in found:
        _fitting(relation, features)
    _ordered([r for r in found if isinstance(r, Derived)])
    return found


def fitting(texts: Sequence[str], features: tuple[Feature, ...]) -> tuple[str, ...]:
    """Those of the relations that are about these features; the others lost a column, or its kind."""
    found: list[str] = []
    for text in texts:
        try:
            stated((*found, text), features)
        except Problem:
            continue
        found.append(text)
    return tuple(found)


def _fitting(relation: Relation, features: tuple[Feature, ...]) -> None:
    known = {f.name: f for f in features}
    for name in relation.columns:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Perhaps {near[0]!r} is meant" if near else f"Name one of {', '.join(list(known)[:8])}"
            raise Problem(f"columns of the table in the relation {relation.text!r}", repr(name), hint)
    clauses = (*relation.given, relation.then) if isinstance(relation, Implied) else ()
    for name in relation.columns if not clauses else [c.column for c in clauses if c.sign]:
        if not known[name].numeric:
            raise Problem(f"columns of numbers in the relation {relation.text!r}", f"{name!r}, which is {known[name].kind}", "Correct it")
    for clause in clauses:
        _fitting_clause(clause, known[clause.column], relation.text)


def _fitting_clause(clause: Clause, feature: Feature, text: str) -> None:
    if clause.sign:
        return
    if not feature.grouped:
        raise Problem(f"a column of categories in the relation {text!r}", f"{feature.name!r}, {feature.kind}", "Compare it with a number")
    for value in clause.values:
        if value not in feature.values:
            near = difflib.get_close_matches(value, feature.values, 1) or [", ".join(feature.values[:5])]
            raise Problem(f"categories of {feature.name!r} in the relation {text!r}", repr(value), f"Perhaps {near[0]} is meant")


def _ordered(derived: list[Derived]) -> list[Derived]:
    """Derived columns, each behind those that it is made of; a `Problem` for a circle, or a column derived twice."""
    names = [d.name for d in derived]
    if twice := [name for name in names if names.count(name) > 1]:
        raise Problem(f"one relation that derives {twice[0]!r}", f"{names.count(twice[0])}", "Keep one of them")
    left, found = list(derived), []
    while left:
        ready = [d for d in left if not set(ex.columns_of(d.by)) & {other.name for other in left}]
        if not ready:
            raise Problem("derived columns that do not depend on each other", ", ".join(repr(d.name) for d in left), "Leave one out")
        found += ready
        left = [d for d in left if d not in ready]
    return found


@dataclass(frozen=True)
class Relations:
    """The relations of a table, over rows of x (n, columns)."""

    features: tuple[Feature, ...]
    every: tuple[Relation, ...]

    @property
    def derived(self) -> tuple[Derived, ...]:
        """Derived columns, each behind those that it is made of."""
        return tuple(_ordered([r for r in self.every if isinstance(r, Derived)]))

    def broken(self, x: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Which rows break one of them, bool (n,)."""
        cells, found = TableCells(x, self.features), np.zeros(len(x), bool)
        for relation in self.every:
            found |= relation.broken(cells)
        return found

    def recomputed(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The rows with every derived column made anew where it broke; whole ones are rounded. A new array where there is any."""
        if not (derived := self.derived):
            return x
        x, places = x.copy(), table_of(self.features).slices
        whole = {f.name: f.whole for f in self.features}
        for one in derived:
            cells = TableCells(x, self.features)
            wanted = one.value(cells)
            wanted = np.rint(wanted) if whole[one.name] else wanted
            anew = one.broken(cells) & np.isfinite(wanted)
            x[anew, places[one.name].start] = wanted[anew]
        return x

    def exceptions(self, x: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.intp]]:
        """Row numbers that break each relation, by its text; those that none breaks are left out."""
        cells = TableCells(x, self.features)
        every = {r.text: np.flatnonzero(r.broken(cells)) for r in self.every}
        return {text: rows for text, rows in every.items() if len(rows)}

    def refuse(self, x: NDArray[np.floating[Any]], often: float = EXCEPTIONS) -> None:
        """Raises a `Problem` where more than the share ``often`` of the rows break a relation, with their number and the first of them."""
        for text, rows in self.exceptions(x).items():
            if len(rows) > often * len(x):
                first = f"{', '.join(map(str, rows[:FIRST]))}{' …' if len(rows) > FIRST else ''}"
                found = f"{len(rows):,} of {len(x):,} rows that break it, first {first}"
                raise Problem(f"rows that keep {text!r}, but for {100 * often:g} %", found, "Correct or remove the relation")


def kept_by(features: tuple[Feature, ...], texts: tuple[str, ...]) -> Relations:
    """The relations as they are written over rows of these features."""
    return Relations(features, stated(texts, features))
