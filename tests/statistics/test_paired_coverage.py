"""How often the paired intervals of several gains hold all at once, in a simulation with the truth known; two columns of the table in docs/coverage.md."""

import numpy as np
import pytest

from tiltyard.statistics.paired import rate_change

RUNS = 400
SHARES = ((0.2, 0.0005, 0.0005), (0.2, 0.02, 0.02), (0.2, 0.10, 0.03), (0.02, 0.2, 0.01))


def all_hold(rng: np.random.Generator, n: int, columns: int, neither: float, after: float, before: float) -> bool:
    """Are the true gains of all columns in their intervals? The shares are of rows right by neither, only after and only before."""
    held = True
    for _ in range(columns):
        place = rng.choice(4, n, p=[neither, after, before, 1 - neither - after - before])
        gain = rate_change("gain", "Gain", place >= 2, (place == 1) | (place == 3), "lower", 1 - 0.05 / columns)
        assert gain.low is not None and gain.high is not None
        held = held and gain.low <= after - before <= gain.high
    return held


@pytest.mark.slow
@pytest.mark.parametrize(("n", "columns"), [(100, 3), (2000, 8)])
def test_all_gains_hold_together(n: int, columns: int) -> None:
    """At least 92 % in each of four cells (400 runs: two standard errors are 2.2 points) and 95 % together."""
    rng = np.random.default_rng([n, columns])
    covered = [np.mean([all_hold(rng, n, columns, *shares) for _ in range(RUNS)]) for shares in SHARES]
    assert min(covered) >= 0.92
    assert np.mean(covered) >= 0.95


def test_a_smaller_chance_of_error_widens_the_interval() -> None:
    before, after = np.arange(200) < 120, np.arange(200) < 140
    ends = [rate_change("gain", "Gain", before, after, level=level) for level in (0.95, 0.99)]
    assert [m.level for m in ends] == [0.95, 0.99]
    assert (ends[1].low or 0) < (ends[0].low or 0) and (ends[1].high or 0) > (ends[0].high or 0)
