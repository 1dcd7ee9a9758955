"""Every evasion check keeps the relations between columns, counts what it could not repair, and attacks no row that breaks one already."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.minimum import Minimum
from tiltyard.evasion.outcome import AttackOutcome
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.evasion.strong import Strong
from tiltyard.evasion.tabular import Tabular

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

RELATIONS = ("at most one above zero: gain, loss", "some <= every", "every + rest = 20", "if work is none then pay is low")
CHECKS = (
    PGD(steps=15),
    Square(query_budget=60),
    HopSkipJump(query_budget=150),
    Strong(effort=0.1),
    Minimum(norm="linf", steps=20),
    Tabular(query_budget=80),
)


def people(n: int = 40) -> "tuple[TorchTarget, Dataset]":
    """A linear model that is raised by gain, loss, some and rest alike: what it wants, the relations forbid."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    numbers = ("gain", "loss", "some", "every", "rest")
    features = (
        *(Feature(name=name, kind="integer" if name in ("some", "every", "rest") else "continuous", low=0, high=20) for name in numbers),
        Feature(name="work", kind="categorical", categories=("none", "part", "full")),
        Feature(name="pay", kind="categorical", categories=("low", "high")),
    )
    schema = Schema(features=features, label="y", classes=("no", "yes"), relations=RELATIONS)
    rng = np.random.default_rng(0)
    gain = np.where(rng.random(n) < 0.5, rng.integers(0, 5, n), 0).astype(float)
    loss = np.where(gain == 0, rng.integers(0, 5, n), 0).astype(float)
    every = rng.integers(2, 19, n).astype(float)
    work = rng.integers(0, 3, n)
    x = np.column_stack(
        [gain, loss, np.floor(every * rng.random(n)), every, 20 - every, work, np.where(work == 0, 0, rng.integers(0, 2, n))]
    )
    model = nn.Linear(10, 2)
    weight = torch.tensor([1.0, 1.0, 1.0, 0.2, 1.0, 3.0, 0.0, 0.0, 0.0, 3.0])
    with torch.no_grad():
        model.weight[:] = torch.stack([-weight / 2, weight / 2])
        model.bias[:] = torch.tensor([15.0, -15.0])
    target = TorchTarget(model, schema.classes, schema, "linear")
    return target, Dataset(x, target.labels(x), schema)


class Found:
    """What an attack found, kept beside its result."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, check: Evasion) -> None:
        self.outcome: AttackOutcome | None = None
        self.sample: Dataset | None = None
        inner = type(check).find_adversarial

        def find(own: Evasion, target: "TorchTarget", sample: Dataset, *rest: object) -> AttackOutcome:
            self.sample, self.outcome = sample, inner(own, target, sample, *rest)  # type: ignore[arg-type]
            return self.outcome

        monkeypatch.setattr(type(check), "find_adversarial", find)


def kept(x: np.ndarray) -> np.ndarray:
    """By hand: which rows keep all four relations."""
    gain, loss, some, every, rest, work, pay = x.T
    return ((gain > 0) + 0 + (loss > 0) <= 1) & (some <= every) & (every + rest == 20) & ((work != 0) | (pay == 0))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_no_row_breaks_a_relation_in_any_attack(check: Evasion, monkeypatch: pytest.MonkeyPatch) -> None:
    target, data = people()
    check = check.model_copy(update={"eps": 0.2, "curve": False, "flips": 2, "rows": 40})
    assert kept(data.x).all()
    found = Found(monkeypatch, check)
    result = check(target, data).result
    assert found.outcome is not None
    assert found.sample is not None
    assert kept(found.outcome.x).all()
    fooled = (found.outcome.fooled_at >= 0) & (found.outcome.fooled_at <= 0.2)
    assert fooled.sum() >= 5
    assert (target.labels(found.outcome.x)[fooled] != found.sample.y[fooled]).all()
    lines = next(table for table in result.tables if table.name == "evaluation").rows
    assert str(next(row for row in lines if "relations" in str(row[0]))[2]).startswith(f"0 of {fooled.sum()} rows")
    was = found.sample.x
    assert ((found.outcome.x[:, 5:] != was[:, 5:]).sum(1) <= 2).all()
    assert (np.abs(found.outcome.x[:, :5] - was[:, :5]) <= 0.2 * 20 + 1e-3).all()
    assert any("were repaired" in note for note in result.notes)


def test_the_same_attack_breaks_them_where_they_are_not_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    target, data = people()
    bare = Dataset(data.x, data.y, data.schema.stating(()))
    check = PGD(steps=15, eps=0.2, curve=False, flips=2)
    found = Found(monkeypatch, check)
    check(target, bare)
    assert found.outcome is not None
    assert not kept(found.outcome.x).all()


def test_rows_that_break_a_relation_as_they_are_are_set_aside_and_counted() -> None:
    target, data = people()
    x = data.x.copy()
    x[3, :2] = 2.0
    result = PGD(steps=2, curve=False)(target, Dataset(x, data.y, data.schema)).result
    assert any(note.startswith("1 of 40 rows break a relation") for note in result.notes)
    assert result.metrics[1].n == 39
