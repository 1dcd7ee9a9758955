"""The base classes of evasion checks: they draw the rows, call the attack, and make metrics, tables, charts and findings of its outcome."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..check import CampaignGoal, Check, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..errors import Problem, Unavailable
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import bootstrap, rate, rate_by_row
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.decision import LargestScore, Prediction
from ..targets.target import Target
from . import showing
from ._counts import alone, spending, zero_gradient
from ._earning import unsettled
from ._evaluation import Line, as_table, clean, kept_in_ball, not_asked, of_gradients, repeated
from ._notes import MASKED, Asked, notes
from ._reach import answered, movable, one_number
from ._relations import keeping, kept_relations, related_notes
from ._spending import Allowed, kept_limits
from .outcome import AttackOutcome, drawn, held_out
from .rows_file import ROWS, packed

if TYPE_CHECKING:
    import torch

    from ..attacks.aim import Aim
    from ..attacks.perturbation_space import PerturbationSpace

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
SEVERITIES = ((0.5, Severity.HIGH), (0.2, Severity.MEDIUM), (0.0, Severity.LOW))
ADVICE = (
    "Train against the attack (adversarial training) and measure again, the other risks too; meanwhile keep inputs to their valid ranges, "
    "limit how many queries a client may make, and do not let this prediction alone decide."
)
BLACK_BOX = (
    "OWASP ML01:2023",
    "AITG-MOD-01",
    "AML.T0015",
    "AML.T0043.001",
    "NISTAML.025",
    "EU AI Act Art. 15(5)",
    "AI RMF MEASURE 2.7",
)
WORDS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}


class Evasion(Check):
    """Base class of every evasion check.

    A subclass writes ``find_adversarial``, which attacks the rows it is given, and ``estimate``. This class draws the rows, asks the target
    before and after, and makes the result: metrics, the security curve over eps, tables, pictures and findings.
    """

    standards: ClassVar[tuple[str, ...]] = (
        "OWASP ML01:2023",
        "AITG-MOD-01",
        "AML.T0015",
        "AML.T0043.000",
        "NISTAML.022",
        "EU AI Act Art. 15(5)",
        "AI RMF MEASURE 2.7",
    )
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    averages_noise: ClassVar[bool] = True
    headline: ClassVar[str] = "robust_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy", "median_change"})

    renamed: ClassVar[Mapping[str, str]] = {"budget": "eps"}

    norm: Literal["linf", "l2", "l1"] = parameter(
        "linf", "How the size of a change is measured: its largest coordinate, its Euclidean length, or the sum of its coordinates"
    )
    eps: float = parameter(
        0.1, "How far a row may be moved, as a share of each feature's range (linf) or in whole ranges (l2, l1)", "ranges", gt=0, le=100
    )
    rows: int = parameter(300, "Rows to attack, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    flips: int = parameter(1, "Tables: categorical features that may be changed in a row besides the numbers", "features", ge=0, le=50)
    max_changes: int = parameter(0, "Tables: columns that may be changed in a row, derived ones aside; 0: any", "columns", ge=0, le=10_000)
    max_cost: float = parameter(0.0, "Tables: what changing a row may cost by the schema's costs; 0: any amount", "money", ge=0, le=1e12)
    curve: bool = parameter(True, "Also attack at other sizes of a change, up to twice eps, for the security curve")
    only: str = parameter("", "Attack rows of this true class only; empty: of every class", source="classes")
    goal: str = parameter("", "Class that an attacked row is to be answered with; empty: any but its own", source="classes")
    accept: float = parameter(0.05, "Share of fooled rows that is not yet a finding", ge=0, le=1)

    @model_validator(mode="after")
    def _within_range(self) -> Self:
        if self.norm == "linf" and self.eps > 1:
            raise ValueError(f"with linf, eps is a share of the range, at most 1; found {self.eps:g}")
        return self

    @abstractmethod
    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        """Attack the rows of ``sample``; `run` calls it once.

        Parameters
        ----------
        labels : (n,)
            What the target answers on the rows as they are. Rows that it gets wrong need no attack.
        space
            Which columns may be changed, and how far.
        """

    def eps_values(self, largest: float, groups: int) -> tuple[float, ...]:
        """The values of eps to attack at, ascending; the one asked for is among them, and 0 where categories alone may be changed."""
        alone = {0.0} if groups and self.flips else set()
        return tuple(sorted(alone | {min(self.eps * share, largest) for share in (SHARES if self.curve else (1.0,))}))

    def space(self, data: Dataset, target: Target) -> "PerturbationSpace":
        """What may be moved; a `Problem` where that is nothing, or eps is beyond the range."""
        from ..attacks.perturbation_space import PerturbationSpace
        from ..attacks.spending import limited

        space = PerturbationSpace.of(data.schema, self.precision(target)).counting(self.norm, self.flips).grained(target.grain)
        space = limited(space, data.schema, self.allowed.limits(data.schema))
        largest = space.largest(self.norm)
        if space.dimensions and self.eps > largest:
            expected = f"a {self.norm} eps of at most {largest:g}, the whole range of all {space.dimensions} features"
            raise Problem(expected, f"{self.eps:g}", "Choose a smaller eps")
        if not space.dimensions and not (space.parts and self.flips):
            raise Problem("a feature that an attacker may change", "none", "Mark features as mutable in the schema, or allow flips")
        return space

    @property
    def allowed(self) -> Allowed:
        """What the changes of a row may take, in columns and in money."""
        return Allowed(self.max_changes, self.max_cost)

    def precision(self, target: Target) -> "torch.dtype":
        """Of the numbers that the attack counts with: float64, but float32 for images and for a module that eats no more."""
        import torch

        from ..targets.module_input import exact

        coarse = "gradients" in self.needs and not exact(target.module)
        return torch.float32 if target.schema.images or coarse else torch.float64

    def aim(self, classes: tuple[str, ...]) -> "Aim":
        """What the attack is after, from `goal`."""
        from ..attacks.aim import Aim
        from ..attacks.triggers import goal_class

        return Aim(goal_class(self.goal, classes) if self.goal else None)

    def eligible(self, data: Dataset) -> NDArray[np.intp]:
        """Indices of the rows that may be attacked: held-out ones of the class `only`, and none of the class `goal`."""
        from ..attacks.triggers import goal_class

        rows, classes = keeping(data, held_out(data)), data.schema.classes
        if self.only:
            rows = rows[data.y[rows] == goal_class(self.only, classes)]
        return rows[data.y[rows] != goal_class(self.goal, classes)] if self.goal else rows

    def attacked(self, data: Dataset) -> Dataset:
        """The rows to attack; `Unavailable` where there is none of the classes asked for."""
        rows = self.eligible(data)
        if len(rows) == 0:
            raise Unavailable(f"{data.known} {self._which}".strip(), "none", "Choose another class, or give such rows")
        return drawn(data, self.rows, self.seed, rows)

    @property
    def _which(self) -> str:
        """Which rows are attacked, as words behind ``rows``; empty where all are."""
        return f"of class {self.only!r}" if self.only else f"of other classes than {self.goal!r}" if self.goal else ""

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        """Draw rows, attack them, ask the target what it answers on the rows found, check the evaluation, and make the result."""
        import torch

        from ..attacks.expectation import drawing, draws, settled_answers
        from ..attacks.steady import steady_rows
        from ._settling import settled

        space = self.space(data, target)
        asked = self.attacked(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            steady = steady_rows(target, asked.x)
            sample = asked.take(steady)
            with drawing(target, draws(target, sample.x)):
                before = settled_answers(target, sample.x)
                outcome = self.find_adversarial(target, sample, before.labels, space, progress)
                outcome, after = settled(target, self.aim(sample.schema.classes), sample, outcome, self.eps)
                skill = self._skill(target, data, sample, before)
                aimed = answered(target, data, self.goal, drawn(data, self.rows, self.seed))
                outcome = replace(outcome, lines=(*self._lines(target, sample, before, outcome, space, skill), *aimed))
                result = self._result(target, data, sample, before, after, outcome, space, skill)
        aside = len(asked) - len(sample)
        kept = {"artifacts": {ROWS: progress.keep(ROWS, packed(sample, outcome.x, after.labels))}}
        note = f"Set aside, for the model raises or gives no number on them: {aside} of {len(asked)} rows."
        return result.model_copy(update={**kept, "notes": (note, *result.notes) if aside else result.notes})

    def _lines(
        self, target: Target, sample: Dataset, before: Prediction, outcome: AttackOutcome, space: "PerturbationSpace", skill: Skill
    ) -> tuple[Line, ...]:
        """The checks of this evaluation: what every check asks, and what the attack itself asked."""
        from ..attacks.expectation import repeats

        right = outcome.fooled_at >= 0
        fooled = right & (outcome.fooled_at <= self.eps)
        own = outcome.lines or (*self._gradient_lines(target, sample, space), *not_asked())
        return (
            *repeated(target, sample, before, repeats(target) > 1),
            clean(target, sample, right, skill),
            movable(sample, right, space, one_number(self.norm, self.eps), self.allowed, self.flips),
            kept_in_ball(sample, outcome.x, fooled, space, self.norm, self.eps),
            *kept_relations(sample, outcome.x, fooled),
            *kept_limits(self.allowed, sample, outcome.x, fooled),
            *own,
        )

    def _gradient_lines(self, target: Target, sample: Dataset, space: "PerturbationSpace") -> tuple[Line, ...]:
        """What a probe says of the gradients that the attack was led by."""
        from ..attacks.gradient_probe import probe
        from ..attacks.queries import tensors

        if "gradients" not in self.needs or not space.dimensions:
            return of_gradients(None)
        x, y = tensors(sample, self.precision(target))
        return of_gradients(probe(target.module, x, y, space, self.norm, self.eps, self.seed), entropy=True)

    def weakness(self, images: bool) -> str:
        """Why this attack has not the strength that a pass needs, in words; empty where it has."""
        return ""

    def _skill(self, target: Target, data: Dataset, sample: Dataset, before: Prediction) -> Skill:
        """What the model can do without attack: on the rows attacked, or where these are of some classes only on rows of all."""
        from ..attacks.expectation import labels

        if not self._which:
            return Skill.of(sample.y, before.labels == sample.y, sample.schema.classes)
        every = drawn(data, self.rows, self.seed)
        return Skill.of(every.y, labels(target, every.x) == every.y, every.schema.classes)

    def _result(
        self,
        target: Target,
        data: Dataset,
        sample: Dataset,
        before: Prediction,
        after: Prediction,
        outcome: AttackOutcome,
        space: "PerturbationSpace",
        skill: Skill,
    ) -> CheckResult:
        right = outcome.fooled_at >= 0
        fooled = right & (outcome.fooled_at <= self.eps)
        metrics = self._metrics(sample, outcome, right, fooled, space, skill)
        share = fooled.sum() / max(right.sum(), 1)
        size = self.sized(sample)
        shown = showing.Shown(sample, outcome.x, before, after, right, fooled, "scores" in target.offers)
        weak = self.weakness(sample.schema.images)
        reasons = unsettled(int(fooled.sum()), int(right.sum()), self.accept, weak, outcome.lines) if right.any() else ()
        masked = 0.0 if outcome.zero_gradient is None else outcome.zero_gradient.sum() / max(right.sum(), 1)
        return CheckResult(
            status=self._status(share, masked, skill, int(right.sum()), reasons),
            summary=self._summary(metrics, data.known, share, masked, skill, size) + self._rule(target) + self._open(share, skill, reasons),
            metrics=metrics,
            findings=self._findings(share, size),
            tables=(
                showing.classes(shown),
                as_table(outcome.lines),
                *outcome.tables,
                *(() if sample.schema.images else (showing.changes(shown), showing.moved(shown))),
            ),
            charts=(*((showing.curve(outcome.fooled_at, outcome.eps_values, self.norm),) if self.curve else ()), *outcome.charts),
            galleries=(showing.gallery(shown),) if sample.schema.images and fooled.any() else (),
            notes=(
                *notes(Asked(self._which, self.rows, self.goal, self.flips), target, data, sample, space, masked, skill),
                *related_notes(data, space),
            ),
        )

    def _metrics(
        self,
        sample: Dataset,
        outcome: AttackOutcome,
        right: NDArray[np.bool_],
        fooled: NDArray[np.bool_],
        space: "PerturbationSpace",
        skill: Skill,
    ) -> tuple[Metric, ...]:
        return (
            rate_by_row("robust_accuracy", self.measure(sample), right & ~fooled, sample.fingerprint, "higher"),
            rate_by_row("clean_accuracy", "Clean accuracy", right, sample.fingerprint, "higher"),
            rate("success_rate", "Attack success rate", int(fooled.sum()), int(right.sum()), "lower"),
            self._change(sample, outcome, fooled, space),
            *spending(sample, outcome.x, fooled, self.allowed, self.median),
            *alone(outcome, right, self.flips),
            *zero_gradient(outcome, right),
            rate("majority_accuracy", "Majority-class baseline", skill.common, skill.n, "none"),
        )

    def _change(self, sample: Dataset, outcome: AttackOutcome, fooled: NDArray[np.bool_], space: "PerturbationSpace") -> Metric:
        n = int(fooled.sum())
        note = "no number may be moved" if n else "no row was fooled"
        sizes = self._sizes(sample.take(fooled), outcome.x[fooled], space) if n and space.dimensions else np.full(n, np.inf)
        return self.median("median_change", "Median change of the numbers in fooled rows", sizes, note)

    def _sizes(self, was: Dataset, now: Rows, space: "PerturbationSpace") -> NDArray[np.float64]:
        import torch

        from ..attacks.norms import length

        one, other = (torch.from_numpy(encoding_of(was.schema).encode(x, np.float64, holding=True)) for x in (was.x, now))
        return length(space.change(one, other), self.norm).numpy()

    def median(self, name: str, label: str, sizes: NDArray[np.float64], note: str, unit: str = "ranges") -> Metric:
        """The median of ``sizes`` (n,) in ``unit`` with its bootstrap interval; ``inf`` is a size not found, ``note`` why there is none."""
        n, found = len(sizes), np.isfinite(sizes)
        if n == 0 or not np.isfinite(np.median(sizes)):
            return Metric(name=name, label=label, value=None, unit=unit, n=n, safer="higher", note=note)
        shown = np.where(found, sizes, sizes[found].max())
        low, high = bootstrap(lambda rows: float(np.median(shown[rows])), n, np.random.default_rng(self.seed))
        return Metric(
            name=name,
            label=label,
            value=float(np.median(shown)),
            unit=unit,
            low=low,
            high=high,
            level=0.95,
            n=n,
            safer="higher",
            interval="bootstrap",
        )

    def sized(self, sample: Dataset) -> str:
        """Norm and eps in words, for summaries and findings: ``L∞ 0.1 of each range``."""
        size = f"{WORDS[self.norm]} {self.eps:g}"
        size = size if sample.schema.images or self.norm != "linf" else f"{size} of each range"
        return size + self.allowed.words

    def measure(self, sample: Dataset) -> str:
        """What its robust accuracy measures, with the attack and its budget: another attack or budget is another measure."""
        groups = 0 if sample.schema.images else min(self.flips, sum(f.grouped and f.mutable for f in sample.schema.features))
        flips = f", up to {groups} categor{'y' if groups == 1 else 'ies'}" if groups else ""
        return f"Robust accuracy ({self.title}, {self.sized(sample)}{flips})"

    def _status(self, share: float, masked: float, skill: Skill, right: int, reasons: tuple[str, ...]) -> Status:
        return status_of(right > 0 and share > self.accept, right == 0 or masked > MASKED or not skill.above or bool(reasons))

    def _open(self, share: float, skill: Skill, reasons: tuple[str, ...]) -> str:
        """What keeps this from a pass, as a sentence; empty where it is one, or a finding."""
        if not reasons or share > self.accept or not skill.above:
            return ""
        return f" That is no pass yet: {'; '.join(reasons)}."

    def _summary(self, metrics: tuple[Metric, ...], known: str, share: float, masked: float, skill: Skill, size: str) -> str:
        robust, clean = metrics[0], metrics[1]
        rows = f"{known} {self._which}".strip()
        if clean.value == 0:
            return f"The model classifies none of the {rows} rightly, so there is nothing to attack."
        if not skill.above and share <= self.accept:
            return f"No robustness is shown, for there is nothing to attack: without attack {skill.fact}. {skill.advice}"
        aimed = f" that aim at {self.goal!r}" if self.goal else ""
        text = (
            f"Under changes of {size}{aimed} the model keeps {percent(robust.value)} of {clean.n} {rows} right "
            f"({percent(robust.low)} to {percent(robust.high)}), down from {percent(clean.value)}."
        )
        return text + (" Gradient masking is suspected, so the true figure may be lower." if masked > MASKED else "")

    def _rule(self, target: Target) -> str:
        """The decision rule in force as a sentence, where it is one that a person chose."""
        chosen = target.decision is not None and not isinstance(target.decision, LargestScore)
        return f" Decided by: {target.rule}." if chosen else ""

    def _findings(self, share: float, size: str) -> tuple[Finding, ...]:
        if share <= self.accept:
            return ()
        severity = next(level for least, level in SEVERITIES if share > least or least == 0.0)
        return (
            Finding(
                title=f"Valid rows changed by at most {size} fool the model in {100 * share:.0f} % of cases",
                severity=severity,
                evidence=Evidence(metrics=("robust_accuracy",)),
                advice=ADVICE,
                standards=self.standards,
                defense="evasion.adversarial_training",
            ),
        )
