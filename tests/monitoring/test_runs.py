"""A run is one decision: no drift alarms in at most the stated share of runs, and a drift of the stated size is found as often as stated."""

import numpy as np
import pandas as pd
import pytest

from tiltyard.errors import Problem
from tiltyard.monitoring.power import CHANCE, power_of
from tiltyard.monitoring.spending import share
from tiltyard.monitoring.watching import overall, watched

LEVEL, ROWS, WINDOWS = 0.05, 100, 8


def drawn(n: int, rng: np.random.Generator) -> pd.DataFrame:
    a, b = rng.normal(size=(2, n))
    return pd.DataFrame({"a": a, "b": 0.6 * a + 0.8 * b, "e": rng.choice(["x", "y", "z"], n, p=[0.7, 0.25, 0.05])})


def state(seed: int, asked: int = 1, shift: float = 0.0, season: bool = False) -> str:
    rng = np.random.default_rng([seed, 7])
    before, after = drawn(1500, rng), drawn(WINDOWS * ROWS, rng)
    after = after.loc[np.repeat(np.arange(len(after) // asked), asked)].reset_index(drop=True)
    after["a"] += shift
    if season:
        before["s"], after["s"] = rng.integers(0, 4, len(before)), (np.arange(len(after)) // (2 * ROWS)) % 4
        before["a"] += 0.7 * before["s"]
        after["a"] += 0.7 * after["s"]
    return overall(watched(before, after, rows=ROWS, level=LEVEL, seed=seed, season="s" if season else ""))


def test_a_run_never_spends_more_than_its_level() -> None:
    assert sum(share(0.05, i, 30) for i in range(30)) == pytest.approx(0.05)
    assert sum(share(0.05, i) for i in range(100_000)) < 0.05
    assert sum(share(0.05, i) for i in range(100_000)) == pytest.approx(0.05, rel=1e-4)


def test_a_season_is_compared_with_itself() -> None:
    rng = np.random.default_rng(0)
    before, after = drawn(1200, rng), drawn(400, rng)
    before["s"], after["s"] = rng.integers(0, 2, 1200), 1
    before["a"] += 2.0 * before["s"]
    after["a"] += 2.0
    assert overall(watched(before.drop(columns="s"), after.drop(columns="s"), rows=200)) == "alarm"
    assert overall(watched(before, after, rows=200, season="s")) == "quiet"
    assert overall(watched(before, after.assign(a=after.a + 1), rows=200, season="s")) == "alarm"
    assert overall(watched(before, after.assign(s=2), rows=200, season="s")) == "incomplete"
    with pytest.raises(Problem, match="a column 'none' in the reference"):
        watched(before, after, season="none")


def test_power_is_stated_and_grows_with_the_window() -> None:
    before = drawn(1500, np.random.default_rng(0))
    small, large = power_of(before, 800, 100, LEVEL), power_of(before, 4000, 500, LEVEL)
    assert small.numbers is not None and large.numbers is not None and small.words is not None
    assert 0.2 < large.numbers < small.numbers < 1
    assert "8 windows of 100 rows, false alarm in at most 0.05 of runs" in small.text
    alone = power_of(before[["e"]].assign(e="x"), 30, 30, 1e-6)
    assert (alone.numbers, alone.words) == (None, None) and "no shift of a single column" in alone.text


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "season"), [(1, False), (2, False), (1, True)])
def test_without_drift_hardly_a_run_alarms(asked: int, season: bool) -> None:
    """At 5 % more than 4 of 20 alarms have a chance below 0.3 %; rows asked twice count once."""
    assert sum(state(seed, asked, season=season) == "alarm" for seed in range(20)) <= 4


@pytest.mark.slow
def test_a_shift_of_the_stated_size_is_found_as_often_as_stated() -> None:
    before = drawn(1500, np.random.default_rng(0))
    size = power_of(before, WINDOWS * ROWS, ROWS, LEVEL).numbers
    assert size is not None
    rng, found = np.random.default_rng(1), 0
    held = drawn(1500, rng)
    for _ in range(20):
        after = drawn(ROWS, rng)
        after["a"] += size * before.a.std()
        found += overall(watched(held, after, rows=ROWS, level=share(LEVEL, 0, WINDOWS))) == "alarm"
    assert found >= 20 * CHANCE - 5  # 11 or fewer of 20 at 80 % have a chance below 1 %; its own window finds at least as much
