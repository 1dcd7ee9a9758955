"""The Gaussian mechanism without sampling, exactly (Balle and Wang 2018, 1805.06530, theorem 8)."""

import math


def gaussian_delta(epsilon: float, mu: float) -> float:
    """The least delta at ``epsilon`` of two normals of deviation 1 whose means lie ``mu`` apart."""
    from scipy.special import log_ndtr

    first = math.exp(float(log_ndtr(mu / 2 - epsilon / mu)))
    return first - math.exp(epsilon + float(log_ndtr(-mu / 2 - epsilon / mu)))


def gaussian_epsilon(noise: float, steps: int, delta: float) -> float:
    """Epsilon of ``steps`` steps over all rows with noise ``noise`` (in clipping norms): the least that is true, rounded up by 1e-12 of itself.

    Steps without sampling compose to one Gaussian mechanism whose means lie sqrt(steps) / noise apart.
    """
    from scipy.optimize import brentq

    mu = math.sqrt(steps) / noise
    if gaussian_delta(0.0, mu) <= delta:
        return 0.0
    high = mu * mu / 2 + mu * math.sqrt(2 * math.log(1 / delta)) + 1e-6
    if not math.isfinite(high):
        return math.inf
    found = float(brentq(lambda e: gaussian_delta(e, mu) - delta, 0.0, high, xtol=1e-13, rtol=1e-14))
    return found * (1 + 1e-12) + 2e-13
