"""The base class of checks of corruptions: every kind in five severities on the same rows, and the mean accuracy over all of them."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows, Schema
from ..formatting.numbers import POINTS, percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Gallery, Metric, Series, Severity, Status, Table
from ..statistics.intervals import bootstrap, clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.target import Target
from .outcome import drawn, held_out

SEVERITIES = (1, 2, 3, 4, 5)
LEAST = 72  # rows from which a fault of 5 % would surely be seen


@dataclass(frozen=True)
class Answered:
    """Of one kind and severity, which rows (n,) are right."""

    family: str
    kind: str
    severity: int
    right: NDArray[np.bool_]


class Corrupting(Check):
    """Base class: a subclass says which kinds there are for a schema, and corrupts rows; this class asks and makes the result."""

    standards: ClassVar[tuple[str, ...]] = ("AI RMF MEASURE 2.5", "EU AI Act Art. 15(1)", "EU AI Act Art. 15(4)")
    main: ClassVar[tuple[str, ...]] = ("rows", "accept")
    leads: ClassVar[tuple[str, ...]] = ("clean_accuracy", "worst_kind")
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "corruption_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy"})
    things: ClassVar[str] = "rows"
    advice: ClassVar[str] = ""

    rows: int = parameter(200, "Rows to corrupt, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    accept: float = parameter(0.1, "Accuracy that may be lost in the mean over all corruptions", "share", ge=0, le=1)

    @abstractmethod
    def families(self, schema: Schema) -> dict[str, tuple[str, ...]]:
        """The kinds that can happen to such rows, in words, by family."""

    @abstractmethod
    def corrupted(self, sample: Dataset, kind: str, severity: int) -> Rows:
        """The rows of the sample after one kind, in their own dtype; drawn from the seed, the kind and the severity alone."""

    def notes(self, sample: Dataset) -> tuple[str, ...]:
        """What a reader has to know of the kinds, in sentences."""
        return ()

    def galleries(self, target: Target, sample: Dataset, every: list[Answered]) -> tuple[Gallery, ...]:
        """Pictures for the result."""
        return ()

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.queries import timed

        some = drawn(data, 32, self.seed)
        n = min(self.rows, len(held_out(data)))
        each = timed(lambda: target.labels(some.x)) / len(some)
        times = 1 + sum(map(len, self.families(data.schema).values())) * len(SEVERITIES)
        return Estimate(n * times, each * n * times * 2)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        sample = drawn(data, self.rows, self.seed)
        clean = target.labels(sample.x) == sample.y
        asked = [(family, kind, at) for family, kinds in self.families(data.schema).items() for kind in kinds for at in SEVERITIES]
        every = [self._asked(target, sample, *one, progress.part(1 / len(asked))) for one in asked]
        skill = Skill.of(sample.y, clean, sample.schema.classes)
        return self._result(target, data, sample, clean, every, skill)

    def _asked(self, target: Target, sample: Dataset, family: str, kind: str, severity: int, progress: Progress) -> Answered:
        progress.step(0.0, f"{kind}, severity {severity}")
        return Answered(family, kind, severity, target.labels(self.corrupted(sample, kind, severity)) == sample.y)

    def _result(
        self, target: Target, data: Dataset, sample: Dataset, clean: NDArray[np.bool_], every: list[Answered], skill: Skill
    ) -> CheckResult:
        kept = np.mean([one.right for one in every], 0)
        mean, lost = self._over(kept), self._over(clean.astype(np.float64) - kept)
        worst = min(_kinds(every), key=lambda name: float(np.mean([one.right for one in every if one.kind == name])))
        n, value = len(sample), float(kept.mean())
        metrics = (
            Metric(name="corruption_accuracy", label="Mean corruption accuracy", value=value, unit="share", low=mean[0], high=mean[1], level=0.95, n=n, safer="higher", interval="bootstrap"),
            rate("clean_accuracy", "Clean accuracy", int(clean.sum()), n, "higher"),
            Metric(name="lost", label="Accuracy lost in the mean", value=float(clean.mean()) - value, unit=POINTS, low=lost[0], high=lost[1], level=0.95, n=n, safer="lower", interval="bootstrap"),
            self._worst(worst, every, n),
        )  # fmt: skip
        status = self._status(float(clean.mean()) - value, lost[1], skill)
        notes = () if data.known == "held-out rows" else ("Which rows were trained on is not known.",)
        return CheckResult(
            status=status,
            summary=self._summary(metrics, worst, len(_kinds(every)), data.known, status, skill),
            metrics=metrics,
            findings=self._findings(metrics, worst) if status is Status.FINDING else (),
            tables=(_table(every, n),),
            charts=(_chart(every, clean, n),),
            galleries=self.galleries(target, sample, every),
            notes=(*notes, *self.notes(sample)),
        )

    def _over(self, rows: NDArray[np.float64]) -> tuple[float, float]:
        """Interval of the mean over rows (n,), the corruptions held fixed."""
        return bootstrap(lambda some: float(rows[some].mean()), len(rows), np.random.default_rng(self.seed), 1000)

    def _worst(self, worst: str, every: list[Answered], n: int) -> Metric:
        rows = np.mean([one.right for one in every if one.kind == worst], 0)
        low, high = self._over(rows)
        label = f"Accuracy under the worst kind: {worst}"
        return Metric(name="worst_kind", label=label, value=float(rows.mean()), unit="share", low=low, high=high, level=0.95, n=n, safer="higher", interval="bootstrap")  # fmt: skip

    def _status(self, lost: float, high: float, skill: Skill) -> Status:
        return status_of(skill.above and lost > self.accept, not skill.above or high > self.accept or skill.n < LEAST)

    def _summary(self, metrics: tuple[Metric, ...], worst: str, kinds: int, known: str, status: Status, skill: Skill) -> str:
        mean, clean, lost, least = metrics
        text = (
            f"Under {kinds} kinds of corruption in five severities the model keeps {percent(mean.value)} of {mean.n} {known} right in the mean "
            f"({percent(mean.low)} to {percent(mean.high)}), down from {percent(clean.value)}; least under {worst}: {percent(least.value)}."
        )
        if not skill.above:
            return f"{text} That says nothing of the model: without corruption {skill.fact}. {skill.advice}"
        if status is Status.INCOMPLETE:
            return f"{text} That is no pass yet: up to {percent(lost.high)} may be lost, {percent(self.accept)} is accepted, and {LEAST} rows are needed; more rows settle it."
        return text

    def _findings(self, metrics: tuple[Metric, ...], worst: str) -> tuple[Finding, ...]:
        lost = metrics[2].value or 0.0
        return (
            Finding(
                title=f"Corrupted {self.things} cost {percent(lost)} of accuracy in the mean, {worst} most",
                severity=Severity.MEDIUM if lost > 2 * self.accept else Severity.LOW,
                evidence=Evidence(metrics=("corruption_accuracy", "lost")),
                advice=self.advice,
                standards=self.standards,
            ),
        )


def _kinds(every: list[Answered]) -> list[str]:
    return list(dict.fromkeys(one.kind for one in every))


def _table(every: list[Answered], n: int) -> Table:
    rows: list[tuple[str | float | int | bool | None, ...]] = []
    for kind in _kinds(every):
        mine = [one for one in every if one.kind == kind]
        shares = [float(one.right.mean()) for one in mine]
        rows.append((mine[0].family, kind, *shares, float(np.mean(shares))))
    return Table(
        name="corruptions",
        title=f"Accuracy by kind and severity, n = {n}",
        columns=(
            Column(name="family"),
            Column(name="kind"),
            *(Column(name=str(severity), kind="percent") for severity in SEVERITIES),
            Column(name="mean", kind="percent"),
        ),
        rows=tuple(rows),
    )


def _chart(every: list[Answered], clean: NDArray[np.bool_], n: int) -> Chart:
    """Mean accuracy of each family against severity; 0 is the rows as they are."""
    series = []
    for family in dict.fromkeys(one.family for one in every):
        shares = [float(clean.mean())]
        shares += [float(np.mean([one.right for one in every if (one.family, one.severity) == (family, at)])) for at in SEVERITIES]
        series.append(Series(name=family, x=(0.0, *map(float, SEVERITIES)), y=tuple(shares)))
    low, high = clopper_pearson(int(clean.sum()), n)
    return Chart(
        name="severity",
        title=f"Accuracy as corruption grows, n = {n}",
        kind="line",
        x=Axis(label="severity", low=0.0, high=5.0),
        y=Axis(label="accuracy", unit="share", low=0.0, high=1.0),
        series=tuple(series),
        alt=f"Accuracy falls from {percent(clean.mean())} ({percent(low)} to {percent(high)}) without corruption, by family.",
    )
