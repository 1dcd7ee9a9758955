"""Training under a constraint on scikit-learn and torch targets."""

import numpy as np
import pytest

from tiltyard.fairness.exponentiated_gradient import ExponentiatedGradient
from tiltyard.fairness.learners import learner
from tiltyard.progress import Progress
from tiltyard.result import Record, Status
from tiltyard.targets.estimators import SklearnTarget


@pytest.fixture(scope="module")
def fitted(hiring):
    from sklearn.linear_model import LogisticRegression

    return SklearnTarget(LogisticRegression().fit(hiring.seen.encoded, hiring.seen.y), hiring.schema, order=(0, 1))


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_constraint_holds_within_its_interval_on_rows_not_fitted_on(fitted, many_hiring, constraint):
    """Equal shares of groups whose chances differ are not equal odds, and that is found."""
    outcome = ExponentiatedGradient(constraint=constraint, rows=2000)(fitted, many_hiring)
    result = outcome.record.result
    assert result.status is (Status.PASSED if constraint == "equalized_odds" else Status.FINDING), result.summary
    worse = "got worse: equalized odds difference" in result.summary
    assert worse is (constraint == "demographic_parity"), result.summary
    assert result.metric(f"{constraint}_after").value < 0.5 * result.metric(f"{constraint}_before").value
    assert result.metric(f"{constraint}_after").high < result.metric(f"{constraint}_before").low
    assert result.metric("accuracy_after").value > 0.8
    assert Record.model_validate_json(outcome.record.model_dump_json()) == outcome.record


def test_the_group_is_not_needed_when_it_is_asked(fitted, hiring):
    from dataclasses import replace

    data = replace(hiring, sensitive={"faith": hiring.sensitive["sex"]})
    outcome = ExponentiatedGradient(iterations=4)(fitted, data)
    assert outcome.target is not None
    assert outcome.target.labels(hiring.x[:5]).shape == (5,)


def test_the_rule_is_a_coin_and_rows_that_may_have_trained_it_are_named(fitted, hiring):
    from dataclasses import replace

    known, unknown = (ExponentiatedGradient(iterations=1)(fitted, data).target for data in (hiring, replace(hiring, member=None)))
    assert "coin" in known.rule
    assert known.fitted_here == ""
    assert "trained on 2,000 of the 4,000 rows" in unknown.fitted_here


def test_same_seed_same_target(fitted, hiring):
    one, two = (ExponentiatedGradient(iterations=3)(fitted, hiring).target for _ in range(2))
    assert one.fingerprint == two.fingerprint


def test_answers_are_drawn_from_the_mixture(fitted, hiring):
    target = ExponentiatedGradient()(fitted, hiring).target
    assert sum(target.chances.weights) == pytest.approx(1)
    by_hand = sum(w * m.labels(hiring.x) for w, m in zip(target.chances.weights, target.chances.members, strict=True))
    assert np.allclose(target.expected_scores(hiring.x)[:, 1], by_hand, atol=1e-6)


def test_weights_reach_the_last_step_of_a_pipeline_and_rows_are_drawn_without(hiring):
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weights = np.where(hiring.y == 1, 1.98, 0.02)
    for model in (make_pipeline(StandardScaler(), LogisticRegression()), KNeighborsClassifier(25)):
        target = SklearnTarget(model.fit(hiring.encoded, hiring.y), hiring.schema, order=(0, 1))
        heavy = learner(target, 0)(hiring.x, hiring.y, weights, Progress())
        assert heavy.labels(hiring.x).mean() > target.labels(hiring.x).mean() + 0.1


def test_weights_reach_a_torch_network(hiring):
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe

    recipe = Recipe(epochs=5, batch_size=64, rate=0.01, decay=0.0)
    target = TorchTarget(build(mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4)), ("no", "yes"), hiring.schema, recipe=recipe)
    weights = np.where(hiring.y == 1, 1.98, 0.02)
    even = learner(target, 0)(hiring.x, hiring.y, np.ones(len(hiring)), Progress())
    heavy = learner(target, 0)(hiring.x, hiring.y, weights, Progress())
    assert heavy.labels(hiring.x).mean() > even.labels(hiring.x).mean() + 0.1


def test_a_cancel_is_heard_within_a_training(hiring):
    from tiltyard.targets.architecture import build, mlp
    from tiltyard.targets.torch_target import TorchTarget
    from tiltyard.targets.training import Recipe

    recipe = Recipe(epochs=10_000, batch_size=64, rate=0.01, decay=0.0)
    long = TorchTarget(build(mlp(4, (8,), 2, [0.0] * 4, [1.0] * 4)), ("no", "yes"), hiring.schema, recipe=recipe)
    heard = []

    def listen(report):
        heard.append(report.message)
        if "epoch" in report.message:
            progress.cancel()

    progress = Progress(listen)
    outcome = ExponentiatedGradient()(long, hiring, progress)
    assert outcome.record.result.status is Status.CANCELLED
    assert sum("epoch" in message for message in heard) == 1  # of 10,000


def test_a_predict_function_is_not_applicable(biased, hiring):
    result = ExponentiatedGradient()(biased, hiring).record.result
    assert result.status is Status.NOT_APPLICABLE
