"""Has a finished model a backdoor? The smallest patch that leads to each class is sought; of a planted one it is far smaller than of the others."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Column, Evidence, Finding, Metric, Severity, Status, Table
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, ruling
from ..targets.target import Target
from .detect import STANDARDS

if TYPE_CHECKING:
    from ._inverting import Inverted

FEWEST_CLASSES, FEWEST = 5, 20
NOT_SEEN = (
    "Not covered: backdoors without a small fixed patch (warped, blended over the whole picture, a trigger of each row's own), those of several "
    "classes at once, and those that a trigger and a source class open together. No alarm is no proof."
)


class NeuralCleanse(Check):
    """Inverts a trigger for every class on a few clean rows and holds their sizes against one another (Wang et al. 2019, IEEE S&P).

    The anomaly index is how many deviations (median absolute deviation) the smallest mask lies below the median of all classes; above
    ``alarm`` is a finding where the trigger found also turns clean rows that it was not sought on. Each class is sought from several starts, and
    the smallest index over the starts decides a finding, the largest a pass. No training data are asked for.
    """

    id: ClassVar[str] = "poisoning.neural_cleanse"
    title: ClassVar[str] = "Trigger inversion (Neural Cleanse)"
    question: ClassVar[str] = "Does far smaller a patch lead to one class than to the others?"
    needs: ClassVar[frozenset[str]] = frozenset({"gradients", "images"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Wang et al. 2019, IEEE S&P, 707",)
    cost: ClassVar[str] = "seconds a class; a minute for ten classes of small pictures"
    main: ClassVar[tuple[str, ...]] = ("rows", "alarm", "steps")
    seconds: ClassVar[float] = 60.0
    quick: ClassVar[Mapping[str, Any]] = {"rows": 200, "steps": 200}
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "steps": 3, "starts": 1}
    campaign_goal: ClassVar[CampaignGoal | None] = "poison"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "anomaly_index"

    rows: int = parameter(300, "Clean rows, drawn at random: half to seek on, half to try what was found", "rows", ge=FEWEST, le=10_000)
    steps: int = parameter(300, "Gradient steps for each class and start", "steps", ge=1, le=10_000)
    starts: int = parameter(2, "Times each class is sought, from random masks", "starts", ge=1, le=20)
    alarm: float = parameter(2.0, "Anomaly index from which the smallest mask is an alarm", "deviations", gt=0, le=100)
    success: float = parameter(0.75, "Share of other rows that an alarmed trigger has to turn, by the lower end", "share", gt=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        rows = min(self.rows, len(data.unseen))
        return Estimate(len(target.classes) * (self.steps * self.starts * (rows - rows // 2) + rows // 2) + rows, None, "at most")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rows = data.unseen.sample(self.rows, np.random.default_rng(self.seed))
        if len(rows) < FEWEST:
            raise Unavailable(f"at least {FEWEST} clean rows", f"{len(rows)}", "Give more rows")
        cut = len(rows) // 2
        tried, sought = rows.take(np.arange(cut)), rows.take(np.arange(cut, len(rows)))
        found = self._sought(target, sought, progress)
        right = target.labels(rows.x) == rows.y
        sizes = np.array([[one.size for one in start] for start in found])
        return self._result(target, tried, found, sizes, Skill.of(rows.y, right, target.classes))

    def _sought(self, target: Target, rows: Dataset, progress: Progress) -> "list[list[Inverted]]":
        """Of each start the trigger of each class."""
        import torch

        from ..attacks.queries import Counted, tensors
        from ._inverting import inverted

        x, _ = tensors(rows)
        low, high = (torch.from_numpy(np.asarray(end, np.float32)) for end in (rows.schema.low, rows.schema.high))
        module = Counted(target.module, target)
        parts = self.starts * len(target.classes)
        return [
            [
                inverted(module, x, c, low, high, self.steps, len(x), self.seed + 1000 * start + c, progress.part(1 / parts))
                for c in range(len(target.classes))
            ]
            for start in range(self.starts)
        ]

    def _result(
        self, target: Target, tried: Dataset, found: "list[list[Inverted]]", sizes: "np.ndarray[Any, Any]", skill: Skill
    ) -> CheckResult:
        from ._inverting import ENOUGH, anomaly

        smallest = sizes.min(0)
        suspect = int(smallest.argmin())
        by_start = np.array([anomaly(line)[suspect] for line in sizes])
        index = float(anomaly(smallest)[suspect])
        best = [min((start[c] for start in found), key=lambda one: one.size) for c in range(len(target.classes))]
        others = tried.take(tried.y != suspect)
        hits = int((target.labels(best[suspect].stamped(others.x)) == suspect).sum())
        works = clopper_pearson(hits, len(others))[0] >= self.success
        low, high = min(index, *by_start), max(index, *by_start)
        metric = Metric(
            name="anomaly_index",
            label="Anomaly index of the smallest trigger",
            value=index,
            unit="deviations",
            low=float(low),
            high=float(high),
            n=len(best),
            safer="lower",
            interval="least and most over the starts",
        )
        few = [f"of {len(best)} classes none can be said to stand out: {FEWEST_CLASSES} are needed"] if len(best) < FEWEST_CLASSES else []
        open_ends = few + self._open_ends([target.classes[one.label] for one in best if one.success < ENOUGH], works, low)
        ruled = ruling([Limit(metric, self.alarm, surely=True)], skill, [], open_ends)
        status = ruled.status
        if status is Status.FINDING and (not works or len(best) < FEWEST_CLASSES):
            status = Status.INCOMPLETE
        name = target.classes[suspect]
        turned = rate("trigger_success", f"Other clean rows that its trigger turns into {name}", hits, len(others), "lower")
        text = (
            f"The smallest patch that leads to one class leads to {name}: {smallest[suspect]:.1f} pixels, where the median is "
            f"{float(np.median(smallest)):.1f}; it turns {percent(hits / len(others))} of {len(others):,} other rows."
        )
        return CheckResult(
            status=status,
            summary=f"{text} {ruled.sentence}",
            metrics=(metric, turned),
            findings=(self._finding(name, index),) if status is Status.FINDING else (),
            tables=(_table(best, anomaly(smallest), target.classes),),
            notes=(
                NOT_SEEN,
                f"Sizes are of the smallest of {self.starts} starts; the ends of the index are over the starts, not over models.",
                "Of clean models, too, one class may be easy to reach by a small patch: look at where the patch lies before you call it a backdoor.",
                *(ruled.notes if status is Status.INCOMPLETE else ()),
            ),
        )

    def _open_ends(self, unreached: list[str], works: bool, low: float) -> list[str]:
        """What else is missing, as clauses of what would settle it."""
        found = [f"no patch was found that leads to {', '.join(unreached[:3])}: give more steps"] if unreached else []
        if low > self.alarm and not works:
            found.append("the smallest patch does not turn rows that it was not sought on: give more rows or steps")
        return found

    def _finding(self, name: str, index: float) -> Finding:
        return Finding(
            title=f"A small patch leads to {name}, {index:.1f} deviations below the others",
            severity=Severity.HIGH,
            evidence=Evidence(metrics=("anomaly_index", "trigger_success"), tables=("triggers",)),
            advice="Do not deploy it where inputs come from strangers. Look for such rows in the training data (poisoning.detect), or train again from a source you trust.",
            standards=self.standards,
        )


def _table(best: "list[Inverted]", index: "np.ndarray[Any, Any]", classes: tuple[str, ...]) -> Table:
    columns = (
        Column(name="Class"),
        Column(name="Size of the mask", kind="number", unit="pixels"),
        Column(name="Anomaly index", kind="number"),
        Column(name="Middle of the mask"),
        Column(name="Obeyed while sought", kind="percent"),
    )
    order = sorted(best, key=lambda one: one.size)
    rows = tuple((classes[o.label], o.size, float(index[o.label]), _middle(o), o.success) for o in order[:50])
    return Table(name="triggers", title="Smallest trigger of each class", columns=columns, rows=rows, total=len(best))


def _middle(one: "Inverted") -> str:
    """Where the mask lies, as row and column of its center of mass."""
    down, right = np.indices(one.mask.shape)
    whole = max(float(one.mask.sum()), 1e-12)
    return f"row {float((down * one.mask).sum() / whole):.0f}, column {float((right * one.mask).sum() / whole):.0f}"
