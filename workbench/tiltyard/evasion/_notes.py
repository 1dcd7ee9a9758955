"""What a reader of an evasion result has to know beside its numbers, in sentences."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..datasets.dataset import Dataset
from ..datasets.feature import MISSING
from ..statistics.majority import Skill
from ..targets.target import Target

if TYPE_CHECKING:
    from ..attacks.perturbation_space import PerturbationSpace

MASKED = 0.1


@dataclass(frozen=True)
class Asked:
    """What was asked for: which rows in words, how many, the class aimed at, and how many categories may change."""

    which: str
    rows: int
    goal: str
    flips: int


def notes(
    asked: Asked, target: Target, data: Dataset, sample: Dataset, space: "PerturbationSpace", masked: float, skill: Skill
) -> tuple[str, ...]:
    """What a reader has to know of rows, decision rule, noise and space of one attack, a sentence each.

    Parameters
    ----------
    sample
        The rows of ``data`` that were attacked.
    masked
        Share of these rows on which the gradient is zero though the model reacts, in 0 to 1; more than `MASKED` is written down.
    """
    from ..attacks.expectation import ROUNDS, repeats

    notes = [] if skill.above else [f"Robust accuracy says little here: without attack {skill.fact}."]
    notes.append(f"Rows count as fooled by what the model decides: {target.rule}.")
    if asked.goal:
        notes.append(f"A row counts as fooled where it is answered {asked.goal!r}; another wrong class is no success of this attack.")
    if repeats(target) > 1:
        notes.append(
            f"Each row was asked {repeats(target)} times and counts by the commonest answer; gradients and scores are the means of as many "
            "(expectation over the model's noise, Athalye et al. 2018, arXiv:1802.00420); a query budget buys so many times fewer steps."
        )
        if "url" not in target.offers:
            notes.append(
                f"Which rows were fooled was settled by {ROUNDS * repeats(target)} answers to each row found, asked after the search."
            )
    if data.member is None or data.member.all():
        notes.append("Which rows were trained on is not known, so the rows attacked may be among them.")
    if len(sample) < asked.rows:
        notes.append(f"Only {len(sample)} {data.known} {asked.which}".rstrip() + f" were there to attack, not {asked.rows}.")
    if not sample.schema.images:
        fixed = [f.name for f in data.schema.features if not f.mutable or f.kind == "text"]
        notes.append(
            f"Never changed: {', '.join(fixed) or 'none'}. Whole numbers stay whole; categories changed in a row: up to {asked.flips}."
        )
        if repeats(target) == 1:
            notes.append("In each row that fools, changes that were not needed are taken back before it is shown.")
        notes.extend(_emptied(data))
    if not sample.schema.images and not space.dimensions:
        notes.append("No number may be moved, so eps has no effect.")
    if masked > MASKED:
        notes.append(
            f"The gradient is zero on {100 * masked:.0f} % of the rows although the model reacts to changes: gradient masking. "
            "Robust accuracy is then an upper bound only; run an attack that needs no gradient."
        )
    notes.append("Robust accuracy is what this attack could not break; a stronger attack can only lower it.")
    return tuple(notes)


def _emptied(data: Dataset) -> list[str]:
    """What is done about numbers that rows lack, in sentences."""
    features = data.schema.features
    left = [f.name for f in features if f.optional and f.mutable and (f.numeric or MISSING in f.values)]
    notes = [f"An attacker may leave empty: {', '.join(left)}; that counts as a changed category."] if left else []
    return notes + (["A number that a row lacks stays missing."] if any(f.missing for f in features) else [])
