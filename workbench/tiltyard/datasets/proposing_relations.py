"""Relations between columns that the rows themselves suggest: how many rows each is about, and how many break it.

A relation is proposed as an approximate denial constraint (Chu, Ilyas and Papotti 2013, "Discovering denial constraints"): hardly a row
breaks it, and if the columns had nothing to do with each other many would.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expressions import quoted
from .feature import Feature
from .relation_kinds import relation_of
from .relations import TableCells
from .table import table_of

Floats = NDArray[np.floating[Any]]
LOOKED, FEWEST, MOST_COLUMNS, TRIED = 20_000, 100, 30, 60
EXCEPTIONS = 0.001
BY_CHANCE = 0.1  # share of rows that would break an order of columns that have nothing to do with each other
TOGETHER, SELDOM = 8.0, 0.05
SURE = 1e-6
MOST = 30
EXACT = 1e-6


@dataclass(frozen=True)
class Proposed:
    """A relation, the ``support`` of rows that it says something of, and the numbers of the rows that break it (``exceptions`` in all)."""

    text: str
    support: int
    exceptions: int
    rows: tuple[int, ...]

    @property
    def words(self) -> str:
        """Support and exceptions in a few words."""
        broken = f"{self.exceptions:,} break it, first row {self.rows[0]:,}" if self.exceptions else "none breaks it"
        return f"{self.support:,} rows, {broken}"


def proposed_relations(x: Floats, features: tuple[Feature, ...], seed: int = 0) -> tuple[Proposed, ...]:
    """What rows x (n, columns) suggest, at most `MOST`; of more than `LOOKED` rows a sample is looked at, and all are counted.

    Nothing is proposed of fewer than `FEWEST` rows, and of no more than the first `MOST_COLUMNS` columns of numbers.
    """
    if len(x) < FEWEST or len(features) < 2 or any(f.kind == "pixels" for f in features):
        return ()
    rng = np.random.default_rng(seed)
    some = x if len(x) <= LOOKED else x[rng.permutation(len(x))[:LOOKED]]
    cells = TableCells(some, features)
    numbers = [f for f in features if f.numeric and np.nanmin(c := cells.number(f.name), initial=np.inf) < np.nanmax(c, initial=-np.inf)]
    numbers = numbers[:MOST_COLUMNS]
    names = tuple(f.name for f in numbers)
    columns = {name: cells.number(name) for name in names}
    texts = [*_exclusive(columns), *_sums(columns, rng), *_ordered(columns, rng), *_implied(some, features)]
    found = [_counted(text, x, features) for text in dict.fromkeys(texts)]
    return tuple(one for one in found if one.exceptions <= EXCEPTIONS * max(one.support, 1))[:MOST]


def _counted(text: str, x: Floats, features: tuple[Feature, ...]) -> Proposed:
    relation, cells = relation_of(text), TableCells(x, features)
    numeric = [f.name for f in features if f.numeric and f.name in relation.columns]
    there = np.ones(len(x), bool)
    for name in numeric:
        there &= ~np.isnan(cells.number(name))
    for clause in getattr(relation, "given", ()):
        there &= clause.holds(cells)
    rows = np.flatnonzero(relation.broken(cells))
    return Proposed(relation.text, int(there.sum()), len(rows), tuple(rows[:5].tolist()))


def _exclusive(columns: Mapping[str, Floats]) -> Iterator[str]:
    """Columns that are often above zero, and hardly ever together."""
    above = {name: c > 0 for name, c in columns.items() if np.nanmin(c) >= 0 and 20 <= int((c > 0).sum()) <= 0.7 * len(c)}
    apart = {
        frozenset(pair)
        for pair in combinations(above, 2)
        if (expected := above[pair[0]].mean() * above[pair[1]].sum()) >= TOGETHER
        and int((above[pair[0]] & above[pair[1]]).sum()) <= min(SELDOM * expected, EXCEPTIONS * len(above[pair[0]]))
    }
    left = list(above)
    while left:
        group = [left.pop(0)]
        group += [name for name in left if all(frozenset((name, other)) in apart for other in group)][:1]
        group += [name for name in left if name not in group and all(frozenset((name, other)) in apart for other in group)]
        if len(group) > 1:
            yield f"at most one above zero: {', '.join(map(quoted, group))}"
            left = [name for name in left if name not in group]


def _ordered(columns: Mapping[str, Floats], rng: np.random.Generator) -> Iterator[str]:
    """Pairs of which one is never above the other, though by chance it would be; what follows from two others is left out."""
    shuffled = {name: column[rng.permutation(len(column))] for name, column in columns.items()}
    below = {
        (a, b)
        for a, b in permutations(columns, 2)
        if np.mean(columns[a] > shuffled[b]) >= BY_CHANCE and np.mean(columns[a] > columns[b]) <= EXCEPTIONS
    }
    for a, b in sorted(below, key=lambda pair: (list(columns).index(pair[0]), list(columns).index(pair[1]))):
        if (b, a) in below:
            if list(columns).index(a) < list(columns).index(b):
                yield f"{quoted(a)} = {quoted(b)}"
        elif not any((a, c) in below and (c, b) in below for c in columns if c not in (a, b)):
            yield f"{quoted(a)} <= {quoted(b)}"


def _sums(columns: Mapping[str, Floats], rng: np.random.Generator) -> Iterator[str]:
    """Two or three columns whose sum is another column or one number."""
    names = list(columns)
    whole = np.column_stack([columns[name] for name in names]) if names else np.zeros((0, 0))
    full = whole[~np.isnan(whole).any(1)]
    if len(full) < TRIED:
        return
    few = full[rng.permutation(len(full))[:TRIED]]
    size = np.abs(few).max(0)
    done: set[frozenset[int]] = set()
    for count in (2, 3):
        for group in combinations(range(len(names)), count):
            if any(len(part & set(group)) == len(part) for part in done):
                continue
            total, most = few[:, list(group)].sum(1), size[list(group)].sum()
            others = (
                [k for k in range(len(names)) if k not in group and np.abs(total - few[:, k]).max() <= EXACT * most] if count == 2 else []
            )
            left = " + ".join(quoted(names[i]) for i in group)
            if np.ptp(total) <= EXACT * most:
                done.add(frozenset(group))
                yield f"{left} = {float(total[0]):.12g}"
            for k in others:
                done.add(frozenset((*group, k)))
                yield f"{left} = {quoted(names[k])}"


def _implied(x: Floats, features: Sequence[Feature]) -> Iterator[str]:
    """Values of one category with which another has one value alone, though it has others."""
    grouped = [f for f in features if f.grouped and 2 <= len(f.values) <= 200][:MOST_COLUMNS]
    codes = {f.name: _codes(x, f, features) for f in grouped}
    for one, other in permutations(grouped, 2):
        counts = np.zeros((len(one.values), len(other.values)))
        np.add.at(counts, (codes[one.name], codes[other.name]), 1)
        share = counts.sum(0) / counts.sum()
        follows: dict[int, list[int]] = {}
        for value, row in enumerate(counts):
            common = int(row.argmax())
            if row.sum() and row[common] >= (1 - EXCEPTIONS) * row.sum() and share[common] ** row.sum() < SURE:
                follows.setdefault(common, []).append(value)
        for common, values in follows.items():
            listed = ", ".join(quoted(one.values[v]) for v in values)
            given = f"is {listed}" if len(values) == 1 else f"in {{{listed}}}"
            yield f"if {quoted(one.name)} {given} then {quoted(other.name)} is {quoted(other.values[common])}"


def _codes(x: Floats, feature: Feature, features: Sequence[Feature]) -> NDArray[np.intp]:
    part = x[:, table_of(tuple(features)).slices[feature.name]]
    return part.argmax(1) if feature.kind == "onehot" else part[:, 0].astype(np.intp)
