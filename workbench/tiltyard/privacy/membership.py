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
from ..statistics.roc import curve, tpr_interval

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
    """Scores and marks as float64 and bool (n,); a `Problem` for NaN, unequal lengths or one class only.

    Infinite scores stand beyond all others, for curves are drawn of finite ones.
    """
    scores, member = np.asarray(scores, np.float64).ravel(), np.asarray(member, bool).ravel()
    if len(scores) != len(member):
        raise Problem("one membership mark per score", f"{len(scores)} scores and {len(member)} marks", "Give both for each row")
    if np.isnan(scores).any():
        raise Problem("scores that are numbers", f"NaN in row {int(np.isnan(scores).argmax())}", "Correct or drop the row")
    if (endless := np.isinf(scores)).any():
        beyond = min(2 * float(np.abs(scores[~endless]).max(initial=0.0)) + 1, 1.7e308)
        scores = np.where(endless, np.sign(scores) * beyond, scores)
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


SATURATED = 80.0


def unsaturated(observed: Scores, shadow: Scores) -> tuple[Scores, Scores]:
    """Logit-scaled confidences whose ends are one step beyond the largest of a probability that is neither 0 nor 1.

    Trees and forests answer 0 and 1 exactly, of which `logit_scaled` makes ±87: a variance with one such value in it says nothing.

    Parameters
    ----------
    observed : (n,); shadow : (models, n)
        Of the target and of shadow models, which are brought to the same ends.
    """
    both = np.concatenate([observed.ravel(), shadow.ravel()])
    inner = np.abs(both[np.abs(both) < SATURATED])
    end = (float(inner.max()) if len(inner) else 0.0) + 1.0
    one, other = (np.where(np.abs(v) < SATURATED, v, np.sign(v) * end) for v in (observed, shadow))
    return one, other


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
    low, high = tpr_interval(scores[member], scores[~member], fpr, level)
    spread = clopper_pearson(false, len(others), level)
    note = (
        f"{false} of {len(others):,} non-members called members; at this threshold the FPR lies between {spread[0]:.4f} and {spread[1]:.4f}, "
        "which the interval reckons with"
    )
    made = Metric(
        name=name, label=label, value=hits / n, low=low, high=high, level=level, n=n, safer="lower", interval="threshold estimated, binormal",
        note=note,
    )  # fmt: skip
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


def likelihood_ratio(observed: Scores, shadow: Scores, inside: Mask, offline: bool = False, shrinkage: float = math.inf) -> Scores:
    """LiRA (Carlini et al. 2021, 2112.03570, algorithm 1): how much likelier the target's answer is had the row been trained on.

    Parameters
    ----------
    observed : float64 (n,)
        Logit-scaled confidence of the target.
    shadow : float64 (models, n); inside : bool (models, n)
        The same of each shadow model, and whether it was trained on the row.
    offline
        Use only models that were not trained on the row: the log of P(out-model's confidence < observed).
    shrinkage
        Degrees of freedom with which each row's own variance is drawn to the pooled one: 0 is the paper's variance a row, infinite its
        one variance for all, between them an empirical Bayes estimate (Smyth 2004, Statistical Applications in Genetics 3, 3).

    Returns
    -------
    float64 (n,)
        Online the log-likelihood ratio, offline a log-probability; higher means member. A row that no model left out (or took in) gets the
        missing side from the other by the mean shift of all rows; one that no model saw at all gets 0, online and offline log(1/2).
    """
    from scipy.stats import norm

    out_mean, out_std = _moments(shadow, ~inside, shrinkage)
    in_mean, in_std = _moments(shadow, inside, shrinkage)
    shift = _mean(in_mean - out_mean)
    out_mean, in_mean = _filled(out_mean, in_mean - shift), _filled(in_mean, out_mean + shift)
    unseen = np.isnan(out_mean)
    if offline:
        return np.asarray(np.where(unseen, math.log(0.5), norm.logcdf(observed, np.where(unseen, 0.0, out_mean), out_std)))
    ratio = norm.logpdf(observed, in_mean, in_std) - norm.logpdf(observed, out_mean, out_std)
    return np.asarray(np.where(unseen, 0.0, ratio))


def _mean(values: Scores) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else 0.0


def _filled(values: Scores, other: Scores) -> Scores:
    return np.asarray(np.where(np.isnan(values), other, values))


def _moments(shadow: Scores, used: Mask, shrinkage: float) -> tuple[Scores, Scores]:
    """Mean (n,) and standard deviation (n,) of each row over the models used for it; the mean of a row without any is NaN."""
    count = used.sum(0)
    mean = np.where(used, shadow, 0.0).sum(0) / np.maximum(count, 1)
    squares = np.where(used, (shadow - mean) ** 2, 0.0).sum(0)
    own = np.maximum(count - 1, 0)
    pooled = squares.sum() / max(1, int(own.sum()))
    if math.isinf(shrinkage):
        spread = np.full(len(mean), pooled)
    else:
        weight = np.maximum(own + shrinkage, 1e-9)
        spread = np.where(own + shrinkage > 0, (squares + shrinkage * pooled) / weight, pooled)
    return np.where(count > 0, mean, np.nan), np.sqrt(np.maximum(spread, 1e-12))


def relative(observed: Scores, shadow: Scores, inside: Mask, a: float) -> Scores:
    """RMIA offline (Zarifzadeh et al. 2024, 2312.03262): log of the row's probability over what models in general give it, float64 (n,).

    The paper's score is the share of other rows z whose ratio is at most 1 / gamma of this one's. It grows with the ratio whatever gamma,
    so that this ratio ranks rows the same way, without the ties at its ends. Probabilities come from logit-scaled confidences; those of
    models in general are ((1 + a) p_out + 1 - a) / 2, where p_out is the mean over the models not trained on the row.

    Parameters
    ----------
    observed : float64 (n,); shadow : float64 (models, n); inside : bool (models, n)
        As for `likelihood_ratio`. A row that no model left out is given the mean of those left out.
    a
        From 0 to 1: how far a model not trained on a row tells of one that was.
    """
    from scipy.special import expit, log_expit

    count = (~inside).sum(0)
    mean = np.where(inside, 0.0, expit(shadow)).sum(0) / np.maximum(count, 1)
    known = count > 0
    mean = np.where(known, mean, mean[known].mean() if known.any() else 0.5)
    return np.asarray(log_expit(observed) - np.log(np.maximum(((1 + a) * mean + 1 - a) / 2, 1e-300)))


def tuned(shadow: Scores, inside: Mask) -> float:
    """The ``a`` of `relative` that best tells a row's probability by models trained on it, p_in, from p_out as a p_out + 1 - a.

    The paper's assumption, fitted by least squares over the rows of the shadow models that have both; 0.3, which the paper finds good for
    weak models, where none has.
    """
    from scipy.special import expit

    p, ins, outs = expit(shadow), inside.sum(0), (~inside).sum(0)
    both = (ins > 0) & (outs > 0)
    missed_in = 1 - np.where(inside, p, 0.0).sum(0)[both] / ins[both]
    missed_out = 1 - np.where(inside, 0.0, p).sum(0)[both] / outs[both]
    squares = float((missed_out**2).sum())
    return float(np.clip((missed_in * missed_out).sum() / squares, 0.0, 1.0)) if squares > 0 else 0.3


def separation(shadow: Scores, inside: Mask) -> Scores:
    """How far apart a row's confidences lie with and without it in training, in standard deviations: its risk whatever the target saw."""
    (in_mean, in_std), (out_mean, out_std) = _moments(shadow, inside, math.inf), _moments(shadow, ~inside, math.inf)
    return np.asarray(np.nan_to_num((in_mean - out_mean) / np.sqrt((in_std**2 + out_std**2) / 2)))
