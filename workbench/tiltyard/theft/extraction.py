"""Model extraction: how good a copy a thief gets for how many queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Status, Table
from ..statistics.intervals import LEVEL, bootstrap, rate, rate_by_row
from ..statistics.majority import Skill
from ..targets.decision import Labels, LargestScore, Prediction
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from ._rule import moved
from ._transfer_set import TransferSet
from .output_policy import GuardedTarget
from .thieves import VAIN, Copy, Strategy, copycat, synthetic, unsure

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
    """One copy of the curve, compared on the judge's rows.

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
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Orekondy et al. 2019, arXiv 1812.02766", "Papernot et al. 2017, arXiv 1602.02697")
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "tens of seconds: trains a copy at each point of the curve; asks the judge's rows first, then the budget"
    main: ClassVar[tuple[str, ...]] = ("query_budget", "access", "strategy", "rows")
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
    rows: int = parameter(2000, "Rows the copy is compared on, held out where that is known", "rows", ge=10, le=100_000)
    alarm: float = parameter(0.9, "Fidelity from which the copy counts as stolen", "share", gt=0, le=1)

    def unmet(self, target: Target, data: Dataset) -> str:
        if self.access == "scores" and "scores" not in target.offers:
            return "needs class scores; this target offers labels: set access to labels"
        if self.strategy == "jacobian" and data.texts:
            return f"jacobian moves numbers; {data.texts[0]!r} holds free text: set strategy to natural or adaptive"
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
            raise Unavailable(f"at least 20 {data.known}", f"{len(held)}", "Give more rows")
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
        return self._result(target, curve, answered, judge, answers, self._notes(target, data, answered, len(judge), jury is not target))

    def _notes(self, target: Target, data: Dataset, answered: TransferSet, judged: int, apart: bool) -> tuple[str, ...]:
        account = "on an account of its own" if apart else "from the same count and, at an endpoint, the same key"
        trained = "the target was not trained on" if data.known != "rows" else "of which nobody says whether the target was trained on them"
        return (
            f"Pool: rows of {data.name} {trained}. The thief does not know the target's architecture.",
            *rule_notes(target, answered, self.access),
            f"{judged:,} rows were asked by the judge before the thief began, {account}; they are none of the thief's.",
            *((f"It answered no more after {answered.queries:,} rows: {answered.ended}",) if answered.ended else ()),
        )

    def _extract(
        self, client: Target, pool: Dataset, judge: Dataset, answers: Labels, rng: np.random.Generator, progress: Progress
    ) -> tuple[list[Point], TransferSet]:
        sizes = self._sizes(len(pool))
        answered = TransferSet.before(judge.x, len(client.classes))
        copy: Copy | None = None
        curve = []
        for i, size in enumerate(sizes):
            before = answered.queries
            self._gather(copy, answered, pool, size, client, rng, progress)
            if answered.queries == before:
                break
            part = progress.part(1 / (len(sizes) - i))
            part.step(0, f"training a copy on {len(answered.x):,} answers")
            copy = copycat(answered.x, answered.scores, answered.labels, pool.schema, self.epochs, self.seed + i, part)
            got = copy.labels(judge.x)
            curve.append(Point(answered.queries, got == answers, got == judge.y))
            if answered.ended:
                break
        return curve, answered

    def _gather(
        self,
        copy: Copy | None,
        answered: TransferSet,
        pool: Dataset,
        size: int,
        client: Target,
        rng: np.random.Generator,
        progress: Progress,
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
        self, copy: Copy | None, answered: TransferSet, pool: Dataset, count: int, rng: np.random.Generator, progress: Progress
    ) -> Rows:
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

    def _ask(self, client: Target, x: Rows, answered: TransferSet) -> None:
        """Ask in pieces of 100 rows, so that answers are kept when the target stops. Where a budget refuses a piece, half of it is tried."""
        start, size = 0, PIECE
        while start < len(x) and not answered.broken and size:
            part = x[start : start + size]
            try:
                answers = self._answers(client, part)
            except BudgetSpent as problem:
                answered.ended, size = str(problem), len(part) // 2
                continue
            except Problem as problem:
                if not answered.queries:
                    raise
                answered.ended, answered.broken = str(problem), True
                return
            answered.add(part, answers)
            start += len(part)

    def _answers(self, client: Target, x: Rows) -> Prediction:
        """What the endpoint answers: the labels it decides, and its scores or, of one that gives labels alone, a 1 for each label."""
        if self.access == "scores":
            return client.predictions(x)
        labels = client.labels(x)
        return Prediction(labels, np.eye(len(client.classes))[labels])

    def _result(
        self, target: Target, curve: list[Point], answered: TransferSet, judge: Dataset, answers: Labels, notes: tuple[str, ...]
    ) -> CheckResult:
        last = curve[-1]
        fidelity = rate_by_row("fidelity", f"Fidelity of the copy after {last.queries:,} queries", last.alike, judge.fingerprint, "lower")
        accuracy = rate_by_row("copy_accuracy", "Accuracy of the copy", last.correct, judge.fingerprint, "lower")
        own = rate("target_accuracy", "Accuracy of the target", int((answers == judge.y).sum()), last.n, "higher")
        skill = Skill.of(answers, last.alike, target.classes)
        baseline = rate("majority_fidelity", "Fidelity of the majority-class baseline", skill.common, last.n, "none")
        queries = Metric(name="queries", label="Rows asked by the thief", value=float(last.queries), unit="rows", safer="none")
        cheap = next((p.queries for p in curve if p.agreed / p.n >= self.alarm), None)
        stolen = last.agreed / last.n >= self.alarm and skill.learned
        vain = not stolen and skill.common / last.n >= self.alarm
        words = f"A copy trained on {last.queries:,} {self.access} agrees with the target on {percent(last.agreed / last.n)} of {last.n:,} {judge.known}"
        summary = f"{words}; the majority-class baseline agrees on {percent(skill.common / last.n)}{VAIN if vain else '.'}"
        findings = (self._finding(cheap, last),) if stolen else ()
        return CheckResult(
            status=Status.FINDING if stolen else Status.INCOMPLETE if answered.broken or vain else Status.PASSED,
            summary=summary,
            metrics=(fidelity, balanced(answers, last.alike, self.seed), accuracy, own, baseline, queries),
            findings=findings,
            charts=(self._chart(curve, skill.common, judge.known),),
            tables=(_table(curve, judge.known),),
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

    def _chart(self, curve: list[Point], common: int, known: str) -> Chart:
        return Chart(
            name="extraction",
            title="Fidelity and accuracy against queries",
            kind="line",
            x=Axis(label="Queries", unit="rows", scale="log" if len(curve) > 1 else "linear"),
            y=Axis(label=f"Share of {known}", unit="share", low=0, high=1),
            series=(_series("fidelity", curve, "agreed"), _series("accuracy of the copy", curve, "right")),
            reference=(("majority-class baseline", common / curve[-1].n),),
            alt=f"Fidelity rises from {curve[0].agreed / curve[0].n:.2f} at {curve[0].queries} queries to {curve[-1].agreed / curve[-1].n:.2f} at {curve[-1].queries}.",
        )


def rule_notes(target: Target, answered: TransferSet, access: str) -> tuple[str, ...]:
    """By what rule the labels came about, where that is not the largest score; and what the thief made of it."""
    if isinstance(target.decision, LargestScore):
        return ()
    note = f"The target's label is {target.rule}; copy and target are compared by what they decide."
    other = int((answered.scores.argmax(1) != answered.labels).sum())
    if access == "labels" or not other:
        return (note,)
    how = "a threshold was read off the answers" if moved(answered.scores, answered.labels) is not None else "the copy learned the labels"
    return (f"{note} Of {len(answered.labels):,} answers {other:,} were not the largest score: {how}.",)


def balanced(answers: Labels, alike: NDArray[np.bool_], seed: int) -> Metric:
    """The mean over the labels that the target gives of the copy's agreement on its rows; a copy of one answer gets 1 in as many."""
    kinds = np.unique(answers)

    def mean(rows: NDArray[np.intp]) -> float:
        given, same = answers[rows], alike[rows]
        shares = [same[given == kind].mean() if (given == kind).any() else np.nan for kind in kinds]
        return float(np.mean(shares))

    low, high = bootstrap(mean, len(answers), np.random.default_rng([seed, 1]), draws=200)
    value = mean(np.arange(len(answers)))
    sure = np.isfinite(low)
    return Metric(
        name="balanced_fidelity",
        label="Fidelity, mean over the target's labels",
        value=value,
        low=min(low, value) if sure else None,
        high=max(high, value) if sure else None,
        level=LEVEL if sure else None,
        n=len(answers),
        unit="share",
        safer="lower",
        interval="bootstrap" if sure else "",
        note="" if sure else "too few rows of a label for an interval",
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


def _table(curve: list[Point], known: str) -> Table:
    columns = (
        Column(name="Queries", kind="integer", unit="rows"),
        Column(name="Fidelity", kind="percent"),
        Column(name="Accuracy", kind="percent"),
    )
    rows = tuple((p.queries, p.agreed / p.n, p.right / p.n) for p in curve)
    return Table(name="extraction", title="The curve in numbers", columns=columns, rows=rows, note=f"Each on {curve[-1].n:,} {known}.")
