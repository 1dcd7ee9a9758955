"""Thresholds per group on the scores of the model as it is: no training, and the group must be known when it is asked."""

from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..check import parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..defense import Defended, Defense
from ..errors import Problem
from ..progress import Progress
from ..targets.target import Target
from ..targets.wrapper import Own
from .belonging import Read, belonging_of, halves, reading, sensitive_column, two_classes, written_reading
from .favorable import favorable
from .group_metrics import STANDARDS
from .groups import judged, together
from .mitigation import Accepted, Mitigated, compared
from .randomized import RandomizedTarget
from .thresholds import ByGroup, Constraint, Objective, Rule, Rules, fit_rules, from_on


class ThresholdTarget(RandomizedTarget):
    """A base target behind thresholds per group. Trained again, it finds its thresholds again."""

    wraps: ClassVar[str] = "thresholds"

    def __init__(self, base: Target, chances: ByGroup, defense: "ThresholdOptimizer") -> None:
        super().__init__(f"{base.name}, thresholds by {chances.read.column}", base, chances, chances.positive, defense.seed)
        self.defense = defense
        self.read = chances.read
        self.rules = chances.rules
        self.given, self.doubts, self.noise = base.given, base.doubts, base.noise
        if "training" in base.offers:
            self.offers = self.offers | {"training"}

    def own(self) -> Own:
        read, values = written_reading(self.read)
        return Own(
            {
                "positive": self.positive,
                "read": read,
                "rules": {name: rule.written() for name, rule in sorted(self.rules.items())},
                "found_by": self.defense.model_dump(mode="json"),
                "found": bool(self.fitted_here),
            },
            values,
        )

    @classmethod
    def around(cls, inner: Target, own: Own) -> Self:
        given = own.settings
        positive, defense = int(given["positive"]), ThresholdOptimizer(**given["found_by"])
        if len(inner.classes) != 2 or positive not in (0, 1):
            raise ValueError("one of two classes as the favorable outcome")
        read = reading(given["read"], own.arrays, inner.schema.shape[0])
        rules = {str(name): Rule.read(rule) for name, rule in given["rules"].items()}
        made = cls(inner, ByGroup(inner, positive, read, rules), defense)
        if given["found"] is True:
            made.fitted_here = (
                "Its thresholds were found before it was saved: where those rows are among these, gaps are smaller here than on others."
            )
        return made

    @property
    def rule(self) -> str:
        """The groups that have a threshold of their own; given by hand, with the score from which on."""
        by_hand = self.defense.groups
        each = (
            (f"{n} from {t:g} on" for n, t in sorted(zip(by_hand, self.defense.thresholds, strict=True))) if by_hand else sorted(self.rules)
        )
        return f"thresholds of its scores by {self.read.column}, for {', '.join(each)}"

    def retrain(self, x: Rows, y: NDArray[np.int64], seed: int, progress: Progress) -> Target:
        base = self.inner.retrain(x, y, seed, progress)
        truth = y == self.positive
        groups = self.read(x)
        rules = self.defense.rules(base, x, truth, groups, self.positive)
        return ThresholdTarget(base, ByGroup(base, self.positive, self.read, rules), self.defense)


class ThresholdOptimizer(Defense):
    """Fairlearn's ThresholdOptimizer around any target with scores."""

    id: ClassVar[str] = "fairness.threshold_optimizer"
    title: ClassVar[str] = "Thresholds per group"
    main: ClassVar[tuple[str, ...]] = ("column", "constraint", "tolerance")
    leads: ClassVar[tuple[str, ...]] = ("demographic_parity_after", "demographic_parity_before", "accuracy_change")
    question: ClassVar[str] = "Can the gap be closed without training again?"
    answers: ClassVar[tuple[str, ...]] = ("fairness.groups", "fairness.frontier")
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "sensitive"})
    takes_text: ClassVar[bool] = True
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Hardt, Price and Srebro 2016, arXiv 1610.02413", "Fairlearn ThresholdOptimizer")

    column: str = parameter("", "Sensitive column; empty means the first", source="sensitive")
    constraint: Constraint = parameter("demographic_parity", "What is made equal between groups")
    objective: Objective = parameter("accuracy_score", "What is kept as high as the constraint allows")
    crossed_with: str = parameter(
        "", "A second sensitive column: groups are then those of both together; empty means none", source="sensitive", title="Crossed with"
    )
    groups: tuple[str, ...] = parameter((), "Groups whose thresholds are given by hand; none means that they are found")
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = parameter(
        (), "For each of these groups the score from which on it is given the favorable outcome"
    )
    tolerance: float = parameter(0.0, "Largest gap the thresholds may leave (not for equalized odds)", ge=0.0, le=1.0)
    accepted: float = parameter(0.1, "Gap on rows not fitted on that is still called mitigated, by the end of its interval", ge=0.0, le=1.0)
    price: float = parameter(0.05, "Accuracy that it may cost, by the end of its interval", ge=0.0, le=1.0)
    positive: str = parameter(
        "",
        "The class that is the favorable outcome; empty means the one named with the data, else proposed by the names of label and classes",
        source="classes",
        title="Favorable outcome",
    )
    smallest: int = parameter(30, "Smaller groups are neither fitted to nor compared", "rows", ge=2, le=10_000)
    rows: int = parameter(20_000, "Rows the thresholds are found on, of one half of those not trained on", "rows", ge=100, le=200_000)

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.groups) != len(self.thresholds):
            raise ValueError(f"as many thresholds as groups; found {len(self.groups)} groups and {len(self.thresholds)} thresholds")
        if len(set(self.groups)) < len(self.groups):
            raise ValueError("each group once")
        return self

    def rules(self, base: Target, x: Rows, truth: NDArray[np.bool_], groups: NDArray[np.str_], positive: int) -> Rules:
        """The thresholds given by hand, else those found for the groups with enough rows of both classes."""
        if self.groups:
            return {name: from_on(threshold) for name, threshold in zip(self.groups, self.thresholds, strict=True)}
        scores = base.scores(x)[:, positive]
        kept = np.isin(groups, [g for g in np.unique(groups) if _enough(truth[groups == g], self.smallest)])
        if len(np.unique(groups[kept])) < 2:
            found = f"{len(np.unique(groups[kept]))} of {len(np.unique(groups))}"
            raise Problem(f"two groups with {self.smallest} rows and both classes", found, "Give more rows or another column")
        return fit_rules(scores[kept], truth[kept], groups[kept], self.constraint, self.objective, self.tolerance)

    def apply(self, target: Target, data: Dataset, progress: Progress) -> Defended:
        two_classes(target.classes)
        rng = np.random.default_rng(self.seed)
        columns = self._columns(data)
        read = belonging_of(data, columns)
        column = read.column
        if unknown := sorted(set(self.groups) - set(read.groups)):
            raise Problem(f"groups of {column} ({', '.join(read.groups)})", repr(unknown[0]), "Correct the group")
        hope = favorable(data.schema, self.positive)
        positive = hope.index
        # Not on rows the model was trained on: its scores there are better than they will be, and not alike for all groups.
        fitted, held = halves(data.unseen, self.rows, rng)
        progress.step(0.1, "finding thresholds (seconds; cannot be stopped halfway)")
        rules = self.rules(target, fitted.x, fitted.y == positive, read(fitted.x), positive)
        made = ThresholdTarget(target, ByGroup(target, positive, read, rules), self)
        if not self.groups:
            made.fitted_here = (
                f"Its thresholds were found on {len(fitted):,} of the {len(data.unseen):,} {data.known} here: gaps that are measured on "
                "all of them are smaller than on others."
            )
        progress.step(0.6, "measuring")
        before = judged(target, held, positive, progress.part(0.2))
        after = judged(made, held, positive, progress.part(0.2))
        groups = together(*(held.sensitive[name] for name in columns)) if len(columns) > 1 else held.sensitive[column]
        mitigated = Mitigated(column, groups, before, after, self.smallest, len(fitted), hope, (target.rule, made.rule), halved=True)
        notes = self._notes(read, rules, len(fitted), data.known)
        return Defended(made, compared(mitigated, self.constraint, Accepted(self.accepted, self.price), rng, notes))

    def _columns(self, data: Dataset) -> tuple[str, ...]:
        first = sensitive_column(data, self.column)
        if not self.crossed_with:
            return (first,)
        if self.crossed_with == first:
            raise Problem("another column to cross with", repr(first), "Choose a second one, or none")
        return (first, sensitive_column(data, self.crossed_with))

    def _notes(self, read: Read, rules: Rules, n: int, known: str) -> tuple[str, ...]:
        drawn = any(0 < r.ignore < 1 or (0 < r.p0 < 1 and r.cut0 != r.cut1) for r in rules.values())
        left = sorted(set(read.groups) - set(rules))
        how = f"found on {n:,} {known} and measured on others"
        if self.groups:
            how = "given by hand: where they were chosen on these rows, the gaps will be larger on others"
        found = [
            f"Thresholds {how}; the group is read from the feature {read.feature!r} when the model is asked.",
            "Deciding by group may itself be unlawful where you are: have it looked at.",
        ]
        if drawn:
            found.append(
                "Rows between two thresholds are decided by a coin that is a hash of the row and the seed: the same row "
                "always gets the same answer, and someone who may change the row a little can toss again."
            )
        if left:
            why = "Without a threshold by hand" if self.groups else "Too few rows for a threshold of their own"
            found.append(f"{why}, so the model's answer stands: {', '.join(left)}.")
        return tuple(found)


def _enough(truth: NDArray[np.bool_], smallest: int) -> bool:
    return len(truth) >= smallest and bool(truth.any()) and not bool(truth.all())
