"""Rows that attacks return are valid rows of the person's own table, bit for bit where nothing was changed, and the model is asked about these."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import MISSING, Feature
from tiltyard.datasets.schema import Schema
from tiltyard.evasion.attack import Evasion
from tiltyard.evasion.fgsm import FGSM
from tiltyard.evasion.hop_skip_jump import HopSkipJump
from tiltyard.evasion.pgd import PGD
from tiltyard.evasion.square import Square
from tiltyard.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from tiltyard.targets.target import Target

DAY = 86_400.0
TABLE = Schema(
    features=(
        Feature(name="price", kind="continuous", low=0.1, high=12.7, dtype="float64"),
        Feature(name="small", kind="continuous", low=-1, high=1, dtype="float32"),
        Feature(name="seen", kind="integer", low=1_600_000_000, high=1_700_000_000, dtype="int64"),
        Feature(name="large", kind="integer", low=2**24, high=2**33, dtype="int64"),
        Feature(name="born", kind="integer", low=0, high=20_000 * DAY, dtype="datetime64[s]"),
        Feature(name="income", kind="continuous", low=0, high=1e9, dtype="float64", missing=True),
        Feature(name="debt", kind="continuous", low=0, high=1e9, dtype="float64", missing=True, optional=True),
        Feature(name="color", kind="categorical", categories=("blue", "green", "red"), dtype="category", written=("blue", "green", "red")),
        Feature(name="owner", kind="categorical", categories=("False", "True"), written=(False, True), dtype="bool"),
        Feature(name="job", kind="categorical", categories=(MISSING, "clerk", "smith"), dtype="object"),
        Feature(name="phone", kind="categorical", categories=(MISSING, "old", "new"), dtype="object", optional=True),
        Feature(name="sex", kind="categorical", categories=("f", "m"), dtype="object", mutable=False),
        Feature(name="age", kind="integer", low=0, high=100, dtype="int8", mutable=False),
        Feature(name="shape", kind="onehot", columns=("round", "square")),
    ),
    label="y",
    classes=("bad", "good"),
)
PLACES = TABLE.slices


def rows(n: int, seed: int) -> Dataset:
    rng = np.random.default_rng(seed)
    x = np.zeros((n, *TABLE.shape))
    for f in TABLE.features:
        part = PLACES[f.name]
        if f.kind == "categorical":
            x[:, part.start] = rng.integers(0, len(f.categories), n)
        elif f.kind == "onehot":
            x[:, part] = np.eye(2)[rng.integers(0, 2, n)]
        else:
            values = rng.uniform(f.low, f.high, n)
            values = values.round() if f.whole else values
            x[:, part.start] = np.float32(values) if f.dtype == "float32" else values
            if f.missing:
                x[rng.random(n) < 0.3, part.start] = np.nan
    return Dataset(x, rule(TABLE.decode(x)), TABLE)


def rule(frame: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.int64]]":
    """The model: on the person's own frame, with numbers that float32 cannot hold and cells that are empty."""
    points = (frame["price"] >= 0.7 * 9).to_numpy().astype(float)
    points += frame["seen"].to_numpy() % 2
    points += (frame["large"].to_numpy() > 2**32 + 1) * 1.0
    points += (frame["income"] - frame["debt"].fillna(4e8) > 1).to_numpy() * 1.0
    points += frame["income"].isna().to_numpy() * 0.5 + frame["job"].isna().to_numpy() * 0.5
    points += (frame["color"] == "red").to_numpy() * 1.0 + (frame["born"] > "1990-01-01").to_numpy() * 1.0
    points += frame["owner"].to_numpy() * 1.0
    assert str(frame["color"].dtype) == "category"
    assert frame["owner"].dtype == bool
    assert frame["small"].dtype == np.float32
    return (points > 2.5).astype(np.int64)


def scored(frame: "pd.DataFrame") -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.eye(2)[rule(frame)] * 0.8 + 0.1


def box() -> "Target":
    from tiltyard.targets.estimators import FunctionTarget

    return FunctionTarget(scored, TABLE.classes, TABLE, "box", feeds="frame")


def module() -> "Target":
    """A module that fills what is empty, on which gradients are to be had."""
    import torch
    from torch import Tensor, nn

    from tiltyard.datasets.encoding import encoding_of
    from tiltyard.targets.torch_target import TorchTarget

    encoding = encoding_of(TABLE)
    low, span = (torch.from_numpy(a).float() for a in (encoding.low, encoding.high - encoding.low))

    class Filled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(encoding.shape[0], 16), nn.Tanh(), nn.Linear(16, 2))

        def forward(self, z: Tensor) -> Tensor:
            scaled = (z - low) / span
            out: Tensor = self.layers(torch.where(scaled.isnan(), 0.3, scaled) * 2)
            return out

    return TorchTarget(Filled(), TABLE.classes, TABLE, "filled")


def assert_valid(outcome: "np.ndarray[Any, np.dtype[np.floating[Any]]]", data: Dataset, check: Evasion, target: "Target") -> None:
    was, now = data.x, outcome
    assert now.dtype == np.float64
    Dataset(now, data.y, TABLE)  # refuses what is out of bounds
    same = (was == now) | (np.isnan(was) & np.isnan(now))
    changed = np.zeros(len(now), int)
    for f in TABLE.features:
        part = PLACES[f.name]
        kept = same[:, part].all(1)
        if not f.mutable:
            assert kept.all(), f.name
        if f.grouped:
            changed += ~kept
        elif f.optional:
            changed += np.isnan(now[:, part.start]) & ~np.isnan(was[:, part.start])
        else:
            assert (np.isnan(was[:, part.start]) == np.isnan(now[:, part.start])).all(), f.name
        if f.whole:
            assert (now[:, part.start] == now[:, part.start].round()).all(), f.name
        if MISSING in f.categories and not f.optional:
            assert not ((now[:, part.start] == f.categories.index(MISSING)) & ~kept).any(), f.name
        if f.kind == "onehot":
            assert (now[:, part].sum(1) == 1).all()
            assert np.isin(now[:, part], (0, 1)).all()
        if f.numeric:
            there = ~np.isnan(now[:, part.start]) & ~np.isnan(was[:, part.start])
            far = np.abs(now[there, part.start] - was[there, part.start])
            assert (far <= check.eps * (f.high - f.low) * (1 + 1e-6) + 1e-3).all(), f.name
            assert ((now[there, part.start] >= f.low) & (now[there, part.start] <= f.high)).all(), f.name
    assert changed.max() <= check.flips
    before, after = TABLE.decode(was), TABLE.decode(now)
    assert (before.dtypes.drop(["seen", "large"]) == after.dtypes.drop(["seen", "large"])).all()
    for f in TABLE.features:
        kept = same[:, PLACES[f.name]].all(1)
        for column in f.table_columns:
            assert before[column][kept].equals(after[column][kept]), column
    np.testing.assert_array_equal(TABLE.encode(after), now)


@pytest.mark.slow
@pytest.mark.parametrize("check", [Square(eps=0.3, flips=2, query_budget=30), HopSkipJump(eps=0.3, flips=2, query_budget=120)])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_black_box_is_attacked_by_valid_rows_of_the_persons_table(check: Evasion, seed: int) -> None:
    target, data = box(), rows(40, seed)
    labels = target.labels(data.x)
    np.testing.assert_array_equal(labels, rule(data.frame))
    outcome = check.find_adversarial(target, data, labels, check.space(data, target), Progress())
    assert_valid(outcome.x, data, check, target)
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= check.eps)
    assert fooled.any()
    own = rule(TABLE.decode(outcome.x))
    np.testing.assert_array_equal(own, target.labels(outcome.x))
    np.testing.assert_array_equal(own[fooled] != data.y[fooled], True)


@pytest.mark.slow
@pytest.mark.parametrize("check", [PGD(eps=0.3, flips=2, steps=5), FGSM(eps=0.3, flips=2)])
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_module_is_attacked_by_valid_rows_of_the_persons_table(check: Evasion, seed: int) -> None:
    target, data = module(), rows(40, seed)
    labels = target.labels(data.x)
    data = Dataset(data.x, labels, TABLE)
    outcome = check.find_adversarial(target, data, labels, check.space(data, target), Progress())
    assert_valid(outcome.x, data, check, target)
    fooled = (outcome.fooled_at >= 0) & (outcome.fooled_at <= check.eps)
    np.testing.assert_array_equal(target.labels(outcome.x)[fooled] != data.y[fooled], True)
