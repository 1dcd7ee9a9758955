"""Bulyan against a reference written by hand, and where Krum alone fails: a lie in one of many coordinates."""

import numpy as np
import pytest

from tiltyard.errors import Problem
from tiltyard.federated.aggregation import bulyan, combine, krum, mean, needed


def by_hand(rows: list[list[float]], f: int) -> list[float]:
    """Straight from the paper, on plain lists."""
    left, picked, n = list(range(len(rows))), [], len(rows)
    while len(picked) < n - 2 * f:
        scores = {}
        for i in left:
            away = sorted(sum((a - b) ** 2 for a, b in zip(rows[i], rows[j], strict=True)) for j in left if j != i)
            scores[i] = sum(away[: max(len(left) - f - 2, 1)])
        picked.append(min(left, key=lambda i: scores[i]))
        left.remove(picked[-1])
    found = []
    for column in zip(*(rows[i] for i in picked), strict=True):
        ordered = sorted(column)
        half = len(ordered) // 2
        middle = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        nearest = sorted(column, key=lambda v: abs(v - middle))[: len(picked) - 2 * f]
        found.append(sum(nearest) / len(nearest))
    return found


@pytest.mark.parametrize("tolerate", [0, 1, 2])
def test_it_is_that_of_the_paper(tolerate: int) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        weights = [rng.normal(size=7).astype(np.float32) for _ in range(needed("bulyan", tolerate) + seed % 3)]
        wanted = by_hand([[float(v) for v in w] for w in weights], tolerate)
        np.testing.assert_allclose(combine("bulyan", weights, [1] * len(weights), tolerate), wanted, rtol=1e-9)


def test_a_lie_in_one_of_many_coordinates_passes_krum_and_not_bulyan() -> None:
    rng = np.random.default_rng(0)
    honest = [rng.normal(size=4000).astype(np.float32) for _ in range(9)]
    lie = mean(honest, [1] * 9).astype(np.float32)
    lie[7] += 30
    weights = [*honest, lie, lie]
    assert set(krum(weights, 2)) <= {9, 10}, "the liar is nearest to all"
    assert abs(combine("krum", weights, [1] * 11, 2)[7]) > 25
    assert abs(bulyan(weights, 2)[7]) < 3


def test_too_few_clients_are_one_line() -> None:
    assert needed("bulyan", 2) == 11
    with pytest.raises(Problem, match="11 clients or more for Bulyan"):
        combine("bulyan", [np.zeros(2, np.float32)] * 10, [1] * 10, 2)
