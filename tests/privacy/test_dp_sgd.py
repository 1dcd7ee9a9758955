"""DP-SGD on toy sets: the stated epsilon, cancel, layers it cannot train, equal seeds."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.errors import Problem
from tiltyard.privacy.dp_sgd import DPSGD
from tiltyard.privacy_accounting.accountants import epsilon
from tiltyard.progress import Progress, Report
from tiltyard.result import CheckResult, Status
from tiltyard.targets.estimators import FunctionTarget

if TYPE_CHECKING:
    from tiltyard.targets.architecture import Architecture
    from tiltyard.targets.torch_target import TorchTarget


SCHEMA = Schema(
    features=tuple(Feature(name=f"x{i}", kind="continuous", low=-9, high=9) for i in range(4)), label="y", classes=("no", "yes")
)


def toy(n: int = 1200, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = (rng.normal(size=(n, 4)) + 1.5 * (2 * y[:, None] - 1)).clip(-9, 9)
    return Dataset(x, y.astype(np.int64), SCHEMA, "toy", member=np.arange(n) < n * 2 // 3)


def target(architecture: "Architecture | None" = None, data: Dataset | None = None) -> "TorchTarget":
    import torch

    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit

    architecture = architecture or mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4)
    torch.manual_seed(0)
    module = build(architecture)
    if data is not None:
        fit(module, data.seen.encoded, data.seen.y, Recipe(epochs=3, batch_size=64, rate=1e-2), 0, Progress())
    return TorchTarget(module, SCHEMA.classes, SCHEMA, "toy", recipe=Recipe(), architecture=architecture)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return toy()


def test_reaches_the_stated_epsilon_and_learns(data: Dataset) -> None:
    from tiltyard.privacy._dp_training.target import PrivateTarget

    step = DPSGD(epsilon=4.0, epochs=4, batch_size=64, rate=0.02, clip_only=True)
    outcome = step(target(data=data), data)
    result = outcome.record.result
    assert result.status is Status.PASSED, (result.summary, outcome.record.error)
    assert isinstance(outcome.target, PrivateTarget)
    budget = outcome.target.budget
    assert 3.998 <= budget.epsilon <= 4.0
    assert result.metric("epsilon").value == budget.epsilon
    by_hand = epsilon(budget.noise_multiplier, 64 / 800, 50, 1e-5)
    assert (by_hand.epsilon, by_hand.accountant) == (budget.epsilon, "pld")
    by_rdp = epsilon(budget.noise_multiplier, 64 / 800, 50, 1e-5, "rdp").epsilon
    assert any(f"RDP alone would say {by_rdp:.3g}" in note for note in result.notes)
    assert (result.metric("skill_kept").low or 0) > 0.5
    after = result.metric("accuracy_after")
    assert after.n == 400
    assert (after.value or 0) > 0.9
    assert (result.metric("accuracy_clip_only").value or 0) > 0.9
    lines = {s.name: s for c in result.charts for s in c.series}
    assert lines["DP-SGD"].x == (1.0, 2.0, 3.0, 4.0)
    assert lines["PLD"].y[-1] == budget.epsilon
    assert outcome.target.parent is not None
    assert CheckResult.model_validate_json(result.model_dump_json()) == result


def test_noise_decides_epsilon_when_given(data: Dataset) -> None:
    step = DPSGD(noise_multiplier=2.0, epochs=1, batch_size=100)
    metric = step(target(), data).record.result.metric
    assert metric("noise_multiplier").value == 2.0
    assert metric("epsilon").value == epsilon(2.0, 100 / 800, 8, 1e-5).epsilon


def test_a_model_that_learned_nothing_is_a_finding(data: Dataset) -> None:
    coin = Dataset(data.x, np.random.default_rng(1).integers(0, 2, len(data)), SCHEMA, member=data.member)
    record = DPSGD(noise_multiplier=20.0, epochs=1, batch_size=400)(target(), coin).record
    assert record.result.status is Status.FINDING
    assert "majority-class baseline" in record.result.findings[0].title


def test_equal_seeds_equal_weights(data: Dataset) -> None:
    step = DPSGD(epochs=1, batch_size=64, accountant="rdp")
    made = [step(target(), data).target for _ in range(2)]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].fingerprint == made[1].fingerprint
    other = DPSGD(epochs=1, batch_size=64, accountant="rdp", seed=1)(target(), data).target
    free = DPSGD(epochs=1, batch_size=64, accountant="rdp", fresh_noise=True)(target(), data).target
    assert other is not None
    assert free is not None
    assert len({made[0].fingerprint, other.fingerprint, free.fingerprint}) == 3


class StopsIn(Progress):
    """Cancels itself at the first step of ``epoch``."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(listener=self._listen)

    def _listen(self, report: Report) -> None:
        if report.message.startswith(f"epoch {self.epoch} of"):
            self.cancel()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_run_that_was_cut_off_ends_as_one_that_was_not(data: Dataset, tmp_path: Path, optimizer: str) -> None:
    def step(**more: object) -> DPSGD:
        return DPSGD(epochs=4, batch_size=64, rate=0.02, optimizer=optimizer, clip_only=True, **more)  # type: ignore[arg-type]

    whole = step()(target(data=data), data)
    resume = str(tmp_path / "run.safetensors")
    cut = step(resume=resume)(target(data=data), data, StopsIn(3))
    assert cut.record.result.status is Status.CANCELLED
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"]
    again = step(resume=resume)(target(data=data), data)
    assert whole.target is not None
    assert again.target is not None
    assert again.target.fingerprint == whole.target.fingerprint
    assert again.record.result.metrics == whole.record.result.metrics
    assert again.record.result.charts == whole.record.result.charts
    other = step(resume=resume, seed=1)(target(data=data), data).record.result
    assert other.status is Status.FAILED
    assert "very run" in other.summary


def test_one_step_is_the_clipped_noised_sum(data: Dataset) -> None:
    """Without noise, one full-batch SGD step equals the mean of clipped gradients computed one by one."""
    import torch
    from torch import nn

    from tiltyard.privacy._dp_training.loop import Plan, train
    from tiltyard.targets.architecture import build, mlp

    module = build(mlp(4, (), 2, [0.5] * 4, [2.0] * 4))
    x, y = data.encoded[:20], data.y[:20]
    plan = Plan(noise=0.0, clip=0.3, batch_size=20, epochs=1, rate=0.1, optimizer="sgd")
    stepped = train(module, x, y, plan, 0, Progress())
    total = [torch.zeros_like(p) for p in module.parameters()]
    for row, label in zip(torch.from_numpy(x), torch.from_numpy(y), strict=True):
        module.zero_grad()
        nn.functional.cross_entropy(module(row[None]), label[None]).backward()
        norm = torch.sqrt(sum((p.grad**2).sum() for p in module.parameters()))  # type: ignore[operator,arg-type]
        for t, p in zip(total, module.parameters(), strict=True):
            t += p.grad * min(1.0, 0.3 / float(norm))
    for before, after, t in zip(module.parameters(), stepped.parameters(), total, strict=True):
        torch.testing.assert_close(after, before - 0.1 * t / 20, atol=1e-5, rtol=1e-4)


def test_memory_is_bounded_by_virtual_steps(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same step in chunks of three rows, empty batches among them, ends at the same weights."""
    import torch

    from tiltyard.privacy._dp_training import loop
    from tiltyard.privacy._dp_training.loop import Plan, train
    from tiltyard.targets.architecture import build, mlp

    module = build(mlp(4, (5,), 2, [0.0] * 4, [1.0] * 4))
    plan = Plan(noise=1.0, clip=1.0, batch_size=2, epochs=3, rate=0.1, optimizer="sgd")
    x = data.encoded[:12]
    whole = train(module, x, data.y[:12], plan, 3, Progress())
    monkeypatch.setattr(loop, "GRADIENTS", 1)
    parts = train(module, x, data.y[:12], plan, 3, Progress())
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def normed() -> "Architecture":
    from tiltyard.targets.architecture import Architecture, Layer

    return Architecture(
        layers=(
            Layer(type="linear", options={"in_features": 4, "out_features": 6}),
            Layer(type="batch_norm1d", options={"num_features": 6}),
            Layer(type="relu"),
            Layer(type="linear", options={"in_features": 6, "out_features": 2}),
        )
    )


def test_a_layer_it_cannot_train_is_named_with_its_mend(data: Dataset) -> None:
    record = DPSGD(epochs=1)(target(normed()), data).record
    assert record.result.status is Status.FAILED
    assert "BatchNorm1d at '1' mixes the rows of a batch -> GroupNorm" in record.result.summary
    assert "replace_layers" in record.result.summary
    assert "\n" not in record.result.summary


def test_layers_are_replaced_when_asked_and_it_is_recorded(data: Dataset) -> None:
    from torch import nn

    from tiltyard.privacy._dp_training.target import PrivateTarget
    from tiltyard.targets.architecture import build
    from tiltyard.targets.torch_target import TorchTarget

    given = target(normed())
    before = given.fingerprint
    outcome = DPSGD(epochs=1, batch_size=64, replace_layers=True, accountant="rdp")(given, data)
    assert outcome.target is not None, outcome.record.result.summary
    assert any("BatchNorm1d at '1' was replaced by GroupNorm" in note for note in outcome.record.result.notes)
    assert isinstance(outcome.target, PrivateTarget)
    assert outcome.target.architecture is not None
    assert outcome.target.architecture.layers[1].type == "group_norm"
    rebuilt = build(outcome.target.architecture)
    rebuilt.load_state_dict(outcome.target.inner.state_dict())
    assert isinstance(given.inner[1], nn.BatchNorm1d)  # type: ignore[index]
    assert TorchTarget(given.inner, SCHEMA.classes, SCHEMA).fingerprint == before


def test_faults_opacus_does_not_see() -> None:
    import torch
    from torch import nn

    from tiltyard.privacy._dp_training.layers import described, faults, replaced

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))

    found = faults(
        nn.Sequential(nn.BatchNorm1d(4, affine=False), Scaled(), nn.InstanceNorm1d(4, track_running_stats=True), nn.Linear(4, 2))
    )
    assert [f.name for f in found] == ["0", "1", "2"]
    assert "reset_parameters" in str(found[1])
    made = replaced(nn.Sequential(nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2)))
    assert not faults(made.module)
    assert described(None, made) is None


def test_private_targets_train_again_privately(data: Dataset) -> None:
    from tiltyard.privacy._dp_training.target import PrivateTarget

    made = DPSGD(epochs=1, batch_size=64, accountant="rdp")(target(), data).target
    assert made is not None
    again = made.retrain(data.x[:100], data.y[:100], 5, Progress())
    assert isinstance(again, PrivateTarget)
    assert again.plan.noise > 0


def test_a_cancel_is_heard_within_an_epoch(data: Dataset) -> None:
    heard = []

    def listen(report: Report) -> None:
        heard.append(report.message)
        if "epoch" in report.message:
            progress.cancel()

    progress = Progress(listen)
    found = DPSGD(epochs=1000, batch_size=64, accountant="rdp")(target(), data, progress)
    assert found.record.result.status is Status.CANCELLED
    assert found.target is None
    assert sum("epoch" in message for message in heard) == 1  # of 1,000


def test_estimate_is_told_before(data: Dataset) -> None:
    estimate = DPSGD(epochs=3)(target(), data) and DPSGD(epochs=3).estimate(target(), data)
    assert estimate.seconds is not None
    assert 0 < estimate.seconds < 60
    assert "times a plain step" in estimate.note


def test_not_for_black_boxes(data: Dataset) -> None:
    box = FunctionTarget(lambda x: np.tile([0.5, 0.5], (len(x), 1)), SCHEMA.classes, SCHEMA)
    assert DPSGD()(box, data).record.result.status is Status.NOT_APPLICABLE


def test_bad_data_is_one_line(data: Dataset) -> None:
    from tiltyard.privacy._dp_training.loop import Plan, train
    from tiltyard.targets.architecture import build

    one = data.take(data.y == 0)
    assert "at least two classes" in DPSGD(epochs=1)(target(), one).record.result.summary
    nobody = Dataset(data.x, data.y, SCHEMA)
    result = DPSGD(epochs=1, batch_size=64, accountant="rdp")(target(), nobody).record.result
    assert any("a fifth was held out" in note for note in result.notes)
    with pytest.raises(Problem):
        train(
            build(normed()),
            data.encoded,
            data.y,
            Plan(noise=1, clip=1, batch_size=9, epochs=1, rate=0.1, optimizer="adam"),
            0,
            Progress(),
        )


def test_six_rows_are_no_training_set(data: Dataset) -> None:
    few = data.take(np.array([0, 1, 2, 3, 4, 5, 900, 901]))
    result = DPSGD(epochs=1)(target(), few).record.result
    assert result.status is Status.FAILED
    assert "at least 20 rows to train on; found 6" in result.summary


def test_few_rows_do_not_pass(data: Dataset) -> None:
    few = data.take(np.concatenate([np.arange(60), np.arange(900, 950)]))
    result = DPSGD(epochs=1)(target(data=data), few).record.result
    assert result.status is not Status.PASSED
    assert "fewer than 100 are too few" in result.summary


def test_a_model_that_lost_its_skill_does_not_pass() -> None:
    """Six of ten rows are one class, which half a skill does not hide: right on 92 % before, and on barely more than 60 % after."""
    from tiltyard.privacy._dp_training.outcome import _kept, _lost, _useless
    from tiltyard.statistics.majority import Skill

    y = np.repeat([0, 1], [600, 400])
    before = np.arange(1000) % 12 > 0
    after = (y == 0) | (np.arange(1000) % 10 == 0)
    right = {"before": before, "after": after}
    skills = {name: Skill.of(y, found, ("no", "yes")) for name, found in right.items()}
    assert skills["after"].above
    kept = _kept(skills, right, y, 0)
    assert kept is not None
    assert (kept.high or 1) < 0.5
    assert not _useless(skills["after"])
    assert "lost more than half" in _lost(kept)[0].title


def test_an_epsilon_that_promises_little_does_not_pass(data: Dataset) -> None:
    result = DPSGD(epsilon=40.0, epochs=4, batch_size=64, rate=0.02)(target(data=data), data).record.result
    assert result.status is Status.INCOMPLETE
    assert "promises little" in result.summary


def test_a_delta_that_lets_a_row_be_published_does_not_pass(data: Dataset) -> None:
    step = DPSGD(epochs=4, batch_size=64, rate=0.02, delta=1 / 800, accountant="rdp")
    result = step(target(data=data), data).record.result
    assert result.status is Status.INCOMPLETE
    assert "not below 1 / 800 rows" in result.summary


def test_a_table_with_categories_is_trained_encoded_and_judged_by_the_rule_in_force() -> None:
    from tiltyard.targets.decision import threshold
    from tiltyard.testing.grounds import table

    ground = table()
    ground.target.decide(threshold(0.2, ground.target.classes))
    outcome = DPSGD(epochs=4, batch_size=32, rate=0.02, accountant="rdp")(ground.target, ground.data)
    made, rows = outcome.target, ground.data.unseen
    assert made is not None, outcome.record.result.summary
    assert made.rule == "class 'yes' from 0.2 on"
    right = (made.scores(rows.x)[:, 1] >= 0.2) == (rows.y == 1)
    assert outcome.record.result.metric("accuracy_after").value == right.mean()
    (chart,) = (c for c in outcome.record.result.charts if c.name == "accuracy_by_epoch")
    assert chart.series[0].y[-1] == right.mean()
