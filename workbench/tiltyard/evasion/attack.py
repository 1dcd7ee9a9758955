"""The base classes of evasion checks: they draw the rows, call the attack, and make metrics, tables, charts and findings of its outcome."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.encoding import encoding_of
from ..datasets.schema import Rows
from ..errors import Problem
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Metric, Severity, Status
from ..statistics.intervals import bootstrap, rate, rate_by_row
from ..statistics.majority import Skill
from ..targets.decision import Prediction
from ..targets.target import Target
from . import showing
from .rows_file import ROWS, packed

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ..attacks.perturbation_space import Attacked, PerturbationSpace

SHARES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
SEVERITIES = ((0.5, Severity.HIGH), (0.2, Severity.MEDIUM), (0.0, Severity.LOW))
ADVICE = (
    "Train against the attack (adversarial training) and measure again, the other risks too; meanwhile keep inputs to their valid ranges, "
    "limit how many queries a client may make, and do not let this prediction alone decide."
)
MASKED = 0.1
BLACK_BOX = (
    "OWASP ML01:2023",
    "AITG-MOD-01",
    "AML.T0015",
    "AML.T0043.001",
    "NISTAML.025",
    "EU AI Act Art. 15(5)",
    "AI RMF MEASURE 2.7",
)
WORDS = {"linf": "L∞", "l2": "L2", "l1": "L1"}


@dataclass(frozen=True)
class AttackOutcome:
    """What an attack found, row by row; `Evasion.find_adversarial` gives it and `Evasion.run` makes the result of it.

    Attributes
    ----------
    x : (n, *shape)
        The strongest valid row found within eps; the row itself where none fools the model. Of the dtype that the data set's rows have.
    fooled_at : (n,)
        The smallest of the ``eps_values`` at which the model was fooled: 0 by changed categories alone, inf at none, -1 for a row
        that the model got wrong before the attack.
    eps_values
        The sizes of a change that were tried, ascending, in ranges.
    zero_gradient : (n,)
        Rows whose gradient was zero although the model reacts to changes; None for attacks that use no gradient.
    size : (n,)
        The smallest change that fools the model, in ranges, inf where none was found; None for attacks that do not look for it.
    """

    x: Rows
    fooled_at: NDArray[np.float64]
    eps_values: tuple[float, ...]
    zero_gradient: NDArray[np.bool_] | None = None
    size: NDArray[np.float64] | None = None


def held_out(data: Dataset) -> NDArray[np.intp]:
    """Indices of the rows known not to be trained on; of all rows where nobody knows."""
    return np.arange(len(data)) if data.member is None or data.member.all() else np.flatnonzero(~data.member)


def drawn(data: Dataset, n: int, seed: int) -> Dataset:
    """``n`` held-out rows in random order; copies no more than these, however many rows there are."""
    rows = held_out(data)
    return data.take(rows[np.random.default_rng(seed).permutation(len(rows))[:n]])


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
    headline: ClassVar[str] = "robust_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy", "median_change"})

    renamed: ClassVar[Mapping[str, str]] = {"budget": "eps"}

    norm: Literal["linf", "l2", "l1"] = parameter(
        "linf", "How the size of a change is measured: its largest coordinate, its Euclidean length, or the sum of its coordinates"
    )
    eps: float = parameter(
        0.1, "How far a row may be moved, as a share of each feature's range (linf) or in whole ranges (l2, l1)", "ranges", gt=0, le=100
    )
    rows: int = parameter(300, "Rows to attack, drawn at random from those not trained on", "rows", ge=1, le=100_000)
    flips: int = parameter(1, "Tables: categorical features that may be changed in a row besides the numbers", "features", ge=0, le=50)
    curve: bool = parameter(True, "Also attack at other sizes of a change, up to twice eps, for the security curve")
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

    def space(self, data: Dataset) -> "PerturbationSpace":
        """What may be moved; a `Problem` where that is nothing, or eps is beyond the range."""
        from ..attacks.perturbation_space import PerturbationSpace

        space = PerturbationSpace.of(data.schema, self.precision(data))
        largest = space.largest(self.norm)
        if space.dimensions and self.eps > largest:
            expected = f"a {self.norm} eps of at most {largest:g}, the whole range of all {space.dimensions} features"
            raise Problem(expected, f"{self.eps:g}", "Choose a smaller eps")
        if not space.dimensions and not (space.parts and self.flips):
            raise Problem("a feature that an attacker may change", "none", "Mark features as mutable in the schema, or allow flips")
        return space

    def precision(self, data: Dataset) -> "torch.dtype":
        """Of the numbers that the attack counts with: float32 for a module and for images, float64 for a table behind a black box."""
        import torch

        return torch.float32 if data.schema.images or "gradients" in self.needs else torch.float64

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        """Draw rows, attack them, ask the target what it answers on the rows found, and make the result."""
        space = self.space(data)
        sample = drawn(data, self.rows, self.seed)
        before = target.predictions(sample.x)
        outcome = self.find_adversarial(target, sample, before.labels, space, progress)
        after = target.predictions(outcome.x)
        result = self._result(target, data, sample, before, after, outcome, space)
        return result.model_copy(update={"artifacts": {ROWS: progress.keep(ROWS, packed(sample, outcome.x, after.labels))}})

    def _result(
        self,
        target: Target,
        data: Dataset,
        sample: Dataset,
        before: Prediction,
        after: Prediction,
        outcome: AttackOutcome,
        space: "PerturbationSpace",
    ) -> CheckResult:
        right = outcome.fooled_at >= 0
        fooled = right & (outcome.fooled_at <= self.eps)
        metrics = self._metrics(sample, outcome, right, fooled, space)
        share = fooled.sum() / max(right.sum(), 1)
        size = self.sized(sample)
        skill = Skill.of(sample.y, right, sample.schema.classes)
        shown = showing.Shown(sample, outcome.x, before, after, right, fooled, "scores" in target.offers)
        masked = 0.0 if outcome.zero_gradient is None else outcome.zero_gradient.sum() / max(right.sum(), 1)
        return CheckResult(
            status=self._status(share, masked, skill),
            summary=self._summary(metrics, size, share, masked, skill),
            metrics=metrics,
            findings=self._findings(share, size),
            tables=(showing.classes(shown), *(() if sample.schema.images else (showing.changes(shown), showing.moved(shown)))),
            charts=(showing.curve(outcome.fooled_at, outcome.eps_values, self.norm),) if self.curve else (),
            galleries=(showing.gallery(shown),) if sample.schema.images and fooled.any() else (),
            notes=self._notes(data, sample, space, masked, skill),
        )

    def _metrics(
        self, sample: Dataset, outcome: AttackOutcome, right: NDArray[np.bool_], fooled: NDArray[np.bool_], space: "PerturbationSpace"
    ) -> tuple[Metric, ...]:
        return (
            rate_by_row("robust_accuracy", "Robust accuracy", right & ~fooled, sample.fingerprint, "higher"),
            rate_by_row("clean_accuracy", "Clean accuracy", right, sample.fingerprint, "higher"),
            rate("success_rate", "Attack success rate", int(fooled.sum()), int(right.sum()), "lower"),
            self._change(sample, outcome, fooled, space),
            *self._alone(outcome, right),
            *self._zero_gradient(outcome, right),
            rate("majority_accuracy", "Majority-class baseline", int(np.bincount(sample.y).max()), len(sample), "none"),
        )

    def _alone(self, outcome: AttackOutcome, right: NDArray[np.bool_]) -> tuple[Metric, ...]:
        if outcome.eps_values[0] > 0:
            return ()
        hits = int((outcome.fooled_at == 0).sum())
        return (
            rate(
                "categories_alone",
                f"Rows fooled by changed categories alone (up to {self.flips} in a row)",
                hits,
                int(right.sum()),
                "lower",
            ),
        )

    def _zero_gradient(self, outcome: AttackOutcome, right: NDArray[np.bool_]) -> tuple[Metric, ...]:
        if outcome.zero_gradient is None:
            return ()
        label = "Zero-gradient rows, though the model reacts"
        return (rate("zero_gradient_rows", label, int(outcome.zero_gradient.sum()), int(right.sum()), "lower"),)

    def _change(self, sample: Dataset, outcome: AttackOutcome, fooled: NDArray[np.bool_], space: "PerturbationSpace") -> Metric:
        n = int(fooled.sum())
        note = "no number may be moved" if n else "no row was fooled"
        sizes = self._sizes(sample.take(fooled), outcome.x[fooled], space) if n and space.dimensions else np.full(n, np.inf)
        return self.median("median_change", "Median change of the numbers in fooled rows", sizes, note)

    def _sizes(self, was: Dataset, now: Rows, space: "PerturbationSpace") -> NDArray[np.float64]:
        import torch

        from ..attacks.norms import length

        one, other = (torch.from_numpy(encoding_of(was.schema).encode(x, np.float64)) for x in (was.x, now))
        return length(space.change(one, other), self.norm).numpy()

    def median(self, name: str, label: str, sizes: NDArray[np.float64], note: str) -> Metric:
        """The median of ``sizes`` (n,) in ranges with its bootstrap interval; ``inf`` is a size not found, ``note`` why there is none."""
        unit, n, found = "ranges", len(sizes), np.isfinite(sizes)
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
        return size if sample.schema.images or self.norm != "linf" else f"{size} of each range"

    def _status(self, share: float, masked: float, skill: Skill) -> Status:
        if skill.right == 0:
            return Status.INCOMPLETE
        if share > self.accept:
            return Status.FINDING
        return Status.INCOMPLETE if masked > MASKED or not skill.above else Status.PASSED

    def _summary(self, metrics: tuple[Metric, ...], size: str, share: float, masked: float, skill: Skill) -> str:
        robust, clean = metrics[0], metrics[1]
        if skill.right == 0:
            return "The model classifies none of the rows rightly, so there is nothing to attack."
        if not skill.above and share <= self.accept:
            return f"No robustness is shown, for there is nothing to attack: without attack {skill.fact}. {skill.advice}"
        text = (
            f"Under changes of {size} the model keeps {percent(robust.value)} of {clean.n} rows right "
            f"({percent(robust.low)} to {percent(robust.high)}), down from {percent(clean.value)}."
        )
        return text + (" Gradient masking is suspected, so the true figure may be lower." if masked > MASKED else "")

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

    def _notes(self, data: Dataset, sample: Dataset, space: "PerturbationSpace", masked: float, skill: Skill) -> tuple[str, ...]:
        notes = [] if skill.above else [f"Robust accuracy says little here: without attack {skill.fact}."]
        if data.member is None or data.member.all():
            notes.append("Which rows were trained on is not known, so the rows attacked may be among them.")
        if len(sample) < self.rows:
            notes.append(f"Only {len(sample)} rows were there to attack, not {self.rows}.")
        if not sample.schema.images:
            fixed = [f.name for f in data.schema.features if not f.mutable]
            notes.append(
                f"Never changed: {', '.join(fixed) or 'none'}. Whole numbers stay whole; categories changed in a row: up to {self.flips}."
            )
            notes.append("In each row that fools, changes that were not needed are taken back before it is shown.")
        if not sample.schema.images and not space.dimensions:
            notes.append("No number may be moved, so eps has no effect.")
        if masked > MASKED:
            notes.append(
                f"The gradient is zero on {100 * masked:.0f} % of the rows although the model reacts to changes: gradient masking. "
                "Robust accuracy is then an upper bound only; run an attack that needs no gradient."
            )
        notes.append("Robust accuracy is what this attack could not break; a stronger attack can only lower it.")
        return tuple(notes)


class AtEachEps(Evasion):
    """Base class of attacks that search within a given eps (FGSM, PGD, Square): write ``attack`` and ``passes``.

    This class calls ``attack`` at one eps after the other, each time on the rows that no smaller eps fooled.
    """

    @abstractmethod
    def attack(
        self, module: "nn.Module", x: "Tensor", y: "Tensor", space: "PerturbationSpace", eps: float, progress: Progress
    ) -> "Attacked":
        """The strongest valid rows within ``eps`` of x (n, *shape), which the target classifies rightly as y (n,)."""

    @abstractmethod
    def passes(self, flips: int) -> int:
        """How often a row is sent through the model at one eps, at most; ``flips`` groups may change."""

    def access(self, target: Target) -> "nn.Module":
        """What the attacker sees of the target: its module, with gradients."""
        from ..attacks.queries import Counted

        return Counted(target.module)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Times one small batch; an upper bound, as rows that are fooled early are not attacked at a larger eps."""
        n = min(self.rows, len(held_out(data)))
        groups = len(self.space(data).parts)
        times = self.passes(min(self.flips, groups)) * len(self.eps_values(100.0, groups))
        return Estimate(n * times, self.seconds_per_row(target, data) * n * times, "at most; rows that are fooled early cost less")

    def seconds_per_row(self, target: Target, data: Dataset) -> float:
        """What one pass of one row costs, by the gradient."""
        from ..attacks.queries import seconds_per_row

        return seconds_per_row(target.module, data, self.norm)

    def find_adversarial(
        self, target: Target, sample: Dataset, labels: NDArray[np.int64], space: "PerturbationSpace", progress: Progress
    ) -> AttackOutcome:
        from ..attacks.categorical_moves import pruned
        from ..attacks.perturbation_space import Attacked
        from ..attacks.queries import rows_of, tensors, zero_gradient_rows

        x, y = tensors(sample, self.precision(sample))
        module = self.access(target)
        right = labels == sample.y
        fooled_at = np.where(right, np.inf, -1.0)
        best = sample.x.copy()
        zero_gradient = np.zeros(len(sample), bool)
        eps_values = self.eps_values(space.largest(self.norm) if space.dimensions else 1.0, len(space.parts))
        for eps in eps_values:
            part = progress.part(1 / len(eps_values))
            left = np.flatnonzero(np.isinf(fooled_at))
            if len(left) == 0:
                break
            found: Attacked = self.attack(module, x[left], y[left], space, eps, part)
            if not sample.schema.images:
                found = pruned(module, found, x[left], y[left], tuple(encoding_of(sample.schema).slices.values()))
            rows = rows_of(found.x, sample.schema, sample.x[left])
            fooled = target.labels(rows) != sample.y[left]
            fooled_at[left[fooled]] = eps
            if eps <= self.eps * (1 + 1e-9):
                best[left] = rows
            if eps == self.eps:
                zero_gradient[left] = zero_gradient_rows(module, found, x[left], space, self.norm, eps, self.seed)
        target.count(getattr(module, "rows", 0))
        return AttackOutcome(best, fooled_at, eps_values, zero_gradient & np.isinf(fooled_at))
