"""RMIA against the published score, a relation known by construction, and models that leave rows uncovered; LiRA's shrunk variance."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tiltyard.privacy.membership import auc, likelihood_ratio, relative, tuned
from tiltyard.privacy.shadow_attack import halving

Scores = NDArray[np.float64]


def logit(p: Scores) -> Scores:
    return np.asarray(np.log(p / (1 - p)))


def published(p: Scores, out: Scores, a: float, gamma: float) -> Scores:
    """The share of rows z with ratio(x) / ratio(z) >= gamma (equation 4 and section 3.2 of the paper), the attacked rows as population."""
    ratio = p / (((1 + a) * out + 1 - a) / 2)
    return np.asarray([(one / ratio >= gamma).mean() for one in ratio])


@pytest.mark.parametrize("gamma", [1.0, 2.0])
@pytest.mark.parametrize("a", [0.0, 0.3, 1.0])
def test_rows_are_ranked_as_the_published_score_ranks_them(a: float, gamma: float) -> None:
    rng = np.random.default_rng(0)
    p, out = rng.uniform(0.05, 0.95, (2, 60))
    ours = relative(logit(p), logit(out)[None], np.zeros((1, 60), bool), a)
    theirs = published(p, out, a, gamma)[np.argsort(ours)]
    assert (np.diff(theirs) >= 0).all()


def test_the_offset_is_found_where_it_is_known() -> None:
    rng = np.random.default_rng(0)
    inside = halving(2, 200, rng)
    out = rng.uniform(0.05, 0.9, 200)
    shadow = logit(np.where(inside, 0.4 * out + 0.6, out))
    assert tuned(shadow, inside) == pytest.approx(0.4, abs=1e-9)


def test_a_memorizer_is_found_with_two_models_and_a_coin_is_not() -> None:
    rng = np.random.default_rng(1)
    n = 1000
    inside = halving(3, n, rng)[:3]
    hard = rng.normal(0, 2, n)
    for shift, low, high in ((4.0, 0.95, 1.0), (0.0, 0.45, 0.55)):
        answers = hard + shift * inside + rng.normal(0, 0.3, inside.shape)
        found = relative(answers[2], answers[:2], inside[:2], tuned(answers[:2], inside[:2]))
        assert low <= (auc(found, inside[2]).value or 0) <= high


@pytest.mark.parametrize("offline", [False, True])
def test_rows_that_no_model_left_out_or_took_in_do_not_crash(offline: bool) -> None:
    rng = np.random.default_rng(0)
    inside = halving(4, 50, rng)
    inside[:, 0], inside[:, 1] = True, False
    shadow = rng.normal(size=(4, 50)) + 3 * inside
    found = likelihood_ratio(np.where(np.arange(50) < 2, 3.0, 0.0), shadow, inside, offline, 8.0)
    assert np.isfinite(found).all()
    assert found[0] > np.median(found[2:])
    assert np.isfinite(relative(shadow[0], shadow, inside, 0.3)).all()
    assert np.isfinite(likelihood_ratio(shadow[0], shadow, np.ones_like(inside), offline, 8.0)).all()


def test_shrinkage_lies_between_a_variance_a_row_and_one_for_all() -> None:
    rng = np.random.default_rng(2)
    inside = halving(8, 40, rng)
    shadow = rng.normal(0, np.linspace(0.5, 3, 40), (8, 40)) + 2 * inside
    observed = rng.normal(size=40)
    own, some, one = (likelihood_ratio(observed, shadow, inside, False, nu) for nu in (0.0, 8.0, np.inf))
    np.testing.assert_allclose(likelihood_ratio(observed, shadow, inside, False, 1e9), one, rtol=1e-5)
    assert np.abs(some - one).mean() < np.abs(own - one).mean()
    variance = (3 * np.var(shadow[~inside[:, 0], 0], ddof=1) + 8 * pooled(shadow, ~inside)) / 11
    variance_in = (3 * np.var(shadow[inside[:, 0], 0], ddof=1) + 8 * pooled(shadow, inside)) / 11
    from scipy.stats import norm

    by_hand = norm(shadow[inside[:, 0], 0].mean(), variance_in**0.5).logpdf(observed[0])
    by_hand -= norm(shadow[~inside[:, 0], 0].mean(), variance**0.5).logpdf(observed[0])
    assert some[0] == pytest.approx(by_hand)


def pooled(shadow: Scores, used: NDArray[np.bool_]) -> float:
    columns = range(shadow.shape[1])
    squares = sum(float(((shadow[used[:, i], i] - shadow[used[:, i], i].mean()) ** 2).sum()) for i in columns)
    return squares / float(sum(used[:, i].sum() - 1 for i in columns))
