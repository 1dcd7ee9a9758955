"""Was there anything to try? An attacker who cannot change a row, or aims at a class that is never answered, proves nothing by failing."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..targets.target import Target, uncounted
from ._evaluation import Line
from ._spending import Allowed, within

if TYPE_CHECKING:
    from torch import Tensor

    from ..attacks.perturbation_space import PerturbationSpace

PROBED = 100
SMALLEST = 1e-6  # of a range
MOVABLE = "Rows can be changed within what is allowed"
ANSWERED = "The class aimed at is answered at all"
MORE = "Allow larger changes, or say in the schema what an attacker may change"


def one_number(norm: str, eps: float) -> float:
    """How far one number alone may be moved within ``eps``, in ranges; in l0 as far as it goes, where one may be changed at all.

    Nothing where ``eps`` is smaller than attacks keep their ball and models of float32 read their rows.
    """
    if norm == "l0":
        return np.inf if eps >= 1 else 0.0
    return eps if eps >= SMALLEST else 0.0


def movable(sample: Dataset, right: NDArray[np.bool_], space: "PerturbationSpace", reach: float, allowed: Allowed, flips: int) -> Line:
    """Is there a valid change of most rows that the model has ``right`` (n,)? One column, or all pixels, moved by ``reach`` ranges is one.

    Whole numbers do not move by less than 1, floats by less than they tell apart, and nothing moves that costs too much.
    """
    if space.parts and flips and _affordable(sample, allowed):
        return Line(MOVABLE, True, "categories may be")
    was = sample.x[np.flatnonzero(right)[:PROBED]]
    if not len(was):
        return Line(MOVABLE, None, "no row is classified rightly")
    return differing(was, _moved(sample, was, space, reach, allowed))


def differing(was: Rows, now: Rows) -> Line:
    """Do most of the rows ``was`` differ from ``now``, changed as far as is allowed?"""
    count = int(_differ(was, now).sum())
    return Line(MOVABLE, 2 * count > len(was), f"{count} of {len(was)} rows", MORE)


def answered(target: Target, data: Dataset, goal: str, rows: Dataset) -> tuple[Line, ...]:
    """Does the target answer the class ``goal`` to any of ``rows``, of all classes? No line where none is aimed at."""
    if not goal:
        return ()
    if "url" in target.offers:
        return (Line(ANSWERED, None, "an endpoint's answers cost queries"),)
    from ..attacks.triggers import goal_class

    with uncounted():
        count = int((target.labels(rows.x) == goal_class(goal, data.schema.classes)).sum())
    do = "Aim at a class that the model answers, or give rows of that class"
    return (Line(ANSWERED, count > 0, f"to {count} of {len(rows)} rows of all classes", do),)


def _affordable(sample: Dataset, allowed: Allowed) -> bool:
    """May a category be changed for the money that is allowed?"""
    costs = [f.cost_per_change for f in sample.schema.features if f.grouped and f.mutable]
    return not allowed.money or any(cost <= allowed.money for cost in costs)


def _moved(sample: Dataset, was: Rows, space: "PerturbationSpace", reach: float, allowed: Allowed) -> Rows:
    """The rows with one number changed, where any can be."""
    import torch

    from ..attacks.queries import rows_of

    x = torch.from_numpy(encoding_of(sample.schema).encode(was, np.float64, holding=True)).to(space.scale.dtype)
    low, high = space.room(x)
    now = was.copy()
    for part in _parts(x, space):
        for end in (low.clamp_min(-reach), high.clamp_max(reach)):
            change = torch.where(part, end, 0.0).to(x.dtype)
            points = rows_of(space.moved(x, space.related(x, change)), sample.schema, was)
            found = within(allowed, sample.schema, was, points)
            still = ~_differ(was, now)
            now[still] = found[still]
        if 2 * int(_differ(was, now).sum()) > len(was):
            break
    return now


def _parts(x: "Tensor", space: "PerturbationSpace") -> "list[Tensor]":
    """What is moved at once, bool of one row's shape: all pixels, or one column."""
    import torch

    free = torch.broadcast_to(space.free, x.shape[1:]) > 0
    return [free] if x.ndim > 2 else [torch.arange(len(free)) == place for place in free.nonzero().flatten()]


def _differ(was: Rows, now: Rows) -> NDArray[np.bool_]:
    differs: NDArray[np.bool_] = ((was != now) & ~((was != was) & (now != now))).reshape(len(was), -1).any(1)
    return differs
