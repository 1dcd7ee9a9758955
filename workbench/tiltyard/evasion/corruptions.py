"""Pictures that nobody attacked, only bad light, weather, lenses and files: how much accuracy is left?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..formatting.numbers import percent
from ..formatting.raster import png, shades
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Column, Evidence, Finding, Gallery, Metric, Picture, Series, Severity, Status, Table
from ..statistics.intervals import bootstrap, clopper_pearson, rate
from ..statistics.majority import Skill
from ..targets.target import Target
from ._corruption_kinds import FAMILIES, SEVERITIES, Kind, corrupted
from .outcome import drawn, held_out

ADVICE = (
    "Train with the kinds of pictures that lost most (augmentation by blur, noise, light and geometry), refuse pictures that are too dark, "
    "too blurred or turned, and measure again."
)
SHOWN = 3


@dataclass(frozen=True)
class Answered:
    """Of one kind and severity, which rows (n,) are right."""

    family: str
    kind: str
    severity: int
    right: NDArray[np.bool_]


class Corruptions(Check):
    """Fifteen kinds of corruption in five severities, each on the same rows; the mean corruption accuracy is the mean over all 75.

    After Hendrycks and Dietterich 2019, arXiv:1903.12261. Departures: computed here, scaled by the size of the picture, with geometry
    besides, so that the figures are not those of ImageNet-C; plain accuracies, not errors relative to AlexNet's.
    """

    id: ClassVar[str] = "evasion.corruptions"
    title: ClassVar[str] = "Corrupted pictures"
    question: ClassVar[str] = "How much accuracy is left under noise, blur, weather, compression and geometry?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "images"})
    standards: ClassVar[tuple[str, ...]] = ("AI RMF MEASURE 2.5", "EU AI Act Art. 15(1)", "EU AI Act Art. 15(4)")
    sources: ClassVar[tuple[str, ...]] = ("Hendrycks and Dietterich 2019, arXiv:1903.12261",)
    cost: ClassVar[str] = "seconds to a minute"
    main: ClassVar[tuple[str, ...]] = ("rows", "accept")
    leads: ClassVar[tuple[str, ...]] = ("clean_accuracy", "worst_kind")
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "corruption_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy"})
    seconds: ClassVar[float] = 30.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 20}

    rows: int = parameter(200, "Rows to corrupt, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    accept: float = parameter(0.1, "Accuracy that may be lost in the mean over all corruptions", "share", ge=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.queries import timed

        some = drawn(data, 32, self.seed)
        n = min(self.rows, len(held_out(data)))
        each = timed(lambda: target.labels(some.x)) / len(some)
        return Estimate(n * 76, each * n * 76 * 2)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        sample = drawn(data, self.rows, self.seed)
        clean = target.labels(sample.x) == sample.y
        every = [self._asked(target, sample, *one, progress.part(1 / 75)) for one in _all()]
        skill = Skill.of(sample.y, clean, sample.schema.classes)
        return self._result(target, data, sample, clean, every, skill)

    def _asked(self, target: Target, sample: Dataset, family: str, kind: Kind, severity: int, progress: Progress) -> Answered:
        progress.step(0.0, f"{_words(kind)}, severity {severity}")
        labels = target.labels(self._corrupted(sample, sample.x, kind, severity))
        return Answered(family, _words(kind), severity, labels == sample.y)

    def _corrupted(self, sample: Dataset, x: Rows, kind: Kind, severity: int) -> Rows:
        """Rows in their own range and dtype; drawn from the seed, the kind and the severity alone."""
        low, high = sample.schema.features[0].low, sample.schema.features[0].high
        rng = np.random.default_rng([self.seed, *kind.__name__.encode(), severity])
        share = corrupted((x.astype(np.float64) - low) / (high - low), kind, severity, rng)
        found = low + share * (high - low)
        return (found.round() if np.issubdtype(x.dtype, np.integer) else found).astype(x.dtype)

    def _result(
        self, target: Target, data: Dataset, sample: Dataset, clean: NDArray[np.bool_], every: list[Answered], skill: Skill
    ) -> CheckResult:
        kept = np.mean([one.right for one in every], 0)
        mean, lost = self._over(kept), self._over(clean.astype(np.float64) - kept)
        worst = min(_kinds(every), key=lambda name: float(np.mean([one.right for one in every if one.kind == name])))
        n, value = len(sample), float(kept.mean())
        metrics = (
            Metric(name="corruption_accuracy", label="Mean corruption accuracy", value=value, low=mean[0], high=mean[1], level=0.95, n=n, safer="higher", interval="bootstrap"),
            rate("clean_accuracy", "Clean accuracy", int(clean.sum()), n, "higher"),
            Metric(name="lost", label="Accuracy lost in the mean", value=float(clean.mean()) - value, low=lost[0], high=lost[1], level=0.95, n=n, safer="lower", interval="bootstrap"),
            self._worst(worst, every, n),
        )  # fmt: skip
        status = self._status(float(clean.mean()) - value, lost[1], skill)
        notes = () if data.known == "held-out rows" else ("Which rows were trained on is not known.",)
        return CheckResult(
            status=status,
            summary=self._summary(metrics, worst, data.known, status, skill),
            metrics=metrics,
            findings=self._findings(metrics, worst) if status is Status.FINDING else (),
            tables=(_table(every, n),),
            charts=(_chart(every, clean, n),),
            galleries=(self._gallery(target, sample, every),),
            notes=(
                *notes,
                "Severities are this check's own, scaled by the size of the picture: compare models by them, not with published figures.",
            ),
        )

    def _over(self, rows: NDArray[np.float64]) -> tuple[float, float]:
        """Interval of the mean over rows (n,), the corruptions held fixed."""
        return bootstrap(lambda some: float(rows[some].mean()), len(rows), np.random.default_rng(self.seed), 1000)

    def _worst(self, worst: str, every: list[Answered], n: int) -> Metric:
        rows = np.mean([one.right for one in every if one.kind == worst], 0)
        low, high = self._over(rows)
        label = f"Accuracy under the worst kind: {worst}"
        return Metric(name="worst_kind", label=label, value=float(rows.mean()), low=low, high=high, level=0.95, n=n, safer="higher", interval="bootstrap")  # fmt: skip

    def _status(self, lost: float, high: float, skill: Skill) -> Status:
        if not skill.above:
            return Status.INCOMPLETE
        if lost > self.accept:
            return Status.FINDING
        return Status.PASSED if high <= self.accept and skill.n >= LEAST else Status.INCOMPLETE

    def _summary(self, metrics: tuple[Metric, ...], worst: str, known: str, status: Status, skill: Skill) -> str:
        mean, clean, lost, least = metrics
        text = (
            f"Under 15 kinds of corruption in five severities the model keeps {percent(mean.value)} of {mean.n} {known} right in the mean "
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
                title=f"Corrupted pictures cost {percent(lost)} of accuracy in the mean, {worst} most",
                severity=Severity.MEDIUM if lost > 2 * self.accept else Severity.LOW,
                evidence=Evidence(metrics=("corruption_accuracy", "lost")),
                advice=ADVICE,
                standards=self.standards,
            ),
        )

    def _gallery(self, target: Target, sample: Dataset, every: list[Answered]) -> Gallery:
        """One picture under each family's worst kind, at severities 1, 3 and 5."""
        low, high = sample.schema.features[0].low, sample.schema.features[0].high
        rows = []
        for family, kinds in FAMILIES.items():
            kind = min(kinds, key=lambda k: float(np.mean([one.right for one in every if one.kind == _words(k)])))
            some = [self._corrupted(sample, sample.x, kind, severity)[:1] for severity in (1, 3, 5)]
            labels = [sample.schema.classes[int(target.labels(x)[0])] for x in some]
            rows.append(
                tuple(
                    Picture(caption=f"{_words(kind)} {severity}: {label}", png=png(shades((x[0] - low) / (high - low))), alt=f"{family}, severity {severity}, answered {label}")
                    for severity, x, label in zip((1, 3, 5), some, labels, strict=True)
                )
            )  # fmt: skip
        heads = ("severity 1", "severity 3", "severity 5")
        return Gallery(name="corrupted", title="The worst kind of each family, on one row", people=True, heads=heads, rows=tuple(rows))


LEAST = 72  # rows from which a fault of 5 % would surely be seen


def _all() -> list[tuple[str, Kind, int]]:
    return [(family, kind, severity) for family, kinds in FAMILIES.items() for kind in kinds for severity in SEVERITIES]


def _words(kind: Kind) -> str:
    return kind.__name__.replace("_", " ")


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
    for family in FAMILIES:
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
