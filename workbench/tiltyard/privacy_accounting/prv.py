"""Epsilon by Opacus's PRV accountant (Gopi et al. 2021, 2106.02848), with its error scaled to epsilon and its memory bounded."""

import math
import threading
import warnings

import numpy as np

from .rdp import rdp

PRV_POINTS = 1_000_000
_LOCK = threading.Lock()


def _size(noise: float, sample_rate: float, steps: int, delta: float, error: float) -> float:
    """Mesh points PRV will want (remark 5.6 of the paper)."""
    small = delta / 1000
    half = max(rdp(noise, sample_rate, steps, small / 4).epsilon, rdp(noise, sample_rate, 1, small / (8 * steps)).epsilon, error) + 3
    return 2 * half * math.sqrt(steps * math.log(12 / small) / 2) / error


def prv(noise: float, sample_rate: float, steps: int, delta: float) -> float:
    """PRV's upper bound; RuntimeError or ValueError where it cannot be had."""
    from opacus.accountants import PRVAccountant
    from scipy.integrate import IntegrationWarning

    error = min(0.01, max(1e-6, 0.02 * rdp(noise, sample_rate, steps, delta).epsilon))
    while error < 1 and _size(noise, sample_rate, steps, delta, error) > PRV_POINTS:
        error *= 2
    if error >= 1:
        raise RuntimeError(f"it would need more than {PRV_POINTS:,} mesh points")
    accountant = PRVAccountant()
    accountant.history = [(noise, sample_rate, steps)]
    with _LOCK, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message="Optimal order is the")
        warnings.filterwarnings("ignore", category=IntegrationWarning)
        return float(accountant.get_epsilon(delta, eps_error=error))
