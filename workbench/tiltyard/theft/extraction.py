"""Model extraction: how good a copy a thief gets for how many queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import rate, rate_by_row
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from ._transfer_set import TransferSet
from .output_policy import GuardedTarget
from .thieves import VAIN, Strategy, copycat, predicted, synthetic, unsure

STANDARDS = (
    "OWASP ML05:2023",
    "AITG-APP-09",
    "AML.T0024.002",
    "AML.T0005.001",
    "NISTAML.031",
    "AI RMF MEASURE 2.7",
    "EU AI Act Art. 15(5)",
)
PIECE = 100
LOOKED_AT = 20_000


@dataclass(frozen=True)
class Point:
    """One copy of the curve, compared on the judge's held-out rows.

    ``queries`` were spent on it; ``alike`` (n,) marks the rows on which it gives the target's label, ``correct`` (n,) those it gets right.
    """

    queries: int
    alike: NDArray[np.bool_]
    correct: NDArray[np.bool_]

    @property
    def agreed(self) -> int:
        """Rows on which copy and target give the same label."""
        return int(self.alike.sum())

    @property
    def right(self) -> int:
        """Rows on which the copy is right."""
        return int(self.correct.sum())

    @property
    def n(self) -> int:
        """Rows the copy was compared on."""
        return len(self.alike)


class Extraction(Check):
    """Model extraction: train copies of the target on its answers to more and more rows, up to ``query_budget``.

    Fidelity is the share of held-out rows on which copy and target give the same label. The thief asks rows of
    the pool at random (``natural``), those its copy is least sure of (``adaptive``; Orekondy et al. 2019, arXiv
    1812.02766, choose by reinforcement, we by margin), or rows made by Jacobian augmentation (``jacobian``). A row that
    was asked before is not asked again: its answer is known.
    """

    id: ClassVar[str] = "theft.extraction"
    title: ClassVar[str] = "Model extraction"
    question: ClassVar[str] = "How good a copy does a thief get for how many queries?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Orekondy et al. 2019, arXiv 1812.02766", "Papernot et al. 2017, arXiv 1602.02697")
    cost: ClassVar[str] = "tens of seconds: trains a copy at each point of the curve; asks the judge's rows first, then the budget"
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"query_budget": 1000, "points": 4, "epochs": 15}
    shrinks: ClassVar[tuple[str, ...]] = ("rows", "query_budget")
    campaign_goal: ClassVar[CampaignGoal | None] = "steal"
    headline: ClassVar[str] = "fidelity"
    context: ClassVar[frozenset[str]] = frozenset({"target_accuracy"})
    remeasured: ClassVar[bool] = True

    renamed: ClassVar[Mapping[str, str]] = {"budget": "query_budget"}

    query_budget: int = parameter(2000, "Rows the thief may ask in all", "rows", ge=1, le=200_000)
    strategy: Strategy = parameter("natural", "How the thief chooses rows")
    access: Literal["scores", "labels"] = parameter("scores", "What the endpoint answers")
    points: int = parameter(5, "Points of the curve", "copies", ge=1, le=20)
    epochs: int = parameter(25, "Passes the thief trains each copy", "epochs", ge=1, le=500)
    rows: int = parameter(2000, "Held-out rows the copy is compared on", "rows", ge=10, le=100_000)
    alarm: float = parameter(0.9, "Fidelity from which the copy counts as stolen", "share", gt=0, le=1)

    def unmet(self, target: Target, data: Dataset) -> str:
        if self.access == "scores" and "scores" not in target.offers:
            return "needs class scores; this target offers labels: set access to labels"
        return super().unmet(target, data)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        judge, thief = self._judge(len(data.unseen)), self.query_budget
        note = f"{judge:,} rows for the judge, asked first, and at most {thief:,} for the thief; {self.cost}"
        return Estimate(queries=judge + thief, note=note, judge=judge)

    def _judge(self, held: int) -> int:
        return min(self.rows, held // 2)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        held = data.unseen
        if len(held) < 20:
            raise Unavailable("at least 20 held-out rows", f"{len(held)}", "Give more rows")
        order = rng.permutation(len(held))
        cut = self._judge(len(held))
        judge, pool = held.take(order[:cut]), held.part(order[cut:])
        jury = target.judged()
        answers = jury.labels(judge.x)
        client = target.as_client() if isinstance(target, GuardedTarget) else target
        curve, answered = self._extract(client, pool, judge, answers, rng, progress)
        if client is not target:
            target.count(client.queries)
        if not curve:
            return CheckResult(status=Status.INCOMPLETE, summary="The target answered no row, so no copy could be trained.")
        return self._result(curve, answered, judge, answers, self._notes(data, answered, len(judge), jury is not target))

    def _notes(self, data: Dataset, answered: TransferSet, judged: int, apart: bool) -> tuple[str, ...]:
        account = "on an account of its own" if apart else "from the same count and, at an endpoint, the same key"
        return (
            f"Pool: rows of {data.name} the target was not trained on. The thief does not know the target's architecture.",
            f"{judged:,} rows were asked by the judge before the thief began, {account}; they are none of the thief's.",
            *((f"It answered no more after {answered.queries:,} rows: {answered.ended}",) if answered.ended else ()),
        )

    def _extract(
        self, client: Target, pool: Dataset, judge: Dataset, answers: NDArray[np.int64], rng: np.random.Generator, progress: Progress
    ) -> tuple[list[Point], TransferSet]:
        sizes = self._sizes(len(pool))
        answered = TransferSet(np.empty((0, *pool.schema.shape), np.float32), np.empty((0, len(client.classes)), np.float32))
        copy, curve = None, []
        for i, size in enumerate(sizes):
            before = answered.queries
            self._gather(copy, answered, pool, size, client, rng, progress)
            if answered.queries == before:
                break
            part = progress.part(1 / (len(sizes) - i))
            part.step(0, f"training a copy on {len(answered.x):,} answers")
            copy = copycat(answered.x, answered.answers, pool.schema, self.epochs, self.seed + i, part)
            got = predicted(copy, judge.x).argmax(1)
            curve.append(Point(answered.queries, got == answers, got == judge.y))
            if answered.ended:
                break
        return curve, answered

    def _gather(
        self, copy: Any, answered: TransferSet, pool: Dataset, size: int, client: Target, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Ask the target until ``size`` rows are answered, the pool has no other row, or the target answers no more."""
        while answered.queries < size and not answered.ended:
            progress.check()
            x = self._choose(copy, answered, pool, size - answered.queries, rng, progress)
            if not len(x):
                break
            new = answered.fresh(x)
            self._ask(client, x[new], answered)
            answered.reuse(x[~new])

    def _sizes(self, pool: int) -> list[int]:
        most = self.query_budget if self.strategy == "jacobian" else min(self.query_budget, pool)
        least = min(max(10, most // 32), most)
        return sorted({most, *(int(n) for n in np.geomspace(least, most, self.points).round()[1:]), *([least] if self.points > 1 else [])})

    def _choose(
        self, copy: Any, answered: TransferSet, pool: Dataset, count: int, rng: np.random.Generator, progress: Progress
    ) -> NDArray[np.float32]:
        """Up to ``count`` rows to ask next, by the strategy; an empty array where there are no others. Some may have been asked before."""
        if copy is None or self.strategy == "natural":
            rows = np.arange(answered.walked, min(answered.walked + count, len(pool)))
            answered.walked += len(rows)
            return pool.take(rows).x if len(rows) else answered.x[:0]
        if self.strategy == "adaptive":
            some = pool.at_most(LOOKED_AT, rng).x
            rest = some[answered.fresh(some)]
            return rest[unsure(copy, rest, count)] if len(rest) else rest
        return synthetic(copy, answered, count, pool.schema, rng, progress)

    def _ask(self, client: Target, x: NDArray[np.float32], answered: TransferSet) -> None:
        """Ask in pieces of 100 rows, so that answers are kept when the target stops. Where a budget refuses a piece, half of it is tried."""
        start, size = 0, PIECE
        while start < len(x) and not answered.broken and size:
            part = x[start : start + size]
            try:
                scores = client.scores(part)
            except BudgetSpent as problem:
                answered.ended, size = str(problem), len(part) // 2
                continue
            except Problem as problem:
                if not answered.queries:
                    raise
                answered.ended, answered.broken = str(problem), True
                return
            if self.access == "labels":
                scores = np.eye(scores.shape[1], dtype=np.float32)[scores.argmax(1)]
            answered.add(part, scores)
            start += len(part)

    def _result(
        self, curve: list[Point], answered: TransferSet, judge: Dataset, answers: NDArray[np.int64], notes: tuple[str, ...]
    ) -> CheckResult:
        last = curve[-1]
        fidelity = rate_by_row("fidelity", f"Fidelity of the copy after {last.queries:,} queries", last.alike, judge.fingerprint, "lower")
        accuracy = rate_by_row("copy_accuracy", "Accuracy of the copy", last.correct, judge.fingerprint, "lower")
        own = rate("target_accuracy", "Accuracy of the target", int((answers == judge.y).sum()), last.n, "higher")
        common = int(np.bincount(answers).max())
        baseline = rate("majority_fidelity", "Fidelity of the majority-class baseline", common, last.n, "none")
        queries = Metric(name="queries", label="Rows asked by the thief", value=float(last.queries), unit="rows", safer="none")
        cheap = next((p.queries for p in curve if p.agreed / p.n >= self.alarm), None)
        stolen = fidelity.value is not None and fidelity.value >= self.alarm and common < last.agreed
        vain = not stolen and common / last.n >= self.alarm
        words = f"A copy trained on {last.queries:,} {self.access} agrees with the target on {percent(last.agreed / last.n)} of {last.n:,} held-out rows"
        summary = f"{words}; the majority-class baseline agrees on {percent(common / last.n)}{VAIN if vain else '.'}"
        findings = (self._finding(cheap, last),) if stolen else ()
        return CheckResult(
            status=Status.FINDING if stolen else Status.INCOMPLETE if answered.broken or vain else Status.PASSED,
            summary=summary,
            metrics=(fidelity, accuracy, own, baseline, queries),
            findings=findings,
            charts=(self._chart(curve, common),),
            tables=(_table(curve),),
            notes=notes,
        )

    def _finding(self, cheap: int | None, last: Point) -> Finding:
        count = cheap or last.queries
        return Finding(
            title=f"A copy of fidelity {100 * self.alarm:.0f} % costs {count:,} queries",
            severity=Severity.HIGH if count <= 5000 else Severity.MEDIUM,
            evidence=Evidence(metrics=("fidelity",), charts=("extraction",), sentence=f"{last.agreed} of {last.n} rows agree"),
            advice="Answer with labels or rounded scores, limit rows per client, watch for clients that ask like a thief, and watermark the model.",
            standards=STANDARDS,
            defense="theft.output_policy",
        )

    def _chart(self, curve: list[Point], common: int) -> Chart:
        return Chart(
            name="extraction",
            title="Fidelity and accuracy against queries",
            kind="line",
            x=Axis(label="Queries", unit="rows", scale="log" if len(curve) > 1 else "linear"),
            y=Axis(label="Share of held-out rows", unit="share", low=0, high=1),
            series=(_series("fidelity", curve, "agreed"), _series("accuracy of the copy", curve, "right")),
            reference=(("majority-class baseline", common / curve[-1].n),),
            alt=f"Fidelity rises from {curve[0].agreed / curve[0].n:.2f} at {curve[0].queries} queries to {curve[-1].agreed / curve[-1].n:.2f} at {curve[-1].queries}.",
        )


def _series(name: str, curve: list[Point], what: Literal["agreed", "right"]) -> Series:
    rates = [rate(what, name, p.agreed if what == "agreed" else p.right, p.n) for p in curve]
    return Series(
        name=name,
        x=tuple(float(p.queries) for p in curve),
        y=tuple(m.value for m in rates),
        low=tuple(m.low for m in rates),
        high=tuple(m.high for m in rates),
    )


def _table(curve: list[Point]) -> Table:
    columns = (
        Column(name="Queries", kind="integer", unit="rows"),
        Column(name="Fidelity", kind="percent"),
        Column(name="Accuracy", kind="percent"),
    )
    rows = tuple((p.queries, p.agreed / p.n, p.right / p.n) for p in curve)
    return Table(name="extraction", title="The curve in numbers", columns=columns, rows=rows, note=f"Each on {curve[-1].n} held-out rows.")
