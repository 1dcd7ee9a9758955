"""Before PGD passes, another search goes on from its best points: known answers of a model with a pit that no gradient leads to."""

from typing import TYPE_CHECKING

import numpy as np

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.pgd import PGD
from tiltyard.result import CheckResult, Status

if TYPE_CHECKING:
    from torch import Tensor

N, D, EPS = 200, 24, 0.1
SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(D)), label="y", classes=("no", "yes"))
BLACK_BOX, MORE_STEPS = "A black box is never better than the gradients", "More steps change little"


def asked(depth: float, **settings: float) -> CheckResult:
    """PGD on a model that is right by a margin which a slope cannot turn; ``depth`` is that of the pit at the ends of the last number."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    class Pit(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            side = torch.where(x[:, 0] > 0.5, 1.0, -1.0)
            pit = torch.relu((x[:, -1] - 0.5).abs() / EPS - 0.996) * depth / 0.004
            yes = side * (1 - pit) + 0.3 * (x[:, 1:-1] - 0.5).sum(1) / D
            return torch.stack([-yes, yes], 1)

    x = np.random.default_rng(0).uniform(0.3, 0.7, (N, D)).astype(np.float32)
    x[:, 0], x[:, -1] = np.where(np.arange(N) % 2, 0.9, 0.1), 0.5
    data = Dataset(x, (np.arange(N) % 2).astype(np.int64), SCHEMA)
    return PGD(eps=EPS, rows=N, curve=False, **settings)(TorchTarget(Pit(), SCHEMA.classes, SCHEMA, "pit"), data).result  # type: ignore[arg-type]


def told(result: CheckResult) -> dict[str, tuple[str, str]]:
    (table,) = (t for t in result.tables if t.name == "evaluation")
    return {str(row[0]): (str(row[1]), str(row[2])) for row in table.rows}


def test_a_pit_that_queries_find_and_gradients_do_not_keeps_from_a_pass() -> None:
    result = asked(depth=3.0)
    assert result.metric("robust_accuracy").value >= 0.98  # type: ignore[operator]
    held, found = told(result)[BLACK_BOX]
    assert held == "does not hold" and int(found.split(" turn ")[1].split()[0]) > 20
    assert result.status is Status.INCOMPLETE


def test_a_model_without_one_keeps_its_pass() -> None:
    result = asked(depth=0.0)
    assert [told(result)[name][0] for name in (BLACK_BOX, MORE_STEPS)] == ["holds", "holds"]
    assert result.status is Status.PASSED


def test_where_no_pass_is_near_nothing_is_asked() -> None:
    result = asked(depth=0.0, accept=0.0)
    assert told(result)[BLACK_BOX] == ("not asked", "evasion.strong asks this")
