"""The likelihood-ratio attack: shadow models show what the model would answer had it not seen the row (Carlini et al. 2021, 2112.03570)."""

import math
from typing import ClassVar, Literal

from ..check import parameter
from .membership import likelihood_ratio, unsaturated
from .shadow_attack import Answered, Judged, ShadowAttack


class LiRA(ShadowAttack):
    """Membership inference by likelihood ratios, strong where few false alarms are allowed, with the records at risk."""

    id: ClassVar[str] = "privacy.lira"
    title: ClassVar[str] = "Membership: likelihood ratio (LiRA)"
    question: ClassVar[str] = "Can an attacker with shadow models tell which rows the model was trained on?"
    sources: ClassVar[tuple[str, ...]] = ("Carlini et al. 2021, arXiv 2112.03570",)
    main: ClassVar[tuple[str, ...]] = ("shadow_models", "mode", "rows")

    shadow_models: int = parameter(16, "Models trained on random halves; more find more", "models", ge=4, le=1024)
    mode: Literal["online", "offline"] = parameter("online", "Online compares models with and without the row; offline only those without")
    fixed_variance: bool = parameter(False, "One variance for all rows, as the paper takes below 64 shadow models")
    shrinkage: float = parameter(
        8.0, "How far each row's variance is drawn to that of all rows: as if by so many more models; 0 not at all", "models", ge=0, le=1000
    )

    def judged(self, it: Answered) -> Judged:
        """Log-likelihood ratios."""
        shrinkage = math.inf if self.fixed_variance else self.shrinkage
        observed, shadow = unsaturated(it.observed, it.shadow)
        scores = likelihood_ratio(observed, shadow, it.inside, self.mode == "offline", shrinkage)
        note = "One query a row: the published attack also queries augmented copies, which finds more in images."
        return Judged(scores, f"LiRA ({self.mode}, {self.shadow_models} shadow models)", (note,))
