"""The base class of attacks by one change for all rows: fitted on some rows, judged on others."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..errors import Unavailable
from ..formatting.numbers import percent
from ..formatting.raster import png, shades
from ..progress import Progress
from ..result import CheckResult, Evidence, Finding, Gallery, Metric, Picture, Severity, Status
from ..statistics.intervals import rate, rate_by_row
from ..statistics.majority import Skill
from ..statistics.ruling import Limit, Ruling, ruling
from ..targets.decision import Prediction
from ..targets.target import Target
from . import showing
from ._evaluation import Line, as_table, clean, of_gradients, repeated
from ._reach import answered, differing
from ._relations import keeping
from .outcome import drawn, held_out

if TYPE_CHECKING:
    import torch

    from ..attacks.aim import Aim
    from ..attacks.perturbation_space import PerturbationSpace
    from ..attacks.shared_change import Fitted, Shape

ENOUGH_ROWS, ENOUGH_EPOCHS = 100, 4  # to fit on, without which a pass is none
SEVERITIES = ((0.5, Severity.HIGH), (0.2, Severity.MEDIUM), (0.0, Severity.LOW))


@dataclass(frozen=True)
class Parts:
    """Rows to fit the change on and rows to judge it on; ``seen`` of the former were trained on, as far as is known."""

    fit: Dataset
    judged: Dataset
    seen: int = 0


@dataclass(frozen=True)
class Reached:
    """Of the judged rows (n,) which the model had right, which of these the change fools, and which chance of the same size fools."""

    right: NDArray[np.bool_]
    fooled: NDArray[np.bool_]
    by_chance: NDArray[np.bool_]
    x: Rows
    before: Prediction
    after: Prediction


class OneForAll(Check):
    """Base class: it splits the rows, fits what ``shape`` says, judges it beside chance of the same size, and makes the result."""

    needs: ClassVar[frozenset[str]] = frozenset({"labels", "scores", "gradients"})
    standards: ClassVar[tuple[str, ...]] = (
        "OWASP ML01:2023",
        "AITG-MOD-01",
        "AML.T0015",
        "AML.T0043.000",
        "NISTAML.022",
        "EU AI Act Art. 15(5)",
        "AI RMF MEASURE 2.7",
    )
    cost: ClassVar[str] = "seconds to a minute"
    seconds: ClassVar[float] = 20.0
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    averages_noise: ClassVar[bool] = True
    headline: ClassVar[str] = "robust_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy", "chance_rate"})
    leads: ClassVar[tuple[str, ...]] = ("success_rate", "chance_rate")
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20, "fitted_on": 20, "epochs": 1, "restarts": 1}

    rows: int = parameter(
        300, "Rows to judge it on, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000
    )
    fitted_on: int = parameter(500, "Other rows to fit it on; of the trained ones where there are not enough", "rows", ge=1, le=100_000)
    goal: str = parameter("", "Class that every row is to be answered with; empty: any but its own", source="classes")
    epochs: int = parameter(8, "How often each row to fit on is used from each start", "epochs", ge=1, le=1000)
    restarts: int = parameter(
        2, "Random starts; every second one aims at the class that the best so far is answered with", "starts", ge=1, le=100
    )
    accept: float = parameter(0.05, "Share of fooled rows that is not yet a finding, by the upper end of its interval", "share", ge=0, le=1)

    @abstractmethod
    def shape(self, data: Dataset, space: "PerturbationSpace") -> "Shape":
        """What the change is; a `Problem` where none is possible."""

    @abstractmethod
    def sized(self, data: Dataset) -> str:
        """The change with its size in words: ``one change of L∞ 0.1``."""

    @abstractmethod
    def random(self, shape: "Shape", generator: "torch.Generator") -> "torch.Tensor":
        """A change of the same size that nobody fitted."""

    @abstractmethod
    def seen(self, change: "torch.Tensor", data: Dataset) -> NDArray[np.uint8]:
        """The change itself as gray or RGB."""

    @abstractmethod
    def change_tables(self, change: "torch.Tensor", data: Dataset, shown: showing.Shown) -> tuple[Any, ...]:
        """The change itself as tables of the result; none of pictures."""

    def aim(self, classes: tuple[str, ...]) -> "Aim":
        """What the attack is after, from `goal`."""
        from ..attacks.aim import Aim
        from ..attacks.triggers import goal_class

        return Aim(goal_class(self.goal, classes) if self.goal else None)

    def parts(self, data: Dataset) -> Parts:
        """Held-out rows for both, trained rows to fit on where these are too few; none of the class `goal`."""
        aim, rng = self.aim(data.schema.classes), np.random.default_rng(self.seed)
        rows = keeping(data, rng.permutation(held_out(data)))
        rows = rows[data.y[rows] != aim.goal] if aim.goal is not None else rows
        others = np.setdiff1d(np.arange(len(data)), held_out(data))
        others = keeping(data, rng.permutation(others)) if len(others) else others
        others = others[data.y[others] != aim.goal] if aim.goal is not None else others
        judged = rows[: min(self.rows, len(rows) if len(others) else len(rows) // 2)]
        fit = rows[len(judged) :][: self.fitted_on]
        trained = others[: self.fitted_on - len(fit)]
        if len(judged) == 0 or len(fit) + len(trained) == 0:
            raise Unavailable("rows to fit the change on and other rows to judge it on", f"{len(rows)}", "Give more rows")
        return Parts(data.take(np.concatenate([fit, trained])), data.take(judged), len(trained))

    def space(self, data: Dataset) -> "PerturbationSpace":
        """Which columns may be changed, and how far."""
        from ..attacks.perturbation_space import PerturbationSpace

        return PerturbationSpace.of(data.schema)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.expectation import expected, repeats
        from ..attacks.queries import seconds_per_row

        parts = self.parts(data)
        n = len(parts.fit) * self.epochs * self.restarts * repeats(target)
        each = seconds_per_row(expected(target.module, target), parts.fit, "linf") / repeats(target)
        return Estimate(2 * n + 3 * len(parts.judged), each * n * 1.4, judge=3 * len(parts.judged))

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        import torch

        from ..attacks.expectation import answers, drawing, draws

        space = self.space(data)
        shape, parts = self.shape(data, space), self.parts(data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            with drawing(target, draws(target, parts.judged.x)):
                before = answers(target, parts.judged.x)
                found = self._fitted(target, parts.fit, shape, space, progress.part(0.9))
                reached = self._judged(target, parts.judged, before, shape, found.change)
                skill = self._skill(target, data, parts.judged, reached.right)
                lines = self._lines(target, data, parts, reached, space, skill)
        return self._result(target, data, parts, found, reached, lines, skill)

    def _skill(self, target: Target, data: Dataset, judged: Dataset, right: NDArray[np.bool_]) -> Skill:
        """What the model can do without attack: on the judged rows, or where these lack the class aimed at on rows of all."""
        from ..attacks.expectation import labels

        if not self.goal:
            return Skill.of(judged.y, right, judged.schema.classes)
        every = drawn(data, self.rows, self.seed)
        return Skill.of(every.y, labels(target, every.x) == every.y, every.schema.classes)

    def _fitted(self, target: Target, rows: Dataset, shape: "Shape", space: "PerturbationSpace", progress: Progress) -> "Fitted":
        import torch

        from ..attacks.expectation import expected
        from ..attacks.queries import Counted, tensors
        from ..attacks.repair import related
        from ..attacks.shared_change import Plan, fit

        aim = self.aim(rows.schema.classes)
        module = aim.module(related(expected(Counted(target.module, target), target), space))
        generator = torch.Generator().manual_seed(self.seed)
        return fit(module, tensors(rows)[0], aim.labels(rows.y), shape, Plan(self.epochs, self.restarts), generator, progress)

    def _judged(self, target: Target, rows: Dataset, before: Prediction, shape: "Shape", change: "torch.Tensor") -> Reached:
        """The change, and chance beside it, on rows that it was not fitted on, at the same places where it has places."""
        import torch

        from ..attacks.expectation import answers
        from ..attacks.queries import rows_of, tensors

        x, aim = tensors(rows)[0], self.aim(rows.schema.classes)
        chance = self.random(shape, torch.Generator().manual_seed(self.seed + 1))
        put = [rows_of(shape.put(one, x, torch.Generator().manual_seed(self.seed)).points, rows.schema, rows.x) for one in (change, chance)]
        after, by_chance = (answers(target, one) for one in put)
        right = before.labels == rows.y
        return Reached(
            right, right & aim.reached(after.labels, rows.y), right & aim.reached(by_chance.labels, rows.y), put[0], before, after
        )

    def _lines(
        self, target: Target, data: Dataset, parts: Parts, reached: Reached, space: "PerturbationSpace", skill: Skill
    ) -> tuple[Line, ...]:
        """The checks of this evaluation."""
        from ..attacks.expectation import repeats
        from ..attacks.gradient_probe import probe
        from ..attacks.queries import tensors

        x, y = tensors(parts.fit)
        return (
            *repeated(target, parts.judged, reached.before, repeats(target) > 1),
            clean(target, parts.judged, reached.right, skill),
            differing(parts.judged.x, reached.x),
            *answered(target, data, self.goal, drawn(data, self.rows, self.seed)),
            *of_gradients(probe(target.module, x, y, space, "linf", 0.1, self.seed)),
        )

    def _result(
        self, target: Target, data: Dataset, parts: Parts, found: "Fitted", reached: Reached, lines: tuple[Line, ...], skill: Skill
    ) -> CheckResult:
        rows = parts.judged
        right, fooled = int(reached.right.sum()), int(reached.fooled.sum())
        metrics = (
            rate_by_row("robust_accuracy", f"Robust accuracy ({self.sized(data)})", reached.right & ~reached.fooled, rows.fingerprint, "higher"),
            rate_by_row("clean_accuracy", "Clean accuracy", reached.right, rows.fingerprint, "higher"),
            rate("success_rate", "Attack success rate", fooled, right, "lower"),
            rate("chance_rate", "Success rate of a random change of the same size", int(reached.by_chance.sum()), right, "none"),
            rate("fitted_rate", "Success rate on the rows it was fitted on", round(found.success * len(parts.fit)), len(parts.fit), "none"),
        )  # fmt: skip
        ruled = ruling([Limit(metrics[2], self.accept)], skill, open_ends=self._open(parts, lines))
        shown = showing.Shown(rows, reached.x, reached.before, reached.after, reached.right, reached.fooled)
        return CheckResult(
            status=ruled.status,
            summary=self._summary(metrics, data, ruled),
            metrics=metrics,
            findings=self._findings(data, fooled / max(right, 1), better_than_chance(reached)) if ruled.status is Status.FINDING else (),
            tables=(showing.classes(shown), as_table(lines), *self.change_tables(found.change, data, shown)),
            galleries=(self._gallery(found.change, shown),) if data.schema.images else (),
            notes=(*ruled.notes, *self._notes(target, data, parts)),
        )

    def _open(self, parts: Parts, lines: tuple[Line, ...]) -> tuple[str, ...]:
        """Why the attack had not the strength that a pass needs, and which of its own checks failed."""
        reasons = [f"{line.name}: no, {line.found}. {line.do}".rstrip(". ") for line in lines if line.held is False and not line.harmless]
        if len(parts.fit) < ENOUGH_ROWS or self.epochs < ENOUGH_EPOCHS:
            reasons.append(f"a pass needs a change fitted on {ENOUGH_ROWS} rows in {ENOUGH_EPOCHS} epochs")
        return tuple(reasons)

    def _summary(self, metrics: tuple[Metric, ...], data: Dataset, ruled: Ruling) -> str:
        robust, clean_rate, success, chance = metrics[:4]
        aimed = f" that aims at {self.goal!r}" if self.goal else ""
        text = (
            f"Under {self.sized(data)} for all{aimed} the model keeps {percent(robust.value)} of {robust.n} {data.known} right "
            f"({percent(robust.low)} to {percent(robust.high)}), down from {percent(clean_rate.value)}"
        )
        if success.value is None:
            return f"The model classifies none of the {data.known} rightly, so there is nothing to attack."
        return f"{text}; a random one fools {percent(chance.value)}, this one {percent(success.value)}. {ruled.sentence}"

    def _findings(self, data: Dataset, share: float, better: bool) -> tuple[Finding, ...]:
        size = self.sized(data)
        which = "the same for all rows, fools" if better else "the same for all rows, and a random one no less, fools"
        return (
            Finding(
                title=f"{size[:1].upper()}{size[1:]}, {which} the model in {percent(share)} of cases",
                severity=next(level for least, level in SEVERITIES if share > least or least == 0.0),
                evidence=Evidence(metrics=("robust_accuracy", "success_rate", "chance_rate")),
                advice=(
                    f"{'Whoever has it needs neither the model nor the row at hand' if better else 'Nobody has to fit it: noise is enough'}: "
                    "train against it and measure again, and do not let this prediction alone decide."
                ),
                standards=self.standards,
                defense="evasion.adversarial_training",
            ),
        )

    def _notes(self, target: Target, data: Dataset, parts: Parts) -> tuple[str, ...]:
        seen = f", {parts.seen} of them trained on" if parts.seen else ""
        return (
            f"Fitted on {len(parts.fit)} rows{seen}, judged on {len(parts.judged)} others.",
            f"Rows count as fooled by what the model decides: {target.rule}.",
            *(() if data.known == "held-out rows" else ("Which rows were trained on is not known.",)),
            "One change for all rows finds less than a change for each: it says nothing of evasion.strong.",
        )

    def _gallery(self, change: "torch.Tensor", shown: showing.Shown) -> Gallery:
        """The change itself beside rows that it fooled; beside the first row where it fooled none."""
        rows = np.flatnonzero(shown.fooled)[: showing.PICTURES]
        rows = rows if len(rows) else np.arange(1)
        own = Picture(caption="the change", png=png(self.seen(change, shown.sample)), alt=f"{self.sized(shown.sample)}, fitted")
        low, high = shown.sample.schema.features[0].low, shown.sample.schema.features[0].high

        def one(x: Rows, answer: Prediction, row: int) -> Picture:
            answered = shown.prediction(answer, row)
            return Picture(caption=answered, png=png(shades((x[row] - low) / (high - low))), alt=f"answered {answered}")

        return Gallery(
            name="examples",
            title="Rows with the one change on them",
            people=True,
            heads=("original", "changed", "the change"),
            rows=tuple((one(shown.sample.x, shown.before, int(row)), one(shown.x, shown.after, int(row)), own) for row in rows),
        )


def better_than_chance(reached: Reached) -> bool:
    """Does the fitted change turn more rows than the random one, beyond chance (exact sign test on rows that one alone turns, 5 %)?"""
    from scipy.stats import binomtest

    own, other = int((reached.fooled & ~reached.by_chance).sum()), int((reached.by_chance & ~reached.fooled).sum())
    return own + other > 0 and bool(binomtest(own, own + other, alternative="greater").pvalue <= 0.05)
