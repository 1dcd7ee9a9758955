"""Label flips: what does the model lose when a share of its training labels is wrong?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import POINTS, percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Metric, Series, Severity, Table
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from ._split import split

HELD = 20_000
STANDARDS = ("OWASP ML02:2023", "AITG-MOD-03", "AML.T0020", "AML.T0059", "NISTAML.013", "EU AI Act Art. 15(5)")


NO_TENTH = "no share of a tenth or less was tried, so that none could be a finding: set most lower, or points higher"


@dataclass(frozen=True)
class Trained:
    """A model trained with ``share`` of its labels flipped: how many held-out rows it gets right, of how many."""

    share: float
    flipped: int
    right: NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


class LabelFlip(Check):
    """Flip labels of randomly chosen training rows, train anew by the target's own routine, measure on held-out rows.

    Biggio et al. 2011. ``random`` flips to any other class, ``pairwise`` always to the next, which is harder to average out.
    """

    id: ClassVar[str] = "poisoning.label_flip"
    title: ClassVar[str] = "Label flips"
    question: ClassVar[str] = "How fast does the model get worse when training labels are flipped?"
    needs: ClassVar[frozenset[str]] = frozenset({"training"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Biggio et al. 2011, Support Vector Machines Under Adversarial Label Noise, ACML",)
    cost: ClassVar[str] = "trains a model per share"
    main: ClassVar[tuple[str, ...]] = ("most", "kind", "rows")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 2000, "points": 3}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    headline: ClassVar[str] = "accuracy_lost"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_clean", "accuracy_flipped"})

    most: float = parameter(0.4, "Largest share of labels flipped", "share", gt=0, le=1)
    points: int = parameter(4, "Shares tried, each half of the next", "shares", ge=1, le=10)
    kind: Literal["random", "pairwise"] = parameter("pairwise", "To any other class, or always to the next one")
    rows: int = parameter(5000, "Training rows", "rows", ge=10, le=1_000_000)
    alarm: float = parameter(0.05, "Loss of accuracy at a tenth or less of flipped labels that is a finding", "share", gt=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        return Estimate(queries=0, note=f"trains {self.points + 1} models")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = np.random.default_rng(self.seed)
        parts = split(data, rng)
        rows, held = parts.train.sample(self.rows, rng), parts.held.at_most(HELD, rng)
        if len(np.unique(rows.y)) < 2:
            raise Unavailable("training rows of two classes", "one", "Give rows of more classes")
        order, k = rng.permutation(len(rows)), len(target.classes)
        jump = np.ones(len(rows), np.int64) if self.kind == "pairwise" else rng.integers(1, k, len(rows))
        trained = []
        for i, share in enumerate([0.0, *(self.most / 2**j for j in range(self.points - 1, -1, -1))]):
            progress.step(i / (self.points + 1), f"{100 * share:.0f} % of labels flipped")
            flipped = order[: round(share * len(rows))]
            y = rows.y.copy()
            y[flipped] = (y[flipped] + jump[flipped]) % k
            model = target.retrain(rows.x, y, self.seed, progress.part(0.9 / (self.points + 1)))
            trained.append(Trained(share, len(flipped), model.labels(held.x) == held.y))
        notes = (*((parts.note,) if parts.note else ()), *target.rule_notes)
        return self._result(trained, len(rows), Skill.of(held.y, trained[0].right, target.classes), notes)

    def _result(self, trained: list[Trained], n: int, skill: Skill, before: tuple[str, ...]) -> CheckResult:
        clean, last, m = trained[0], trained[-1], len(trained[0].right)
        bad = next((t for t in trained[1:] if t.share <= 0.1 + 1e-9 and drop(clean, t).low > self.alarm), None)  # type: ignore[operator]
        summary = (
            f"With {100 * last.share:.0f} % of {n:,} training labels flipped accuracy is {percent(last.accuracy)}, with none {percent(clean.accuracy)}, "
            f"on {m:,} held-out rows."
        )
        metrics = (
            rate("accuracy_clean", "Accuracy without flips", int(clean.right.sum()), m, "higher"),
            rate("accuracy_flipped", f"Accuracy with {100 * last.share:.0f} % flipped", int(last.right.sum()), m, "higher"),
            drop(clean, last),
        )
        finding = Finding(
            key="flips",
            title="Few flipped labels already hurt"
            if bad is None
            else f"{100 * bad.share:.0f} % flipped labels cost {percent(clean.accuracy - bad.accuracy)}",
            severity=Severity.MEDIUM,
            evidence=Evidence(charts=("flips",)),
            advice="Check who may label, label a part twice, and look at rows whose label the model contradicts.",
            standards=STANDARDS,
        )
        notes = [*before, f"All models were trained on {n:,} rows; intervals are over held-out rows, not over trainings."]
        few = [t for t in trained[1:] if t.share <= 0.1 + 1e-9]
        ruled = ruling(
            [Limit(drop(clean, t), self.alarm, surely=True) for t in few],
            open_ends=(*(() if few else (NO_TENTH,)), *(() if skill.above else (f"without flips {skill.fact}",))),
        )
        return CheckResult(
            status=ruled.status,
            summary=f"{summary} {ruled.sentence}"
            if skill.above
            else f"{summary} Without flips {skill.fact}: there is nothing to lose. {skill.advice}",
            metrics=metrics,
            findings=(finding,) if bad else (),
            tables=(_table(trained),),
            charts=(_chart(trained),),
            notes=(*ruled.notes, *notes),
        )


def drop(clean: Trained, flipped: Trained) -> Metric:
    """Accuracy lost on the same rows, with the interval of a paired difference (Agresti and Min 2005)."""
    n = len(clean.right)
    worse, better = int((clean.right & ~flipped.right).sum()), int((~clean.right & flipped.right).sum())
    value, m = (worse - better) / n, n + 2
    a, b = worse + 0.5, better + 0.5
    half = 1.96 * max((a + b) - (a - b) ** 2 / m, 0.0) ** 0.5 / m
    low, high = min((a - b) / m - half, value), max((a - b) / m + half, value)
    label = f"Accuracy lost with {100 * flipped.share:.0f} % flipped"
    return Metric(
        name="accuracy_lost",
        label=label,
        value=value,
        low=low,
        high=high,
        level=0.95,
        n=n,
        unit=POINTS,
        safer="lower",
        interval="paired, Agresti-Min",
    )


def _table(trained: list[Trained]) -> Table:
    columns = (
        Column(name="Flipped", kind="percent"),
        Column(name="Rows", kind="integer"),
        Column(name="Accuracy", kind="percent"),
        Column(name="from", kind="percent"),
        Column(name="to", kind="percent"),
    )
    rows = tuple((t.share, t.flipped, t.accuracy, *clopper_pearson(int(t.right.sum()), len(t.right))) for t in trained)
    return Table(
        name="flips", title="Accuracy by share of flipped labels", columns=columns, rows=rows, note=f"n = {len(trained[0].right):,}"
    )


def _chart(trained: list[Trained]) -> Chart:
    bands = [clopper_pearson(int(t.right.sum()), len(t.right)) for t in trained]
    return Chart(
        name="flips",
        title="Accuracy against flipped labels",
        kind="line",
        x=Axis(label="Share of training labels flipped", unit="share", low=0),
        y=Axis(label="Accuracy on held-out rows", unit="share", low=0, high=1),
        series=(
            Series(
                name="accuracy",
                x=tuple(t.share for t in trained),
                y=tuple(t.accuracy for t in trained),
                low=tuple(b[0] for b in bands),
                high=tuple(b[1] for b in bands),
            ),
        ),
        alt=f"Accuracy goes from {percent(trained[0].accuracy)} with no flips to {percent(trained[-1].accuracy)} with {100 * (trained[-1].share):.0f} %.",
    )
