"""How far rows lie from where a model's label changes, from labels alone: what is left to an attacker where scores are hidden.

Choquette-Choo et al. 2021 (2007.14321) and Li and Zhang 2021 (2007.15528): a model is surer around the rows that it was trained on, so the
boundary lies farther from them. The walk is HopSkipJump, see `attacks.label_search`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.schema import Schema
from ..errors import Problem, Unavailable
from ..progress import Progress
from ..targets.decision import Labels
from ..targets.target import Target
from .membership import Mask, Scores

Norm = Literal["l2", "linf"]
LEAST = 20


@dataclass(frozen=True)
class Boundary:
    """Of each row what the model answers ``labels`` (n,), the distance to its boundary in ranges, ``size`` (n,), and where none was ``found``.

    A row that is wrong as it is lies at 0; one of which no boundary was found counts as far as the space is wide.
    """

    labels: Labels
    size: Scores
    found: Mask


def unbound(schema: Schema) -> Schema:
    """The same columns, all of which may move and which keep no relation: who only asks is not held to what rows there are."""
    free = {"mutable": True, "direction": "any"}
    return schema.model_copy(update={"features": tuple(f.model_copy(update=free) for f in schema.features), "relations": ()})


def measured(schema: Schema) -> bool:
    """Has it numbers, along which a distance is?"""
    return any(f.kind == "pixels" or (f.numeric and f.high > f.low) for f in schema.features)


def boundary(target: Target, rows: Dataset, budget: int, norm: Norm, seed: int, progress: Progress) -> Boundary:
    """The distance of each row, categories left as they are, from the nearest point that the target answers otherwise.

    Parameters
    ----------
    rows
        Rows with their true classes; the walks start from one another.
    budget
        Labels a row may cost in all, the first included; never exceeded.

    Raises
    ------
    Unavailable
        Where no column is a number.
    Problem
        Where the budget is too small.
    """
    import torch

    from ..attacks.label_search import search
    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.queries import LabelsOnly, tensors

    if not measured(rows.schema):
        raise Unavailable("a column of numbers, along which a distance is measured", "categories alone", "Use privacy.membership_gap")
    module = LabelsOnly(target)
    allowed = (budget - 1) // module.repeats
    if allowed < LEAST:
        raise Problem(f"at least {LEAST * module.repeats + 1} labels a row", f"{budget}", "Allow more queries")
    dtype = torch.float32 if rows.schema.images else torch.float64
    x, y = tensors(rows, dtype)
    space = PerturbationSpace.of(unbound(rows.schema), dtype)
    answered = _answered(target, rows, progress.part(0.02))
    right = np.flatnonzero(answered == rows.y)
    size, found = np.zeros(len(rows)), np.ones(len(rows), bool)
    if len(right):
        generator = torch.Generator().manual_seed(seed)
        walks = progress.part(0.95)
        given = torch.from_numpy(answered)
        _, walked = search(module, x[right], y[right], x, space, norm, allowed, generator, 0, walks, given)
        size[right] = walked.numpy()
        found[right] = np.isfinite(size[right])
    return Boundary(answered, np.where(found, size, space.largest(norm)), found)


def _answered(target: Target, rows: Dataset, progress: Progress) -> NDArray[np.int64]:
    progress.step(0.0, "asking for labels")
    return np.asarray(target.labels(rows.x), np.int64)
