"""The rows that a threshold is tried on: those the checks judge, asked of the model once, and what the page says beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiltyard.datasets.dataset import Dataset
from tiltyard.statistics.score_cells import ScoreCells
from tiltyard.targets.deciding import nominal
from tiltyard.targets.target import Target

INTERVALS = (
    "Intervals of 95 %, computed in the page: Clopper-Pearson for rates, and for F1 through F*; Wilson, added by class, for balanced "
    "accuracy; Newcombe's of the two groups farthest apart for gaps, where a record resamples within groups."
)


@dataclass(frozen=True)
class AskedRows:
    """Rows with what the model answered: ``labels`` int64 (n,), and ``scores`` float64 (n, k) or None of a target without."""

    target: Target
    rows: Dataset
    known: str
    labels: NDArray[np.int64]
    scores: NDArray[np.float64] | None

    @classmethod
    def of(cls, target: Target, data: Dataset, count: int, seed: int = 0) -> "AskedRows":
        """The rows that a check with these ``rows`` and this seed judges: not those trained on, where these are known."""
        rows = data.unseen.sample(count, np.random.default_rng(seed))
        if "scores" not in target.offers:
            return cls(target, rows, data.known, target.labels(rows.x), None)
        answer = target.predictions(rows.x)
        return cls(target, rows, data.known, answer.labels, answer.scores)

    def cells(self, k: int, groups: NDArray[np.str_] | None) -> ScoreCells:
        """Class ``k`` against the rest, by ``groups`` (n,) or all as one."""
        assert self.scores is not None
        divided = np.full(len(self.rows), "all") if groups is None else groups
        return ScoreCells.of(self.scores[:, k], self.rows.y == k, self.labels == k, divided, nominal(self.target, k))

    def start(self, cells: ScoreCells, k: int) -> float:
        """The model's own threshold, else the one that gives the class to as many rows as the model does."""
        assert self.scores is not None
        if cells.own_threshold is not None:
            return cells.own_threshold
        given = int((self.labels == k).sum())
        return float(np.sort(self.scores[:, k])[-given]) if given else min(1.0, float(cells.scores[-1]))

    def facts(self, cells: ScoreCells, k: int, column: str, smallest: int) -> dict[str, Any]:
        """What stands beside the numbers of class ``k``."""
        classes = self.rows.schema.classes
        rest = classes[1 - k] if len(classes) == 2 else f"not {classes[k]}"
        return {
            "name": classes[k],
            "rest": rest,
            "known": self.known,
            "groups": list(cells.groups),
            "column": column,
            "own": cells.own.tolist(),
            "own_threshold": cells.own_threshold,
            "in_force": cells.own_threshold,
            "smallest": smallest,
            "notes": [note for note in self._notes(cells, k) if note],
        }

    def _notes(self, cells: ScoreCells, k: int) -> Sequence[str]:
        unknown = "" if self.known != "rows" else " Which rows it was trained on is not known: some of these may be among them."
        own = (
            ""
            if cells.own_threshold is not None
            else "That is no threshold on this score: the slider begins where as many rows are given the class, and the diamonds are the model itself."
        )
        several = (
            ""
            if len(self.target.classes) == 2
            else f"One class against the rest: put in force, the model gives {self.target.classes[k]!r} where its score reaches the threshold, "
            "and elsewhere whichever other class has the largest score."
        )
        binned = f"More than {len(cells.scores) - 1:,} distinct scores: the slider moves in steps of a few rows." if cells.binned else ""
        return (f"The model decides by {self.target.rule}.", several, own, f"{len(self.rows):,} {self.known}.{unknown}", binned, INTERVALS)
