"""Before gradients alone earn a pass: does another search go on from their best points? (arXiv:1902.06705, section 5)."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..progress import Progress
from ..statistics.intervals import clopper_pearson
from ..targets.target import Target, uncounted
from ._evaluation import STRONG_ONLY, Line
from .outcome import AttackOutcome

if TYPE_CHECKING:
    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.standing import Standing
    from .at_each_eps import AtEachEps

ROWS, QUERIES, STEPS = 30, 100, 20
MOST = 1  # of ten honest networks at two sizes each 18 gave no more; of two PGD had left 2 and 3 rows that a loss without scale turns
DO = "Run evasion.strong"


def second(check: "AtEachEps", target: Target, sample: Dataset, outcome: AttackOutcome, space: "PerturbationSpace") -> tuple[Line, ...]:
    """Two lines of `STRONG_ONLY`: Square and the scale-free loss, from the best points of up to 30 rows; none where no pass is near.

    These are none of the attacker's queries.
    """
    from ..attacks.expectation import repeats

    right = outcome.fooled_at >= 0
    stands = np.flatnonzero(right & (outcome.fooled_at > check.eps))
    felled = int(right.sum()) - len(stands)
    near = len(stands) > 0 and clopper_pearson(felled, int(right.sum()))[1] <= check.accept
    if not near or not space.dimensions or repeats(target) > 1 or "url" in target.offers:
        return ()
    with uncounted():
        return _lines(check, _standing(check, target, sample, outcome, stands, space))


def _standing(
    check: "AtEachEps", target: Target, sample: Dataset, outcome: AttackOutcome, stands: NDArray[np.intp], space: "PerturbationSpace"
) -> "Standing":
    """The rows that stand and are nearest to an error, at the best points of the attack."""
    from dataclasses import replace

    from ..attacks.categorical_moves import regrouped
    from ..attacks.queries import tensors
    from ..attacks.repair import related
    from ..attacks.standing import Standing

    aim, precision = check.aim(sample.schema.classes), check.precision(target)
    x, _ = tensors(sample.take(stands), precision)
    best, _ = tensors(replace(sample, x=outcome.x).take(stands), precision)
    module = aim.module(related(check.access(target), space))
    y = aim.labels(sample.y[stands])
    every = Standing(module, best, y, space, check.norm, check.eps)
    rows = every.margin.argsort(descending=True, stable=True)[:ROWS]
    standing = Standing(module, x[rows], y[rows], space, check.norm, check.eps)
    standing.origin = regrouped(x[rows], best[rows], space)
    standing.best, standing.logits, standing.margin = best[rows].clone(), every.logits[rows], every.margin[rows]
    return standing


def _lines(check: "AtEachEps", standing: "Standing") -> tuple[Line, ...]:
    import torch

    from ..attacks.losses import scale_free
    from ..attacks.standing import Ascent, climb
    from ..attacks.strong_stages import searched

    generator, rows = torch.Generator().manual_seed(check.seed), standing.alive
    climb(standing, rows, Ascent(scale_free, STEPS), standing.change(rows), None, Progress())
    climbed = len(rows) - len(standing.alive)
    queried = searched(standing, "Square from the best point", standing.alive, QUERIES, generator, Progress(), best=True)
    of = f"of the {len(rows)} rows nearest to an error"
    return (
        Line(STRONG_ONLY[0], queried <= MOST, f"{QUERIES} queries of Square from the best points turn {queried} {of}", DO),
        Line(STRONG_ONLY[2], climbed <= MOST, f"{STEPS} steps more, of a loss without scale, turn {climbed} {of}", DO),
    )
