"""Rules of aggregation: by hand, against Flower's own, and what Krum never takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiltyard.errors import Problem
from tiltyard.federated.aggregation import combine, krum, needed

ROWS = [np.array(v, np.float32) for v in ([0, 0], [1, 2], [2, 1], [1, 1], [90, -90])]


@pytest.mark.parametrize(
    ("rule", "tolerate", "wanted"),
    [
        ("fedavg", 0, [(0 + 2 + 6 + 4 + 450) / 15, (0 + 4 + 3 + 4 - 450) / 15]),
        ("median", 0, [1, 1]),
        ("trimmed_mean", 1, [4 / 3, 2 / 3]),
        ("krum", 1, [1, 1]),
        ("multi_krum", 1, [1, 1]),
    ],
)
def test_rules_by_hand(rule, tolerate, wanted):
    np.testing.assert_allclose(combine(rule, ROWS, [1, 2, 3, 4, 5], tolerate), wanted, rtol=1e-6)


def test_the_rules_are_flowers_own():
    aggregate = pytest.importorskip("flwr.server.strategy.aggregate")
    rng = np.random.default_rng(1)
    weights = [rng.normal(0, 1, 30).astype(np.float32) for _ in range(9)]
    rows = [int(n) for n in rng.integers(1, 50, 9)]
    theirs = [([w.astype(np.float64)], n) for w, n in zip(weights, rows, strict=True)]
    alike = [(one, 1) for one, _ in theirs]
    np.testing.assert_allclose(combine("fedavg", weights, rows), aggregate.aggregate(theirs)[0])
    np.testing.assert_allclose(combine("median", weights, rows), aggregate.aggregate_median(theirs)[0])
    np.testing.assert_allclose(combine("trimmed_mean", weights, rows, 2), aggregate.aggregate_trimmed_avg(theirs, 2 / 9)[0])
    np.testing.assert_allclose(combine("krum", weights, rows, 2), aggregate.aggregate_krum(theirs, 2, 0)[0])
    np.testing.assert_allclose(combine("multi_krum", weights, rows, 2), aggregate.aggregate_krum(alike, 2, 7)[0])


@given(st.integers(0, 3), st.integers(0, 2**16))
def test_krum_never_takes_one_far_away(tolerate, seed):
    rng = np.random.default_rng(seed)
    near = [rng.normal(0, 1, 8).astype(np.float32) for _ in range(needed("krum", tolerate) - tolerate)]
    far = [(rng.normal(0, 1, 8) + 1e3 * rng.choice([-1, 1], 8)).astype(np.float32) for _ in range(tolerate)]
    assert krum(near + far, tolerate)[0] < len(near)


def test_too_few_clients_for_a_rule_is_one_line():
    with pytest.raises(Problem, match=r"^Expected 7 clients or more for Krum to withstand 2; found 6 clients"):
        combine("krum", [np.zeros(2, np.float32)] * 6, [1] * 6, 2)


# Shards
