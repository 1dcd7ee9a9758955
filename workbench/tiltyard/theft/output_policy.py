"""What an endpoint gives away: scores rounded, noised, cut to the label, counted, or made to mislead. Each has a cost to honest users."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..check import parameter
from ..datasets.dataset import Dataset
from ..defense import Defended, Defense
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import rate
from ..statistics.paired import rate_change
from ..statistics.ruling import Limit, ruling
from ..targets.decision import Scores
from ..targets.target import Target
from ._guarded import GuardedTarget, Kind
from ._misinforming import Familiar, MisinformingTarget

STANDARDS = ("OWASP ML05:2023", "AML.T0024.002", "NISTAML.031")
UNMEASURED = (
    "what it does to a thief is not measured here: run model extraction (theft.extraction) on the model before and behind the policy"
)
SPARED = 0.99  # of honest rows, which get their own answers


class OutputPolicy(Defense):
    """Give away less: fewer digits, the label alone, noise, or a number of rows a client; or mislead.

    ``deceive`` poisons the scores and keeps the label; ``misinform`` answers rows unlike those the model was trained on wrongly, labels too: a thief
    who has no rows of that kind learns nothing, and about one honest row in a hundred is answered wrongly, which is measured.
    """

    id: ClassVar[str] = "theft.output_policy"
    title: ClassVar[str] = "Output policy"
    question: ClassVar[str] = "How much harder is theft when the endpoint says less, and what does it cost honest users?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Tramer et al. 2016, arXiv 1609.02943",
        "Lee et al. 2019, arXiv 1806.00054",
        "Kariyappa and Qureshi 2020, arXiv 1911.07100",
    )
    cost: ClassVar[str] = "seconds"
    main: ClassVar[tuple[str, ...]] = ("kind", "digits", "noise", "query_budget")
    leads: ClassVar[tuple[str, ...]] = ("same_label", "accuracy_after", "score_error")
    answers: ClassVar[tuple[str, ...]] = ("theft.extraction",)

    renamed: ClassVar[Mapping[str, str]] = {"allowed": "query_budget"}

    kind: Kind = parameter(
        "label",
        "What the endpoint does: round the scores, give the label alone, add noise, count rows, deceive by scores, or misinform about strange rows",
    )
    digits: int = parameter(1, "Decimals that are kept when rounding", "decimals", ge=0, le=6)
    noise: float = parameter(0.1, "Standard deviation of the noise on each score", "probability", gt=0, le=1)
    query_budget: int = parameter(500, "Rows one client may ask, where rows are counted", "rows", ge=1, le=10_000_000)
    price: float = parameter(0.05, "Accuracy that it may cost honest users, by the end of its interval", "share", ge=0, le=1)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        made = self._made(target, data)
        rows = data.unseen.sample(2000, np.random.default_rng(self.seed))
        before, after = target.predictions(rows.x), made.predictions(rows.x)
        progress.step(0.9, "measured the cost to honest users")
        kept = before.labels == after.labels
        sides = [answer.labels == rows.y for answer in (before, after)]
        cost = rate_change("accuracy_change", "Accuracy behind the policy less before", *sides)
        ruled = ruling([Limit(cost, -self.price, surely=True)], open_ends=(UNMEASURED,))
        metrics = (
            rate("accuracy_before", "Accuracy before", int(sides[0].sum()), len(rows), "higher"),
            rate("accuracy_after", "Accuracy behind the policy", int(sides[1].sum()), len(rows), "higher"),
            cost,
            rate("same_label", "Rows whose label stays", int(kept.sum()), len(rows), "higher"),
            _error(before.scores, after.scores),
        )
        words = {"round": f"rounded to {self.digits} decimals", "label": "cut to the label", "noise": f"noised by {self.noise:g}"}
        words |= {"deceive": "poisoned, the label kept", "misinform": "wrong for rows unlike the training rows"}
        text = words.get(self.kind, f"limited to {self.query_budget:,} rows a client")
        summary = f"Scores {text}: {percent(float(kept.mean()))} of {len(rows):,} labels stay; the scores honest users see move by {metrics[-1].value:.3f} on average."
        findings = (_dear(),) if ruled.status is Status.FINDING else ()
        return Defended(
            made,
            CheckResult(status=ruled.status, summary=f"{summary} {ruled.sentence}", metrics=metrics, findings=findings, notes=ruled.notes),
        )

    def _made(self, target: Target, data: Dataset) -> GuardedTarget:
        if self.kind != "misinform":
            return GuardedTarget(target, self.kind, self.digits, self.noise, self.query_budget, self.seed)
        return MisinformingTarget(target, Familiar.of(data, SPARED, np.random.default_rng([self.seed, 5])), self.seed)


def _dear() -> Finding:
    return Finding(
        key="accuracy",
        title="The policy costs honest users more accuracy than is accepted",
        severity=Severity.LOW,
        evidence=Evidence(metrics=("accuracy_change",)),
        advice="Take a policy that keeps the label (round, deceive), less noise, or say that this price is accepted.",
        standards=STANDARDS,
    )


def _error(before: Scores, after: Scores) -> Metric:
    moved = np.abs(before - after).mean(1)
    half = 1.96 * float(moved.std(ddof=1)) / len(moved) ** 0.5 if len(moved) > 1 else 0.0
    mean = float(moved.mean())
    return Metric(
        name="score_error",
        label="Mean move of a score",
        value=mean,
        unit="probability",
        low=max(mean - half, 0.0),
        high=mean + half,
        level=0.95,
        n=len(moved),
        safer="none",
        interval="normal",
    )
