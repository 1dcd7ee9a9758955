"""The strong evaluation of tables against models whose robust accuracy is known: a plane, a band, two categories, a forest."""

from collections.abc import Callable

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.strong import Strong
from tiltyard.evasion.tabular import Tabular
from tiltyard.result import CheckResult, Metric, Status
from tiltyard.targets.estimators import FunctionTarget

NUMBERS = tuple(Feature(name=f"f{i}", kind="continuous") for i in range(4))
GROUPS = tuple(Feature(name=name, kind="categorical", categories=tuple("abcdef")) for name in ("one", "two"))
CLASSES = ("no", "yes")


def asked(score: Callable[[np.ndarray], np.ndarray], features: tuple[Feature, ...], x: np.ndarray, check: Tabular) -> CheckResult:
    schema = Schema(features=features, label="y", classes=CLASSES)
    target = FunctionTarget(score, CLASSES, schema, "known", feeds="values")
    return check(target, Dataset(x, target.labels(x), schema)).result


def metric(result: CheckResult, name: str) -> Metric:
    return next(m for m in result.metrics if m.name == name)


def test_on_a_plane_just_the_rows_within_reach_are_fooled() -> None:
    rng = np.random.default_rng(0)
    weight = np.array([1.0, -2.0, 0.5, 1.5])
    x = 0.3 + 0.4 * rng.random((80, 4))  # so far from the edges that eps is not cut
    score = lambda rows: 1 / (1 + np.exp(-(rows - 0.5) @ weight))  # noqa: E731
    reach = np.abs((x - 0.5) @ weight) / np.abs(weight).sum()
    result = asked(score, NUMBERS, x, Tabular(eps=0.05, curve=False, query_budget=40))
    assert metric(result, "robust_accuracy").value == np.mean(reach > 0.05)
    assert 10 < (reach < 0.05).sum() < 70


def test_a_band_that_no_edge_of_the_ball_reaches_is_found_by_walking_over_plateaus() -> None:
    def band(rows: np.ndarray) -> np.ndarray:
        return np.where(np.abs(rows[:, 0] - 0.53) < 0.01, 0.9, 0.1)

    x = np.random.default_rng(1).random((40, 4))
    x[:, 0] = 0.5
    result = asked(band, NUMBERS, x, Tabular(eps=0.1, curve=False, query_budget=300))
    assert result.status is Status.FINDING
    assert metric(result, "success_rate").value == 1.0
    result = asked(lambda rows: np.maximum(band(rows), rows[:, 1] > 0.5), NUMBERS, x, Tabular(eps=0.1, curve=False, query_budget=300))
    no = int((x[:, 1] <= 0.5).sum())
    assert metric(result, "success_rate").value is not None
    assert float(metric(result, "success_rate").value or 0) * 40 >= 0.9 * no


def test_two_categories_are_changed_where_two_may_be() -> None:
    def both(rows: np.ndarray) -> np.ndarray:
        one, two = rows[:, 0] == "d", rows[:, 1] == "e"
        return 0.1 + 0.2 * one + 0.2 * two + 0.4 * (one & two)

    x = np.random.default_rng(2).integers(0, 6, (60, 2)).astype(float)
    yes = ((x[:, 0] == 3) & (x[:, 1] == 4)).sum()
    near = ((x[:, 0] == 3) | (x[:, 1] == 4)).sum()
    for flips, fooled in ((1, near), (2, 60)):  # a yes is undone by one change, a no needs what it lacks
        result = asked(both, GROUPS, x, Tabular(flips=flips, curve=False, query_budget=60))
        assert metric(result, "success_rate").value == fooled / 60, yes


def test_it_never_asks_more_of_a_row_than_it_may() -> None:
    counted = np.zeros(1)

    def score(rows: np.ndarray) -> np.ndarray:
        counted[0] += len(rows)
        return np.where(rows[:, 0] > 2, 0.9, 0.1 + 0 * rows[:, 0])

    x = np.random.default_rng(3).random((10, 4))
    asked(score, NUMBERS, x, Tabular(curve=False, query_budget=25))
    assert counted[0] <= 10 * (25 + 12)  # before, after, twice for the checks of the evaluation


@pytest.mark.parametrize("check", [Tabular(query_budget=40), PGD(steps=10), Strong(effort=0.1)], ids=lambda check: check.id)
@pytest.mark.parametrize("exact", [False, True], ids=["float32", "float64"])
def test_in_l1_the_steepest_column_of_a_plane_takes_it_all(check: Evasion, exact: bool) -> None:
    import torch

    from tiltyard.targets.opening import open_target

    weight = torch.tensor([1.0, -2.0, 0.5, 1.5])
    model = torch.nn.Linear(4, 2)
    with torch.no_grad():
        model.weight[:], model.bias[:] = torch.stack([-weight, weight]), 0.5 * weight.sum() * torch.tensor([1.0, -1.0])
    schema = Schema(features=NUMBERS, label="y", classes=CLASSES)
    x = 0.3 + 0.4 * np.random.default_rng(4).random((60, 4))
    y = ((x - 0.5) @ weight.numpy() > 0).astype(np.int64)
    target = open_target(model.double() if exact else model, data=Dataset(x, y, schema))
    check = check.model_copy(update={"norm": "l1", "eps": 0.1, "curve": False})
    reach = np.abs((x - 0.5) @ weight.numpy()) / 2.0
    result = check(target, Dataset(x, y, schema)).result
    assert metric(result, "robust_accuracy").value == np.mean(reach > 0.1)
    assert 10 < (reach < 0.1).sum() < 50
