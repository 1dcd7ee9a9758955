"""What an answer holds under the output policy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..targets.disclosure import best, rounded
from .settings import OutputSettings

MOST_DIGITS = 9  # what a float32 holds


def answer(scores: NDArray[np.float32], classes: tuple[str, ...], policy: OutputSettings) -> dict[str, Any]:
    """The JSON for scores (n, k): ``classes`` and ``labels``, and of the scores what the policy gives.

    Under ``top-k`` a row's scores are ``{label: score}`` of its best classes; under ``label`` there are none.
    """
    index = scores.argmax(1)
    answer: dict[str, Any] = {"classes": index.tolist(), "labels": [classes[i] for i in index]}
    if policy.kind == "label":
        return answer
    answer["scores"] = _top(scores, classes, policy) if policy.kind == "top-k" else _shown(scores, policy)
    return answer


def _shown(scores: NDArray[np.float32], policy: OutputSettings) -> list[list[float]]:
    digits = MOST_DIGITS if policy.kind == "scores" else policy.digits
    return [[round(v, digits) for v in row] for row in scores.tolist()]


def _top(scores: NDArray[np.float32], classes: tuple[str, ...], policy: OutputSettings) -> list[dict[str, float]]:
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
