"""Membership inference from the cheapest attack up: threshold, RMIA with 2 and with 8 shadow models, LiRA with 64; each only where it is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem
from ..formatting.numbers import about
from ..progress import Progress
from ..result import CheckResult, Column, Severity, Status, Table
from ..statistics.majority import Skill
from ..targets.target import Target
from .membership import Mask, Scores, auc, chance, likelihood_ratio, logit_scaled, relative, tpr_at, tuned
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report, severity
from .membership_threshold import pick, predicted
from .shadow_attack import Shadows, halving, one_training

Highest = Literal["threshold", "rmia_2", "rmia_8", "lira_64"]
GRAVE = (Severity.HIGH, Severity.CRITICAL)
SHRINKAGE = 8.0


@dataclass(frozen=True)
class Rung:
    """An attack and how many shadow models it needs in all."""

    name: Highest
    title: str
    models: int


RUNGS = (
    Rung("threshold", "Confidence threshold", 0),
    Rung("rmia_2", "RMIA with 2 shadow models", 2),
    Rung("rmia_8", "RMIA with 8 shadow models", 8),
    Rung("lira_64", "LiRA with 64 shadow models", 64),
)


@dataclass(frozen=True)
class Climbed:
    """A rung that was taken: each row's score."""

    rung: Rung
    scores: Scores


class MembershipLadder(Check):
    """Climbs until an attack settles the question or ``highest`` is reached; shadow models of a rung serve the next one too."""

    id: ClassVar[str] = "privacy.membership_ladder"
    title: ClassVar[str] = "Membership: from cheap to strong"
    question: ClassVar[str] = "Which is the cheapest attack that tells trained-on rows from others, and which rows are most exposed?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "training", "member"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Yeom et al. 2017, arXiv 1709.01604",
        "Zarifzadeh et al. 2024, arXiv 2312.03262",
        "Carlini et al. 2021, arXiv 2112.03570",
    )
    cost: ClassVar[str] = "two trainings; with highest up to 64"
    main: ClassVar[tuple[str, ...]] = ("highest", "rows")
    leads: ClassVar[tuple[str, ...]] = ("auc", "tpr_at_1pct")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"highest": "threshold"}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy"})

    highest: Highest = parameter("rmia_2", "The dearest attack to go up to; a dearer one is taken only where the last could not settle")
    rows: int = parameter(2000, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=100_000)
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)

    def _allowed(self) -> tuple[Rung, ...]:
        names = [rung.name for rung in RUNGS]
        return RUNGS[: names.index(self.highest) + 1]

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Seconds of all rungs that may be climbed, and of each in words."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        one = one_training(target, data, self.seed)
        words = ", ".join(f"{rung.title} {about(rung.models * one)}" for rung in RUNGS[1:])
        return Estimate(queries=2 * self.rows, seconds=one * self._allowed()[-1].models, note=f"in all: {words}")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        rows = pick(data, self.rows, rng)
        part = data.take(rows)
        if part.member is None or part.member.all() or not part.member.any():
            raise Problem("seen and unseen rows", "rows of one kind", "Give data with both")
        answer = predicted(target, part.x, progress.part(0.02))
        observed = logit_scaled(answer.scores, part.y)
        inside = halving(RUNGS[-1].models, len(data), rng)
        seeds = tuple(int(v) for v in rng.integers(0, 2**31 - 1, len(inside)))
        share = progress.part(0.9)
        tasks = Shadows(target, data, rows, inside, seeds, None, "", share)
        shadow: list[Scores] = []
        climbed: list[Climbed] = []
        for rung in self._allowed():
            shadow += share.map(tasks, range(len(shadow), rung.models))
            climbed.append(Climbed(rung, _scores(rung, observed, shadow, inside[: rung.models, rows])))
            if _settled(climbed[-1].scores, part.member):
                break
        skill = Skill.of(part.y[part.member], answer.labels[part.member] == part.y[part.member], data.schema.classes)
        ranks = tuple((Column(name=f"risk by {c.rung.title}", kind="percent"), _risk(c.scores)) for c in climbed)
        shown = ((Column(name="class"), tuple(data.schema.classes[k] for k in part.y)), *ranks)
        best = climbed[-1]
        it = Attacked(best.scores, part.member, rows, part.sensitive, shown, skill)
        result = report(it, best.rung.title, rng, _notes(), Accepted(self.accepted, self.accepted_tpr))
        return _offered(result, climbed, part.member)


def _scores(rung: Rung, observed: Scores, shadow: list[Scores], inside: Mask) -> Scores:
    if not rung.models:
        return observed
    answers = np.stack(shadow)
    if rung.name == "lira_64":
        return likelihood_ratio(observed, answers, inside, False, SHRINKAGE)
    return relative(observed, answers, inside, tuned(answers, inside))


def _settled(scores: Scores, member: Mask) -> bool:
    """Is the leak grave already? A dearer attack can only find more."""
    return severity(scores, member) in GRAVE


def _risk(scores: Scores) -> tuple[float, ...]:
    """Each row's rank among all attacked, from 0 to 1."""
    from scipy.stats import rankdata

    return tuple(float(v) for v in rankdata(scores) / len(scores))


def _notes() -> tuple[str, ...]:
    return (
        "One query a row. Shadow models were trained on random halves of all rows by the target's own routine; those of a rung serve the next.",
        "Risk by an attack is the row's rank among all attacked rows: 100 % is the one that the attack is surest of.",
    )


def _offered(result: CheckResult, climbed: list[Climbed], member: Mask) -> CheckResult:
    """The last rung's result, the table of rungs, how far attacks agree, and the next rung with its trainings where this one did not settle."""
    last = climbed[-1].rung
    later = RUNGS[RUNGS.index(last) + 1 :]
    settled = _settled(climbed[-1].scores, member)
    text, status = result.summary, result.status
    if later and not settled:
        more = later[0].models - last.models
        text += f" A stronger attack may find more: {later[0].title}, {more} more trainings (set highest to {later[0].name})."
        status = Status.INCOMPLETE if status is Status.PASSED else status
    tables = (_rungs(climbed, member), *([_agreement(climbed)] if len(climbed) > 1 else []), *result.tables)
    return result.model_copy(update={"summary": text, "status": status, "tables": tables})


def _rungs(climbed: list[Climbed], member: Mask) -> Table:
    columns = (
        Column(name="attack"),
        Column(name="shadow models", kind="integer"),
        Column(name="AUC", kind="number"),
        Column(name="AUC low", kind="number"),
        Column(name="AUC high", kind="number"),
        Column(name="TPR at 1 % FPR", kind="percent"),
        Column(name="TPR low", kind="percent"),
        Column(name="TPR high", kind="percent"),
    )
    rows = []
    for it in climbed:
        area, tpr = auc(it.scores, member), tpr_at(it.scores, member, 0.01)[0]
        rows.append((it.rung.title, it.rung.models, area.value, area.low, area.high, tpr.value, tpr.low, tpr.high))
    return Table(name="rungs", title="Attacks from cheap to strong", columns=columns, rows=tuple(rows), total=len(rows))


def _agreement(climbed: list[Climbed]) -> Table:
    """Rank correlation of each pair of attacks over the attacked rows, and how many of the 20 surest they share."""
    from scipy.stats import spearmanr

    columns = (
        Column(name="attack"),
        Column(name="other attack"),
        Column(name="rank correlation", kind="number"),
        Column(name="of the 20 surest rows in both", kind="integer"),
    )
    rows = []
    for i, a in enumerate(climbed):
        for b in climbed[i + 1 :]:
            shared = len(set(_surest(a.scores)) & set(_surest(b.scores)))
            rows.append((a.rung.title, b.rung.title, float(spearmanr(a.scores, b.scores).statistic), shared))
    return Table(name="agreement", title="How far the attacks agree", columns=columns, rows=tuple(rows), total=len(rows))


def _surest(scores: Scores) -> list[int]:
    top: NDArray[np.intp] = np.argsort(-scores, kind="stable")[:20]
    return [int(i) for i in top]
