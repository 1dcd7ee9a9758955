"""The same model under another decision rule: a copy, so that what was measured of the model before stays true of it."""

import copy

from ..errors import Unavailable
from .decision import ClassThreshold, Decision, Threshold
from .target import Target


def deciding(target: Target, decision: Decision) -> Target:
    """A copy of ``target`` that decides by ``decision``; its parent is ``target``, and its fingerprint another.

    Raises
    ------
    Unavailable
        The target offers no scores to decide by.
    """
    if "scores" not in target.offers:
        raise Unavailable("a target with scores, to decide by them", f"{target.name}, which has none", "Open it with its scores")
    made = copy.copy(target)
    made.decide(decision)
    made.parent, made.queries = target, 0
    made.name = f"{_plain(target)}, {decision.words}"
    return made


def _plain(target: Target) -> str:
    """Its name without the rule that an earlier copy was given."""
    added = f", {target.decision.words}" if target.decision is not None else ""
    return target.name.removesuffix(added) if added else target.name


def nominal(target: Target, k: int) -> float | None:
    """The threshold on the score of class ``k`` that the target's rule names, else one half; None where of more than two classes it names none."""
    rule = target.decision
    if len(target.classes) != 2:
        return rule.value if isinstance(rule, ClassThreshold) and rule.index == k else None
    if isinstance(rule, Threshold):
        return rule.value if rule.index == k else 1 - rule.value
    return 0.5
