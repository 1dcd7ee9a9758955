"""The whole story on a real network: it learns its rows by heart, every attack sees it, DP-SGD takes it away and the audit agrees."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tiltyard.datasets.dataset import Dataset
from tiltyard.datasets.feature import Feature
from tiltyard.datasets.schema import Schema
from tiltyard.privacy.audit_epsilon import AuditEpsilon
from tiltyard.privacy.dp_sgd import DPSGD
from tiltyard.privacy.lira import LiRA
from tiltyard.privacy.membership_gap import MembershipGap
from tiltyard.privacy.membership_threshold import MembershipThreshold
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.target import Target

if TYPE_CHECKING:
    from tiltyard.targets.torch_target import TorchTarget


WIDTH = 20
SCHEMA = Schema(
    features=tuple(Feature(name=f"x{i}", kind="continuous", low=-9, high=9) for i in range(WIDTH)), label="y", classes=("no", "yes")
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    """One column tells the label in four of five rows; the rest must be learned by heart."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(600, WIDTH)).clip(-9, 9).astype(np.float32)
    y = (x[:, 0] > 0) ^ (rng.random(600) < 0.2)
    return Dataset(x, y.astype(np.int64), SCHEMA, "noisy", member=np.arange(600) < 300)


@pytest.fixture(scope="module")
def overfit(data: Dataset) -> "TorchTarget":
    import torch

    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit

    architecture = mlp(WIDTH, (64,), 2, [0.0] * WIDTH, [1.0] * WIDTH)
    recipe = Recipe(epochs=60, batch_size=50, rate=0.01)
    torch.manual_seed(0)
    module = fit(build(architecture), data.seen.encoded, data.seen.y, recipe, 0, Progress())
    return TorchTarget(module, SCHEMA.classes, SCHEMA, "overfit", recipe=recipe, architecture=architecture)


@pytest.fixture(scope="module")
def private(overfit: "TorchTarget", data: Dataset) -> Target:
    made = DPSGD(epsilon=2.0, epochs=5, batch_size=60)(overfit, data).target
    assert made is not None
    return made


@pytest.mark.slow
def test_attacks_see_what_was_learned_by_heart(overfit: "TorchTarget", data: Dataset) -> None:
    gap = MembershipGap()(overfit, data).result
    assert (gap.metric("gap").low or 0) > 0.15
    area = {}
    for check in (MembershipThreshold(), LiRA(shadow_models=16)):
        result = check(overfit, data).result
        assert result.status is Status.FINDING
        area[check.id] = result.metric("auc")
    assert (area["privacy.membership_threshold"].low or 0) > 0.6
    assert (area["privacy.lira"].value or 0) > (area["privacy.membership_threshold"].value or 1)
    assert (AuditEpsilon(share=0.3)(overfit, data).result.metric("epsilon_lower").value or 0) > 0.5


@pytest.mark.slow
def test_dp_sgd_takes_it_away(private: Target, data: Dataset) -> None:
    for check in (MembershipThreshold(), LiRA(shadow_models=6)):
        area = check(private, data).result.metric("auc")
        assert (area.low or 1) <= 0.5 + 1e-9 or (area.value or 1) < 0.56, check
    for audit, status in ((AuditEpsilon(canaries=0), Status.INCOMPLETE), (AuditEpsilon(canaries=400), Status.PASSED)):
        result = audit(private, data).result
        assert (result.metric("epsilon_lower").value or 0) <= (result.metric("epsilon_claimed").value or 0)
        assert result.status is status, result.summary
