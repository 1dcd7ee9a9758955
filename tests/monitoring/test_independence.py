"""Rows that are not drawn one by one: what is left counts, chance leaves rows alone, and what cannot be mended is told."""

import numpy as np
import pandas as pd
import pytest

from tiltyard.monitoring.columns import of_frame
from tiltyard.monitoring.independence import by_client, repeated, thinned
from tiltyard.monitoring.reference import reference
from tiltyard.monitoring.two_sample import Encoder


def drawn(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.exponential(size=n), "c": rng.choice(["x", "y"], n)})


def kept(frame: pd.DataFrame, usual: float = 0.0) -> tuple[int, str, str]:
    columns = of_frame(frame)
    found = thinned(columns, Encoder.of(columns), usual, np.random.default_rng(0))
    return len(found.rows), found.why, found.doubt


def test_independent_rows_are_left_alone() -> None:
    assert sum(kept(drawn(200, seed))[0] < 200 for seed in range(40)) <= 6  # 1 in 20 at most


@pytest.mark.parametrize("times", [2, 5])
@pytest.mark.parametrize("shuffled", [False, True])
def test_of_rows_asked_again_one_each_counts(times: int, shuffled: bool) -> None:
    frame = drawn(200, 1).loc[np.repeat(np.arange(200), times)]
    n, why, _ = kept(frame.sample(frac=1, random_state=0) if shuffled else frame)
    assert (n, why) == (200, f"{200 * (times - 1)} rows repeat another")


def test_neighbors_that_are_alike_are_thinned() -> None:
    frame = drawn(40, 2).loc[np.repeat(np.arange(40), 10)].reset_index(drop=True)
    frame["a"] += 0.1 * np.random.default_rng(0).normal(size=400)
    n, why, _ = kept(frame)
    assert n <= 50 and "one row of each" in why


def test_repeats_beyond_what_is_usual_are_a_doubt_where_many_are_usual() -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": rng.choice(["x", "y"], 300), "b": rng.integers(0, 60, 300).astype(str)})
    usual = repeated(of_frame(frame))
    assert usual > 0.5
    assert kept(frame, usual)[2] == ""
    assert "name the column of clients" in kept(frame.iloc[:40].loc[np.repeat(np.arange(40), 8)].sample(frac=1, random_state=0), usual)[2]


def test_one_row_a_client() -> None:
    clients = np.repeat(["a", "b", "c"], [5, 1, 7])
    rows = by_client(clients, np.random.default_rng(0))
    assert sorted(clients[rows]) == ["a", "b", "c"]


def test_too_few_rows_that_count_are_incomplete() -> None:
    held = reference(of_frame(drawn(500, 0)))
    frame = drawn(20, 1).loc[np.repeat(np.arange(20), 10)]
    window = held.window(of_frame(frame, held.columns), 0, 0.05)
    assert (window.state, window.counted, window.drifts) == ("incomplete", 20, ())
    assert "200 rows are worth 20 independent ones" in window.summary
