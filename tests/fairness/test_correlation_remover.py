"""The projection equals Fairlearn's, travels with the model, and survives training again and saving."""

import numpy as np
import pytest

from tiltyard.datasets.encoding import encoding_of
from tiltyard.fairness.correlation_remover import CorrelationRemover, projection
from tiltyard.progress import Progress
from tiltyard.result import Status
from tiltyard.targets.estimators import SklearnTarget


@pytest.mark.parametrize("alpha", [1.0, 0.4])
def test_equals_fairlearn_and_leaves_no_correlation(hiring, alpha):
    from fairlearn.preprocessing import CorrelationRemover as Fairlearn

    sensitive = np.array([2, 3])
    columns = encoding_of(hiring.schema).encode(hiring.x, np.float64)
    found = projection(columns, sensitive, alpha)(columns)
    theirs = Fairlearn(sensitive_feature_ids=[2, 3], alpha=alpha).fit(columns).transform(columns)
    assert np.allclose(found[:, :2], theirs, atol=1e-5)
    assert np.ptp(found[:, 2:], axis=0).max() < 1e-6, "the sensitive columns are constant"
    if alpha == 1.0:
        assert abs(np.corrcoef(found[:, 0], columns[:, 3])[0, 1]) < 1e-5


def test_a_linear_model_loses_its_gap(hiring):
    from sklearn.linear_model import LogisticRegression

    target = SklearnTarget(LogisticRegression().fit(hiring.seen.encoded, hiring.seen.y), hiring.schema, order=(0, 1))
    outcome = CorrelationRemover()(target, hiring)
    result = outcome.record.result
    assert result.metric("demographic_parity_before").low > 0.2
    assert result.metric("demographic_parity_after").value < 0.06
    again = outcome.target.retrain(hiring.seen.x, hiring.seen.y, 1, Progress())
    assert np.allclose(again.scores(hiring.x[:50]), outcome.target.scores(hiring.x[:50]), atol=1e-3)


@pytest.mark.parametrize("tolerance", [0.1, 1.0])
def test_nothing_taken_out_is_not_mitigated_whatever_gap_is_accepted(hiring, tolerance):
    from sklearn.linear_model import LogisticRegression

    target = SklearnTarget(LogisticRegression().fit(hiring.seen.encoded, hiring.seen.y), hiring.schema, order=(0, 1))
    result = CorrelationRemover(strength=0.0, tolerance=tolerance)(target, hiring).record.result
    assert result.status is (Status.FINDING if tolerance == 0.1 else Status.INCOMPLETE), result.summary
    assert "no effect is shown" in result.summary


def test_a_torch_target_keeps_gradients_training_and_a_file(hiring, tmp_path):
    import torch

    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.saving import save
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe, fit

    recipe = Recipe(epochs=8, batch_size=64, rate=0.01, decay=0.0)
    described = mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4)
    module = build(described)
    fit(module, hiring.seen.encoded, hiring.seen.y, recipe, 0, Progress())
    target = TorchTarget(module, ("no", "yes"), hiring.schema, recipe=recipe, architecture=described)
    outcome = CorrelationRemover()(target, hiring)
    made = outcome.target
    assert outcome.record.result.metric("demographic_parity_after").value < outcome.record.result.metric("demographic_parity_before").value
    assert {"gradients", "training"} <= made.offers
    again = made.retrain(hiring.seen.x, hiring.seen.y, 3, Progress())
    assert torch.equal(again.inner[0].matrix, made.inner[0].matrix), "training again keeps the projection"
    assert len(save(made, tmp_path / "made.safetensors")) == 64
    rebuilt = build(made.architecture)
    rebuilt.load_state_dict(made.inner.state_dict())
    assert torch.allclose(rebuilt(torch.from_numpy(hiring.encoded[:9])), made.inner(torch.from_numpy(hiring.encoded[:9])))
