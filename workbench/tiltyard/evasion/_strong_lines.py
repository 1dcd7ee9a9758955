"""The checks and the stages that only the strong evaluation has, as lines and a table."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..result import Column, Table
from ..targets.target import Target, uncounted
from ._evaluation import STRONG_ONLY, Line

if TYPE_CHECKING:
    from torch import Tensor

    from ..attacks.standing import Standing
    from .attack import Evasion

HUGE_ROWS, HUGE_STEPS, TRANSFERRED, TRANSFER_STEPS = 16, 40, 50, 20
MOST_LATE = 0.1
SHOWN = 40


def stage_table(standing: "Standing", rows: NDArray[np.intp]) -> Table:
    """What each stage was given, which rows fooled in it (counted from 0 among those attacked), and what it cost."""
    return Table(
        name="stages",
        title="Stages",
        columns=(
            Column(name="stage"),
            Column(name="rows given", kind="integer"),
            Column(name="fooled", kind="integer"),
            Column(name="gradients", kind="integer"),
            Column(name="queries", kind="integer"),
            Column(name="rows fooled"),
        ),
        rows=tuple((s.name, s.given, len(s.fell), s.gradients, s.queries, _listed(rows[list(s.fell)])) for s in standing.stages),
    )


def _listed(rows: NDArray[np.intp]) -> str:
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return ", ".join(str(row) for row in rows[:SHOWN]) + more


def own_lines(
    check: "Evasion",
    target: Target,
    sample: Dataset,
    rows: NDArray[np.intp],
    fell: NDArray[np.bool_],
    standing: "Standing",
    clean: "Tensor",
    suspect: bool,
) -> tuple[Line, ...]:
    """One line for each of `STRONG_ONLY`; what is asked here is none of the attacker's queries."""
    with uncounted():
        return (
            _black_box(standing, suspect),
            _risen(standing, clean),
            _converged(standing),
            _huge(check, sample, standing),
            _transfer(check, target, sample, rows, fell),
        )


def _black_box(standing: "Standing", suspect: bool) -> Line:
    searches = [s for s in standing.stages if s.name.startswith(("Square", "sentinel"))]
    if not any(s.given for s in searches):
        return Line(STRONG_ONLY[0], None, "no row was left for it" if searches else "the model draws")
    found = "; ".join(f"{s.name}: {len(s.fell)} of {s.given} rows fooled" for s in searches)
    return Line(STRONG_ONLY[0], not suspect, found, "The gradients mislead; the figure is that of the search, an upper bound")


def _risen(standing: "Standing", clean: "Tensor") -> Line:
    rose = standing.margin > clean
    n = int(rose.sum())
    return Line(STRONG_ONLY[1], n >= 0.9 * len(clean), f"on {n} of {len(clean)} rows", "The gradients do not lead to an error")


def _converged(standing: "Standing") -> Line:
    late = [s for s in standing.stages if s.name.startswith(("margin", "from the best"))]
    given, fell = max((s.given for s in late), default=0), sum(len(s.fell) for s in late)
    if not given:
        return Line(STRONG_ONLY[2], None, "no row was left for it")
    found = f"more than twice the steps and another start: {fell} of the {given} nearest rows fooled"
    return Line(STRONG_ONLY[2], fell <= max(3, MOST_LATE * given), found, "Raise the effort")


def _huge(check: "Evasion", sample: Dataset, standing: "Standing") -> Line:
    from ..attacks.losses import scale_free
    from ..attacks.standing import Ascent, Standing, climb
    from ..progress import Progress

    if not sample.schema.images or check.goal:
        return Line(STRONG_ONLY[3], None, "a class is aimed at" if check.goal else "columns that may not change can hold a row for good")
    rows = standing.margin.argsort()[:HUGE_ROWS]
    largest = standing.space.largest(check.norm)
    eps = largest if check.norm == "linf" else largest / 2
    far = Standing(standing.module, standing.x[rows], standing.y[rows], standing.space, check.norm, eps, standing.enough)
    climb(far, far.alive, Ascent(scale_free, HUGE_STEPS), standing.change(rows)[far.alive], None, Progress())
    fell = len(rows) - len(far.alive)
    return Line(
        STRONG_ONLY[3],
        fell == len(rows),
        f"{fell} of {len(rows)} rows fooled at {check.norm} {eps:.3g}",
        "The gradients do not lead to an error",
    )


def _transfer(check: "Evasion", target: Target, sample: Dataset, rows: NDArray[np.intp], fell: NDArray[np.bool_]) -> Line:
    """Rows that fool the model this one was made from, put to this one."""
    import torch

    from ..attacks.climbing import pgd
    from ..attacks.expectation import labels
    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.queries import rows_of, tensors

    parent = target.parent
    if parent is None or "gradients" not in parent.offers or parent.schema != target.schema or check.goal:
        return Line(STRONG_ONLY[4], None, "no other model of this task is at hand")
    some = sample.take(rows[:TRANSFERRED])
    dtype = check.precision(parent)
    x, y = tensors(some, dtype)
    space = PerturbationSpace.of(some.schema, dtype)
    found = pgd(parent.module, x, y, space, check.norm, check.eps, TRANSFER_STEPS, torch.Generator().manual_seed(check.seed))
    fooled = labels(target, rows_of(found.x, some.schema, some.x)) != some.y
    better = int((fooled & ~fell[:TRANSFERRED]).sum())
    text = f"of {len(some)} rows made against {parent.name} {int(fooled.sum())} fool this one, {better} that stood here"
    return Line(STRONG_ONLY[4], better <= 1, text, "The attack misses what another model's rows find")
