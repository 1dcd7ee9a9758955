"""The checks of an evaluation itself: is there a reason not to believe its figure? One line each, never a zero for what was not asked.

After Carlini et al. 2019, arXiv:1902.06705; Athalye et al. 2018, arXiv:1802.00420; Pintor et al. 2022, arXiv:2106.09947.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..formatting.numbers import number, percent
from ..result import Column, Table
from ..statistics.majority import Skill
from ..targets.decision import Prediction
from ..targets.target import Target, uncounted

if TYPE_CHECKING:
    from ..attacks.gradient_probe import GradientFacts
    from ..attacks.norms import Norm
    from ..attacks.perturbation_space import PerturbationSpace

TWICE, ALONE = 32, 6
SLACK = 1e-4
SCALE = 255.0
MOST_LEVEL = 0.5
MOST_UNSEEN = 0.1
NO_WAY = "Give the model a method stand_in(x) (BPDA), or attack its labels: evasion.hop_skip_jump"


@dataclass(frozen=True)
class Line:
    """One check of an evaluation: whether it ``held`` (None: not asked), what was found or why it was not asked, and the way on.

    ``harmless``: the attack allowed for what was found, so that it keeps nobody from a pass.
    """

    name: str
    held: bool | None
    found: str
    do: str = ""
    harmless: bool = False


def as_table(lines: tuple[Line, ...]) -> Table:
    """The lines as a table of the result."""
    words = {True: "holds", False: "does not hold", None: "not asked"}
    return Table(
        name="evaluation",
        title="Checks of this evaluation",
        columns=(Column(name="check"), Column(name="outcome"), Column(name="found"), Column(name="what to do")),
        rows=tuple((line.name, words[line.held], line.found, line.do if line.held is False else "") for line in lines),
        marked=tuple((i, 1) for i, line in enumerate(lines) if line.held is False),
    )


def repeated(target: Target, sample: Dataset, before: Prediction, draws: bool) -> tuple[Line, Line]:
    """Are answers equal when asked twice, and equal alone and in a batch?"""
    twice, alone = "Answers are equal when asked twice", "Answers are equal alone and in a batch"
    if "url" in target.offers:
        why = "an endpoint's answers cost queries"
        return Line(twice, None, why), Line(alone, None, why)
    if draws:
        found, done = "the model draws", "Each row was asked 11 times: the commonest answer counts, and the mean of the gradients (EOT)"
        return Line(twice, False, found, done, harmless=True), Line(alone, None, "the model draws")
    with uncounted():
        again = target.predictions(sample.x[:TWICE])
        single = np.concatenate([target.predictions(sample.x[i : i + 1]).scores for i in range(min(ALONE, len(sample)))])
    moved = float(np.abs(again.scores - before.scores[:TWICE]).max())
    if moved > target.close:  # these rows were among others before; is it these others, or the asking?
        with uncounted():
            moved = float(np.abs(target.predictions(sample.x[:TWICE]).scores - again.scores).max())
    apart = float(np.abs(single - before.scores[: len(single)]).max())
    return (
        Line(
            twice, moved <= target.close, f"{len(again.labels)} rows; scores differ by at most {number(moved, 2)}", "Attack its expectation"
        ),
        Line(
            alone,
            apart <= 10 * target.close,
            f"{len(single)} rows; scores differ by at most {number(apart, 2)}",
            "Put the model in eval mode: batch statistics leak between rows",
        ),
    )


def kept_in_ball(sample: Dataset, x: Rows, fooled: NDArray[np.bool_], space: "PerturbationSpace", norm: str, eps: float) -> Line:
    """Are all fooling rows valid and within eps?"""
    import torch

    from ..attacks.norms import length

    name = "Fooling rows keep their range and eps"
    if not fooled.any():
        return Line(name, None, "no row was fooled")
    encoding = encoding_of(sample.schema)
    was, now = (torch.from_numpy(encoding.encode(rows[fooled], np.float64, holding=True)) for rows in (sample.x, x))
    change = space.change(was, now)
    sizes = (change != 0).flatten(1).sum(1) if norm == "l0" else length(change, cast("Norm", norm))
    size = float(sizes.max()) if space.dimensions else 0.0
    low, high = torch.from_numpy(encoding.low), torch.from_numpy(encoding.high)
    outside = int(((now < low - SLACK) | (now > high + SLACK)).flatten(1).any(1).sum())
    found = f"largest change {number(size, 4)} of {number(eps)}, {outside} of {int(fooled.sum())} rows outside their range"
    return Line(name, size <= eps * (1 + SLACK) + 1e-6 and outside == 0, found, "Report this: an attack of ours left its ball")


def clean(target: Target, sample: Dataset, right: NDArray[np.bool_], skill: Skill) -> Line:
    """Is the model right on the rows as they are, or was it fed another range than it was trained with?"""
    name = "The model is right on clean rows"
    found = f"{percent(right.mean())} of {len(right)} rows"
    if skill.above:
        return Line(name, True, found)
    found, do = f"{found}, always saying {skill.commonest!r} {percent(skill.common / skill.n)}", skill.advice.rstrip(".")
    if not sample.schema.images or "url" in target.offers:  # an endpoint refuses pixels that are out of range
        return Line(name, False, found, do)
    with uncounted():
        scaled = float((target.predictions((sample.x * np.float32(SCALE)).astype(sample.x.dtype)).labels == sample.y).mean())
    if scaled > right.mean() + 0.2:
        return Line(name, False, f"{found}, but {percent(scaled)} with pixels from 0 to 255", "Open it with pixels from 0 to 255")
    return Line(name, False, found, do)


def of_gradients(facts: "GradientFacts | None", remedied: str | None = None, entropy: bool = False) -> tuple[Line, ...]:
    """What the probe of the gradients found; ``remedied`` says how the attack went around what it found, empty where it tried and found no way,
    ``entropy`` that it climbs cross-entropy by gradients alone."""
    names = (
        "Logits are not saturated",
        "Softmax is not applied twice",
        "Gradients are there, finite and not zero",
        "Gradients agree with finite differences",
    )
    if facts is None:
        return tuple(Line(name, None, "this attack asks for no gradient") for name in names)
    from ..attacks.gradient_probe import MOST_WRONG

    around, do = (f"; {remedied}", remedied) if remedied else ("", NO_WAY if remedied == "" else "Run evasion.strong, which goes around it")
    if facts.absent:
        lost = f"no gradient: {facts.absent}{around}"
        return (
            *(Line(name, None, "there is no gradient") for name in names[:2]),
            Line(names[2], False, lost, do),
            Line(names[3], None, "there is no gradient"),
        )
    flat = f"zero on {percent(facts.zero)}, not finite on {percent(facts.infinite)} of {facts.n} rows{around if facts.zero or facts.infinite else ''}"
    unseen = entropy and facts.unseen > MOST_UNSEEN
    flat += f"; {percent(facts.unseen)} of the numbers have none, although the model reacts to them" if unseen else ""
    wrong = (
        f"{percent(facts.wrong)} of {facts.compared} rows disagree" if facts.compared else "no row has a gradient large enough to compare"
    )
    level = entropy and facts.level > MOST_LEVEL
    apart = f"; it takes all classes for equally likely on {percent(facts.level)}" if level else ""
    return (
        Line(
            names[0],
            (not facts.hidden or facts.probabilities) and not level,
            f"cross-entropy has no gradient in float32 on {percent(facts.saturated)} of {facts.n} rows{apart}",
            do,
        ),
        Line(
            names[1],
            not facts.probabilities,
            "outputs sum to 1" if facts.probabilities else "outputs are logits",
            f'Open it with outputs="probabilities"{around}',
        ),
        Line(names[2], facts.zero <= MOST_WRONG and facts.infinite <= MOST_WRONG and not unseen, flat, do),
        Line(names[3], facts.wrong <= MOST_WRONG if facts.compared else None, wrong, do),
    )


def misled(facts: "GradientFacts") -> tuple[str, ...]:
    """Why a figure by gradients alone settles nothing, in clauses; none where they can lead."""
    return tuple(f"{line.name}: no, {line.found}. {line.do}" for line in of_gradients(facts) if line.held is False)


STRONG_ONLY = (
    "A black box is never better than the gradients",
    "The loss rises",
    "More steps change little",
    "A huge eps reaches every row",
    "Rows of another model never fool it more",
)


def not_asked(names: tuple[str, ...] = STRONG_ONLY) -> tuple[Line, ...]:
    """Lines of what only the strong evaluation asks."""
    return tuple(Line(name, None, "evasion.strong asks this") for name in names)
