"""Solving for the weights: a softmax regression is recovered from d + 1 score queries."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Schema
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import rate_by_row
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from .output_policy import GuardedTarget
from .thieves import VAIN

SMALLEST = 1e-30


def drawn(schema: Schema, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """``n`` random valid rows: numbers uniform in their bounds, a random member of each group. float32 (n, *shape)."""
    x = rng.uniform(schema.low, schema.high, (n, *schema.shape)).astype(np.float32)
    if schema.images:
        return x
    x[:, schema.integer] = np.round(x[:, schema.integer])
    for group in schema.groups:
        x[:, group] = np.eye(group.stop - group.start, dtype=np.float32)[rng.integers(0, group.stop - group.start, n)]
    return x


def solve(x: NDArray[np.float32], scores: NDArray[np.float32], schema: Schema) -> NDArray[np.float64]:
    """Weights and intercepts (d + 1, k) of the softmax regression that answers ``scores`` on ``x``.

    The log-ratios of scores to the last class are linear in x (Tramer et al. 2016, arXiv 1609.02943, section 4.1):
    d + 1 rows give the k - 1 linear systems; solved by least squares of smallest norm, so one-hot groups are no trouble.
    """
    ratios = np.log(np.maximum(scores, SMALLEST).astype(np.float64))
    ratios -= ratios[:, -1:]
    found, *_ = np.linalg.lstsq(_design(x, schema), ratios, rcond=None)
    weights: NDArray[np.float64] = found.astype(np.float64)
    return weights


def _design(x: NDArray[np.float32], schema: Schema) -> NDArray[np.float64]:
    span = np.maximum(schema.high - schema.low, 1e-12).ravel()
    flat = (x.reshape(len(x), -1) - schema.low.ravel()) / span
    return np.concatenate([flat, np.ones((len(x), 1))], 1).astype(np.float64)


def answered(weights: NDArray[np.float64], x: NDArray[np.float32], schema: Schema) -> NDArray[np.int64]:
    """Labels of the recovered model."""
    labels: NDArray[np.int64] = (_design(x, schema) @ weights).argmax(1).astype(np.int64)
    return labels


class EquationSolving(Check):
    """Is the target a linear model whose weights a thief can simply solve for?"""

    id: ClassVar[str] = "theft.equations"
    title: ClassVar[str] = "Equation solving"
    question: ClassVar[str] = "Can a thief solve for the weights from d + 1 answers?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores"})
    standards: ClassVar[tuple[str, ...]] = ("OWASP ML05:2023", "AITG-APP-09", "AML.T0024.002", "NISTAML.031")
    sources: ClassVar[tuple[str, ...]] = ("Tramer et al. 2016, arXiv 1609.02943",)
    cost: ClassVar[str] = "a second: d + 1 rows and one linear system"
    quick: ClassVar[Mapping[str, Any]] = {"rows": 1000}
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    headline: ClassVar[str] = "fidelity"

    extra: float = parameter(1.0, "Rows asked, as a multiple of d + 1", "times", ge=1, le=100)
    rows: int = parameter(2000, "Held-out rows the recovered model is compared on", "rows", ge=10, le=100_000)
    alarm: float = parameter(0.99, "Fidelity from which the weights count as recovered", "share", gt=0.5, le=1)

    def asked(self, schema: Schema) -> int:
        return round(self.extra * (int(np.prod(schema.shape)) + 1))

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        judge = min(self.rows, len(data.unseen))
        return Estimate(queries=self.asked(data.schema) + judge, seconds=1.0, judge=judge)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        judge = data.unseen.sample(self.rows, rng)
        answers = target.judged().labels(judge.x)
        count = self.asked(data.schema)
        client = target.as_client() if isinstance(target, GuardedTarget) else target
        x = drawn(data.schema, count, rng)
        progress.step(0.2, f"asking {count:,} rows")
        try:
            weights = solve(x, client.scores(x), data.schema)
        except BudgetSpent:
            return CheckResult(status=Status.PASSED, summary=f"The query budget is spent before the {count:,} answers the equations need.")
        progress.step(0.8, "comparing")
        agreed = answered(weights, judge.x, data.schema) == answers
        same = int(agreed.sum())
        common = int(np.bincount(answers).max())
        fidelity = rate_by_row("fidelity", "Fidelity of the solved model", agreed, judge.fingerprint, "lower")
        stolen = same / len(judge) >= self.alarm and same > common  # a model of one answer has nothing to steal
        vain = not stolen and common / len(judge) >= self.alarm
        summary = f"Solving {count:,} answers gives a linear model that agrees with the target on {percent(same / len(judge))} of {len(judge):,} rows{VAIN if vain else '.'}"
        finding = Finding(
            title=f"The weights can be solved for with {count:,} queries",
            severity=Severity.CRITICAL,
            evidence=Evidence(metrics=("fidelity",)),
            advice="Do not answer with full-precision scores: labels or few digits, and a budget of rows for each client.",
            standards=self.standards,
            defense="theft.output_policy",
        )
        return CheckResult(
            status=Status.FINDING if stolen else Status.INCOMPLETE if vain else Status.PASSED,
            summary=summary,
            metrics=(fidelity, Metric(name="queries", label="Rows asked", value=float(count), unit="rows")),
            findings=(finding,) if stolen else (),
        )
