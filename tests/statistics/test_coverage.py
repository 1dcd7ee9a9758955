"""How often intervals of TPR at a fixed FPR cover, in a simulation over rows, FPR and separation; the table in docs/coverage.md is of it."""

import numpy as np
import pytest

from tiltyard.statistics.roc import found_at, slope_at, tpr_interval

RUNS = 300
CASES = [(n, share) for n, share in ((2000, 0.001), (500, 0.01), (2000, 0.01), (2000, 0.1))]


@pytest.mark.slow
@pytest.mark.parametrize(("n", "share"), CASES)
def test_intervals_cover(n: int, share: float) -> None:
    """95 % intervals over five separations: each between 91 and 99 % (300 runs: two standard errors are 2.5 points), together 93 to 97.5 %."""
    from scipy.stats import norm

    rng = np.random.default_rng(0)
    covered = []
    for shift, spread in ((0, 1), (0.5, 1), (1, 1.5), (2, 1), (3, 2)):
        truth = 1 - norm.cdf((norm.ppf(1 - share) - shift) / spread)
        hits = 0
        for _ in range(RUNS):
            low, high = tpr_interval(rng.normal(shift, spread, n), rng.normal(size=n), share, draws=1000)
            hits += low <= truth <= high
        covered.append(hits / RUNS)
    assert min(covered) >= 0.91
    assert max(covered) <= 0.99
    assert 0.93 <= np.mean(covered) <= 0.975


def test_ends_and_order() -> None:
    rng = np.random.default_rng(0)
    apart, same = rng.normal(9, 1, 400), rng.normal(size=400)
    assert tpr_interval(apart, same, 0.01)[1] == 1.0
    assert tpr_interval(-apart, same, 0.01)[0] == 0.0
    low, high = tpr_interval(same + 1, same, 0.1)
    assert low < found_at(same + 1, same, 0.1) / 400 < high
    assert tpr_interval(same + 1, same, 0.1) == (low, high)
    assert slope_at(rng.normal(1, 2, 4000), rng.normal(size=4000), 0.01) == pytest.approx(0.5, abs=0.1)
