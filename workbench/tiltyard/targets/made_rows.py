"""What a model answers to rows that are nobody's: enough to tell whether two are the same, and no row of a person's is kept for it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.random_rows import random_rows
from .target import Target, uncounted

MADE = 32


def answers_to_made_rows(target: Target) -> dict[str, NDArray[Any]] | None:
    """Its ``labels`` int64 (MADE,) and ``scores`` float32 (MADE, k), where it offers them; None of an endpoint, which is not asked, and of texts."""
    if is_far(target) or any(feature.kind == "text" for feature in target.schema.features):
        return None
    x = random_rows(target.schema, MADE, np.random.default_rng(0))
    try:
        with uncounted():
            found = target.judged().predictions(x)
    except Exception:  # a model may refuse rows that nobody ever had, and in any way
        return None
    return {"labels": found.labels} | ({"scores": found.scores.astype(np.float32)} if "scores" in target.offers else {})


def is_far(target: Target) -> bool:
    """Is it, or does it stand around, an endpoint?"""
    within: Any = target
    while isinstance(within, Target):
        if "url" in within.offers:
            return True
        within = getattr(within, "inner", None) or getattr(within, "_inner", None)
    return False
