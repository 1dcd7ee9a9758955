"""Rows that a model cannot answer are set aside and counted; a layer that overwrites what the gradient needs is one line."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Unavailable
from tiltyard.evasion.fgsm import FGSM

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(2)), label="y", classes=("no", "yes"))


@pytest.mark.parametrize("way", ["raises", "nan"])
def test_rows_without_an_answer_are_set_aside_and_counted(way: str) -> None:
    import torch
    from torch import nn

    from tiltyard.targets.torch_target import TorchTarget

    class Picky(nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            bad = x[:, 0] > 0.8
            if way == "raises" and bool(bad.any()):
                raise ValueError("no row above 0.8")
            out = torch.stack([0.5 - x[:, 1], x[:, 1] - 0.5], 1)
            return torch.where(bad[:, None], torch.nan, out)

    x = np.random.default_rng(0).uniform(0.2, 0.6, (40, 2)).astype(np.float32)
    x[[3, 17, 30], 0] = 0.9
    data = Dataset(x, (x[:, 1] > 0.5).astype(np.int64), SCHEMA)
    result = FGSM(eps=0.02, rows=40, curve=False)(TorchTarget(Picky(), SCHEMA.classes, SCHEMA, "picky"), data).result
    assert "Set aside, for the model raises or gives no number on them: 3 of 40 rows." in result.notes
    assert result.metric("clean_accuracy").n == 37
    assert result.metric("clean_accuracy").value == 1


def test_a_layer_that_works_in_place_is_one_line() -> None:
    import torch

    from tiltyard.attacks.perturbation_space import ascended

    class Overwriting(torch.nn.Module):
        def forward(self, x: "Tensor") -> "Tensor":
            out = x.exp()
            kept = out * out
            out.zero_()
            return kept

    with pytest.raises(Unavailable, match="inplace=False"):
        ascended(Overwriting(), torch.ones(2, 3), lambda logits: logits.sum(1))
