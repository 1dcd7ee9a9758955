"""Membership without shadow models: a row's confidence against a quantile of what it would have been, by regression (2307.03694)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..progress import Progress
from ..result import CheckResult, Column, Metric
from ..statistics.intervals import rate
from ..statistics.majority import Skill
from ..targets.target import Target
from ._quantiles import FOLDS, across, features_of
from .membership import Mask, Scores, chance, logit_scaled
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report
from .membership_threshold import pick, predicted


class MembershipQuantile(Check):
    """Compares each row's confidence with what rows like it get that were not trained on; no shadow models, one query a row."""

    id: ClassVar[str] = "privacy.membership_quantile"
    title: ClassVar[str] = "Membership: quantile regression"
    question: ClassVar[str] = "Is the model surer of rows it was trained on than of rows like them that it was not?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Bertran et al. 2023, arXiv 2307.03694",)
    cost: ClassVar[str] = "seconds: one query a row and a regression"
    seconds: ClassVar[float] = 10.0
    main: ClassVar[tuple[str, ...]] = ("rows", "quantile")
    leads: ClassVar[tuple[str, ...]] = ("auc", "tpr_at_1pct")
    quick: ClassVar[Mapping[str, Any]] = {"rows": 1000, "fit_rows": 1000}
    tiny: ClassVar[Mapping[str, Any]] = {"fit_rows": 0}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy", "called_members", "called_others"})

    rows: int = parameter(2000, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=100_000)
    fit_rows: int = parameter(
        10_000, "Unseen rows beside those that the regression is fitted on too, as far as there are any", "rows", ge=0, le=1_000_000
    )
    quantile: float = parameter(
        0.9, "The high quantile that is fitted; the published attack calls a row beyond it a member", "share", ge=0.6, le=0.99
    )
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """One query a row."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        seen, unseen = len(data.seen), len(data.unseen)
        others = min(unseen, self.rows + self.fit_rows)
        return Estimate(queries=min(seen, self.rows) + others, note=self.cost)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        rows = pick(data, self.rows, rng)
        every = np.concatenate([rows, _beside(data, rows, self.fit_rows, rng)])
        part = data.take(every)
        member = part.member
        if member is None or member.all() or not member.any():
            raise Problem("seen and unseen rows", "rows of one kind", "Give data with both")
        answer = predicted(target, part.x, progress.part(0.3))
        observed = logit_scaled(answer.scores, part.y)
        x = features_of(target, part)
        scores = across(x, observed, member, self.quantile, self.seed, progress.part(0.6), len(rows))
        progress.step(0.95, "counting")
        attacked, inside = data.take(rows), member[: len(rows)]
        shown = (
            (Column(name="class"), tuple(data.schema.classes[k] for k in attacked.y)),
            (Column(name="probability of it", kind="percent"), tuple(float(v) for v in answer.scores[np.arange(len(rows)), attacked.y])),
        )
        seen = np.flatnonzero(inside)
        skill = Skill.of(part.y[seen], answer.labels[seen] == part.y[seen], data.schema.classes)
        it = Attacked(scores, inside, rows, attacked.sensitive, shown, skill)
        notes = _notes(int((~member).sum()), self.quantile)
        result = report(it, "Quantile regression", rng, notes, Accepted(self.accepted, self.accepted_tpr))
        return result.model_copy(update={"metrics": (*result.metrics, *_called(scores, inside, self.quantile))})


def _beside(data: Dataset, rows: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Places of at most ``most`` unseen rows that are not attacked."""
    unseen = np.flatnonzero(~data.member) if data.member is not None else np.arange(0)
    return rng.permutation(np.setdiff1d(unseen, rows))[:most]


def _called(scores: Scores, member: Mask, quantile: float) -> tuple[Metric, ...]:
    """What the published attack calls members: of the rows that were trained on, and of those that were not."""
    called = scores > 1
    sides = (("called_members", "Members", member), ("called_others", "Others", ~member))
    note = f"called members, beyond their own quantile {quantile:g}; of others {1 - quantile:.3g} are to be expected"
    made = [rate(name, f"{kind} beyond their quantile", int((called & side).sum()), int(side.sum()), "lower") for name, kind, side in sides]
    return tuple(m.model_copy(update={"note": note}) for m in made)


def _notes(fitted_on: int, quantile: float) -> tuple[str, ...]:
    return (
        f"The quantiles (median and {quantile:g}) were fitted on rows that were not trained on ({fitted_on:,}), in {FOLDS} folds: no row is "
        "judged by quantiles that saw it.",
        "An attacker who can train models of his own finds more (privacy.rmia, privacy.lira); this is a lower bound on the risk.",
    )
