"""What an answer holds under the output policy."""

from typing import Any

from ..targets.decision import Prediction, Scores
from ..targets.disclosure import best, rounded
from .settings import OutputSettings


def answer(found: Prediction, classes: tuple[str, ...], policy: OutputSettings) -> dict[str, Any]:
    """The JSON for n rows: ``classes`` and ``labels`` as the model decides them, and of its scores (n, k) what the policy gives.

    Under ``top-k`` a row's scores are ``{label: score}`` of its best classes; under ``label`` there are none.
    """
    answer: dict[str, Any] = {"classes": found.labels.tolist(), "labels": [classes[i] for i in found.labels]}
    if policy.kind == "label":
        return answer
    answer["scores"] = _top(found.scores, classes, policy) if policy.kind == "top-k" else _shown(found.scores, policy)
    return answer


def _shown(scores: Scores, policy: OutputSettings) -> list[list[float]]:
    if policy.kind == "scores":
        return list(scores.tolist())
    return [[round(v, policy.digits) for v in row] for row in scores.tolist()]


def _top(scores: Scores, classes: tuple[str, ...], policy: OutputSettings) -> list[dict[str, float]]:
    values = rounded(scores, policy.digits)
    order = best(scores, policy.top)
    return [{classes[j]: round(float(values[i, j]), policy.digits) for j in row} for i, row in enumerate(order)]


def policy_facts(policy: OutputSettings) -> dict[str, str | int]:
    """The policy as ``/v1/model`` gives it."""
    facts: dict[str, str | int] = {"kind": policy.kind}
    if policy.kind in ("rounded", "top-k"):
        facts["digits"] = policy.digits
    if policy.kind == "top-k":
        facts["top"] = policy.top
    return facts
