"""Label flips: what does the model lose when a share of its training labels is wrong?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ..attacks.triggers import Goal, goal_class
from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import POINTS, percent, points
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
class Aim:
    """The places of the class whose labels are flipped, and of the class they are flipped to."""

    victim: int
    goal: int


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

    Biggio et al. 2011. ``random`` flips to any other class, ``pairwise`` always to the next, which is harder to average out. ``aimed`` flips rows of
    one class alone, ``victim``, to ``goal`` (Tolpegin et al. 2020, arXiv 2007.08432): shares are then of that class, and what is measured is how many of
    its held-out rows are still recognized, which the accuracy over all classes hides.
    """

    id: ClassVar[str] = "poisoning.label_flip"
    title: ClassVar[str] = "Label flips"
    question: ClassVar[str] = "How fast does the model get worse when training labels are flipped?"
    needs: ClassVar[frozenset[str]] = frozenset({"training"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = (
        "Biggio et al. 2011, Support Vector Machines Under Adversarial Label Noise, ACML",
        "Tolpegin et al. 2020, arXiv 2007.08432",
    )
    cost: ClassVar[str] = "trains a model per share"
    main: ClassVar[tuple[str, ...]] = ("most", "kind", "rows")
    seconds: ClassVar[float] = 30.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 2000, "points": 3}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    headline: ClassVar[str] = "accuracy_lost"
    context: ClassVar[frozenset[str]] = frozenset({"accuracy_clean", "accuracy_flipped"})

    most: float = parameter(0.4, "Largest share of labels flipped", "share", gt=0, le=1)
    points: int = parameter(4, "Shares tried, each half of the next", "shares", ge=1, le=10)
    kind: Literal["random", "pairwise", "aimed"] = parameter(
        "pairwise", "To any other class, always to the next one, or of one class alone"
    )
    victim: Goal = parameter("", "Of aimed: class whose labels are flipped; empty: the commonest in training", source="classes")
    goal: Goal = parameter("", "Of aimed: class they are flipped to; empty: the commonest of the others", source="classes")
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
        k, aim = len(target.classes), self._aim(rows, target.classes)
        order = rng.permutation(len(rows) if aim is None else np.flatnonzero(rows.y == aim.victim))
        jump = np.ones(len(rows), np.int64) if self.kind == "pairwise" else rng.integers(1, k, len(rows))
        jump = jump if aim is None else np.full(len(rows), aim.goal - aim.victim)
        judged = np.ones(len(held), np.bool_) if aim is None else held.y == aim.victim
        if not judged.any():
            raise Unavailable(f"held-out rows of {target.classes[aim.victim if aim else 0]!r}", "none", "Give more rows")
        trained, clean = [], judged
        for i, share in enumerate([0.0, *(self.most / 2**j for j in range(self.points - 1, -1, -1))]):
            progress.step(i / (self.points + 1), f"{100 * share:g} % of labels flipped")
            flipped = order[: round(share * len(order))]
            y = rows.y.copy()
            y[flipped] = (y[flipped] + jump[flipped]) % k
            model = target.retrain(rows.x, y, self.seed, progress.part(0.9 / (self.points + 1)))
            right = np.asarray(model.labels(held.x) == held.y)
            clean = clean if i else right
            trained.append(Trained(share, len(flipped), right[judged]))
        how = f"All models were trained on {len(rows):,} rows; intervals are over held-out rows, not over trainings."
        notes = [*((parts.note,) if parts.note else ()), *target.rule_notes, how]
        if aim is not None:
            name, goal = (target.classes[c] for c in (aim.victim, aim.goal))
            notes.insert(
                0,
                f"Labels of {name!r} alone were flipped, to {goal!r}; shares are of its {len(order):,} training rows, accuracies of its held-out rows.",
            )
        return self._result(trained, len(order), Skill.of(held.y, clean, target.classes), tuple(notes), "" if aim is None else name)

    def _aim(self, rows: Dataset, classes: tuple[str, ...]) -> "Aim | None":
        """Whose labels are flipped to what; None where all classes' are."""
        if self.kind != "aimed":
            return None
        counts = np.bincount(rows.y, minlength=len(classes)).astype(float)
        goal = goal_class(self.goal, classes) if self.goal else -1
        open_to = np.where(np.arange(len(classes)) == goal, -1, counts)
        victim = goal_class(self.victim, classes) if self.victim else int(open_to.argmax())
        goal = goal if self.goal else int(np.where(np.arange(len(classes)) == victim, -1, counts).argmax())
        if victim == goal or counts[victim] == 0:
            raise Unavailable(
                "a victim with training rows, and another class as goal", f"{classes[victim]!r} and {classes[goal]!r}", "Choose others"
            )
        return Aim(victim, goal)

    def _result(self, trained: list[Trained], n: int, skill: Skill, before: tuple[str, ...], of: str) -> CheckResult:
        clean, last, m = trained[0], trained[-1], len(trained[0].right)
        bad = next((t for t in trained[1:] if t.share <= 0.1 + 1e-9 and drop(clean, t).low > self.alarm), None)  # type: ignore[operator]
        summary = (
            f"With {100 * last.share:g} % of {n:,} training labels{f' of {of}' * bool(of)} flipped accuracy is {percent(last.accuracy)}, with none {percent(clean.accuracy)}, "
            f"on {m:,} held-out rows{f' of {of}' * bool(of)}."
        )
        metrics = (
            rate("accuracy_clean", "Accuracy without flips", int(clean.right.sum()), m, "higher"),
            rate("accuracy_flipped", f"Accuracy with {100 * last.share:g} % flipped", int(last.right.sum()), m, "higher"),
            drop(clean, last),
        )
        finding = Finding(
            key="flips",
            title="Few flipped labels already hurt"
            if bad is None
            else f"{100 * bad.share:g} % flipped labels cost {points(clean.accuracy - bad.accuracy)} points",
            severity=Severity.MEDIUM,
            evidence=Evidence(charts=("flips",)),
            advice="Check who may label, label a part twice, and look at rows whose label the model contradicts.",
            standards=STANDARDS,
        )
        few = [t for t in trained[1:] if t.share <= 0.1 + 1e-9]
        ruled = ruling(
            [Limit(drop(clean, t), self.alarm, surely=True) for t in few],
            open_ends=(*(() if few else (NO_TENTH,)), *(() if skill.above else (f"without flips {skill.fact}",))),
        )
        return CheckResult(
            status=ruled.status,
            summary=f"{summary} {ruled.sentence}"
            if skill.above or bad
            else f"{summary} Without flips {skill.fact}: there is nothing to lose. {skill.advice}",
            metrics=metrics,
            findings=(finding,) if bad else (),
            tables=(_table(trained),),
            charts=(_chart(trained),),
            notes=(*ruled.notes, *before),
        )


def drop(clean: Trained, flipped: Trained) -> Metric:
    """Accuracy lost on the same rows, with the interval of a paired difference (Agresti and Min 2005)."""
    n = len(clean.right)
    worse, better = int((clean.right & ~flipped.right).sum()), int((~clean.right & flipped.right).sum())
    value, m = (worse - better) / n, n + 2
    a, b = worse + 0.5, better + 0.5
    half = 1.96 * max((a + b) - (a - b) ** 2 / m, 0.0) ** 0.5 / m
    low, high = min((a - b) / m - half, value), max((a - b) / m + half, value)
    label = f"Accuracy lost with {100 * flipped.share:g} % flipped"
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
        alt=f"Accuracy goes from {percent(trained[0].accuracy)} with no flips to {percent(trained[-1].accuracy)} with {100 * trained[-1].share:g} %.",
    )
