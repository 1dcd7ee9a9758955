"""Membership inference from the cheapest attack up, each only where it is needed.

Threshold, quantile regression, RMIA with 2 and with 8 shadow models, LiRA with 64; of a model that hides its scores: being right, and
the distance to the boundary.
"""

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
from ._boundary import Boundary, boundary, measured
from ._quantiles import FEWEST, across, features_of
from .membership import Mask, Scores, auc, chance, likelihood_ratio, logit_scaled, relative, tpr_at, tuned, unsaturated
from .membership_labels import notes_of as distance_notes
from .membership_report import ABOVE, ACCEPTED_TPR, HELP_ABOVE, HELP_TPR, STANDARDS, Accepted, Attacked, report, severity
from .membership_threshold import pick, predicted
from .shadow_attack import Alike, Shadows, TrainingCost, halving, refuse_alike, training_cost

Highest = Literal["threshold", "quantile", "rmia_2", "rmia_8", "lira_64"]
GRAVE = (Severity.HIGH, Severity.CRITICAL)
SHRINKAGE = 8.0
QUANTILE = 0.9
LABEL_ROWS, LABEL_BUDGET = 250, 500


@dataclass(frozen=True)
class Rung:
    """An attack, how many shadow models it needs in all, and how many labels a row; ``name`` is the ``highest`` that takes it."""

    name: Highest
    title: str
    models: int = 0
    labels: int = 1


RUNGS = (
    Rung("threshold", "Confidence threshold"),
    Rung("quantile", "Quantile regression"),
    Rung("rmia_2", "RMIA with 2 shadow models", 2),
    Rung("rmia_8", "RMIA with 8 shadow models", 8),
    Rung("lira_64", "LiRA with 64 shadow models", 64),
)
BY_LABELS = (Rung("threshold", "Being right"), Rung("quantile", "Distance to the boundary", labels=LABEL_BUDGET))
NAMES = [rung.name for rung in RUNGS]


def rungs_of(target: Target, data: Dataset) -> tuple[Rung, ...]:
    """The attacks that this target and these rows allow, from the cheapest up; of free text there is neither regression nor distance."""
    if "scores" not in target.offers:
        return BY_LABELS if not data.texts and measured(data.schema) else BY_LABELS[:1]
    allowed = RUNGS if "training" in target.offers else RUNGS[:2]
    regression = not data.texts and len(data.unseen) >= FEWEST
    return tuple(rung for rung in allowed if rung.name != "quantile" or regression)


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
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "member"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Yeom et al. 2017, arXiv 1709.01604",
        "Bertran et al. 2023, arXiv 2307.03694",
        "Choquette-Choo et al. 2021, arXiv 2007.14321",
        "Zarifzadeh et al. 2024, arXiv 2312.03262",
        "Carlini et al. 2021, arXiv 2112.03570",
    )
    cost: ClassVar[str] = "two trainings; with highest up to 64; hundreds of queries a row of a model that hides its scores"
    main: ClassVar[tuple[str, ...]] = ("highest", "rows")
    leads: ClassVar[tuple[str, ...]] = ("auc", "tpr_at_1pct")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"highest": "threshold"}
    tiny: ClassVar[Mapping[str, Any]] = {"highest": "quantile"}
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    headline: ClassVar[str] = "auc"
    context: ClassVar[frozenset[str]] = frozenset({"attack_accuracy"})

    highest: Highest = parameter("rmia_2", "The dearest attack to go up to; a dearer one is taken only where the last could not settle")
    rows: int = parameter(2000, "Rows to attack of each kind (seen, unseen)", "rows", ge=10, le=100_000)
    accepted: float = parameter(ABOVE, HELP_ABOVE, "share", ge=0.001, le=0.5)
    accepted_tpr: float = parameter(ACCEPTED_TPR, HELP_TPR, "share", ge=0.01, le=1)

    def _within(self, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        return tuple(rung for rung in rungs if NAMES.index(rung.name) <= NAMES.index(self.highest))

    def _attacked(self, rungs: tuple[Rung, ...]) -> int:
        """Rows of each kind: fewer where a row may cost many labels."""
        return min(self.rows, LABEL_ROWS) if max(rung.labels for rung in self._within(rungs)) > 1 else self.rows

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Queries and seconds of all rungs that may be climbed, and of each in words."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        rungs = rungs_of(target, data)
        queries = 2 * self._attacked(rungs) * max(rung.labels for rung in self._within(rungs))
        if not rungs[-1].models:
            return Estimate(queries=queries, note="in all: " + ", ".join(f"{rung.title} {_queries(rung)}" for rung in rungs))
        taken = _seconds(training_cost(target, data, self.seed), rungs)
        words = ", ".join(f"{rung.title} {about(taken[rung.name])}" for rung in rungs if rung.models)
        return Estimate(queries=queries, seconds=taken[self._within(rungs)[-1].name], note=f"in all: {words}")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        rungs = rungs_of(target, data)
        rows = pick(data, self._attacked(rungs), rng)
        part = data.take(rows)
        if part.member is None or part.member.all() or not part.member.any():
            raise Problem("seen and unseen rows", "rows of one kind", "Give data with both")
        climb = (
            _ByScores(target, data, rows, part, rng, progress)
            if "scores" in target.offers
            else _ByLabels(target, part, self.seed, progress)
        )
        climbed: list[Climbed] = []
        alike = ""
        for rung in self._within(rungs):
            try:
                climbed.append(Climbed(rung, climb.scores(rung)))
            except Alike as reason:
                alike, rungs = str(reason), rungs[: rungs.index(rung)]
                break
            if _settled(climbed[-1].scores, part.member):
                break
        skill = Skill.of(part.y[part.member], climb.labels[part.member] == part.y[part.member], data.schema.classes)
        ranks = tuple((Column(name=f"risk by {c.rung.title}", kind="percent"), _risk(c.scores)) for c in climbed)
        shown = ((Column(name="class"), tuple(data.schema.classes[k] for k in part.y)), *ranks)
        best = climbed[-1]
        it = Attacked(best.scores, part.member, rows, part.sensitive, shown, skill)
        result = report(it, best.rung.title, rng, climb.notes(part.member), Accepted(self.accepted, self.accepted_tpr))
        offered = _offered(result, climbed, part.member, rungs)
        return offered.model_copy(update={"notes": (alike, *offered.notes)}) if alike else offered


def _seconds(cost: TrainingCost, rungs: tuple[Rung, ...]) -> dict[str, float]:
    """What each rung takes with those before it, whose shadow models it goes on from."""
    found: dict[str, float] = {}
    before, total = 0, 0.0
    for rung in rungs:
        total += cost.of(rung.models - before)
        before = max(before, rung.models)
        found[rung.name] = total
    return found


def _queries(rung: Rung) -> str:
    return f"{rung.labels:,} queries a row" if rung.labels > 1 else "one query a row"


class _ByScores:
    """Attacks on a model that gives scores; shadow models of one serve the next."""

    def __init__(
        self, target: Target, data: Dataset, rows: NDArray[np.intp], part: Dataset, rng: np.random.Generator, progress: Progress
    ) -> None:
        answer = predicted(target, part.x, progress.part(0.02))
        self.target, self.part, self.rows = target, part, rows
        self.member = part.member if part.member is not None else np.zeros(len(part), bool)
        self.labels = answer.labels
        self.observed = logit_scaled(answer.scores, part.y)
        self.inside = halving(RUNGS[-1].models, len(data), rng, data.y)
        seeds = tuple(int(v) for v in rng.integers(0, 2**31 - 1, len(self.inside)))
        self.regression, self.share = progress.part(0.05), progress.part(0.85)
        self.tasks = Shadows(target, data, rows, self.inside, seeds, None, "", self.share)
        self.shadow: list[Scores] = []

    def scores(self, rung: Rung) -> Scores:
        """Each row's score by one attack."""
        if rung.name == "threshold":
            return self.observed
        if rung.name == "quantile":
            x = features_of(self.target, self.part)
            return across(x, self.observed, self.member, QUANTILE, 0, self.regression)
        self.shadow += self.tasks.answers(range(len(self.shadow), rung.models), self.share)
        answers, inside = np.stack(self.shadow), self.inside[: rung.models, self.rows]
        refuse_alike(answers, self.target.name)
        if rung.name == "lira_64":
            return likelihood_ratio(*unsaturated(self.observed, answers), inside, False, SHRINKAGE)
        return relative(self.observed, answers, inside, tuned(answers, inside))

    def notes(self, member: Mask) -> tuple[str, ...]:
        """What the numbers rest on."""
        trained = "Shadow models were trained on random halves of all rows by the target's own routine; those of a rung serve the next."
        return (f"One query a row. {trained}" if self.shadow else "One query a row.", RISK)


class _ByLabels:
    """Attacks on a model that gives labels alone."""

    def __init__(self, target: Target, part: Dataset, seed: int, progress: Progress) -> None:
        self.target, self.part, self.seed = target, part, seed
        self.share = progress.part(0.9)
        self.labels = np.asarray(target.labels(part.x), np.int64)
        self.found: Boundary | None = None

    def scores(self, rung: Rung) -> Scores:
        """Each row's score by one attack."""
        if rung.name == "threshold":
            return np.asarray(self.labels == self.part.y, np.float64)
        self.found = boundary(self.target, self.part, LABEL_BUDGET, "l2", self.seed, self.share)
        return self.found.size

    def notes(self, member: Mask) -> tuple[str, ...]:
        """What the numbers rest on."""
        return (*(distance_notes(self.found, member, LABEL_BUDGET) if self.found is not None else ()), RISK)


def _settled(scores: Scores, member: Mask) -> bool:
    """Is the leak grave already? A dearer attack can only find more."""
    return severity(scores, member) in GRAVE


def _risk(scores: Scores) -> tuple[float, ...]:
    """Each row's rank among all attacked, from 0 to 1."""
    from scipy.stats import rankdata

    return tuple(float(v) for v in rankdata(scores) / len(scores))


RISK = "Risk by an attack is the row's rank among all attacked rows: 100 % is the one that the attack is surest of."


def _offered(result: CheckResult, climbed: list[Climbed], member: Mask, rungs: tuple[Rung, ...]) -> CheckResult:
    """The last rung's result, the table of rungs, how far attacks agree, and the next rung with its cost where this one did not settle."""
    text, status = result.summary, result.status
    if not _settled(climbed[-1].scores, member) and (more := _next(climbed[-1].rung, rungs)):
        text += f" A stronger attack may find more: {more}."
        status = Status.INCOMPLETE if status is Status.PASSED else status
    tables = (_rungs(climbed, member), *([_agreement(climbed)] if len(climbed) > 1 else []), *result.tables)
    return result.model_copy(update={"summary": text, "status": status, "tables": tables})


def _next(last: Rung, rungs: tuple[Rung, ...]) -> str:
    """The attack after ``last`` with its cost; of a model that cannot be trained again what it would need. Empty where there is none."""
    later = rungs[rungs.index(last) + 1 :]
    if later:
        rung = later[0]
        cost = f"{rung.models - last.models} more trainings" if rung.models else _queries(rung)
        return f"{rung.title}, {cost} (set highest to {rung.name})"
    if last in RUNGS and last != RUNGS[-1]:
        return "RMIA and LiRA, which need a target that can be trained again (an estimator, or a module with its recipe)"
    return ""


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
            rows.append((a.rung.title, b.rung.title, _correlation(a.scores, b.scores), shared))
    return Table(name="agreement", title="How far the attacks agree", columns=columns, rows=tuple(rows), total=len(rows))


def _correlation(one: Scores, other: Scores) -> float | None:
    """Spearman's; None where all rows of one score alike."""
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic) if np.ptp(one) > 0 and np.ptp(other) > 0 else None


def _surest(scores: Scores) -> list[int]:
    top: NDArray[np.intp] = np.argsort(-scores, kind="stable")[:20]
    return [int(i) for i in top]
