"""Kinds of backdoors, and what is no pass: a weak victim, a trigger that is obeyed without poison."""

import numpy as np
import pytest
from tests.poisoning.test_poisoning import SCHEMA, model, rows

from tiltyard.attacks.triggers import Warp, blended, warped
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.poisoning.backdoor import Backdoor, Poisoned, _weaker
from tiltyard.result import Status
from tiltyard.statistics.majority import Skill
from tiltyard.targets.estimators import FunctionTarget


def skill(right: int, n: int = 400) -> Skill:
    y = np.arange(n) % 2
    return Skill.of(y, np.arange(n) < right, ("no", "yes"))


def tried(clean: int, poisoned: int, right: int = 360) -> list[Poisoned]:
    return [Poisoned(share, count, obeyed, 200, skill(right)) for share, count, obeyed in ((0.0, 0, clean), (0.05, 20, poisoned))]


def test_a_pass_is_earned() -> None:
    check = Backdoor()
    assert check._unsettled(tried(2, 10), "") == ""
    assert "proves nothing" in check._unsettled(tried(110, 60), "")
    assert "may still be obeyed" in check._unsettled(tried(2, 95), "")
    assert "says little" in check._unsettled(tried(2, 10), "it says little of the target")


def test_a_victim_below_the_target_cannot_stand_for_it() -> None:
    data = rows(800, 0)
    rule = FunctionTarget(lambda x: (np.asarray(x)[:, 0] + np.asarray(x)[:, 1] > 0.4).astype(np.float32), SCHEMA.classes, SCHEMA, "a rule")
    right = int((rule.labels(data.x) == data.y).sum())
    assert _weaker(rule, data, skill(right, 800)) == ""
    assert "says little of the target" in _weaker(rule, data, skill(round(0.77 * 800), 800))


def test_a_clean_label_backdoor_leaves_every_label_right() -> None:
    data = rows(1200, 0)
    result = Backdoor(kind="clean_label", most=0.3, points=1, goal="yes", size=3)(model(data.seen), data).result
    assert result.status in (Status.FINDING, Status.INCOMPLETE, Status.PASSED)
    assert "success" in {m.name for m in result.metrics}
    assert any("clean label" in note for note in result.notes)
    assert result.metric("auc_held_out").value > 0.8, "stamped rows of the class are like no held-out row of it"


def test_a_blend_is_the_mean_of_row_and_pattern() -> None:
    schema = Schema(features=(Feature(name="i", kind="pixels", shape=(1, 6, 6)),), label="y", classes=("a", "b"))
    data = Dataset(np.full((2, 1, 6, 6), 0.5, np.float32), np.array([0, 1]), schema)
    mark = blended(data, 0.25, np.random.default_rng(0))
    assert mark.stamped(data.x) == pytest.approx(0.75 * data.x + 0.25 * mark.what, abs=1e-6)
    record = Backdoor(kind="blended")(model(rows(200, 0).seen), rows(200, 0))
    assert record.result.status is Status.NOT_APPLICABLE


def pictures(n: int = 600, edge: int = 12) -> Dataset:
    """Two classes of smooth pictures: bright above, or bright on the left, with noise."""
    schema = Schema(features=(Feature(name="i", kind="pixels", shape=(1, edge, edge)),), label="y", classes=("above", "left"))
    rng, y = np.random.default_rng(0), np.arange(n) % 2
    ramp = np.linspace(1, 0, edge)
    base = np.stack([np.repeat(ramp[:, None], edge, 1), np.repeat(ramp[None], edge, 0)])[y]
    x = (base * rng.uniform(0.6, 1, (n, 1, 1)) + rng.normal(0, 0.05, (n, edge, edge))).clip(0, 1)[:, None]
    return Dataset(x.astype(np.float32), y.astype(np.int64), schema, member=np.arange(n) < 2 * n // 3)


def test_a_warp_by_whole_pixels_is_a_roll_and_by_half_a_mean() -> None:
    x = np.random.default_rng(0).random((2, 1, 5, 6)).astype(np.float32)
    where, what = np.ones(x.shape[1:], bool), np.zeros(x.shape[1:], np.float32)
    down = Warp(where, what, "one down", 1.0, np.stack([np.ones((5, 6)), np.zeros((5, 6))]))
    assert down.stamped(x)[:, :, :-1] == pytest.approx(x[:, :, 1:]) and down.stamped(x)[:, :, -1] == pytest.approx(x[:, :, -1])
    half = Warp(where, what, "half to the right", 1.0, np.stack([np.zeros((5, 6)), np.full((5, 6), 0.5)]))
    assert half.stamped(x)[..., :-1] == pytest.approx((x[..., :-1] + x[..., 1:]) / 2, abs=1e-6)


def test_a_warp_is_smooth_and_as_strong_as_asked() -> None:
    data = pictures(10)
    mark = warped(data, 0.8, np.random.default_rng(0))
    assert np.abs(mark.shift).mean() == pytest.approx(0.8) and np.abs(np.diff(mark.shift, axis=1)).max() < 2.5
    moved = mark.stamped(data.x)
    assert moved.shape == data.x.shape and moved.min() >= 0 and moved.max() <= 1 and not np.allclose(moved, data.x)
    assert (mark.stamped(np.full_like(data.x, 0.3)) == pytest.approx(0.3)) and mark.carried(data.x) == 0


def test_a_warp_plants_a_backdoor_in_pictures() -> None:
    import torch

    from tiltyard.progress import Progress
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit, fresh

    data = pictures()
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(144, 48), torch.nn.ReLU(), torch.nn.Linear(48, 2))
    recipe = Recipe(epochs=20, batch_size=64, rate=5e-3)
    module = fit(fresh(net, 0), data.seen.encoded, data.seen.y, recipe, 0, Progress())
    target = TorchTarget(module, data.schema.classes, data.schema, "pictures", recipe=recipe)
    result = Backdoor(kind="warped", strength=2.0, most=0.3, points=1, goal="left")(target, data).result
    assert result.metric("success").low > 0.6 > 0.3 > result.metric("success_clean").high
    assert "warp" in " ".join(result.notes)
    assert Backdoor(kind="warped")(model(rows(200, 0).seen), rows(200, 0)).result.status is Status.NOT_APPLICABLE
