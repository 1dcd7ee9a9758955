"""Metrics of membership inference: ROC, AUC, TPR at fixed FPR, accuracy gap, advantage, likelihood ratios. The checks of this folder call them.

A score is higher where the attacker believes more that the row was trained on.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import Problem
from ..formatting.numbers import POINTS
from ..result import Metric
from ..statistics.intervals import LEVEL, bootstrap, clopper_pearson
from ..statistics.roc import curve

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]


def chance(seed: int, id: str, stream: int = 0) -> np.random.Generator:
    """The generator of the check called ``id``; checks with equal seeds draw different numbers, so that a sample never repeats another's split."""
    return np.random.default_rng([seed, stream, *id.encode()])


@dataclass(frozen=True)
class Roc:
    """Rates at every distinct threshold, from (0, 0) to (1, 1); ``threshold[i]`` calls members those at or above it."""

    fpr: Scores
    tpr: Scores
    threshold: Scores
    members: int
    others: int


def checked(scores: Scores, member: Mask) -> tuple[Scores, Mask]:
    """Scores and marks as float64 and bool (n,); a `Problem` for NaN, unequal lengths or one class only."""
    scores, member = np.asarray(scores, np.float64).ravel(), np.asarray(member, bool).ravel()
    if len(scores) != len(member):
        raise Problem("one membership mark per score", f"{len(scores)} scores and {len(member)} marks", "Give both for each row")
    if np.isnan(scores).any():
        raise Problem("scores that are numbers", f"NaN in row {int(np.isnan(scores).argmax())}", "Correct or drop the row")
    if member.all() or not member.any():
        found = "only members" if len(member) and member.all() else "no members" if len(member) else "no rows"
        raise Problem("rows that were trained on and rows that were not", found, "Give both kinds")
    return scores, member


def roc(scores: Scores, member: Mask) -> Roc:
    """The receiver operating characteristic; equal scores are one step."""
    scores, member = checked(scores, member)
    found = curve(member, scores)
    members = int(member.sum())
    return Roc(found.fpr, found.tpr, found.threshold, members, len(member) - members)


def logit_scaled(p: Scores, y: NDArray[np.int64]) -> Scores:
    """log(p_y / (1 - p_y)), float64 (n,), of class probabilities (n, k): near normal over models.

    Carlini et al. 2021 (2112.03570), section 4. The other classes are summed rather than
    subtracted from 1, which keeps digits where p_y is close to 1.
    """
    wide = np.asarray(p, np.float64)
    rows = np.arange(len(wide))
    right = wide[rows, y]
    rest = wide.copy()
    rest[rows, y] = 0.0
    return np.asarray(np.log(np.maximum(right, 1e-38)) - np.log(np.maximum(rest.sum(1), 1e-38)))


def modified_entropy(p: Scores, y: NDArray[np.int64]) -> Scores:
    """Minus the modified entropy of Song and Mittal 2020 (2003.10595): higher for a sure and right answer."""
    wide = np.clip(np.asarray(p, np.float64), 1e-30, 1.0)
    rows = np.arange(len(wide))
    terms = wide * np.log(np.maximum(1 - wide, 1e-30))
    right = wide[rows, y]
    terms[rows, y] = (1 - right) * np.log(right)
    return np.asarray(terms.sum(1))


def _midranks(values: Scores) -> Scores:
    from scipy.stats import rankdata

    return np.asarray(rankdata(values), np.float64)


def auc(scores: Scores, member: Mask, name: str = "auc", label: str = "AUC of the attack", level: float = LEVEL) -> Metric:
    """Chance that a member outscores a non-member (ties half), with DeLong's interval on the logit scale (Sun and Xu 2014).

    Where no pair is out of order the variance is 0 and useless: the open end is then the exact
    binomial bound of the smaller side.
    """
    from scipy.stats import norm

    scores, member = checked(scores, member)
    a, b = scores[member], scores[~member]
    together = _midranks(np.concatenate([a, b]))
    over_a = (together[: len(a)] - _midranks(a)) / len(b)
    over_b = 1 - (together[len(a) :] - _midranks(b)) / len(a)
    value = float(np.clip(over_a.mean(), 0.0, 1.0))
    spread = sum(float(np.var(v, ddof=1)) / len(v) if len(v) > 1 else 0.25 for v in (over_a, over_b))
    smaller = min(len(a), len(b))
    if 0 < value < 1 and spread > 0:
        logit = math.log(value / (1 - value))
        reach = float(norm.ppf(0.5 + level / 2)) * math.sqrt(spread) / (value * (1 - value))
        low, high = (1 / (1 + math.exp(-min(max(t, -700.0), 700.0))) for t in (logit - reach, logit + reach))
        interval = "DeLong, logit"
    elif value in (0.0, 1.0):
        low, high = clopper_pearson(int(value) * smaller, smaller, level)
        interval = "exact bound of the smaller side"
    else:
        low, high, interval = value, value, "no spread"
    return Metric(name=name, label=label, value=value, low=low, high=high, level=level, n=len(scores), safer="lower", interval=interval)


def tpr_at(scores: Scores, member: Mask, fpr: float, level: float = LEVEL) -> tuple[Metric, int]:
    """TPR at a fixed FPR: the share of members found while at most ``fpr`` of the non-members are called members; and how many of those were.

    No value where there are too few non-members to resolve ``fpr`` (fewer than 1 / fpr).
    """
    scores, member = checked(scores, member)
    others = np.sort(scores[~member])[::-1]
    name, label = f"tpr_at_{fpr * 100:g}pct".replace(".", "_"), f"TPR at {fpr * 100:g} % FPR"
    allowed = math.floor(fpr * len(others) + 1e-9)
    if allowed < 1:
        needed = math.ceil(1 / fpr - 1e-9)
        note = f"{len(others):,} non-members cannot resolve a false-positive rate of {fpr * 100:g} %; at least {needed:,} are needed"
        return Metric(name=name, label=label, value=None, n=int(member.sum()), safer="lower", note=note), 0
    above = scores > others[allowed] if allowed < len(others) else np.ones(len(scores), bool)
    hits, n, false = int((above & member).sum()), int(member.sum()), int((above & ~member).sum())
    low, high = clopper_pearson(hits, n, level)
    spread = clopper_pearson(false, len(others), level)
    note = f"{false} of {len(others):,} non-members called members; their rate lies in {spread[0]:.4f} to {spread[1]:.4f}"
    made = Metric(
        name=name, label=label, value=hits / n, low=low, high=high, level=level, n=n, safer="lower", interval="Clopper-Pearson", note=note
    )
    return made, false


def _wilson(hits: int, n: int, z: float) -> tuple[float, float]:
    p = hits / n
    mid, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (mid - reach) / (1 + z * z / n), (mid + reach) / (1 + z * z / n)


def difference(name: str, label: str, a: tuple[int, int], b: tuple[int, int], level: float = LEVEL) -> Metric:
    """a's rate minus b's, each (hits, n) of separate rows, with Newcombe's interval (1998, method 10)."""
    from scipy.stats import norm

    if min(a[1], b[1]) == 0:
        return Metric(name=name, label=label, value=None, n=a[1] + b[1], safer="zero", note="no rows on one side")
    z = float(norm.ppf(0.5 + level / 2))
    p, q = a[0] / a[1], b[0] / b[1]
    (p_low, p_high), (q_low, q_high) = _wilson(*a, z), _wilson(*b, z)
    low, high = p - q - math.hypot(p - p_low, q_high - q), p - q + math.hypot(p_high - p, q - q_low)
    return Metric(
        name=name,
        label=label,
        value=p - q,
        unit=POINTS,
        low=max(low, -1.0),
        high=min(high, 1.0),
        level=level,
        n=a[1] + b[1],
        safer="zero",
        interval="Newcombe",
    )


def paired(name: str, label: str, after: Mask, before: Mask, rng: np.random.Generator, level: float = LEVEL) -> Metric:
    """Rate of ``after`` minus rate of ``before`` on the same rows, with a bootstrap interval over rows."""
    change = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    if not len(change):
        return Metric(name=name, label=label, value=None, n=0, note="no rows to measure it on")
    low, high = bootstrap(lambda rows: float(change[rows].mean()), len(change), rng, level=level)
    return Metric(
        name=name,
        label=label,
        value=float(change.mean()),
        unit=POINTS,
        low=low,
        high=high,
        level=level,
        n=len(change),
        interval="paired bootstrap",
    )


@dataclass(frozen=True)
class Halves:
    """What one threshold, set on half of the rows, does on the other half."""

    threshold: float
    hits: int
    members: int
    false: int
    others: int

    @property
    def advantage(self) -> Metric:
        """TPR minus FPR (Yeom et al. 2017, 1709.01604) on rows the threshold was not chosen on."""
        return self.advantage_at(LEVEL)

    def advantage_at(self, level: float) -> Metric:
        """The same with an interval at another level."""
        sides = (self.hits, self.members), (self.false, self.others)
        made = difference("advantage", "Advantage (TPR - FPR) of one threshold", *sides, level)
        note = f"threshold {self.threshold:.4g}, set on the other half of the rows"
        return made.model_copy(update={"note": made.note or note, "safer": "lower"})

    @property
    def accuracy(self) -> float:
        """Balanced accuracy: the mean of TPR and 1 - FPR."""
        return (self.hits / self.members + 1 - self.false / self.others) / 2


def halves(scores: Scores, member: Mask, rng: np.random.Generator) -> Halves:
    """Set the threshold with the largest TPR - FPR on a random half of each kind, midway to the next score; count on the other half."""
    scores, member = checked(scores, member)
    first = np.zeros(len(scores), bool)
    for side in (np.flatnonzero(member), np.flatnonzero(~member)):
        if len(side) < 2:
            raise Problem("at least two rows of each kind", f"{len(side)}", "Give more rows")
        first[rng.permutation(side)[: len(side) // 2]] = True
    found = roc(scores[first], member[first])
    best = int(np.argmax(found.tpr - found.fpr))
    threshold = float(found.threshold[best])
    if 0 < best < len(found.threshold) - 1 and np.isfinite(found.threshold[best : best + 2]).all():
        threshold = (threshold + float(found.threshold[best + 1])) / 2
    called, rest = scores >= threshold, ~first
    return Halves(
        threshold,
        int((called & rest & member).sum()),
        int((rest & member).sum()),
        int((called & rest & ~member).sum()),
        int((rest & ~member).sum()),
    )


def likelihood_ratio(observed: Scores, shadow: Scores, inside: Mask, offline: bool = False, fixed_variance: bool = True) -> Scores:
    """LiRA (Carlini et al. 2021, 2112.03570, algorithm 1): how much likelier the target's answer is had the row been trained on.

    Parameters
    ----------
    observed : float64 (n,)
        Logit-scaled confidence of the target.
    shadow : float64 (models, n); inside : bool (models, n)
        The same of each shadow model, and whether it was trained on the row.
    offline
        Use only models that were not trained on the row: the log of P(out-model's confidence < observed).
    fixed_variance
        One variance for all rows, from the spread around each row's mean. On census it has the higher TPR at 1 % FPR with 8 and 16
        models; with 32 and more a variance a row is as good, and better where the model is overfitted.

    Returns
    -------
    float64 (n,)
        Online the log-likelihood ratio, offline a log-probability; higher means member.
    """
    from scipy.stats import norm

    out_mean, out_std = _moments(shadow, ~inside, fixed_variance)
    if offline:
        return np.asarray(norm.logcdf(observed, out_mean, out_std))
    in_mean, in_std = _moments(shadow, inside, fixed_variance)
    return np.asarray(norm.logpdf(observed, in_mean, in_std) - norm.logpdf(observed, out_mean, out_std))


def _moments(shadow: Scores, used: Mask, fixed: bool) -> tuple[Scores, Scores]:
    """Mean (n,) and standard deviation (n,) of each row over the models used for it."""
    count = used.sum(0)
    if (count == 0).any():
        raise Problem(
            "every row both in and out of some shadow model", f"row {int((count == 0).argmax())} never is", "Train more shadow models"
        )
    mean = np.where(used, shadow, 0.0).sum(0) / count
    squares = np.where(used, (shadow - mean) ** 2, 0.0).sum(0)
    own = squares / np.maximum(count - 1, 1)
    spread = np.full(len(mean), squares.sum() / max(1, int((count - 1).sum()))) if fixed else own
    return mean, np.sqrt(np.maximum(spread, 1e-12))


def separation(shadow: Scores, inside: Mask) -> Scores:
    """How far apart a row's confidences lie with and without it in training, in standard deviations: its risk whatever the target saw."""
    (in_mean, in_std), (out_mean, out_std) = _moments(shadow, inside, fixed=True), _moments(shadow, ~inside, fixed=True)
    return np.asarray((in_mean - out_mean) / np.sqrt((in_std**2 + out_std**2) / 2))
