"""A measured lower bound on epsilon beside the claimed one (Jagielski et al. 2020, 2006.07709; Steinke et al. 2023, 2305.08846)."""

import math
import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..check import CampaignGoal, Check, Estimate, parameter
from ..datasets.dataset import Dataset
from ..errors import Problem, Unavailable
from ..privacy_accounting.accountants import default_delta
from ..progress import Progress
from ..result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ..statistics.intervals import clopper_pearson
from ..targets.target import Target
from .membership import Mask, Scores, chance, logit_scaled
from .membership_report import STANDARDS
from .membership_threshold import scored

LARGEST = 30.0
WHOLE = 512
LEAST = 1.0  # the smallest epsilon that is worth a pass for not having been shown


def one_run_p(m: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Chance of so many right guesses had the training been (epsilon, delta)-private: theorem 5.2 of Steinke et al. 2023.

    Parameters
    ----------
    m
        Rows whose membership was drawn by a fair coin.
    guesses, right
        Of these, rows guessed at and guessed right.
    """
    from scipy.stats import binom

    if not 0 <= right <= guesses <= m:
        raise Problem("0 <= right <= guesses <= rows", f"{right}, {guesses}, {m}", "Correct the counts")
    q = 1 / (1 + math.exp(-epsilon))
    beta = float(binom.sf(right - 1, guesses, q))
    if right == 0 or delta == 0:
        return min(beta, 1.0)
    within = np.cumsum(binom.pmf(right - np.arange(1, right + 1), guesses, q))
    alpha = float(np.max(within / np.arange(1, right + 1)))
    return min(beta + alpha * delta * 2 * m, 1.0)


def one_run_bound(m: int, guesses: int, right: int, delta: float, confidence: float) -> float:
    """The largest epsilon that so many right guesses rule out at ``confidence``; 0 where they rule out none."""
    wrong = 1 - confidence
    if one_run_p(m, guesses, right, 0.0, delta) > wrong:
        return 0.0
    low, high = 0.0, LARGEST
    for _ in range(60):
        middle = (low + high) / 2
        if one_run_p(m, guesses, right, middle, delta) <= wrong:
            low = middle
        else:
            high = middle
    return low


def rates_bound(hits: int, members: int, false: int, others: int, delta: float, confidence: float) -> float:
    """log((TPR - delta) / FPR) or its mirror from the ends of Clopper-Pearson intervals (Jagielski et al. 2020).

    The two ends used fail with half of 1 - ``confidence`` each, so they hold together.
    """
    tpr, fpr = clopper_pearson(hits, members, confidence)[0], clopper_pearson(false, others, confidence)[1]
    tnr, fnr = 1 - fpr, 1 - tpr
    found = [math.log((a - delta) / b) for a, b in ((tpr, fpr), (tnr, fnr)) if a > delta and b > 0]
    return max(0.0, *found) if found else 0.0


@dataclass(frozen=True)
class Drawn:
    """Rows whose membership is a coin's, with the model's scores of them."""

    scores: Scores
    member: Mask
    note: str
    proof: bool


@dataclass(frozen=True)
class Guessed:
    """The bound at each number of guesses that was tried; ``best`` is the one chosen before the rows were looked at."""

    guesses: tuple[int, ...]
    right: tuple[int, ...]
    bound: tuple[float, ...]
    best: int


def guess(it: Drawn, delta: float, confidence: float, share: float) -> Guessed:
    """Call the surest ``share`` of rows members and as many non-members; ``best`` is fixed beforehand, the others are for the chart."""
    order = np.argsort(it.scores, kind="stable")
    m = len(order)
    tried = sorted({max(1, round(m * s / 2)) for s in (*np.geomspace(0.01, 1.0, 24), share)})
    tried = [t for t in tried if 2 * t <= m]
    chosen = max(1, min(m // 2, round(m * share / 2)))
    tried = sorted({*tried, chosen})
    right = [int(it.member[order[-t:]].sum() + (~it.member[order[:t]]).sum()) for t in tried]
    bounds = [one_run_bound(m, 2 * t, r, delta, confidence) for t, r in zip(tried, right, strict=True)]
    return Guessed(tuple(2 * t for t in tried), tuple(right), tuple(bounds), tried.index(chosen))


class AuditEpsilon(Check):
    """How much epsilon must have been spent at least, judged by how well members are guessed; above the claim it refutes the claim."""

    id: ClassVar[str] = "privacy.audit_epsilon"
    title: ClassVar[str] = "Measured epsilon (lower bound)"
    question: ClassVar[str] = "Is the model at least as leaky as some epsilon, and is that above the epsilon claimed?"
    needs: ClassVar[frozenset[str]] = frozenset({"scores", "member"})
    standards: ClassVar[tuple[str, ...]] = STANDARDS
    sources: ClassVar[tuple[str, ...]] = ("Steinke et al. 2023, arXiv 2305.08846", "Jagielski et al. 2020, arXiv 2006.07709")
    cost: ClassVar[str] = "seconds; with canaries one training"
    main: ClassVar[tuple[str, ...]] = ("claimed", "canaries", "rows")
    seconds: ClassVar[float] = 30.0
    campaign_goal: ClassVar[CampaignGoal | None] = "infer"
    audit: ClassVar[bool] = True
    headline: ClassVar[str] = "epsilon_lower"

    claimed: float = parameter(
        0.0, "Epsilon that is claimed; 0 takes the target's own, if it was trained privately here", "epsilon", ge=0, le=1000
    )
    delta: float = parameter(
        0.0, "Chance that the promise fails; 0 takes the target's own, or one well below 1 / rows", "probability", ge=0, lt=1
    )
    canaries: int = parameter(
        0, "Wrongly labeled rows put in by coin for one more training: a proof; 0 asks the model as it is", "rows", ge=0, le=100_000
    )
    rows: int = parameter(2000, "Rows of each kind to guess at when the model is asked as it is", "rows", ge=20, le=100_000)
    share: float = parameter(0.1, "Share of the rows that is guessed at, the surest; fixed beforehand", "share", gt=0, le=1)
    confidence: float = parameter(0.95, "Confidence of the bound", "probability", ge=0.5, lt=1)

    def estimate(self, target: Target, data: Dataset) -> Estimate:
        """Seconds of the one training that canaries need, judged from a small part."""
        if reason := self.unmet(target, data):
            return Estimate(note=reason)
        if not self.canaries:
            return Estimate(queries=2 * min(self.rows, len(data)), note=self.cost)
        if "training" not in target.offers:
            return Estimate(note="canaries need a target with a training routine")
        part = data.seen.sample(WHOLE, chance(self.seed, self.id))
        target.retrain(part.x[:32], part.y[:32], self.seed, Progress())  # what loads on first use is not the training's
        clock = time.perf_counter()
        target.retrain(part.x, part.y, self.seed, Progress())
        seconds = (time.perf_counter() - clock) * len(data.seen) / len(part)
        return Estimate(queries=0, seconds=seconds, note=f"one training, judged from {len(part)} rows")

    def run(self, target: Target, data: Dataset, progress: Progress) -> CheckResult:
        rng = chance(self.seed, self.id)
        budget = getattr(target, "budget", None)
        claimed = self.claimed or (float(budget.epsilon) if budget is not None else 0.0)
        delta = self.delta or (float(budget.delta) if budget is not None else default_delta(len(data.seen)))
        drawn = self._canaries(target, data, rng, progress) if self.canaries else self._as_is(target, data, rng, progress)
        progress.step(0.97, "bounding")
        found = guess(drawn, delta, self.confidence, self.share)
        return _result(self, drawn, found, claimed, delta)

    def _as_is(self, target: Target, data: Dataset, rng: np.random.Generator, progress: Progress) -> Drawn:
        size = min(self.rows, len(data.seen), len(data.unseen))
        sides = [part.sample(size, rng) for part in (data.seen, data.unseen)]
        scores = [logit_scaled(scored(target, part.x, progress.part(0.45)), part.y) for part in sides]
        note = (
            f"{size:,} seen and {size:,} unseen rows were guessed at as if a fair coin had decided for each whether it was trained on. "
            "The bound holds as far as the split was drawn at random; for a proof put in canaries."
        )
        return Drawn(np.concatenate(scores), np.arange(2 * size) < size, note, proof=False)

    def _canaries(self, target: Target, data: Dataset, rng: np.random.Generator, progress: Progress) -> Drawn:
        if "training" not in target.offers:
            raise Unavailable("a target with a training routine for canaries", f"{target.name}, which has none", "Set canaries to 0")
        chosen = data.unseen.sample(self.canaries, rng)
        k = len(data.schema.classes)
        wrong = (chosen.y + rng.integers(1, k, len(chosen))) % k
        inside: NDArray[np.bool_] = rng.random(len(chosen)) < 0.5
        x, y = np.concatenate([data.seen.x, chosen.x[inside]]), np.concatenate([data.seen.y, wrong[inside]])
        model = target.retrain(x, y, self.seed, progress.part(0.9))
        scores = logit_scaled(scored(model, chosen.x, progress.part(0.05)), wrong)
        note = (
            f"{len(chosen):,} rows with wrong labels were each put in by a fair coin ({int(inside.sum()):,} were) and the training was "
            "repeated as the target was trained: the bound is a proof about that training, with those rows added."
        )
        return Drawn(scores, inside, note, proof=True)


def _result(step: AuditEpsilon, drawn: Drawn, found: Guessed, claimed: float, delta: float) -> CheckResult:
    m, guesses, right = len(drawn.scores), found.guesses[found.best], found.right[found.best]
    bound = found.bound[found.best]
    half = guesses // 2
    order = np.argsort(drawn.scores, kind="stable")
    top = np.zeros(m, bool)
    top[order[-half:]] = True
    members, others = int(drawn.member.sum()), int((~drawn.member).sum())
    counts = (int((top & drawn.member).sum()), members, int((top & ~drawn.member).sum()), others)
    by_rates = rates_bound(*counts, delta, step.confidence)
    level = f"{100 * step.confidence:.0f} %"
    metrics = [
        Metric(
            name="epsilon_lower", label=f"Epsilon, at least ({level})", value=bound, unit="epsilon", n=m, safer="lower", level=step.confidence,
            interval="one-run audit, one-sided",
        ),
        Metric(
            name="epsilon_lower_rates", label="The same from TPR and FPR", value=by_rates, unit="epsilon", n=m, safer="lower",
            level=step.confidence, interval="Clopper-Pearson ends, one-sided",
            note="takes the rows as independent trials, which one training does not give: a hint beside the first",
        ),
        _claim(claimed),
        _share(right, guesses),
    ]  # fmt: skip
    refuted = claimed > 0 and bound > claimed
    reach = one_run_bound(m, guesses, guesses, delta, step.confidence)
    text = f"At least epsilon {bound:.2f} was spent ({level}, delta {delta:g}): {right} of {guesses} guesses right"
    text += (
        f"; claimed {claimed:.3g}, " + ("which this refutes." if refuted else "not contradicted.")
        if claimed
        else "; no epsilon is claimed."
    )
    findings = _findings(refuted, claimed, bound)
    beyond = not findings and reach <= max(claimed, LEAST)
    if beyond:
        text += f" Had all {guesses} guesses been right, it would have shown {reach:.2f}: too few to tell. Raise rows or share."
    status = Status.FINDING if findings else Status.INCOMPLETE if beyond else Status.PASSED
    notes = (
        drawn.note,
        f"The best that {guesses} guesses could have shown is epsilon {reach:.2f}.",
        "A low bound does not prove privacy: a stronger attack may find more. Only a bound above the claim proves something, that it is wrong.",
    )
    return CheckResult(
        status=status, summary=text, metrics=tuple(metrics), findings=findings, charts=(_chart(found, claimed),), notes=notes
    )


def _claim(claimed: float) -> Metric:
    if claimed:
        return Metric(name="epsilon_claimed", label="Epsilon claimed", value=claimed, unit="epsilon", safer="lower")
    return Metric(
        name="epsilon_claimed",
        label="Epsilon claimed",
        value=None,
        unit="epsilon",
        note="the target was not trained privately here, and none was given",
    )


def _share(right: int, guesses: int) -> Metric:
    low, high = clopper_pearson(right, guesses)
    return Metric(
        name="guessed_right", label="Guesses that were right", value=right / guesses, low=low, high=high, level=0.95, n=guesses,
        safer="lower", interval="Clopper-Pearson",
    )  # fmt: skip


def _findings(refuted: bool, claimed: float, bound: float) -> tuple[Finding, ...]:
    if refuted:
        title, severity = f"The claimed epsilon of {claimed:.3g} is refuted: at least {bound:.2f} was spent", Severity.CRITICAL
        advice = (
            "Look for what the accountant does not see: batches not drawn by coin, weights or statistics from the rows, a wrong clipping"
        )
    elif bound >= 1 and not claimed:
        title, severity = f"Members can be guessed as if epsilon were at least {bound:.2f}", Severity.MEDIUM
        advice = "Train privately (DP-SGD)"
    else:
        return ()
    evidence = Evidence(metrics=("epsilon_lower", "epsilon_claimed"))
    return (Finding(title=title, severity=severity, evidence=evidence, advice=advice, standards=STANDARDS, defense="privacy.dp_sgd"),)


def _chart(found: Guessed, claimed: float) -> Chart:
    return Chart(
        name="bound_by_guesses",
        title="Measured epsilon by number of guesses",
        kind="line",
        x=Axis(label="Guesses", unit="rows", scale="log"),
        y=Axis(label="Epsilon, at least"),
        series=(Series(name="lower bound", x=tuple(map(float, found.guesses)), y=found.bound),),
        reference=(("claimed", claimed),) if claimed else (),
        alt=f"The lower bound on epsilon for each number of guesses; {found.guesses[found.best]} were fixed beforehand, the rest is for orientation.",
    )
