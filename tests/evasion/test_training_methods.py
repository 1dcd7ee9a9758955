"""TRADES and the single step: what they train against is exact on a line, and an epoch that overfits is done again by PGD, resumed or not."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled
from tiltyard.evasion.adversarial_training import AdversarialTraining
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.samples.catalog import load

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tiltyard.evasion._adversarial_training import State

NUMBERS = Schema(features=tuple(Feature(name=f"f{i}", kind="continuous") for i in range(4)), label="y", classes=("no", "yes"))
WEIGHTS = np.array([1.0, -2.0, 0.5, 1.5], np.float32)
EPOCHS = 4


def line() -> "nn.Module":
    """Two logits, linear in four numbers."""
    import torch
    from torch import nn

    model = nn.Linear(4, 2)
    with torch.no_grad():
        model.weight[:] = torch.from_numpy(np.stack([-WEIGHTS, WEIGHTS]))
        model.bias[:] = torch.tensor([0.4, -0.4])
    return model


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_trades_trains_against_the_farthest_answer(norm: str) -> None:
    import torch

    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.evasion._trades import divergence, farthest

    model, x = line(), torch.rand(30, 4, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    steepest = torch.from_numpy(np.sign(WEIGHTS) if norm == "linf" else WEIGHTS / np.linalg.norm(WEIGHTS)) * 0.1
    found = farthest(model, x, PerturbationSpace.of(NUMBERS), norm, 0.1, 10, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    size = (found - x).abs().amax(1) if norm == "linf" else (found - x).norm(dim=1)
    assert float(size.max()) <= 0.1 + 1e-6

    def apart(other: "Tensor") -> "Tensor":
        return divergence(model(x).log_softmax(1), model(other).log_softmax(1)).detach()

    corners = torch.stack([apart(x + steepest), apart(x - steepest)])
    assert ((apart(found) - corners).abs() <= 0.02 * corners).any(0).all()  # both ways climb, and the start says which


def trained(module: "nn.Module", robust: list[float], checkpoint: Path | None = None) -> "State":
    """Four epochs by a single step, of which a watch says these robust accuracies in turn; cancelled where it has no more to say."""
    from tiltyard.attacks.perturbation_space import PerturbationSpace
    from tiltyard.datasets.encoding import EncodedRows, encoding_of
    from tiltyard.evasion._adversarial_training import Plan, harden

    x = np.random.default_rng(0).uniform(0.2, 0.8, (64, 4)).astype(np.float32)
    left = list(robust)

    def watch(now: "nn.Module", progress: Progress) -> tuple[float, float]:
        if not left:
            raise Cancelled
        return 0.9, left.pop(0)

    plan = Plan("linf", 0.1, 3, EPOCHS, 16, 0.05, method="single_step")
    y = (x @ WEIGHTS > 0.4).astype(np.int64)
    rows = EncodedRows(encoding_of(NUMBERS), x)
    return harden(module, rows, y, PerturbationSpace.of(NUMBERS), plan, 0, watch, Progress(), checkpoint, "a run")


def test_an_epoch_that_overfits_is_done_again_by_pgd_and_resumed_alike(tmp_path: Path) -> None:
    import torch

    whole, cut, honest = line(), line(), line()
    state = trained(whole, [0.6, 0.6, 0.1, 0.5, 0.5])
    assert (state.collapsed, [one.robust for one in state.seen]) == (3, [0.6, 0.6, 0.5, 0.5])
    file = tmp_path / "training.safetensors"
    with pytest.raises(Cancelled):
        trained(cut, [0.6, 0.6, 0.1, 0.5], file)
    again = line()
    assert trained(again, [0.5], file).collapsed == 3
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    assert trained(honest, [0.6, 0.6, 0.5, 0.5]).collapsed == 0
    assert not all(torch.equal(a, b) for a, b in zip(whole.parameters(), honest.parameters(), strict=True)), "PGD trains otherwise"


@pytest.mark.parametrize("method", ["trades", "single_step"])
def test_a_model_trained_so_withstands_more(method: str) -> None:
    sample = load("census")
    rows = np.concatenate([np.flatnonzero(sample.data.member)[:3000], np.flatnonzero(~sample.data.member)[:300]])  # type: ignore[arg-type, operator]
    defense = AdversarialTraining(eps=0.02, epochs=3, batch_size=256, steps=3, rows=300, loss=0.15, method=method, beta=2)  # type: ignore[arg-type]
    result = defense(sample.target, Dataset.take(sample.data, rows)).record.result
    after, before = result.metric("robust_accuracy"), result.metric("robust_accuracy_before")
    assert (after.low or 0) > (before.value or 1)
    assert result.status is Status.PASSED, result.summary
