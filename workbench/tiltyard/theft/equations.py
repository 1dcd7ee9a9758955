"""Solving for the weights: a softmax regression is recovered from d + 1 score queries."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows, Schema
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity
from ..statistics.intervals import rate, rate_by_row
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.decision import Labels, LargestScore, Scores
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from ._form import Form, members, settle
from ._guarded import GuardedTarget
from ._rule import SMALLEST, cut
from .thieves import VAIN

EMPTY = 1e-12  # a score from which no logarithm can be had in float64
_FLAT = "{flat:,} of the rows asked got a score of 0, of which the equations can make nothing: rows nearer to the boundary may give more."
BLANK = 0.25  # share of made rows that lack a number which an attacker may leave out
POOL, ASKED = 5000, 16


def drawn(schema: Schema, n: int, rng: np.random.Generator) -> Rows:
    """``n`` random valid rows (n, *shape): numbers uniform in their bounds, a random category; numbers that may be left out often are."""
    x: Rows = rng.uniform(schema.low, schema.high, (n, *schema.shape)).astype(schema.dtype)
    if schema.images:
        return x
    settle(x, schema)
    for feature in schema.features:
        place = schema.slices[feature.name]
        if feature.kind == "categorical":
            x[:, place.start] = members(feature, n, rng)
        elif feature.kind == "onehot":
            x[:, place] = np.eye(feature.width)[members(feature, n, rng)]
        elif feature.missing and feature.optional:
            x[rng.random(n) < BLANK, place.start] = np.nan
    return x


@dataclass(frozen=True)
class Solved:
    """A softmax regression that answers as the target does.

    Attributes
    ----------
    weights : float64 (d + 1, k)
        Of the form's columns, and the intercepts.
    cut
        Of two classes: from which log odds on the label is the second.
    """

    form: Form
    weights: NDArray[np.float64]
    cut: float = 0.0

    def ratios(self, x: Rows) -> NDArray[np.float64]:
        """Logarithms of the scores' ratios to the last class's, (n, k)."""
        return _design(self.form, x) @ self.weights

    def odds(self, x: Rows) -> NDArray[np.float64]:
        """Of two classes the log odds of the second, (n,)."""
        ratios = self.ratios(x)
        found: NDArray[np.float64] = ratios[:, 1] - ratios[:, 0]
        return found

    def labels(self, x: Rows) -> Labels:
        """What it decides, int64 (n,)."""
        found = self.odds(x) >= self.cut if self.weights.shape[1] == 2 and self.cut else self.ratios(x).argmax(1)
        return found.astype(np.int64)


def solve(x: Rows, scores: Scores, schema: Schema) -> Solved:
    """The softmax regression that answers ``scores`` on ``x``, deciding by its largest score.

    The log-ratios of scores to the last class are linear in x (Tramer et al. 2016, arXiv 1609.02943, section 4.1):
    d + 1 rows give the k - 1 linear systems; solved by least squares of smallest norm, so one-hot groups are no trouble.
    """
    form = Form.by_bounds(schema)
    ratios = np.log(np.maximum(scores, SMALLEST))
    found, *_ = np.linalg.lstsq(_design(form, x), ratios - ratios[:, -1:], rcond=None)
    return Solved(form, np.asarray(found, np.float64))


def _design(form: Form, x: Rows) -> NDArray[np.float64]:
    return np.concatenate([form(x, np.float64), np.ones((len(x), 1))], 1)


def narrowed(solved: Solved, x: Rows, labels: Labels, client: Target, rng: np.random.Generator) -> tuple[Solved, int]:
    """``solved`` of two classes with the threshold that the labels show, and how many more rows were asked for it.

    The thief knows the log odds of any row. Two rows beside even odds tell whether these decide; where they do not, the row in the middle
    between those answered with one class and with the other is asked, again and again.
    """
    pool = drawn(solved.form.schema, POOL, rng)
    odds, theirs = solved.odds(pool), solved.odds(x)
    beside = _beside(odds)
    theirs, labels = np.append(theirs, odds[beside]), np.append(labels, client.labels(pool[beside]))
    if ((theirs >= 0) == (labels == 1)).all():
        return solved, len(beside)
    for asked in range(len(beside), ASKED):
        low, high = _between(theirs, labels)
        near = int(np.abs(odds - (low + high) / 2).argmin())
        if not low < odds[near] < high:
            return replace(solved, cut=cut(theirs, labels)), asked
        theirs, labels = np.append(theirs, odds[near]), np.append(labels, client.labels(pool[near : near + 1]))
    return replace(solved, cut=cut(theirs, labels)), ASKED


def _beside(odds: NDArray[np.float64]) -> NDArray[np.intp]:
    """The places of the largest log odds below 0 and of the smallest from 0 on, where there are such."""
    below, above = np.flatnonzero(odds < 0), np.flatnonzero(odds >= 0)
    found = [below[odds[below].argmax()]] if len(below) else []
    return np.array([*found, *([above[odds[above].argmin()]] if len(above) else [])], np.intp)


def _between(odds: NDArray[np.float64], labels: Labels) -> tuple[float, float]:
    """The largest log odds answered with the first class, the smallest answered with the second."""
    first, second = odds[labels == 0], odds[labels == 1]
    return (float(first.max()) if len(first) else float(odds.min()) - 1), (float(second.min()) if len(second) else float(odds.max()) + 1)


class Equations(Check):
    """Is the target a linear model whose weights a thief can simply solve for?"""

    id: ClassVar[str] = "theft.equations"
    title: ClassVar[str] = "Equation solving"
    question: ClassVar[str] = "Can a thief solve for the weights from d + 1 answers?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores"})
    standards: ClassVar[tuple[str, ...]] = ("OWASP ML05:2023", "AITG-APP-09", "AML.T0024.002", "NISTAML.031")
    sources: ClassVar[tuple[str, ...]] = ("Tramer et al. 2016, arXiv 1609.02943",)
    cost: ClassVar[str] = "a second: d + 1 rows and one linear system"
    main: ClassVar[tuple[str, ...]] = ("extra", "rows")
    quick: ClassVar[Mapping[str, Any]] = {"rows": 1000}
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    headline: ClassVar[str] = "fidelity"

    extra: float = parameter(1.0, "Rows asked, as a multiple of d + 1", "times", ge=1, le=100)
    rows: int = parameter(2000, "Rows the recovered model is compared on, held out where that is known", "rows", ge=10, le=100_000)
    alarm: float = parameter(0.99, "Fidelity from which the weights count as recovered", "share", gt=0.5, le=1)

    def asked(self, schema: Schema) -> int:
        free = sum(f.missing and f.optional for f in schema.features)
        return round(self.extra * (int(np.prod(encoding_of(schema).shape)) + free + 1))

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        judge = min(self.rows, len(data.unseen))
        return Estimate(queries=self.asked(data.schema) + _more(target) + judge, seconds=1.0, judge=judge)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        judge = data.unseen.sample(self.rows, rng)
        answers = target.judged().labels(judge.x)
        count = self.asked(data.schema)
        client = target.as_client() if isinstance(target, GuardedTarget) else target
        x = drawn(data.schema, count, rng)
        progress.step(0.2, f"asking {count:,} rows")
        try:
            found = client.predictions(x)
            solved = solve(x, found.scores, data.schema)
            solved, more = narrowed(solved, x, found.labels, client, rng) if _more(target) else (solved, 0)
        except BudgetSpent:
            return CheckResult(
                status=status_of(False, False), summary=f"The query budget is spent before the {count:,} answers the equations need."
            )
        progress.step(0.8, "comparing")
        flat = int((found.scores <= EMPTY).any(1).sum())
        return self._result(target, solved.labels(judge.x) == answers, answers, judge, count + more, flat, _notes(target, judge, solved))

    def _result(
        self, target: Target, agreed: NDArray[np.bool_], answers: Labels, judge: Dataset, count: int, flat: int, notes: tuple[str, ...]
    ) -> CheckResult:
        skill = Skill.of(answers, agreed, target.classes)
        fidelity = rate_by_row("fidelity", "Fidelity of the solved model", agreed, judge.fingerprint, "lower")
        share = skill.right / skill.n
        stolen = share >= self.alarm and skill.learned  # a model of one answer has nothing to steal
        weak = not stolen and flat > 0 and not isinstance(target, GuardedTarget)
        vain = not stolen and skill.common / skill.n >= self.alarm
        near = not (stolen or vain) and fidelity.high is not None and fidelity.high >= self.alarm
        summary = f"Solving {count:,} answers gives a linear model that agrees with the target on {percent(share)} of {skill.n:,} {judge.known}{VAIN if vain else '.'}"
        if near:
            summary += f" But by the interval up to {percent(fidelity.high)} is possible: compare on more rows."
        finding = Finding(
            title=f"The weights can be solved for with {count:,} queries",
            severity=Severity.CRITICAL,
            evidence=Evidence(metrics=("fidelity",)),
            advice="Do not answer with full-precision scores: labels or few digits, and a budget of rows for each client.",
            standards=self.standards,
            defense="theft.output_policy",
        )
        baseline = rate("majority_fidelity", "Fidelity of the majority-class baseline", skill.common, skill.n, "none")
        return CheckResult(
            status=status_of(stolen, vain or weak or near),
            summary=summary,
            metrics=(fidelity, baseline, Metric(name="queries", label="Rows asked", value=float(count), unit="rows")),
            findings=(finding,) if stolen else (),
            notes=((_FLAT.format(flat=flat),) if flat else ()) + notes,
        )


def _more(target: Target) -> int:
    """Rows asked at most to learn a threshold: none of a target of more than two classes."""
    return ASKED if len(target.classes) == 2 else 0


def _notes(target: Target, judge: Dataset, solved: Solved) -> tuple[str, ...]:
    """What of the rule the equations do not give, and of rows that lack numbers."""
    notes = []
    if not isinstance(target.decision, LargestScore):
        learned = (
            f"the thief took class {target.classes[1]!r} from {1 / (1 + np.exp(-solved.cut)):.3g} on, as the labels beside the scores show"
        )
        if len(target.classes) != 2:
            learned = "the equations give scores alone, and the thief took the largest"
        notes.append(f"The target's label is {target.rule}; {learned}.")
    if (lost := int(np.isnan(judge.x.reshape(len(judge), -1)).any(1).sum())) and not all(
        f.optional for f in judge.schema.features if f.missing
    ):
        notes.append(
            f"{lost:,} of the {len(judge):,} rows compared lack a number that an attacker may not leave out (schema: optional), so the thief never asked what that means."
        )
    return tuple(notes)
