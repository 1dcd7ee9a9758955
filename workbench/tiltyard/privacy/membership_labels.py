"""Membership by labels alone: the distance to the boundary, of models that hide their scores (2007.14321, 2007.15528)."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Column, Metric
from ..statistics.majority import Skill
from ..statistics.roc import area
from ..targets.target import Target
from ._boundary import Boundary, Norm, boundary
from .membership import Mask, chance
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report
from .membership_threshold import pick

PROBE = 256


class MembershipLabels(Check):
    """Rows that lie farther from where the label changes are taken for rows that the model was trained on."""

    id: ClassVar[str] = "privacy.membership_labels"
    title: ClassVar[str] = "Membership: labels only"
    question: ClassVar[str] = "Can someone who sees only labels tell which rows the model was trained on?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Choquette-Choo et al. 2021, arXiv 2007.14321", "Li and Zhang 2021, arXiv 2007.15528")
    cost: ClassVar[str] = "a minute: hundreds of queries a row"
    seconds: ClassVar[float] = 60.0
    main: ClassVar[tuple[str, ...]] = ("query_budget", "rows", "norm")
    leads: ClassVar[tuple[str, ...]] = ("auc", "auc_of_gap")
    quick: ClassVar[Mapping[str, Any]] = {"rows": 150, "query_budget": 150}
    tiny: ClassVar[Mapping[str, Any]] = {"query_budget": 60}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy", "auc_of_gap"})

    rows: int = parameter(250, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=100_000)
    query_budget: int = parameter(500, "Labels a row may cost in all, never exceeded", "queries", ge=30, le=1_000_000)
    norm: Norm = parameter("l2", "How a distance is measured, in ranges of the columns")
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """At most ``query_budget`` labels a row, at what a label costs on a few rows here; an endpoint is not asked for it."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        queries = sum(min(self.rows, len(side)) for side in (data.seen, data.unseen)) * self.query_budget
        seconds = None if "url" in target.offers else _seconds_per_label(target, data) * queries
        return Estimate(queries=queries, seconds=seconds, note="at most; what a row may cost is a limit")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        rows = pick(data, self.rows, rng)
        part = data.take(rows)
        member = part.member if part.member is not None else np.zeros(len(part), bool)
        found = boundary(target, part, self.query_budget, self.norm, self.seed, progress.part(0.95))
        progress.step(0.97, "counting")
        shown = (
            (Column(name="class"), tuple(data.schema.classes[k] for k in part.y)),
            (Column(name="distance to the boundary", unit="ranges", kind="number"), tuple(float(v) for v in found.size)),
        )
        skill = Skill.of(part.y[member], found.labels[member] == part.y[member], data.schema.classes)
        it = Attacked(found.size, member, rows, part.sensitive, shown, skill)
        accepted = Accepted(self.accepted, self.accepted_tpr)
        result = report(it, "Distance to the boundary, from labels alone", rng, notes_of(found, member, self.query_budget), accepted)
        return result.model_copy(update={"metrics": (*result.metrics, _gap(found, part, member))})


def _seconds_per_label(target: Target, data: Dataset) -> float:
    from ..attacks.queries import timed

    x = data.x[:PROBE]
    return 2 * timed(lambda: target.labels(x)) / len(x)


def _gap(found: Boundary, part: Dataset, member: Mask) -> Metric:
    """The AUC of one label a row: of calling those members that the model has right."""
    value = area(member, (found.labels == part.y).astype(np.float64))
    note = "one label a row; what the distances find beyond it is their gain"
    return Metric(name="auc_of_gap", label="AUC of being right alone", value=value, n=len(part), safer="lower", note=note)


def notes_of(found: Boundary, member: Mask, budget: int) -> tuple[str, ...]:
    """What the distances rest on, in sentences."""
    wrong, far = found.size == 0, ~found.found
    notes = [
        f"A row cost {budget:,} labels at most. Categories stayed as they are; numbers moved in ranges of their columns.",
        f"{percent(float(wrong[member].mean()))} of the members and {percent(float(wrong[~member].mean()))} of the others are answered wrongly "
        "and lie at distance 0.",
    ]
    if far.any():
        notes.append(f"Of {int(far.sum()):,} rows no boundary was found; they count as far as the space is wide. More queries may find it.")
    return tuple(notes)
