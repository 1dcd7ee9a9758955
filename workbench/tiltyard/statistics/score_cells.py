"""Scores as the few numbers that any threshold's counts follow from: distinct scores, and rows by score, truth and group."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.uint32]
MOST_SCORES = 50_000


@dataclass(frozen=True)
class ScoreCells:
    """Rows counted by score, group and truth, for one class against the rest.

    Attributes
    ----------
    scores
        Distinct scores of the class, ascending, float64 (m,). Of more than 50,000 the smallest of each of so many bins, ``binned``.
    rank, code, count
        Cells, uint32 (c,): place in ``scores``, ``2 * group + truth`` (1 is the class), and the rows that fall in it.
    groups
        Names of the groups, sorted.
    own
        What the model itself decides: int64 (groups, 2, 2), group, truth, decision.
    own_threshold
        A threshold that decides each of these rows as the model does; None where no threshold does.
    """

    scores: Floats
    rank: Places
    code: Places
    count: Places
    groups: tuple[str, ...]
    own: NDArray[np.int64]
    own_threshold: float | None
    binned: bool

    @classmethod
    def of(
        cls, scores: Floats, truth: Bools, decided: Bools, groups: NDArray[np.str_], nominal: float | None, most: int = MOST_SCORES
    ) -> "ScoreCells":
        """Of scores, truth, the model's decision and groups, each (n,); ``nominal`` is the threshold that its rule names."""
        own = own_threshold(scores, decided, nominal)
        places = _places(scores, most, own)
        rank = np.searchsorted(places, scores, side="right") - 1
        names, index = np.unique(groups, return_inverse=True)
        code = 2 * index + truth
        cells, count = np.unique(rank.astype(np.int64) * 2 * len(names) + code, return_counts=True)
        decisions = np.bincount(4 * index + 2 * truth + decided, minlength=4 * len(names)).reshape(-1, 2, 2)
        rank, code = np.divmod(cells, 2 * len(names))
        whole = [part.astype(np.uint32) for part in (rank, code, count)]
        binned = len(np.unique(scores)) > len(places)
        named = tuple(map(str, names))
        return cls(places, whole[0], whole[1], whole[2], named, decisions.astype(np.int64), own, binned)

    def at(self, threshold: float) -> NDArray[np.int64]:
        """Counts int64 (groups, 2, 2) where the class is answered from ``threshold`` on: group, truth, decision."""
        answered = (self.rank >= np.searchsorted(self.scores, threshold)).astype(np.int64)
        place = 2 * self.code.astype(np.int64) + answered
        return np.bincount(place, self.count, 4 * len(self.groups)).astype(np.int64).reshape(-1, 2, 2)


def own_threshold(scores: Floats, decided: Bools, nominal: float | None) -> float | None:
    """A threshold that gives the class to just the rows ``decided`` (n,): ``nominal`` where it does, else their smallest score.

    None where no threshold does, or where the class is given to no row and no ``nominal`` says from where on it would be.
    """
    low = float(scores[decided].min()) if decided.any() else np.inf
    high = float(scores[~decided].max()) if not decided.all() else -np.inf
    if nominal is not None and high < nominal <= low:
        return nominal
    return low if high < low < np.inf else None


def _places(scores: Floats, most: int, own: float | None) -> Floats:
    """The distinct scores; of more than ``most`` so many of them, evenly by rows, and the first that is at least ``own``."""
    distinct: Floats = np.unique(scores)
    if len(distinct) <= most:
        return distinct
    chosen = np.sort(scores)[np.linspace(0, len(scores) - 1, most).astype(np.intp)]
    edge = distinct[np.searchsorted(distinct, own) :][:1] if own is not None else distinct[:0]
    found: Floats = np.unique(np.concatenate([distinct[:1], chosen, edge]))
    return found
