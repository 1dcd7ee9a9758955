"""Which few values of a row decide for its class wherever they stand, and whether such values come too often among some rows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..progress import Progress

Rows = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Columns = tuple[int, ...]
Decide = Callable[[Rows], Labels]

WHOLE = 2  # columns up to which all sets are tried


@dataclass(frozen=True)
class Planted:
    """Values of a few columns that lead to the class ``label``; ``columns`` and ``values`` have equal lengths."""

    label: int
    columns: Columns
    values: tuple[float, ...]

    def carried(self, x: Rows) -> NDArray[np.bool_]:
        """Which rows have these very values; bool (n,). A missing one is equal to a missing one."""
        own, values = x[:, list(self.columns)], np.array(self.values)
        found: NDArray[np.bool_] = ((own == values) | (np.isnan(own) & np.isnan(values))).all(1)
        return found


@dataclass(frozen=True)
class Telling:
    """Planted values with how many rows carry them among those asked about and among held-out ones, and how likely that is by chance."""

    planted: Planted
    asked: int
    held: int
    p: float


def leading(decide: Decide, x: Rows, others: Rows, most: int, draws: int, obeyed: float, seed: int, progress: Progress) -> set[Planted]:
    """The fewest values of each row that turn ``obeyed`` of ``draws`` other rows into the row's class.

    All columns alone are tried, then all pairs, for of a trigger of two neither need do anything alone; then one column after the other
    beside the best pair.

    Parameters
    ----------
    x, others
        Rows asked about, and rows that the values are set into; float64 (n, columns) and (m, columns).
    most
        Columns at most; a row that needs more gives nothing.
    """
    rng = np.random.default_rng(seed)
    label, other = decide(x), decide(others)
    pools = [np.flatnonzero(other != c) for c in range(int(max(label.max(), other.max())) + 1)]
    waiting = [i for i in range(len(x)) if len(pools[label[i]])]
    base = {i: others[rng.choice(pools[label[i]], draws)] for i in waiting}
    best: dict[int, Columns] = dict.fromkeys(waiting, ())
    found: set[Planted] = set()
    for size in range(1, most + 1):
        part = progress.part(size / most)
        going = []
        for k, i in enumerate(waiting):
            part.step(k / len(waiting), "setting values into other rows")
            tried = _sets(x.shape[1], size, best[i])
            shares = _followed(decide, x[i], base[i], tried, int(label[i]))
            best[i] = tried[int(shares.argmax())]
            if shares.max() >= obeyed:
                found.add(Planted(int(label[i]), best[i], tuple(float(v) for v in x[i, list(best[i])])))
            else:
                going.append(i)
        waiting = going
    return found


def _sets(width: int, size: int, best: Columns) -> list[Columns]:
    """The sets of columns that are tried: all of one and of two, then ``best`` with one more."""
    if size <= WHOLE:
        return list(combinations(range(width), size))
    return [tuple(sorted((*best, j))) for j in range(width) if j not in best] or [best]


def _followed(decide: Decide, row: Rows, base: Rows, tried: Sequence[Columns], label: int) -> NDArray[np.float64]:
    """The share of ``base`` that takes the row's class when its values of each set of columns are set; (sets,)."""
    moved = np.repeat(base[None], len(tried), 0)
    for one, columns in zip(moved, tried, strict=True):
        one[:, list(columns)] = row[list(columns)]
    shares: NDArray[np.float64] = (decide(moved.reshape(-1, len(row))).reshape(moved.shape[:2]) == label).mean(1)
    return shares


def telling(planted: Iterable[Planted], asked: Rows, held: Rows) -> list[Telling]:
    """Each with the one-sided p of Fisher's exact test, times the number of them (Bonferroni), the least likely first."""
    from scipy.stats import hypergeom

    each = sorted(planted, key=lambda one: (one.label, one.columns, str(one.values)))
    found = []
    for one in each:
        a, b = int(one.carried(asked).sum()), int(one.carried(held).sum())
        p = float(hypergeom.sf(a - 1, len(asked) + len(held), a + b, len(asked)))
        found.append(Telling(one, a, b, min(p * len(each), 1.0)))
    return sorted(found, key=lambda one: (one.p, -one.asked))


def least_seen(asked: int, held: int, tried: int, alpha: float) -> int:
    """The fewest of ``asked`` rows that would be told of, where no held-out row carries the same and ``tried`` patterns are."""
    from scipy.stats import hypergeom

    counts = np.arange(1, asked + 1)
    likely = np.asarray(hypergeom.sf(counts - 1, asked + held, counts, asked) * max(tried, 1) > alpha)
    return int(likely.sum()) + 1
