"""Model extraction: how good a copy a thief gets for how many queries."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter, source_parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import rate, rate_by_row
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.decision import Labels, LargestScore, Prediction
from ..targets.query_budget import BudgetSpent
from ..targets.target import Target
from ._copies import WORDS, Chosen, Lesson, best, trained
from ._curve import Point, balanced, chart, tables
from ._guarded import GuardedTarget
from ._pools import LOOKED_AT, Knows, made
from ._pools import WORDS as KNOWN
from ._rule import moved
from ._transfer_set import TransferSet
from .thieves import VAIN, Copy, Strategy, copycat, disputed, scattered, synthetic, unsure

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
ENOUGH = 10


class Extraction(Check):
    """Model extraction: train copies of the target on its answers to more and more rows, up to ``query_budget``.

    Fidelity is the share of held-out rows on which copy and target give the same label. The copy is the best of several kinds by
    its agreement with answers the thief held out. The thief ``knows`` rows like the target's, rows of something else (Knockoff Nets;
    Orekondy et al. 2019, arXiv 1812.02766), each column by itself, or nothing, and makes rows. It asks them at random (``natural``),
    those its copy is least sure of (``adaptive``), those its scores put far from what it knows (``k-center``; Pal et al. 2020, AAAI), those its
    kinds of copy dispute (``disagreement``; Seung et al. 1992), or rows made by Jacobian augmentation (``jacobian``), of tables in
    turns with its own. A row that was asked before is not asked again: its answer is known.
    A pass wants the whole budget spent, every kind tried, and the upper end of fidelity's interval below ``alarm``.
    """

    id: ClassVar[str] = "theft.extraction"
    title: ClassVar[str] = "Model extraction"
    question: ClassVar[str] = "How good a copy does a thief get for how many queries?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Orekondy et al. 2019, arXiv 1812.02766",
        "Papernot et al. 2017, arXiv 1602.02697",
        "Pal et al. 2020, AAAI 34, 865",
    )
    core: ClassVar[bool] = True
    cost: ClassVar[str] = "a minute: trains several copies at each point of the curve; asks the judge's rows first, then the budget"
    main: ClassVar[tuple[str, ...]] = ("query_budget", "access", "knows", "strategy")
    seconds: ClassVar[float] = 60.0
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
    knows: Knows = parameter("rows", "What the thief has to ask with: rows like the target's, others, each column by itself, or nothing")
    other: str = source_parameter(
        "Rows of something else in the target's form, where that is what the thief has", "rows", (".csv", ".parquet", ".npz")
    )
    copies: Literal["best", "network"] = parameter(
        "best", "The best of several kinds of copy, or a network alone; only the former can pass"
    )
    points: int = parameter(5, "Points of the curve", "copies", ge=1, le=20)
    epochs: int = parameter(25, "Passes the thief trains each copy", "epochs", ge=1, le=500)
    rows: int = parameter(2000, "Rows the copy is compared on, held out where that is known", "rows", ge=10, le=100_000)
    alarm: float = parameter(0.9, "Fidelity from which the copy counts as stolen", "share", gt=0, le=1)

    def unmet(self, target: Target, data: Dataset) -> str:
        if self.access == "scores" and "scores" not in target.offers:
            return "needs class scores; this target offers labels: set access to labels"
        if self.strategy == "jacobian" and data.texts:
            return f"jacobian moves numbers; {data.texts[0]!r} holds free text: set strategy to natural or adaptive"
        if self.knows == "marginals" and data.schema.images:
            return "marginals are those of a table's columns: set knows to nothing, or give other pictures"
        if self.knows == "nothing" and data.texts:
            return f"nothing makes numbers and categories; {data.texts[0]!r} holds free text: set knows to rows"
        if self.knows == "other" and not self.other:
            return "needs rows of something else: name their file in other, or set knows to rows"
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
        judge, own = held.take(order[:cut]), held.part(order[cut:])
        pool = made(self.knows, own, self.other, self.query_budget, np.random.default_rng([self.seed, 3]), progress)
        jury = target.judged()
        answers = jury.labels(judge.x)
        client = target.as_client() if isinstance(target, GuardedTarget) else target
        curve, answered = self._extract(client, pool, judge, answers, rng, progress)
        if client is not target:
            target.count(client.queries)
        if not curve:
            return CheckResult(status=Status.INCOMPLETE, summary="The target answered no row, so no copy could be trained.")
        refused = isinstance(client, GuardedTarget) and client.kind == "budget" and bool(answered.ended)
        return self._result(
            target, curve, answered, judge, answers, refused, self._notes(target, data, answered, judge, jury is not target)
        )

    def _notes(self, target: Target, data: Dataset, answered: TransferSet, judge: Dataset, apart: bool) -> tuple[str, ...]:
        account = "on an account of its own" if apart else "from the same count and, at an endpoint, the same key"
        twice = int(answered.asked(judge.x).sum())
        trained = "the target was not trained on" if data.known != "rows" else "of which nobody says whether the target was trained on them"
        return (
            f"The thief has {KNOWN[self.knows]}; it does not know the target's architecture.",
            *((f"Pool: rows of {data.name} {trained}.",) if self.knows == "rows" else ()),
            *rule_notes(target, answered, self.access),
            f"{len(judge):,} rows were asked by the judge before the thief began, {account}; they are none of the thief's.",
            *((f"But {twice:,} of them equal a row that the thief asked: there a copy need only remember.",) if twice else ()),
            *((f"It answered no more after {answered.queries:,} rows: {answered.ended}",) if answered.ended else ()),
        )

    def _extract(
        self, client: Target, pool: Dataset, judge: Dataset, answers: Labels, rng: np.random.Generator, progress: Progress
    ) -> tuple[list[Point], TransferSet]:
        sizes = self._sizes(len(pool))
        answered = TransferSet.before(judge.x, len(client.classes))
        chosen: Chosen | None = None
        curve = []
        for i, size in enumerate(sizes):
            before = answered.queries
            self._gather(chosen, answered, pool, size, client, rng, progress)
            if answered.queries == before:
                break
            part = progress.part(1 / (len(sizes) - i))
            part.step(0, f"training copies on {len(answered.x):,} answers")
            chosen = self._trained(answered, pool.schema, i, part)
            got = chosen.copy.labels(judge.x)
            curve.append(Point(answered.queries, got == answers, got == judge.y, chosen.kind, chosen.agreed))
            if answered.ended:
                break
        return curve, answered

    def _trained(self, answered: TransferSet, schema: Schema, point: int, progress: Progress) -> Chosen:
        lesson = Lesson(answered.x, answered.scores, answered.labels, schema, self.epochs, self.seed + point)
        if self.copies == "network":
            return Chosen(trained("network", lesson, progress), "network", {}, ())
        return best(lesson, answered.random, progress)

    def _gather(
        self,
        copy: Chosen | None,
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
            walked = answered.walked
            x = self._choose(copy, answered, pool, size - answered.queries, rng, progress)
            if not len(x):
                break
            new = answered.fresh(x)
            self._ask(client, x[new], answered, answered.walked > walked)
            answered.reuse(x[~new])

    def _sizes(self, pool: int) -> list[int]:
        most = self.query_budget if self.strategy == "jacobian" else min(self.query_budget, pool)
        least = min(max(10, most // 32), most)
        return sorted({most, *(int(n) for n in np.geomspace(least, most, self.points).round()[1:]), *([least] if self.points > 1 else [])})

    def _choose(
        self, chosen: Chosen | None, answered: TransferSet, pool: Dataset, count: int, rng: np.random.Generator, progress: Progress
    ) -> Rows:
        """Up to ``count`` rows to ask next, by the strategy; an empty array where there are no others. Some may have been asked before."""
        due = count if chosen is None or self.strategy == "natural" else self._in_turns(answered, count, pool.schema)
        rows = np.arange(answered.walked, min(answered.walked + due, len(pool)))
        if chosen is None or self.strategy == "natural" or len(rows):
            answered.walked += len(rows)
            return pool.take(rows).x if len(rows) else answered.x[:0]
        if self.strategy == "jacobian":
            return self._moved(chosen, answered, count, pool.schema, rng, progress)
        some = pool.at_most(LOOKED_AT, rng).x
        rest = some[answered.fresh(some)]
        return rest[self._picked(chosen, rest, answered.x, count, progress)] if len(rest) else rest

    def _in_turns(self, answered: TransferSet, count: int, schema: Schema) -> int:
        """How many rows as they are come before Jacobian augmentation, which on a table alone teaches less than it costs."""
        if self.strategy != "jacobian" or schema.images:
            return 0
        return min(max((answered.queries + count + 1) // 2 - answered.walked, 0), count)

    def _moved(
        self, chosen: Chosen, answered: TransferSet, count: int, schema: Schema, rng: np.random.Generator, progress: Progress
    ) -> Rows:
        network = chosen.copy
        if not isinstance(network, Copy):
            network = copycat(answered.x, answered.scores, answered.labels, schema, self.epochs, self.seed, progress.part(0.0))
        return synthetic(network, answered, count, schema, rng, progress)

    def _picked(self, chosen: Chosen, rest: Rows, asked: Rows, count: int, progress: Progress) -> NDArray[np.intp]:
        if self.strategy == "k-center":
            return scattered(chosen.copy, rest, asked, count, progress)
        if self.strategy == "disagreement" and chosen.committee:
            return disputed(chosen.committee, rest, count)
        return unsure(chosen.copy, rest, count)

    def _ask(self, client: Target, x: Rows, answered: TransferSet, random: bool) -> None:
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
            answered.add(part, answers, random)
            start += len(part)

    def _answers(self, client: Target, x: Rows) -> Prediction:
        """What the endpoint answers: the labels it decides, and its scores or, of one that gives labels alone, a 1 for each label."""
        if self.access == "scores":
            return client.predictions(x)
        labels = client.labels(x)
        return Prediction(labels, np.eye(len(client.classes))[labels])

    def _result(
        self,
        target: Target,
        curve: list[Point],
        answered: TransferSet,
        judge: Dataset,
        answers: Labels,
        refused: bool,
        notes: tuple[str, ...],
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
        open_question = "" if stolen or vain else self._unsettled(fidelity, answered, refused)
        words = f"The best copy ({WORDS[last.kind]}) trained on {last.queries:,} {self.access} agrees with the target on {percent(last.agreed / last.n)} of {last.n:,} {judge.known}"
        summary = f"{words}; the majority-class baseline agrees on {percent(skill.common / last.n)}{VAIN if vain else '.'}{open_question}"
        findings = (self._finding(cheap, last),) if stolen else ()
        return CheckResult(
            status=status_of(stolen, vain or bool(open_question)),
            summary=summary,
            metrics=(fidelity, balanced(answers, last.alike, self.seed), accuracy, own, baseline, queries),
            findings=findings,
            charts=(chart(curve, skill.common, judge.known),),
            tables=tables(curve, judge.known),
            notes=notes,
        )

    def _unsettled(self, fidelity: Metric, answered: TransferSet, refused: bool) -> str:
        """Why a copy that is not good enough is no proof that none is to be had, and what would settle it; empty where it is one.

        ``refused``: the endpoint's own policy answers a client no more, and that is the thief's whole budget.
        """
        if answered.queries < self.query_budget and not refused:
            asked = f"{answered.queries:,} of {self.query_budget:,} rows were asked"
            if answered.ended:
                return f" But {asked}, then the target answered no more: run it again where it answers the whole budget."
            return f" But {asked}: there were no others. Give more rows, or let the thief have other rows or nothing, which makes rows."
        if self.copies == "network":
            return " But only a network was tried: set copies to best."
        if self.epochs < ENOUGH:
            return f" But {self.epochs} epochs train no strong network: set epochs to {ENOUGH} or more."
        if fidelity.high is not None and fidelity.high >= self.alarm:
            return f" But by the interval up to {percent(fidelity.high)} is possible: compare on more rows."
        return ""

    def _finding(self, cheap: int | None, last: Point) -> Finding:
        count = cheap or last.queries
        return Finding(
            title=f"A copy of fidelity {100 * self.alarm:g} % costs {count:,} queries",
            severity=Severity.HIGH if count <= 5000 else Severity.MEDIUM,
            evidence=Evidence(metrics=("fidelity",), charts=("extraction",), sentence=f"{last.agreed:,} of {last.n:,} rows agree"),
            advice="Answer with labels or rounded scores, limit rows per client, watch for clients that ask like a thief, and watermark the model.",
            standards=STANDARDS,
            defense="theft.output_policy",
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
