"""Corruptions: each kind keeps range and shape and grows by severity; a model that reads brightness alone loses by light and by nothing else."""

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from tiltyard.datasets.dataset import Dataset
from tiltyard.evasion._corrupting import SEVERITIES
from tiltyard.evasion._corruption_kinds import FAMILIES, Kind, contrast, corrupted, pixelate, translation
from tiltyard.evasion.corruptions import Corruptions
from tiltyard.formatting.numbers import value as shown
from tiltyard.result import CheckResult, Status
from tiltyard.samples.catalog import load_data

if TYPE_CHECKING:
    from torch import Tensor

KINDS = [kind for kinds in FAMILIES.values() for kind in kinds]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("shape", [(6, 1, 28, 28), (4, 3, 40, 31)])
def test_a_kind_keeps_shape_and_range_grows_by_severity_and_repeats(kind: Kind, shape: tuple[int, ...]) -> None:
    rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=shape), (0, 0, 1, 1))
    x = np.clip(0.5 + 0.6 * rough, 0.05, 0.95)
    moved = [corrupted(x, kind, severity, np.random.default_rng(1)) for severity in SEVERITIES]
    assert all(one.shape == shape and one.min() >= 0 and one.max() <= 1 for one in moved)
    sizes = [float(np.abs(one - x).mean()) for one in moved]
    assert all(later > 0.95 * earlier for earlier, later in pairwise(sizes))  # blur of blur changes little more
    assert sizes[0] > 0.004 and sizes[-1] > 1.3 * sizes[0]
    assert np.array_equal(moved[2], corrupted(x, kind, 3, np.random.default_rng(1)))


def test_what_a_kind_leaves_alone() -> None:
    x = np.random.default_rng(0).random((3, 1, 28, 28)) * 0.5 + 0.25
    assert corrupted(x, contrast, 5, np.random.default_rng(0)).mean((2, 3)) == pytest.approx(x.mean((2, 3)), abs=1e-9)
    assert corrupted(x, pixelate, 5, np.random.default_rng(0)).mean((2, 3)) == pytest.approx(x.mean((2, 3)), abs=1e-9)
    flat = np.full((2, 1, 28, 28), 0.4)
    assert corrupted(flat, translation, 5, np.random.default_rng(0)) == pytest.approx(flat)


def by_brightness(says: str = "mean") -> CheckResult:
    """Of a model that answers by the mean of all pixels, or says one thing of all: rows of mean 0.35 and 0.65, far from the border 0.5."""
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    class Mean(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            off = (x.mean((1, 2, 3)) - 0.5) * 50 if says == "mean" else torch.ones(len(x)) + 0 * x.sum((1, 2, 3))
            return torch.stack([-off, off], 1)

    y = np.arange(100) % 2
    x = (np.random.default_rng(0).uniform(-0.1, 0.1, (100, 1, 28, 28)) + 0.35 + 0.3 * y[:, None, None, None]).astype(np.float32)
    schema = load_data("digits").schema.model_copy(update={"classes": ("dark", "bright")})
    return Corruptions(rows=100)(TorchTarget(Mean(), ("dark", "bright"), schema, "mean"), Dataset(x, y.astype(np.int64), schema)).result


def test_a_model_of_brightness_loses_by_light_alone() -> None:
    result = by_brightness()
    (table,) = (t for t in result.tables if t.name == "corruptions")
    shares = {str(row[1]): row[2:7] for row in table.rows}
    assert all(share == 1 for kind in ("contrast", "pixelate", "gaussian blur", "rotation", "translation", "shear", "motion blur") for share in shares[kind])  # fmt: skip
    assert shares["brightness"] == (1, 0.5, 0.5, 0.5, 0.5)  # a shift of 0.2 or more makes all of them bright
    assert result.metric("clean_accuracy").value == 1
    assert [shown(result.metric(name))[1] for name in ("clean_accuracy", "corruption_accuracy", "worst_kind", "lost")] == [
        "%",
        "%",
        "%",
        "points",
    ]
    assert result.metric("lost").value == pytest.approx(1 - float(np.mean([row[7] for row in table.rows])))  # type: ignore[arg-type]


def test_a_model_without_skill_loses_nothing_and_passes_nothing() -> None:
    result = by_brightness("bright")
    assert result.metric("lost").value == 0
    assert result.status is Status.INCOMPLETE
