"""The result of an audit of epsilon, from scores of canaries: the bound, the claim it is held against, and what a pass rests on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..formatting.numbers import number
from ..result import Axis, Chart, CheckResult, Evidence, Finding, Metric, Series, Severity, Status
from ..statistics.intervals import clopper_pearson
from ..statistics.ruling import status_of
from ._epsilon_bounds import epsilon_of_mu, gaussian_bound, independent_bound, one_run_bound, rates_bound
from .membership_report import STANDARDS
from .membership_threshold import read_scores

FREE = 0.99
NOTHING_SHOWN = "A bound of 0 is not evidence of privacy: it says that this audit saw nothing."


@dataclass(frozen=True)
class Group:
    """Canaries that are guessed at together: scores (n,), higher for "trained on", and what each one's coin said (n,)."""

    name: str
    scores: NDArray[np.float64]
    member: NDArray[np.bool_]


@dataclass(frozen=True)
class Guessed:
    """So many guesses, the surest members and as many of the surest others, with those that were right."""

    name: str
    m: int
    guesses: int
    right: int


@dataclass(frozen=True)
class Bounds:
    """Epsilon ruled out: ``any`` whatever the noise, ``curve`` by a Gaussian curve, ``apart`` by it where each canary has noise of its own.

    ``published`` is ``any`` of all canaries together at the whole confidence, where that is free (`Audited.free`).
    """

    any: float
    curve: float
    apart: float
    published: float = 0.0


@dataclass(frozen=True)
class Audited:
    """Groups of canaries and what is claimed; ``control`` are the same of a training without noise, empty where there was none.

    ``gaussian`` holds the claim as that of Gaussian noise; else only (epsilon, delta) is held. ``proof``: membership was a fair coin's.
    ``apart``: each canary meets noise of its own, in coordinates that no other row touches.
    """

    groups: tuple[Group, ...]
    note: str
    proof: bool
    apart: bool
    gaussian: bool
    control: tuple[Group, ...]
    epsilon: float
    delta: float
    confidence: float
    share: float

    @property
    def each(self) -> float:
        """The confidence of one bound, for all that the claim is held against to hold together (Bonferroni): one a group.

        Where each canary has its own noise, the bound whatever the noise of the last group is one more, if it is not free.
        """
        return 1 - (1 - self.confidence) / (len(self.groups) + (self.gaussian and self.apart and not self.free))

    @property
    def free(self) -> bool:
        """Does the published bound (Steinke et al. 2023) of all canaries come beside the others at its own confidence?

        Of Gaussian noise that is each canary's own it errs hardly ever where epsilon is above `least`, and the others, which share the
        chance of error, do not use up all of it; below `least` they are silent. That together they err no more than said was simulated
        from `FREE` on (`tests/privacy/test_audit_together.py`, docs/coverage.md).
        """
        return self.gaussian and self.apart and self.confidence >= FREE

    @cached_property
    def least(self) -> tuple[float, float]:
        """Epsilon from which the bound of one group, and that of all canaries, counts beside the published one; 0 where that is not free."""
        root = math.sqrt(max(len(group.scores) for group in self.groups))
        return (epsilon_of_mu(4.0 / root, self.delta), epsilon_of_mu(2.5 / root, self.delta)) if self.free else (0.0, 0.0)

    def chosen(self, bounds: Sequence[Bounds]) -> list[float]:
        """Of each group the bound that the claim is held against."""
        if not self.gaussian:
            return [one.any for one in bounds]
        if not self.apart:
            return [one.curve for one in bounds]
        single, all_of_them = self.least
        apart = [one.apart * (one.apart >= single) for one in bounds[:-1]]
        last = bounds[-1]
        return [*apart, max(last.apart * (last.apart >= all_of_them), last.published if self.free else last.any)]


def pooled(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    """The groups, and all of their canaries together by their ranks within their own."""
    if len(groups) < 2:
        return groups
    from scipy.stats import rankdata

    ranks = np.concatenate([rankdata(g.scores) / len(g.scores) for g in groups])
    return (*groups, Group("all together", ranks, np.concatenate([g.member for g in groups])))


def guessed(group: Group, share: float) -> Guessed:
    """Call the surest ``share`` of a group's rows members and as many non-members."""
    order = np.argsort(group.scores, kind="stable")
    m = len(order)
    half = max(1, min(m // 2, round(m * share / 2)))
    right = int(group.member[order[-half:]].sum() + (~group.member[order[:half]]).sum())
    return Guessed(group.name, m, 2 * half, right)


def bounds_of(it: Audited, some: Guessed, every: Guessed) -> Bounds:
    """All three bounds of one group, from ``some`` guesses and, where each canary has its own noise, from guesses at ``every`` one."""
    curve = gaussian_bound(some.m, some.guesses, some.right, it.each) if it.gaussian else 0.0
    apart = independent_bound(every.guesses, every.right, it.each) if it.gaussian and it.apart else 0.0
    plain = one_run_bound(some.m, some.guesses, some.right, it.delta, it.each)
    whole = one_run_bound(some.m, some.guesses, some.right, it.delta, it.confidence) if it.free else 0.0
    return Bounds(plain, epsilon_of_mu(curve, it.delta), epsilon_of_mu(apart, it.delta), whole)


def _reach(it: Audited) -> float:
    """What it would have shown had every guess been right."""
    perfect = [[Guessed(g.name, g.m, g.guesses, g.guesses) for g in (guessed(x, it.share), guessed(x, 1.0))] for x in it.groups]
    return max(it.chosen([bounds_of(it, some, every) for some, every in perfect]))


def _each(it: Audited, groups: tuple[Group, ...]) -> list[Bounds]:
    return [bounds_of(it, guessed(group, it.share), guessed(group, 1.0)) for group in groups]


def audited(it: Audited) -> CheckResult:
    """The whole answer: the highest bound of the groups, at the number of guesses that was fixed beforehand."""
    it = replace(it, groups=pooled(it.groups), control=pooled(it.control))
    bounds = _each(it, it.groups)
    shown = [guessed(group, 1.0 if it.apart and it.gaussian else it.share) for group in it.groups]
    held = it.chosen(bounds)
    place = max(range(len(shown)), key=lambda i: (held[i], shown[i].right / shown[i].guesses))
    best, bound = shown[place], held[place]
    control = max(it.chosen(_each(it, it.control))) if it.control else None
    reach = _reach(it)
    refuted = 0 < it.epsilon < bound
    findings = _findings(it, refuted, bound)
    short = "" if findings else _short(it, bound, control, reach)
    status = status_of(bool(findings), bool(short))
    return CheckResult(
        status=status,
        summary=" ".join(filter(None, (_sentence(it, best, bound, refuted), short or _earned(status, control)))),
        metrics=_metrics(it, bounds, best, bound, control),
        findings=findings,
        charts=(_chart(it),),
        notes=_notes(it, reach, len(shown)),
    )


def _short(it: Audited, bound: float, control: float | None, reach: float) -> str:
    """What keeps this from a pass, in sentences; empty where the pass is earned."""
    nothing = NOTHING_SHOWN if bound == 0 else ""
    if not it.epsilon:
        return nothing or "A low bound is not evidence of privacy: no epsilon is claimed that it could be held against."
    if reach <= it.epsilon:
        return f"{nothing} Had all guesses been right, it would have shown {reach:.2f}: too few to tell. Raise canaries.".strip()
    if not it.proof:
        return f"{nothing} The split is no coin of ours: put in canaries, which need a target that can be trained again.".strip()
    if control is not None and control <= it.epsilon:
        return f"{nothing} Without noise the same canaries show only {control:.2f}: they could not have seen a fault.".strip()
    if control is None and bound == 0:
        return f"{nothing} Nothing shows that the canaries are learned at all; set control, or raise canaries."
    return ""


def _earned(status: Status, control: float | None) -> str:
    shown = f"Without noise the same canaries show {control:.2f}, so that they would have seen it left out." if control is not None else ""
    return shown if status is Status.PASSED else ""


def _sentence(it: Audited, best: Guessed, bound: float, refuted: bool) -> str:
    text = (
        f"At least epsilon {bound:.2f} was spent ({100 * it.confidence:g} %, delta {number(it.delta)}): "
        f"{best.right} of {best.guesses} guesses right"
    )
    if not it.epsilon:
        return f"{text}; no epsilon is claimed."
    return f"{text}; claimed {it.epsilon:.3g}, " + ("which this refutes." if refuted else "not contradicted.")


def _metrics(it: Audited, bounds: list[Bounds], best: Guessed, bound: float, control: float | None) -> tuple[Metric, ...]:
    level, n = f"{100 * it.confidence:g} %", sum(len(g.scores) for g in it.groups if g.name != "all together")

    def made(name: str, label: str, value: float, interval: str, safer: Literal["lower", "none"] = "lower", note: str = "") -> Metric:
        return Metric(
            name=name, label=label, value=value, n=n, unit="epsilon", safer=safer, level=it.confidence, interval=interval, note=note
        )

    apart = "one run, Gaussian, noise of its own for each canary, one-sided"
    curve, plain = "one run, Gaussian trade-off curve, one-sided", "one run, (epsilon, delta), one-sided"
    kind = plain if not it.gaussian else apart if it.apart else curve
    metrics = [made("epsilon_lower", f"Epsilon, at least ({level})", bound, kind), _claim(it.epsilon), _share(best)]
    if it.gaussian:
        value = max(b.curve for b in bounds)
        metrics.append(made("epsilon_lower_curve", "The same by a Gaussian curve, however canaries depend on one another", value, curve))
    metrics.append(made("epsilon_lower_any", "The same whatever the noise", max(b.any for b in bounds), plain))
    hint = "takes the rows as independent trials, which one training does not give: a hint beside the first"
    metrics.append(made("epsilon_lower_rates", "The same from TPR and FPR", _by_rates(it), "Clopper-Pearson ends, one-sided", note=hint))
    if control is not None:
        metrics.append(made("epsilon_control", "The same canaries without noise", control, kind, "none"))
    return tuple(metrics)


def _by_rates(it: Audited) -> float:
    found = []
    for group in it.groups:
        half = guessed(group, it.share).guesses // 2
        top = np.zeros(len(group.scores), bool)
        top[np.argsort(group.scores, kind="stable")[-half:]] = True
        sides = [(int((top & side).sum()), int(side.sum())) for side in (group.member, ~group.member)]
        found.append(rates_bound(*sides[0], *sides[1], it.delta, it.each))
    return max(found)


def _claim(claimed: float) -> Metric:
    note = "" if claimed else "the target was not trained privately here, and none was given"
    return Metric(name="epsilon_claimed", label="Epsilon claimed", value=claimed or None, unit="epsilon", safer="lower", note=note)


def _share(best: Guessed) -> Metric:
    low, high = clopper_pearson(best.right, best.guesses)
    return Metric(
        name="guessed_right", label="Guesses that were right", value=best.right / best.guesses, low=low, high=high, level=0.95,
        n=best.guesses, safer="lower", interval="Clopper-Pearson", note=best.name,
    )  # fmt: skip


def _findings(it: Audited, refuted: bool, bound: float) -> tuple[Finding, ...]:
    if refuted:
        title, severity = f"The claimed epsilon of {it.epsilon:.3g} is refuted: at least {bound:.2f} was spent", Severity.CRITICAL
        advice = (
            "Look for what the accountant does not see: noise left out or divided twice, gradients that are not clipped a row at a time, "
            "rows drawn more often than accounted, weights or statistics from the rows"
        )
    elif bound >= 1 and not it.epsilon:
        title, severity = f"Members can be guessed as if epsilon were at least {bound:.2f}", Severity.MEDIUM
        advice = "Train privately (DP-SGD)"
    else:
        return ()
    evidence = Evidence(metrics=("epsilon_lower", "epsilon_claimed"))
    return (Finding(title=title, severity=severity, evidence=evidence, advice=advice, standards=STANDARDS, defense="privacy.dp_sgd"),)


HELD = (
    "The claim is held as that of Gaussian noise, as DP-SGD adds: as the Gaussian trade-off curve through the claimed epsilon and delta. "
    "Of another mechanism only the bound for any noise says something; set mechanism to any."
)
APART = (
    "Each canary is taken to meet noise of its own, for DP-SGD's noise is independent from weight to weight; the bound by the curve alone "
    "assumes nothing of the kind and is lower."
)
FREELY = (
    "The published bound, of all canaries whatever the noise, counts at the whole confidence beside these, which count from epsilon "
    "{single:.2f} on, that of all canaries from {together:.2f} on: that together they err no more often than said was simulated."
)
CAVEAT = (
    "A low bound does not prove privacy: a stronger attack may find more. Only a bound above the claim proves something, that it is wrong."
)


def _notes(it: Audited, reach: float, groups: int) -> tuple[str, ...]:
    more = ", and of the last the bound whatever the noise" if it.gaussian and it.apart and not it.free else ""
    together = (
        f"{groups} groups (the last is all of them) were guessed at apart{more}, each at {100 * it.each:.4g} %, so that all hold together."
    )
    return (
        it.note,
        *((HELD,) if it.gaussian else ()),
        *((APART,) if it.gaussian and it.apart else ()),
        *((together,) if groups > 1 else ()),
        *((FREELY.format(single=it.least[0], together=it.least[1]),) if it.free else ()),
        f"The best that these guesses could have shown is epsilon {reach:.2f}.",
        CAVEAT,
    )


def _chart(it: Audited) -> Chart:
    """The bound whatever the noise by the number of guesses; the bound by a Gaussian curve is slower to compute and drawn where it is held."""
    tried = sorted({*np.geomspace(0.02, 1.0, 12).tolist(), it.share})
    lines = []
    for group in it.groups:
        found = {g.guesses: one_run_bound(g.m, g.guesses, g.right, it.delta, it.each) for g in (guessed(group, share) for share in tried)}
        lines.append(Series(name=group.name, x=tuple(map(float, found)), y=tuple(found.values())))
    return Chart(
        name="bound_by_guesses",
        title="Measured epsilon, whatever the noise, by number of guesses",
        kind="line",
        x=Axis(label="Guesses", unit="rows", scale="log"),
        y=Axis(label="Epsilon, at least"),
        series=tuple(lines),
        reference=(("claimed", it.epsilon),) if it.epsilon else (),
        alt=f"The lower bound on epsilon for each number of guesses; {100 * it.share:.0f} % of the rows were fixed beforehand, the rest is for "
        "orientation.",
    )


def from_canary_scores(
    path: Path | str, epsilon: float, delta: float, *, gaussian: bool = True, confidence: float = 0.99, share: float = 0.5
) -> CheckResult:
    """The audit of a model that can only be asked where it lives, from a CSV of ``score`` and ``member`` of canaries put in by a fair coin.

    Parameters
    ----------
    epsilon, delta
        What is claimed of its training; epsilon 0 where nothing is.
    gaussian
        Is the claim that of Gaussian noise (DP-SGD)?

    Raises
    ------
    Problem
        As `membership_threshold.read_scores`.
    """
    read = read_scores(path)
    note = f"{len(read.scores):,} scores of canaries were read from {Path(path).name}; each was taken to be put in by a fair coin."
    group = Group("canaries", read.scores, read.member)
    return audited(Audited((group,), note, True, False, gaussian, (), epsilon, delta, confidence, share))
