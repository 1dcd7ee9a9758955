"""The bound of an audit is never below the published one of the same canaries, and both together err no more often than is said."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tiltyard.privacy._epsilon_bounds import epsilon_of_mu, independent_bound, one_run_bound
from tiltyard.privacy.audit_report import Audited, Bounds, Group, audited, guessed, pooled

DELTA = 1e-6


def asked(m: int, scores: "np.ndarray | None" = None, member: "np.ndarray | None" = None) -> Audited:
    """An audit of two groups of half of ``m`` canaries each."""
    scores, member = (np.arange(float(m)), np.arange(m) % 2 == 0) if scores is None or member is None else (scores, member)
    groups = tuple(Group(name, scores[here], member[here]) for name, here in (("a", slice(0, m // 2)), ("b", slice(m // 2, m))))
    return Audited(groups, "", True, True, True, (), 1.0, DELTA, 0.99, 0.5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shift", [0.1, 0.3, 0.8])
def test_no_single_audit_is_below_the_published_bound(seed: int, shift: float) -> None:
    rng = np.random.default_rng([seed, int(10 * shift)])
    member = rng.random(200) < 0.5
    it = asked(200, rng.normal(size=200) + shift * member, member)
    every = guessed(pooled(it.groups)[-1], it.share)
    found = audited(it).metric("epsilon_lower").value
    assert found is not None and found >= one_run_bound(every.m, every.guesses, every.right, DELTA, 0.99)


@pytest.mark.parametrize(("m", "reach"), [(400, 0.0), (400, 1.0), (400, 3.0), (1000, 0.0), (1000, 6.0)])
def test_together_they_err_no_more_often_than_is_said(m: int, reach: float) -> None:
    """Right guesses of Gaussian canaries, ``reach`` / sqrt(m) apart: 30,000 audits, and their bounds above the truth in 1 % at most."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    mu, quarter, rng = reach / math.sqrt(m), m // 4, np.random.default_rng(int(10 * reach) + m)
    cut = brentq(lambda s: norm.sf(s) + norm.sf(s - mu) - 0.5, -9, 20)
    sure = 2 * norm.sf(cut - mu)  # of the surest half of guesses so many are right
    rest = 2 * norm.cdf(mu / 2) - sure
    surest, others = (rng.binomial(quarter, min(p, 1.0), (30_000, 2)) for p in (sure, rest))
    it = asked(m)
    it = replace(it, groups=pooled(it.groups))
    truth = epsilon_of_mu(mu, DELTA)
    single = {k: epsilon_of_mu(independent_bound(m // 2, k, it.each), DELTA) for k in np.unique(surest + others).tolist()}
    both = {k: epsilon_of_mu(independent_bound(m, k, it.each), DELTA) for k in np.unique((surest + others).sum(1)).tolist()}
    plain = {k: one_run_bound(m, m // 2, k, DELTA, 0.99) for k in np.unique(surest.sum(1)).tolist()}
    wrong = 0
    for sures, rights in zip(surest.tolist(), (surest + others).tolist(), strict=True):
        last = Bounds(0.0, 0.0, both[sum(rights)], plain[sum(sures)])
        wrong += max(it.chosen([*(Bounds(0.0, 0.0, single[k]) for k in rights), last])) > truth
    assert wrong <= 300 + 3 * math.sqrt(300)
    assert wrong > 30 or reach > 0
