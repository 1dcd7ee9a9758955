"""Robust membership inference: a row's probability over what models in general give it, with two shadow models or more (2312.03262)."""

from typing import ClassVar

from ..check import parameter
from .membership import relative, tuned
from .shadow_attack import Answered, Judged, ShadowAttack


class RMIA(ShadowAttack):
    """Membership inference that is strong with very few shadow models; offline, with its one number fitted on the shadow models."""

    id: ClassVar[str] = "privacy.rmia"
    title: ClassVar[str] = "Membership: few shadow models (RMIA)"
    question: ClassVar[str] = "Can an attacker with two shadow models tell which rows the model was trained on?"
    sources: ClassVar[tuple[str, ...]] = ("Zarifzadeh et al. 2024, arXiv 2312.03262",)
    cost: ClassVar[str] = "a minute: one training a shadow model"
    seconds: ClassVar[float] = 20.0
    main: ClassVar[tuple[str, ...]] = ("shadow_models", "rows")

    shadow_models: int = parameter(2, "Models trained on random halves; two are enough, eight find a little more", "models", ge=2, le=1024)
    a: float = parameter(
        -1.0, "How far a model not trained on a row tells of one that was, 0 to 1; below 0 it is fitted on the shadow models", ge=-1, le=1
    )

    def judged(self, it: Answered) -> Judged:
        """Log ratios to the probability that models in general give."""
        a = self.a if self.a >= 0 else tuned(it.shadow, it.inside)
        how = "given" if self.a >= 0 else "fitted on the shadow models"
        note = f"The offset a was {a:.2f}, {how}. Rows are ranked by the ratio itself, which orders them as the paper's share does for any gamma."
        return Judged(relative(it.observed, it.shadow, it.inside, a), f"RMIA (offline, {self.shadow_models} shadow models)", (note,))
