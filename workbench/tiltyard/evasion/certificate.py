"""Randomized smoothing: the radius within which nothing can change the smoothed model's answer, row by row, as a proof and not by an attack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..datasets.schema import Rows
from ..formatting.numbers import percent
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Metric, Series, Status
from ..statistics.intervals import clopper_pearson, rate
from ..statistics.majority import Skill
from ..statistics.ruling import status_of
from ..targets.target import Target
from ._smoothed import SmoothedTarget, noisy
from .outcome import drawn, held_out

BATCH = 256
PLAIN = {False: "Accuracy of the model asked once, without noise", True: "Accuracy of the vote as it is deployed"}
PROVEN = {
    False: "Proven of the smoothed model: the commonest answer over the noise. The model asked once has no such radius; deploy the majority.",
    True: "Proven of the vote that is deployed, with the noise that it has; where it abstains nothing is answered.",
}
POINTS = 9
MOST_WRONG = 0.05  # alpha from which a certificate proves too little for a pass


@dataclass(frozen=True)
class Certified:
    """What the smoothed model answers to each row (n,), -1 where it abstains, and the l2 radius in ranges (n,) within which that holds."""

    labels: NDArray[np.int64]
    radius: NDArray[np.float64]


def surely(hits: int, n: int, alpha: float) -> float:
    """The exact one-sided lower bound (Clopper and Pearson 1934): the true share lies below it with probability ``alpha`` at most."""
    return clopper_pearson(hits, n, 1 - 2 * alpha)[0]


def radius(hits: int, n: int, sigma: float, alpha: float) -> float:
    """The l2 radius that ``hits`` of ``n`` equal answers under noise of ``sigma`` prove; 0 where they prove none."""
    from scipy.stats import norm

    share = surely(hits, n, alpha)
    return sigma * float(norm.ppf(share)) if share > 0.5 else 0.0


class Certificate(Check):
    """Asks each row many times under Gaussian noise: the commonest answer, and the l2 radius within which it cannot be another.

    Cohen et al. 2019, arXiv:1902.02918, algorithm CERTIFY: few draws choose the class, others count it, and the exact binomial bound gives
    the radius. Departure: noisy pixels are cut to their range, which is a part of the model that is smoothed. What is proven holds for the
    smoothed model, the majority over the noise, and not for the model asked once.
    """

    id: ClassVar[str] = "evasion.certificate"
    title: ClassVar[str] = "Certified radius (randomized smoothing)"
    question: ClassVar[str] = "Within which radius is it proven that no change turns the smoothed model's answer?"
    needs: ClassVar[frozenset[str]] = frozenset({"labels", "images"})
    standards: ClassVar[tuple[str, ...]] = ("AITG-MOD-01", "NISTAML.022", "EU AI Act Art. 15(5)", "AI RMF MEASURE 2.7")
    sources: ClassVar[tuple[str, ...]] = ("Cohen et al. 2019, arXiv:1902.02918",)
    cost: ClassVar[str] = "a minute: every row is asked a thousand times"
    main: ClassVar[tuple[str, ...]] = ("sigma", "eps", "draws", "rows")
    leads: ClassVar[tuple[str, ...]] = ("smoothed_accuracy", "clean_accuracy")
    campaign_goal: ClassVar[CampaignGoal | None] = "evade"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "certified_accuracy"
    context: ClassVar[frozenset[str]] = frozenset({"clean_accuracy"})
    seconds: ClassVar[float] = 60.0
    tiny: ClassVar[Mapping[str, Any]] = {"rows": 10, "draws": 60, "chosen": 20}

    sigma: float = parameter(
        0.25, "Standard deviation of the noise; more proves larger radii of a less accurate model", "ranges", gt=0, le=10
    )
    eps: float = parameter(0.25, "l2 radius at which the certified accuracy is given", "ranges", gt=0, le=100)
    draws: int = parameter(1000, "Noisy copies of each row that are counted", "draws", ge=10, le=1_000_000)
    chosen: int = parameter(100, "Noisy copies of each row that choose the class beforehand", "draws", ge=1, le=100_000)
    alpha: float = parameter(0.001, "How often at most a row's certificate may be wrong", gt=0, lt=0.5)
    rows: int = parameter(100, "Rows to certify, drawn at random from those not trained on where that is known", "rows", ge=1, le=100_000)
    accept: float = parameter(0.5, "Certified accuracy from which it passes, by the lower end of its interval", "share", ge=0, le=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        from ..attacks.queries import timed

        some = drawn(data, 32, self.seed)
        n = min(self.rows, len(held_out(data))) * (self.draws + self.chosen)
        each = timed(lambda: target.labels(some.x)) / len(some)
        return Estimate(n, each * n)

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        if isinstance(target, SmoothedTarget):  # what is deployed is smoothed: its own noise, on the model within
            own = self.model_copy(update={"sigma": target.way.sigma})
            return own.proven(target, target.inner, data, progress)
        return self.proven(target, target, data, progress)

    def proven(self, target: Target, inner: Target, data: Dataset, progress: Progress) -> CheckResult:
        """The result for ``inner`` smoothed; ``target`` is what is deployed: the same, or its vote."""
        sample, deployed = drawn(data, self.rows, self.seed), target is not inner
        plain = target.labels(sample.x) == sample.y
        found = self.certified(inner, sample, progress)
        right = found.labels == sample.y
        held = right & (found.radius >= self.eps)
        n = len(sample)
        metrics = (
            rate("certified_accuracy", f"Certified accuracy of the smoothed model (l2 {self.eps:g})", int(held.sum()), n, "higher"),
            rate("smoothed_accuracy", f"Accuracy of the smoothed model (sigma {self.sigma:g})", int(right.sum()), n, "higher"),
            rate("clean_accuracy", PLAIN[deployed], int(plain.sum()), n, "higher"),
            rate("abstained", "Rows on which the smoothed model abstains", int((found.labels < 0).sum()), n, "lower"),
        )
        skill = Skill.of(sample.y, right, sample.schema.classes)
        status = status_of(False, not skill.above or (metrics[0].low or 0.0) < self.accept or self.alpha > MOST_WRONG)
        return CheckResult(
            status=status,
            summary=self._summary(metrics, data.known, status, skill, deployed),
            metrics=metrics,
            charts=(self._chart(right, found.radius),),
            notes=(
                PROVEN[deployed],
                f"Each row's radius is wrong with a probability of {self.alpha:g} at most, besides the interval over rows.",
                "A row that is not certified is not thereby fooled: attacks say that.",
            ),
        )

    def certified(self, target: Target, sample: Dataset, progress: Progress) -> Certified:
        """CERTIFY on each row of ``sample``."""
        labels, proven = np.full(len(sample), -1, np.int64), np.zeros(len(sample))
        for i, x in enumerate(sample.x):
            progress.step(i / len(sample), f"row {i + 1} of {len(sample)}")
            rng = np.random.default_rng([self.seed, i])
            top = int(self._counts(target, sample, x, self.chosen, rng, progress).argmax())
            hits = int(self._counts(target, sample, x, self.draws, rng, progress)[top])
            proven[i] = radius(hits, self.draws, self.sigma, self.alpha)
            labels[i] = top if proven[i] > 0 else -1
        return Certified(labels, proven)

    def _counts(self, target: Target, sample: Dataset, x: Rows, n: int, rng: np.random.Generator, progress: Progress) -> NDArray[np.int64]:
        """How often each class is answered to ``n`` noisy copies of a row."""
        counts = np.zeros(len(sample.schema.classes), np.int64)
        for start in range(0, n, BATCH):
            progress.check()
            counts += np.bincount(target.labels(noisy(sample.schema, x, min(BATCH, n - start), self.sigma, rng)), minlength=len(counts))
        return counts

    def _summary(self, metrics: tuple[Metric, ...], known: str, status: Status, skill: Skill, deployed: bool) -> str:
        held, smoothed, plain, _ = metrics
        text = (
            f"Smoothed by noise of {self.sigma:g}, the model is proven right within l2 {self.eps:g} on {percent(held.value)} of {held.n} {known} "
            f"({percent(held.low)} to {percent(held.high)}); it has {percent(smoothed.value)} right without change, {'as it is deployed' if deployed else 'asked once'} {percent(plain.value)}."
        )
        if status is Status.PASSED:
            return text
        if not skill.above:
            return f"{text} That proves nothing of use: smoothed, {skill.fact}. Train with this noise first, or take less."
        if self.alpha > MOST_WRONG:
            return (
                f"{text} That is no pass: an alpha of {self.alpha:g} lets too many certificates be wrong, at most {MOST_WRONG:g} is needed."
            )
        return f"{text} That is no pass: at least {percent(self.accept)} is to be proven. Train with this noise, take more draws, or certify a smaller radius."

    def _chart(self, right: NDArray[np.bool_], proven: NDArray[np.float64]) -> Chart:
        n = len(right)
        most = max(self.eps, float(proven.max(initial=0.0)))
        points = tuple(sorted({self.eps, *(most * i / (POINTS - 1) for i in range(POINTS))}))
        counts = [int((right & (proven >= at)).sum()) for at in points]
        bands = [clopper_pearson(count, n) for count in counts]
        shares = tuple(count / n for count in counts)
        return Chart(
            name="certified",
            title="Certified accuracy as the radius grows",
            kind="line",
            x=Axis(label="radius (l2)", unit="ranges", low=0.0),
            y=Axis(label="certified accuracy", unit="share", low=0.0, high=1.0),
            series=(
                Series(
                    name=f"proven, n = {n}, 95 % interval",
                    x=points,
                    y=shares,
                    low=tuple(low for low, _ in bands),
                    high=tuple(high for _, high in bands),
                ),
            ),
            alt=f"Certified accuracy falls from {percent(shares[0])} at radius 0 to {percent(shares[-1])} at {most:.3g}.",
        )
