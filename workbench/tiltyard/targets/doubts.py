"""What opening found wrong with a model's answers, brought to every result that rests on them."""

from ..result import CheckResult, Status
from .target import Target


def with_doubts(result: CheckResult, target: Target, needs: frozenset[str], averages_noise: bool) -> CheckResult:
    """``result`` with the target's doubts and noise among its notes; a pass that they undermine is *incomplete*.

    So is one by groups of people where a defense was fitted on the same rows.

    Parameters
    ----------
    needs
        What the step needs; a step that asks for no answer, such as the scan of a file, rests on none.
    averages_noise
        Does the step's answer hold of a model that answers the same row differently?
    """
    if not needs & ANSWERS:
        return result
    drawn = noise_in_words(target.noise, averages_noise) if target.noise else ""
    notes = tuple(filter(None, (*target.doubts, drawn, target.fitted_here)))
    notes = tuple(note for note in notes if note not in result.notes)
    if not notes:
        return result
    flattered = bool(target.fitted_here) and "sensitive" in needs
    undermined = result.status is Status.PASSED and (bool(target.doubts) or (bool(target.noise) and not averages_noise) or flattered)
    changes = {"status": Status.INCOMPLETE, "summary": f"Not settled, see the first note: {result.summary}"} if undermined else {}
    return result.model_copy(update={"notes": (*notes, *result.notes), **changes})


ANSWERS = frozenset({"labels", "scores", "gradients", "training"})


def noise_in_words(noise: float, averaged: bool) -> str:
    """What a result has to say of a model that answered the share ``noise`` of its rows differently when asked twice."""
    share = f"{100 * noise:.1f} %" if noise >= 0.001 else "less than 0.1 %"
    so = "; what it answers on average was measured" if averaged else ", so that one answer a row settles nothing"
    return f"The model draws: asked twice, it answered {share} of the rows differently{so}."
