"""The security curve costs half a budget more, and says what attacks at every eps say."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.at_each_eps import AtEachEps
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.strong import Strong
from tiltyard.result import CheckResult
from tiltyard.samples.catalog import load

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(4)), label="y", classes=("no", "yes"))
WEIGHTS = np.array([1.0, -2.0, 0.5, 1.5])


def plane(n: int) -> "tuple[TorchTarget, Dataset]":
    """A linear model, and rows near the middle of the cube."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    model = nn.Linear(4, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-WEIGHTS / 2, WEIGHTS / 2]))
        model.bias[:] = torch.tensor([0.25, -0.25])
    x = np.random.default_rng(0).uniform(0.35, 0.65, (n, 4)).astype(np.float32)
    return TorchTarget(model, NUMBERS.classes, NUMBERS, "plane"), Dataset(x, (x @ WEIGHTS > 0.5).astype(np.int64), NUMBERS)


def kept(result: CheckResult) -> list[float]:
    """Accuracies along the curve."""
    return [y for y in result.charts[0].series[0].y if y is not None]


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_curve_of_a_plane_is_exact(norm: str) -> None:
    target, data = plane(60)
    distance = np.abs(data.x @ WEIGHTS - 0.5) / np.linalg.norm(WEIGHTS, {"linf": 1, "l2": 2, "l1": np.inf}[norm])
    eps = float(np.median(distance))
    result = PGD(norm=norm, eps=eps, rows=60)(target, data).result  # type: ignore[arg-type]
    exact = [float((distance > at).mean()) for at in result.charts[0].series[0].x]
    assert kept(result) == pytest.approx(exact, abs=0.034)


def passes(check: Evasion, name: str) -> float:
    """What a run sends through the model: a gradient is a pass, a query alone a third of one."""
    import torch
    from torch import Tensor, nn

    target, spent = load(name).target, [0.0]

    def count(module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
        spent[0] += len(given[0]) * (1 if out.requires_grad else 1 / 3)

    hook = target.module.register_forward_hook(count)
    with torch.random.fork_rng(devices=[]):
        check(target, load(name).data)
    hook.remove()
    return spent[0]


def test_the_curve_costs_half_of_a_budget_more() -> None:
    asked = {"eps": 0.2, "rows": 30}
    assert passes(PGD(**asked), "digits-robust") <= 1.5 * passes(PGD(**asked, curve=False), "digits-robust")  # type: ignore[arg-type]
    whole, alone = Strong(**asked, effort=0.5), Strong(**asked, effort=0.5, curve=False)  # type: ignore[arg-type]
    assert passes(whole, "digits-robust") <= 1.5 * passes(alone, "digits-robust")


def test_the_curve_says_what_attacks_at_each_eps_say(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = load("digits")
    warm = kept(PGD(eps=0.1, rows=50)(sample.target, sample.data).result)
    monkeypatch.setattr(PGD, "searched", AtEachEps.searched)
    each = kept(PGD(eps=0.1, rows=50)(sample.target, sample.data).result)
    assert warm == pytest.approx(each, abs=0.07)
    assert np.mean(warm) <= np.mean(each) + 0.02


def test_categories_alone_are_asked_by_the_strong_evaluation_too() -> None:
    sample = load("census")
    by_steps = PGD(eps=0.05, rows=60)(sample.target, sample.data).result.metric("categories_alone")
    strong = Strong(eps=0.05, rows=60, effort=0.1)(sample.target, sample.data).result.metric("categories_alone")
    assert by_steps.value and strong.value == pytest.approx(by_steps.value, abs=0.02)
