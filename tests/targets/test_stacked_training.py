"""Networks trained side by side are those that are trained one by one, and only where their make allows it."""

from typing import Any

import numpy as np
import pytest
from tests.lazily import Lazily

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Cancelled, Problem
from tiltyard.privacy.lira import LiRA
from tiltyard.progress import Progress
from tiltyard.result import CheckResult

SCHEMA = Schema(
    features=tuple(Feature(name=name, kind="continuous", low=-9, high=9) for name in "abc"), label="y", classes=("no", "yes", "may be")
)


torch, nn, stacked_training = Lazily("torch"), Lazily("torch.nn"), Lazily("tiltyard.targets.stacked_training")
training = Lazily("tiltyard.targets.training")


def recipe() -> Any:
    return training.Recipe(epochs=3, batch_size=16, rate=0.01, decay=1e-3)


def network() -> Any:
    from tiltyard.targets.architecture import Normalize

    return nn.Sequential(
        Normalize([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 5, bias=False), nn.Tanh(), nn.Linear(5, 3)
    )


def rows(n: int = 90) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(rng.normal(size=(n, 3)), rng.integers(0, 3, n), SCHEMA, member=np.arange(n) % 2 == 0)


def test_each_network_is_the_one_that_is_trained_alone() -> None:
    data, module = rows(), network()
    rng = np.random.default_rng(1)
    halves = [np.sort(rng.permutation(90)[:size]) for size in (45, 44, 45, 44, 45)]
    x, y, seeds = torch.from_numpy(data.x.astype(np.float32)), torch.from_numpy(data.y), [5, 6, 7, 8, 2**31 - 1]
    together = stacked_training.fit_stacked(module, x, y, halves, recipe(), seeds, Progress())
    for half, seed, made in zip(halves, seeds, together, strict=True):
        alone = training.fit(
            training.fresh(module, seed).requires_grad_(), data.x[half].astype(np.float32), data.y[half], recipe(), seed, Progress()
        )
        assert not made.training
        for (name, theirs), (_, ours) in zip(alone.named_parameters(), made.named_parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6, msg=name)
            assert not torch.equal(theirs, dict(training.fresh(module, seed).named_parameters())[name])


@pytest.mark.parametrize(
    ("made", "shape", "can"),
    [
        (network, (3,), True),
        (lambda: nn.Sequential(nn.Linear(3, 2)), (3,), True),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.1), nn.Linear(3, 3)), (3,), False),
        (lambda: nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), (3,), False),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(9, 3)), (1, 3, 3), False),
        (lambda: nn.Sequential(nn.ReLU()), (3,), False),
        (lambda: nn.Linear(3, 3), (3,), False),
    ],
)
def test_only_chains_of_plain_layers_on_numbers_are_stacked(made: Any, shape: tuple[int, ...], can: bool) -> None:
    assert stacked_training.stackable(made(), shape) is can


@pytest.mark.parametrize("quick", [True, False])
def test_an_attack_finds_the_same_however_its_models_are_trained(quick: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    data = rows()
    from tiltyard.targets import stacked_training as stacking
    from tiltyard.targets.torch_target import TorchTarget

    stacks: list[int] = []
    plain = stacking._trained

    def counted(stack: Any, x: Any, y: Any, part: Any, *more: Any) -> None:
        stacks.append(len(part))
        plain(stack, x, y, part, *more)

    monkeypatch.setattr(stacking, "_trained", counted)
    monkeypatch.setattr(stacking, "quicker", lambda *given: quick)
    target = TorchTarget(network(), SCHEMA.classes, SCHEMA, recipe=recipe())
    found = LiRA(shadow_models=4, folder=str(tmp_path))(target, data).result
    assert sum(stacks) == (4 if quick else 0)
    assert len(list(tmp_path.iterdir())) == 4
    monkeypatch.setattr(TorchTarget, "retrain_together", lambda *given: None)
    one_by_one = LiRA(shadow_models=4)(target, data).result
    for ours, theirs in zip(found.metrics, one_by_one.metrics, strict=True):
        assert ours.value == pytest.approx(theirs.value, abs=1e-3)
    assert CheckResult.model_validate_json(found.model_dump_json()) == found
    stacks.clear()
    monkeypatch.undo()
    again = LiRA(shadow_models=4, folder=str(tmp_path))(target, data).result
    assert again.metrics == found.metrics


def test_it_is_cancelled_between_steps_and_says_what_a_loss_without_end_is() -> None:
    data = rows()
    x, y, halves = torch.from_numpy(data.x.astype(np.float32)), torch.from_numpy(data.y), [np.arange(45)] * 2
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        stacked_training.fit_stacked(network(), x, y, halves, recipe(), [0, 1], progress)
    with pytest.raises(Problem, match="a finite loss"):
        stacked_training.fit_stacked(network(), x * float("inf"), y, halves, recipe(), [0, 1], Progress())


def test_the_timing_leaves_the_target_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiltyard.targets import stacked_training as stacking
    from tiltyard.targets.torch_target import TorchTarget

    data = rows()
    target = TorchTarget(network(), SCHEMA.classes, SCHEMA, recipe=recipe())
    before = {name: value.clone() for name, value in target.inner.state_dict().items()}
    found = target.retrain_together(data.x, data.y, [np.arange(45), np.arange(45, 90)], [0, 1], Progress())
    assert found is None or len(found) == 2
    assert all(torch.equal(value, before[name]) for name, value in target.inner.state_dict().items())
    assert target.retrain_together(data.x, data.y, [np.arange(45)], [0], Progress()) is None
    assert target.training_speedup(data.x, data.y, 1) == 1
    for measured, told in ((5.0, 5.0), (1.05, 1.0)):  # what is no clear gain is not trained together
        monkeypatch.setattr(stacking, "speedup", lambda *given, measured=measured: measured)
        assert target.training_speedup(data.x, data.y, 64) == told
    assert all(torch.equal(value, before[name]) for name, value in target.inner.state_dict().items())
