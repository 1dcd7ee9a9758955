"""The points of a frontier over epsilon: trained once for each budget and seed, kept in a file, gone on from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import t

from ...attacks.climbing import pgd
from ...attacks.perturbation_space import PerturbationSpace
from ...attacks.queries import rows_of, tensors
from ...datasets.dataset import Dataset
from ...progress import Progress
from ...statistics.intervals import wilson
from ...targets.checkpoints import restored, store
from ...targets.target import Target

FEW = 20
BUDGET = 0.1
Seen = dict[str, float]
MEASURES = ("accuracy", "robust", "gap")


@dataclass(frozen=True)
class Spread:
    """Mean over seeds, with an interval of the mean: over seeds (Student), and where ``rows`` says on how many rows each was measured over those too."""

    mean: float
    low: float
    high: float


def spread(values: list[float], rows: int = 0, level: float = 0.95) -> Spread:
    """Of two or more values that seeds gave; of shares of the same ``rows`` for all seeds, where these count.

    What seeds and rows vary by is independent, and their half-widths are joined as errors are: that of the rows by Wilson (1927), so that equal values of
    all seeds have an interval too.
    """
    mean, k = float(np.mean(values)), len(values)
    half = float(t.ppf((1 + level) / 2, k - 1)) * float(np.std(values, ddof=1)) / np.sqrt(k)
    if not rows:
        return Spread(mean, mean - half, mean + half)
    low, high = wilson(mean, rows, level)
    return Spread(mean, mean - float(np.hypot(half, mean - low)), mean + float(np.hypot(half, high - mean)))


def seen(target: Target, rows: Dataset, robust: Dataset, seed: int) -> Seen:
    """Accuracy, accuracy under PGD on the numbers, and the largest gap of accuracy between groups (-1 without groups of `FEW` rows)."""
    right = target.labels(rows.x) == rows.y
    x, y = tensors(robust)
    moved = pgd(target.module, x, y, PerturbationSpace.of(robust.schema), "linf", BUDGET, 20, torch.Generator().manual_seed(seed)).x
    held = (target.labels(rows_of(moved, robust.schema, robust.x)) == robust.y) & (target.labels(robust.x) == robust.y)
    return {"accuracy": float(right.mean()), "robust": float(held.mean()), "gap": _gap(right, rows)}


def _gap(right: "np.ndarray[tuple[int], np.dtype[np.bool_]]", rows: Dataset) -> float:
    gaps = [-1.0]
    for column in rows.sensitive.values():
        rates = [right[column == group].mean() for group in np.unique(column) if (column == group).sum() >= FEW]
        gaps += [float(max(rates) - min(rates))] if len(rates) > 1 else []
    return max(gaps)


@dataclass
class Points:
    """What was seen of each training, by its name; written to ``path`` after each, where one is given."""

    path: Path | None
    key: str
    found: dict[str, Seen]

    @classmethod
    def of(cls, path: Path | None, key: str) -> "Points":
        """Those that are there already."""
        there = restored(path, key)[1]["points"] if path is not None and path.exists() else {}
        return cls(path, key, dict(there))

    def get(self, name: str, make: Callable[[], Seen]) -> Seen:
        """The point called ``name``, made where it is not there."""
        if name not in self.found:
            self.found[name] = make()
            if self.path is not None:
                store(self.path, self.key, {"points": torch.zeros(1)}, {"points": self.found})
        return self.found[name]


def parts(progress: Progress, count: int) -> list[Progress]:
    """Equal parts of ``progress``, one for each training."""
    return [progress.part(0.95 / count) for _ in range(count)]
