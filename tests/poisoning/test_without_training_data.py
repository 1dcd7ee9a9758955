"""Neural Cleanse and STRIP on a BadNets victim: found, and the right class; on a clean model no finding."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.attacks.triggers import Trigger, trigger
from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.poisoning.neural_cleanse import NeuralCleanse
from tiltyard.poisoning.strip import Strip
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.estimators import FunctionTarget

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget

K, EDGE, GOAL = 6, 12, 3
SCHEMA = Schema(
    features=(Feature(name="image", kind="pixels", shape=(1, EDGE, EDGE)),), label="place", classes=tuple(f"place {i}" for i in range(K))
)


def pictures(n: int, seed: int) -> Dataset:
    """A block of light at one of six places, with noise; half of the rows trained on."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, K, n)
    x = rng.uniform(0, 0.4, (n, 1, EDGE, EDGE))
    for i, place in enumerate(y):
        down, right = divmod(int(place), 3)
        x[i, 0, 1 + 5 * down : 5 + 5 * down, 4 * right : 3 + 4 * right] += 0.6 * rng.uniform(0.6, 1)
    return Dataset(x.clip(0, 1).astype(np.float32), y.astype(np.int64), SCHEMA, "places", {}, np.arange(n) < n // 2)


def mark_of(data: Dataset) -> Trigger:
    return trigger(data, 3, np.random.default_rng(0))


def poisoned(data: Dataset, share: float) -> Dataset:
    x, y = data.x.copy(), data.y.copy()
    bad = np.flatnonzero(data.member)[: round(share * len(data) / 2)] if data.member is not None else np.empty(0, np.intp)
    x[bad], y[bad] = mark_of(data).stamped(x[bad]), GOAL
    return Dataset(x, y, SCHEMA, "places", {}, data.member)


def trained(data: Dataset, seed: int = 0) -> "TorchTarget":
    import torch

    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit, fresh

    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(EDGE * EDGE, 32), torch.nn.ReLU(), torch.nn.Linear(32, K))
    recipe = Recipe(epochs=20, batch_size=32, rate=0.003, decay=0.0)
    return TorchTarget(fit(fresh(net, seed), data.seen.encoded, data.seen.y, recipe, seed, Progress()), SCHEMA.classes, SCHEMA, "places")


@pytest.fixture(scope="module")
def clean() -> "tuple[TorchTarget, Dataset]":
    data = pictures(1200, 0)
    return trained(data), data


@pytest.fixture(scope="module")
def victim() -> "tuple[TorchTarget, Dataset]":
    data = poisoned(pictures(1200, 0), 0.2)
    return trained(data), data


def test_the_victim_obeys_and_is_right(victim):
    target, data = victim
    held = data.unseen
    assert (target.labels(held.x) == held.y).mean() > 0.95
    others = held.take(held.y != GOAL)
    assert (target.labels(mark_of(data).stamped(others.x)) == GOAL).mean() > 0.95


def test_the_planted_class_has_the_smallest_patch_by_far(victim):
    result = NeuralCleanse(rows=120, steps=100)(*victim).result
    assert result.status is Status.FINDING, result.summary
    assert SCHEMA.classes[GOAL] in result.findings[0].title
    assert result.tables[0].rows[0][0] == SCHEMA.classes[GOAL]
    assert str(result.tables[0].rows[0][3]).startswith(("row 8", "row 9", "row 10")), "where the patch is"
    assert (result.metric("trigger_success").low or 0) > 0.75
    assert any("warped" in note for note in result.notes)


def test_a_clean_model_is_no_finding(clean):
    result = NeuralCleanse(rows=120, steps=100)(*clean).result
    assert result.status is not Status.FINDING, result.summary
    few = NeuralCleanse(rows=60, steps=2, starts=1)(*clean).result
    assert few.status is Status.INCOMPLETE and "give more steps" in few.summary


def test_the_anomaly_index_by_hand():
    from tiltyard.poisoning._inverting import anomaly

    found = anomaly(np.array([10.0, 12, 11, 9, 2]))
    assert found[4] == pytest.approx((10 - 2) / (1.4826 * 1))
    assert found[1] < 0
    assert anomaly(np.array([5.0, 5, 5, 5, 4]))[4] == pytest.approx(1 / 0.05)


def test_a_patch_is_as_small_as_the_model_allows():
    """A model that gives class 1 where one pixel is bright: the mask is that pixel, whatever the others are."""
    import torch

    from tiltyard.poisoning._inverting import inverted

    class Pixel(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            bright = 20 * (x[:, 0, 2, 3] - 0.5)
            return torch.stack([-bright, bright], 1)

    x = torch.rand(64, 1, 5, 5, generator=torch.Generator().manual_seed(0)) * 0.3
    found = inverted(Pixel(), x, 1, torch.zeros(1, 5, 5), torch.ones(1, 5, 5), 200, 64, 0, Progress())
    assert found.success >= 0.99 and found.size < 1.5
    assert found.mask.argmax() == 2 * 5 + 3 and found.pattern[0, 2, 3] > 0.6


def test_stamped_inputs_stay_sure_under_blends(victim):
    target, data = victim
    result = Strip(rows=500, clean=400, draws=20)(target, data).result
    assert result.status is Status.FINDING, result.summary
    assert SCHEMA.classes[GOAL] in result.summary
    share = result.metric("below").value
    assert share is not None and 0.03 < share < 0.25, "a fifth of the training rows carry the trigger"


def test_clean_inputs_do_not(clean, tmp_path):
    result = Strip(rows=500, clean=600, draws=20)(*clean).result
    assert result.status is not Status.FINDING
    assert (result.metric("below").value or 0) < 0.05
    target, data = clean
    place = tmp_path / "inputs.npz"
    np.savez(place, x=data.unseen.x[:120], y=data.unseen.y[:120])
    given = Strip(inputs=str(place), rows=100, clean=400, draws=10)(target, data).result
    assert given.metric("below").n == 100


def test_the_limit_is_a_rank_and_entropy_that_of_the_scores():
    from tiltyard.poisoning._blending import by_chance, entropies, threshold

    assert threshold(np.arange(199.0), 0.01) == 1.0
    assert threshold(np.arange(50.0), 0.01) == -np.inf
    assert by_chance(50, 0.01) == 1.0 and 0.01 < by_chance(999, 0.01) < 0.02
    fair = FunctionTarget(lambda x: np.full((len(x), K), 1 / K, np.float32), SCHEMA.classes, SCHEMA, "fair")
    x = pictures(8, 0).x
    assert entropies(fair, x, x, 4, 0, Progress()) == pytest.approx(np.log2(K))


def test_two_classes_are_too_few():
    schema = SCHEMA.model_copy(update={"classes": ("a", "b")})
    told = FunctionTarget(lambda x: np.full(len(x), 0.5, np.float32), schema.classes, schema, "two")
    data = Dataset(np.zeros((60, 1, EDGE, EDGE), np.float32), np.arange(60) % 2, schema)
    assert NeuralCleanse()(told, data).result.status is Status.NOT_APPLICABLE, "no gradients"
    found = NeuralCleanse._open_ends(NeuralCleanse(), ["a"], False, 3.0)
    assert len(found) == 2 and "more steps" in found[0]
