"""Logits under a decision rule: their largest is the decision, and gradients lead over the rule's own boundary."""

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.targets.decision import threshold

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

torch = Lazily("torch")
CLASSES = ("a", "b", "c")
SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous", low=-3.0, high=3.0) for i in range(3)), label="y", classes=CLASSES)


def linear() -> "TorchTarget":
    """A target whose logits are the features themselves."""
    from tiltyard.targets.torch_target import TorchTarget

    layer = torch.nn.Linear(3, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3))
        layer.bias.zero_()
    return TorchTarget(layer, CLASSES, SCHEMA)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("value", [0.05, 0.4, 0.9])
def test_the_largest_logit_is_the_decision(name: str, value: float) -> None:
    target = linear()
    target.decide(threshold(value, CLASSES, name))
    x = np.random.default_rng(0).uniform(-3, 3, (2000, 3))
    with torch.no_grad():
        logits = target.module(torch.from_numpy(x).float())
    np.testing.assert_array_equal(logits.argmax(1).numpy(), target.labels(x))
    assert len(set(target.labels(x).tolist())) == 3


def test_its_margin_is_the_log_odds_that_the_score_has_above_the_threshold() -> None:
    target = linear()
    target.decide(threshold(0.2, CLASSES, "b"))
    with torch.no_grad():
        logits = target.module(torch.tensor([[1.0, 0.5, -1.0]]))[0]
    odds = math.exp(0.5) / (math.exp(1.0) + math.exp(-1.0))
    assert float(logits[1] - max(logits[0], logits[2])) == pytest.approx(math.log(odds) - math.log(0.2 / 0.8), abs=1e-6)
    assert [float(logits[0]), float(logits[2])] == pytest.approx([1.0, -1.0])


def test_a_gradient_attack_on_the_rule_turns_every_row_that_can_be_turned_and_no_fewer_than_random_search() -> None:
    """Of linear logits the corners of the box that lower or raise the class's log-odds most are known: which rows can be turned is exact."""
    target, eps = linear(), 0.05
    target.decide(threshold(0.1, CLASSES, "c"))
    x = np.random.default_rng(1).uniform(-1, 1, (200, 3))
    x[:, 2] -= 1.5  # near the threshold, where the largest score is another's
    y = target.labels(x)
    data = Dataset(x=x, y=y, schema=SCHEMA)
    reach = 6 * eps  # eps is a share of the range
    corner = np.array([[-1, -1, 1.0], [1, 1, -1]])[(y == 2).astype(int)]
    can = target.labels(np.clip(x + reach * corner, -3, 3)) != y
    for other, own in ((0, 1), (1, 0)):
        can |= (y == own) & (x[:, other] + reach > x[:, own] - reach)
    found = {}
    for check in (PGD(rows=200, eps=eps, steps=40, restarts=1, norm="linf"), Square(rows=200, eps=eps, query_budget=60)):
        result = check(target, data).result
        found[check.id] = result.metric("robust_accuracy").value or 0.0
    assert found["evasion.pgd"] == pytest.approx(1 - can.mean(), abs=0.011)
    assert found["evasion.pgd"] <= found["evasion.square"]
    assert 0.1 < can.mean() < 0.9
